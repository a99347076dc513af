"""The seam below the API client: one request out, one answer or one failure back.

Everything the client exchanges with the API passes an ``HttpPort``, so whatever wraps one, a recorder or a replay for
instance, sees every byte. ``repr`` of a request or a response shows neither headers nor body: both can hold secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. ``headers`` in the order sent; ``body`` exactly as sent."""

    method: str
    url: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One complete answer. ``headers`` with lower-case names, in the order received; ``body`` not decoded in any way."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


class FailureKind(StrEnum):
    """What kept an answer from coming, or from being taken."""

    CONNECT = "connect"
    """No connection: name not resolved, refused, unreachable, or not in time."""
    TLS = "tls"
    """The handshake failed; the certificate is not trusted, say."""
    BUSY = "busy"
    """No free connection in this process in time."""
    BAD_REQUEST = "bad_request"
    """The request cannot be put on the wire."""
    STOPPED = "stopped"
    """The station stops: the request was not sent."""
    ABORTED = "aborted"
    """The operator stopped the cycle: the request was not sent."""
    SEND = "send"
    """The connection failed while the request was being sent."""
    TIMEOUT = "timeout"
    """The time for the whole exchange ran out after the request, or a part of it, was sent."""
    RECEIVE = "receive"
    """The connection failed before the answer was complete."""
    BAD_HTTP = "bad_http"
    """What came back is no complete HTTP answer."""
    TOO_BIG = "too_big"
    """The answer is longer than the bound."""


NOT_ARRIVED = frozenset(
    {
        FailureKind.CONNECT,
        FailureKind.TLS,
        FailureKind.BUSY,
        FailureKind.BAD_REQUEST,
        FailureKind.STOPPED,
        FailureKind.ABORTED,
    }
)
"""The kinds after which the server certainly has not seen the request."""


class HttpFailure(Exception):
    """Raised by ``HttpPort.send`` when there is no answer to return. ``str`` is one line without any secret."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(f"{kind.value}: {message}")
        self.kind = kind
        self.message = message

    @property
    def may_have_arrived(self) -> bool:
        """False only where the request certainly did not reach the server."""
        return self.kind not in NOT_ARRIVED


class HttpPort(Protocol):
    """Sends requests. All threads may use one at the same time."""

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        """Send one request once and return its whole answer, whatever its status; a redirect is returned, not followed.
        ``timeout_s`` bounds everything together, from connecting to the last byte. Raises HttpFailure."""
