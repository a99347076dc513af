"""The real ``HttpPort``: one set of keep-alive connections for all threads, through httpcore. The only module that imports it, and
slow to import for it: whoever builds the port imports it then.

Not through httpx: of what it does beyond httpcore nothing is wanted here (redirects, cookies, proxies from the environment,
unpacking), and its requests and answers cost as much again as the exchange itself.

httpcore bounds each read, not the exchange: a server that sends a byte now and then could hold a socket for ever. So its
connections come from a network backend of our own, to which it hands time-outs through unchanged, and for which they are
moments on the monotonic clock instead of durations. Only the system's name resolution is out of its reach.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

import httpcore

from drivers.clock import Clock
from station.production_api.errors import ApiConfigError
from station.production_api.http import FailureKind, HttpFailure, HttpRequest, HttpResponse
from station.production_api.options import ApiOptions, HttpOptions
from station.text import printable

MAX_REASON_CHARS = 300
_SAFE = "%/:@!$&'()*+,;=?-._~"
"""What stands for itself in a path or a query (RFC 3986, sections 3.3 and 3.4), and what is escaped already."""


class _TlsFailed(httpcore.ConnectError):
    """Raised by ``_Stream.start_tls``: the connection stands, the handshake failed."""


_FAILURES: tuple[tuple[type[Exception], FailureKind], ...] = (
    (_TlsFailed, FailureKind.TLS),
    (httpcore.ConnectTimeout, FailureKind.CONNECT),
    (httpcore.ConnectError, FailureKind.CONNECT),
    (httpcore.PoolTimeout, FailureKind.BUSY),
    (httpcore.LocalProtocolError, FailureKind.BAD_REQUEST),
    (httpcore.UnsupportedProtocol, FailureKind.BAD_REQUEST),
    (httpcore.WriteTimeout, FailureKind.TIMEOUT),
    (httpcore.WriteError, FailureKind.SEND),
    (httpcore.ReadTimeout, FailureKind.TIMEOUT),
    (httpcore.ReadError, FailureKind.RECEIVE),
    (httpcore.RemoteProtocolError, FailureKind.BAD_HTTP),
)
"""Every exception that this use of httpcore can raise, the first that fits; anything else is a defect of ours."""

_MAPPED = tuple(exception for exception, _ in _FAILURES)


class HttpcorePort:
    """See ``HttpPort``. ``close`` it when the last user is gone. Raises ApiConfigError where ``ca_file`` cannot be used."""

    def __init__(self, options: ApiOptions, clock: Clock) -> None:
        self._options = options.http
        self._clock = clock
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls_context(options.http) if options.base_url.startswith("https:") else None,
            max_connections=options.http.max_connections,
            max_keepalive_connections=options.http.max_connections,
            keepalive_expiry=options.http.keepalive_s,
            network_backend=_Backend(clock),
        )

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
        outgoing = _outgoing(request, moments)
        try:
            response = self._pool.handle_request(outgoing)
            try:
                body = self._read(response)
            finally:
                response.close()
        except _MAPPED as error:
            kind = next(kind for exception, kind in _FAILURES if isinstance(error, exception))
            raise HttpFailure(kind, _words(error, request.url)) from error
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers)
        return HttpResponse(response.status, headers, body)

    def close(self) -> None:
        """Close every idle connection."""
        self._pool.close()

    def _read(self, response: httpcore.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > self._options.max_answer_bytes:
                raise HttpFailure(
                    FailureKind.TOO_BIG, f"the answer is longer than {self._options.max_answer_bytes} bytes"
                )
        return bytes(body)


def _outgoing(request: HttpRequest, moments: dict[str, float]) -> httpcore.Request:
    """The request as httpcore takes it. Raises HttpFailure where it cannot be put on the wire."""
    try:
        url, host = _address(request.url)
        headers = [(b"Host", host)]
        headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in request.headers]
    except ValueError as error:
        raise HttpFailure(FailureKind.BAD_REQUEST, "its address, or a header of it, cannot be sent") from error
    if request.body or request.method != "GET":
        headers.append((b"Content-Length", b"%d" % len(request.body)))
    return httpcore.Request(request.method, url, headers=headers, content=request.body, extensions={"timeout": moments})


@lru_cache(maxsize=16)
def _address(url: str) -> tuple[httpcore.URL, bytes]:
    """An address, and what its ``Host`` header says. Raises ValueError."""
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna")
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    address = httpcore.URL(scheme=parts.scheme.encode("ascii"), host=host, port=parts.port, target=target.encode())
    shown = b"[%b]" % host if b":" in host else host
    return address, shown if parts.port is None else b"%b:%d" % (shown, parts.port)


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
