"""The metrics beside a running station: served while it runs, where its configuration says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from station.config.validate import Configuration
from station.events import Event
from station.metrics.collector import Collector
from station.metrics.server import MetricsServer

logger = logging.getLogger(__name__)


class Metrics:
    """Counts from the first event on; ``beside`` serves what was counted. A station is never held up by its metrics: an address
    that cannot be listened at is told, and nothing more."""

    def __init__(self) -> None:
        self._collector = Collector()

    def __call__(self, event: Event) -> None:
        self._collector(event)

    @contextmanager
    def beside(self, configuration: Configuration, jig: object) -> Iterator[None]:  # noqa: ARG002 (a companion is given both)
        config = configuration.station
        printers = {socket.name: config.printer_of(socket).name for socket in config.sockets}
        self._collector.describe(config.station, printers)
        if config.metrics is None:
            yield
            return
        host, port = config.metrics.address
        try:
            server = MetricsServer(host, port, self._collector.text)
        except OSError as error:
            fields = {"station_fields": {"code": "metrics.unavailable"}}
            logger.error("metrics cannot be served at %s: %s", config.metrics.listen, error.strerror, extra=fields)
            yield
            return
        with server:
            yield
