"""One plain request to the API's server that asks it for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from drivers.clock import Clock
from station.production_api.http import HttpRequest, HttpResponse
from station.production_api.httpx_port import HttpxPort
from station.production_api.options import ApiOptions


@contextmanager
def connected(options: ApiOptions, clock: Clock) -> Iterator[HttpxPort]:
    """A connection of one's own. Raises ApiConfigError where its certificates cannot be read."""
    port = HttpxPort(options, clock)
    try:
        yield port
    finally:
        port.close()


def knock(port: HttpxPort, options: ApiOptions) -> HttpResponse:
    """Any answer at all, from the address without a path: it spends nothing and shows no token. Raises HttpFailure."""
    return port.send(HttpRequest("GET", options.url("/"), (), b""), options.timeout_s)
