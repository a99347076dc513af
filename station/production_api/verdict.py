"""What one attempt came to: a success packet, or a failure with all that the next decision needs.

The body's code decides wherever the body is a packet; the HTTP status only where it is not, except that a redirect is always
an error (YoSmart answers most errors with 200).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from station.production_api.codes import CONFLICT, SUCCESS, Retry, result_code
from station.production_api.errors import (
    REFUSALS,
    ApiAborted,
    ApiAnswerInvalid,
    ApiAnswerLost,
    ApiAuthError,
    ApiConfigError,
    ApiConflict,
    ApiDefect,
    ApiError,
    ApiRedirected,
    ApiScopeError,
    ApiStopped,
    ApiUnreachable,
)
from station.production_api.http import FailureKind, HttpFailure, HttpResponse
from station.production_api.strict_json import NotJson
from station.production_api.wire import Packet, PacketRefused, parse_packet, printable_line


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that did not succeed. ``error`` is what the call becomes if this was its last attempt; ``unknown_effect``
    says that the attempt may have taken effect all the same."""

    error: type[ApiError]
    reason: str
    retry: Retry = Retry.NEVER
    unknown_effect: bool = False
    limited: bool = False
    api_code: str | None = None
    desc: str = ""
    retry_after: str | None = None


_NOT_PROCESSED: dict[int, tuple[type[ApiError], Retry]] = {
    401: (ApiAuthError, Retry.AFTER_NEW_TOKEN),
    403: (ApiScopeError, Retry.NEVER),
    404: (ApiConfigError, Retry.NEVER),
    405: (ApiConfigError, Retry.NEVER),
    406: (ApiConfigError, Retry.NEVER),
    411: (ApiConfigError, Retry.NEVER),
    413: (ApiConfigError, Retry.NEVER),
    414: (ApiConfigError, Retry.NEVER),
    415: (ApiConfigError, Retry.NEVER),
    421: (ApiConfigError, Retry.NEVER),
    431: (ApiConfigError, Retry.NEVER),
}
"""Statuses that a server or gateway gives before it looks at the content (RFC 9110, 15.5; RFC 6585, 5). Every other error
status, 429 and 5xx above all, leaves open whether the call was passed on."""


ENDINGS: dict[FailureKind, type[ApiError]] = {FailureKind.STOPPED: ApiStopped, FailureKind.ABORTED: ApiAborted}
"""What ends a call before its next attempt, whatever attempts are left."""


def of_failure(failure: HttpFailure) -> Failure:
    """The verdict on an attempt without an answer."""
    if failure.kind is FailureKind.BAD_REQUEST:
        return Failure(ApiDefect, str(failure))
    if failure.kind in ENDINGS:
        return Failure(ENDINGS[failure.kind], str(failure))
    error = ApiAnswerLost if failure.may_have_arrived else ApiUnreachable
    return Failure(error, str(failure), Retry.SAME_CALL, unknown_effect=failure.may_have_arrived)


def of_response(response: HttpResponse, hide: Callable[[str], str]) -> Packet | Failure:
    """The verdict on an answer. ``hide`` takes the secrets out of a text: a server may send back what it was sent."""
    if 300 <= response.status < 400:
        place = _host(hide(response.header("location") or ""))
        return Failure(ApiRedirected, f"HTTP {response.status} to {place}", unknown_effect=True)
    try:
        packet = parse_packet(response.body)
    except (NotJson, PacketRefused) as error:
        return _of_status(response, error)
    return packet if packet.code == SUCCESS else _of_code(packet, response, hide)


def _of_code(packet: Packet, response: HttpResponse, hide: Callable[[str], str]) -> Failure:
    row = result_code(packet.code)
    desc = printable_line(hide(packet.desc)) if isinstance(packet.desc, str) else ""
    said = f' ("{desc}")' if desc else ""
    return Failure(
        error=ApiConflict if row.code == CONFLICT else REFUSALS[row.station_code],
        reason=f"{row.code} {row.meaning}{said}",
        retry=row.retry,
        unknown_effect=row.unknown_effect,
        limited=row.limited,
        api_code=row.code,
        desc=desc,
        retry_after=response.header("retry-after"),
    )


def _of_status(response: HttpResponse, why: NotJson | PacketRefused) -> Failure:
    reason = f"HTTP {response.status}, {why}"
    if response.status in _NOT_PROCESSED:
        error, retry = _NOT_PROCESSED[response.status]
        return Failure(error, reason, retry)
    if 200 <= response.status < 300 and isinstance(why, PacketRefused):
        return Failure(ApiAnswerInvalid, reason, unknown_effect=True)
    return Failure(
        ApiAnswerLost,
        reason,
        Retry.SAME_CALL,
        unknown_effect=True,
        limited=response.status == 429,
        retry_after=response.header("retry-after"),
    )


def _host(location: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return printable_line(host) if host else "an unnamed place"
