"""The real ``HttpPort``: one set of keep-alive connections for all threads, through httpx. The only module that imports httpx and
httpcore, and slow to import for it: whoever builds the port imports it then.

httpx bounds each read, not the exchange: a server that sends a byte now and then could hold a socket for ever. So the client's
connections come from a network backend of our own, to which httpcore hands time-outs through unchanged, and for which they are
moments on the monotonic clock instead of durations. Only the system's name resolution is out of its reach.
"""

# ruff: noqa: E402 (what httpx finds of itself is decided before it is imported)
from __future__ import annotations

import ssl
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpcore

# httpx takes its command line with it, and so rich and pygments, 4 MiB of them, wherever click is installed; as if it were not:
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
import httpx

from drivers.clock import Clock
from station.production_api.errors import ApiConfigError
from station.production_api.http import FailureKind, HttpFailure, HttpRequest, HttpResponse
from station.production_api.options import ApiOptions, HttpOptions
from station.text import printable

MAX_REASON_CHARS = 300


class _TlsFailed(httpcore.ConnectError):
    """Raised by ``_Stream.start_tls``: the connection stands, the handshake failed."""


_FAILURES: tuple[tuple[type[Exception], FailureKind], ...] = (
    (_TlsFailed, FailureKind.TLS),
    (httpcore.ConnectTimeout, FailureKind.CONNECT),
    (httpcore.ConnectError, FailureKind.CONNECT),
    (httpcore.PoolTimeout, FailureKind.BUSY),
    (httpcore.LocalProtocolError, FailureKind.BAD_REQUEST),
    (httpcore.UnsupportedProtocol, FailureKind.BAD_REQUEST),
    (httpx.InvalidURL, FailureKind.BAD_REQUEST),
    (httpcore.WriteTimeout, FailureKind.TIMEOUT),
    (httpcore.WriteError, FailureKind.SEND),
    (httpcore.ReadTimeout, FailureKind.TIMEOUT),
    (httpcore.ReadError, FailureKind.RECEIVE),
    (httpcore.RemoteProtocolError, FailureKind.BAD_HTTP),
)
"""Every exception that this use of httpx and httpcore can raise, the first that fits; anything else is a defect of ours."""

_MAPPED = tuple(exception for exception, _ in _FAILURES)


_parsed = lru_cache(maxsize=8)(httpx.URL)
"""A station asks the same two or three addresses for ever."""


class HttpxPort:
    """See ``HttpPort``. ``close`` it when the last user is gone. Raises ApiConfigError where ``ca_file`` cannot be used."""

    def __init__(self, options: ApiOptions, clock: Clock) -> None:
        self._options = options.http
        self._clock = clock
        # Not through httpx.Client: it reads where a redirect leads even if told not to go there, and fails on what is no address.
        self._transport = _Transport(options, _Backend(clock))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people must be told of how this port is configured."""
        if self._options.insecure:
            return ("insecure: true: the API's certificate is not checked; anyone on the network can pose as the API",)
        return ()

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        """See ``HttpPort``."""
        now_s = self._clock.monotonic_s()
        ends_s = now_s + timeout_s
        moments = {
            "connect": min(ends_s, now_s + self._options.connect_timeout_s),
            "read": ends_s,
            "write": ends_s,
            "pool": timeout_s,
        }
        try:
            outgoing = httpx.Request(
                request.method,
                _parsed(request.url),
                headers=list(request.headers),
                content=request.body,
                extensions={"timeout": moments},
            )
            response = self._transport.handle_request(outgoing)
            try:
                body = self._read(response)
            finally:
                response.close()
        except _MAPPED as error:
            kind = next(kind for exception, kind in _FAILURES if isinstance(error, exception))
            raise HttpFailure(kind, _words(error, request.url)) from error
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers.raw
        )
        return HttpResponse(response.status_code, headers, body)

    def close(self) -> None:
        """Close every idle connection."""
        self._transport.close()

    def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > self._options.max_answer_bytes:
                raise HttpFailure(
                    FailureKind.TOO_BIG, f"the answer is longer than {self._options.max_answer_bytes} bytes"
                )
        return bytes(body)


def _words(error: Exception, url: str) -> str:
    parts = urlsplit(url)
    # h11 quotes the whole line that it does not understand, up to 100 KiB of it.
    what = printable(str(error) or type(error).__name__, MAX_REASON_CHARS)
    return f"{parts.hostname}:{parts.port or parts.scheme}: {what}"


def _tls_context(options: HttpOptions) -> ssl.SSLContext:
    """Raises ApiConfigError where ``ca_file`` cannot be used."""
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ApiConfigError(f"ca_file {options.ca_file}: no certificates can be read from it: {error}") from error
    if options.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Transport(httpx.BaseTransport):
    """httpx's own transport, but with a network backend of our own, which httpx has no option for."""

    def __init__(self, options: ApiOptions, backend: httpcore.NetworkBackend) -> None:
        tls = _tls_context(options.http) if options.base_url.startswith("https:") else None
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=options.http.max_connections,
            max_keepalive_connections=options.http.max_connections,
            keepalive_expiry=options.http.keepalive_s,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        response = self._pool.handle_request(
            httpcore.Request(
                request.method, url, headers=request.headers.raw, content=request.read(), extensions=request.extensions
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The body of an answer as it comes in; closing it gives the connection back."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _Backend(httpcore.NetworkBackend):
    """Connects; every ``timeout`` is a moment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left_s = _left_s(self._clock, timeout, httpcore.ConnectTimeout)
        stream = self._sockets.connect_tcp(host, port, left_s, local_address, socket_options)
        return _Stream(stream, self._clock)


class _Stream(httpcore.NetworkStream):
    """A connection; every ``timeout`` is a moment."""

    def __init__(self, stream: httpcore.NetworkStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left_s(self._clock, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left_s(self._clock, timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left_s = _left_s(self._clock, timeout, httpcore.ConnectTimeout)
        try:
            return _Stream(self._stream.start_tls(ssl_context, server_hostname, left_s), self._clock)
        except httpcore.ConnectError as error:
            raise _TlsFailed(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


def _left_s(clock: Clock, moment_s: float | None, expired: type[Exception]) -> float | None:
    """Seconds until a moment. Raises ``expired`` once it has passed: 0 would mean "do not block" to a socket."""
    if moment_s is None:
        return None
    left_s = moment_s - clock.monotonic_s()
    if left_s <= 0:
        raise expired("the time for the exchange ran out")
    return left_s
