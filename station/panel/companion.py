"""The page beside a running station: served while it runs, where its configuration says so."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from drivers.clock import SystemClock
from station.config.validate import Configuration
from station.errors import StationError
from station.events import Event
from station.journal.opening import open_journal_readonly
from station.journal.statistics import StatisticsQuery, total
from station.model import Outcome
from station.panel.app import create_app
from station.panel.board import Board
from station.panel.context import Context
from station.panel.guard import Guard, Memory
from station.panel.server import PanelServer
from station.panel.stream import Hub
from station.panel.templates import templates
from station.panel.words import words_for
from station.panel.workshop import Workshop

if TYPE_CHECKING:
    from station.journal.reading import JournalReader
    from station.panel.context import Attended

THREADS = 4
"""At once, for what looks and for what acts each; more requests wait."""

logger = logging.getLogger(__name__)


class Panel:
    """Keeps the board from the first event on; ``beside`` serves the page. A station is never held up by its page: an address that
    cannot be listened at is told, and nothing more."""

    def __init__(self, since_s: float | None = None) -> None:
        """``since_s``: the time since when it hears of every event; now, where it is not given."""
        self.board = Board()
        self._since_s = time.time() if since_s is None else since_s
        self._knows_today = False
        self._memory = Memory()
        self.url: str | None = None
        """Where the page is, while it is served."""

    def __call__(self, event: Event) -> None:
        self.board(event)

    @contextmanager
    def beside(self, configuration: Configuration, jig: Attended) -> Iterator[None]:
        """A companion of the service: serves while its block lasts."""
        config = configuration.station
        if config.panel is None:
            yield
            return
        words = words_for(config.panel.language)
        printers = {socket.name: config.printer_of(socket).name for socket in config.sockets}
        self.board.describe(config.station, config.panel.language, printers, words.of_code)
        with ExitStack() as stack:
            try:
                self.url = self._serve(stack, configuration, jig)
            except (OSError, StationError) as error:
                fields = {"station_fields": {"code": "panel.unavailable"}}
                logger.error("the page cannot be served at %s: %s", config.panel.listen, error, extra=fields)
            else:
                logger.info("the page is at %s", self.url)
            yield
        self.url = None

    def _serve(self, stack: ExitStack, configuration: Configuration, jig: Attended) -> str:
        """Raises OSError, StationError."""
        config = configuration.station
        assert config.panel is not None, "asked by the caller"
        host, port = config.panel.address
        tls = None if config.panel.tls is None else (config.panel.tls.certificate, config.panel.tls.key)
        clock = SystemClock()
        with ExitStack() as attempt:
            reader = open_journal_readonly(config.journal_place)
            attempt.callback(reader.close)
            self._learn_today(reader, config.station)
            looks = attempt.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="panel-look"))
            acts = attempt.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="panel-act"))
            workshop = attempt.enter_context(Workshop())
            server = attempt.enter_context(PanelServer(host, port, tls))
            hubs: list[Hub] = []
            context = Context(
                configuration=configuration,
                board=self.board,
                reader=reader,
                sessions=config.sessions_dir,
                station=jig,
                guard=Guard(config.panel, server.address[1], clock.monotonic_s, self._memory),
                templates=templates(),
                words=words_for(config.panel.language),
                clock=clock,
                workshop=workshop,
            )

            def begun(loop: asyncio.AbstractEventLoop) -> None:
                hubs.append(Hub(self.board, loop))

            server.serve(create_app(context, lambda: hubs[0], looks, acts), begun)
            attempt.callback(hubs[0].close)
            stack.enter_context(attempt.pop_all())
        return server.url

    def _learn_today(self, reader: JournalReader, station: str) -> None:
        """Today's cycles from before the first event, once. Raises JournalError."""
        today = time.localtime(self._since_s)
        midnight_s = time.mktime((today.tm_year, today.tm_mon, today.tm_mday, 0, 0, 0, 0, 0, -1))
        since_ms, before_ms = int(midnight_s * 1000), int(self._since_s * 1000)
        if self._knows_today or before_ms <= since_ms:
            return
        counts = total(reader.production(StatisticsQuery(station, since_ms, before_ms)))
        by_outcome = {
            Outcome.PASS: counts.passed,
            Outcome.FAIL: counts.failed,
            Outcome.ERROR: counts.errors,
            Outcome.ABORTED: counts.aborted,
        }
        self.board.pace.begin(by_outcome)
        self._knows_today = True
