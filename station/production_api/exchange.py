"""The attempts of one call: sent, judged, and repeated only where that cannot do a second thing.

A *repeatable* call names every id it needs, so sending its identical bytes again cannot spend a second licence. A call in which
the server allocates is repeated only as long as no attempt can have taken effect. Attempts are counted; the clock only waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from drivers.clock import Clock
from station.production_api.codes import Retry
from station.production_api.errors import (
    ApiAnswerLost,
    ApiConflict,
    ApiError,
)
from station.production_api.http import HttpFailure, HttpPort, HttpRequest
from station.production_api.options import ApiOptions
from station.production_api.retry import backoff_s, parse_retry_after
from station.production_api.token_wire import COMMON_HEADERS
from station.production_api.tokens import TRANSIENT, Tokens
from station.production_api.verdict import Failure, of_failure, of_response
from station.production_api.wire import Packet
from station.secrets import Secret


@dataclass(frozen=True, slots=True)
class Call:
    """One call as all its attempts send it. ``subject`` names it in errors."""

    subject: str
    body: bytes = field(repr=False)
    repeatable: bool
    repeated: bool = False
    """The identical call was sent before, and its answer lost."""


@dataclass(frozen=True, slots=True)
class Done:
    """A call that succeeded, after this many requests."""

    packet: Packet
    attempts: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a call needs of the world. Cheap to make; holds nothing between calls."""

    options: ApiOptions
    http: HttpPort
    tokens: Tokens
    clock: Clock
    random: Random

    def perform(self, call: Call) -> Done:
        """Send the call until it succeeds, is refused, or may not be repeated any more. Raises ApiError."""
        in_doubt = False
        renewed = False
        requests = 0
        tries = 0
        while True:
            tries += 1
            sent_with, verdict = self._attempt(call)
            requests += sent_with is not None
            if isinstance(verdict, Packet):
                return Done(verdict, requests)
            in_doubt = in_doubt or verdict.unknown_effect
            if verdict.retry is Retry.AFTER_NEW_TOKEN and sent_with is not None and not renewed:
                renewed = True
                tries -= 1
                self.tokens.invalidate(sent_with)
                continue
            may_repeat = verdict.retry is Retry.SAME_CALL and (call.repeatable or not in_doubt)
            if not may_repeat or tries >= self.options.retry.attempts:
                raise _error(call, verdict, in_doubt=in_doubt, requests=requests)
            self._wait(verdict, tries)

    def _attempt(self, call: Call) -> tuple[Secret | None, Packet | Failure]:
        """One request and the verdict on it; the token is None where none was to be had, so nothing was sent."""
        try:
            token = self.tokens.bearer(self.http)
        except ApiError as error:
            retry = Retry.SAME_CALL if isinstance(error, TRANSIENT) else Retry.NEVER
            return None, Failure(type(error), str(error), retry, api_code=error.api_code, desc=error.desc)
        headers = (
            ("Content-Type", "application/json"),
            ("Authorization", f"Bearer {token.reveal()}"),
            *COMMON_HEADERS,
        )
        request = HttpRequest("POST", self.options.url(self.options.production_path), headers, call.body)
        try:
            response = self.http.send(request, self.options.timeout_s)
        except HttpFailure as failure:
            return token, of_failure(failure)
        return token, of_response(response, self.tokens.hide)

    def _wait(self, verdict: Failure, repeat: int) -> None:
        asked_s = parse_retry_after(verdict.retry_after, self.clock.wall_s()) if verdict.retry_after else None
        self.clock.sleep(
            backoff_s(self.options.retry, repeat, self.random, limited=verdict.limited, retry_after_s=asked_s)
        )


def _error(call: Call, verdict: Failure, *, in_doubt: bool, requests: int) -> ApiError:
    """What a call becomes whose last attempt failed."""
    message = f"{call.subject}: {verdict.reason}" + (f", after {requests} requests" if requests > 1 else "")
    if verdict.error is ApiConflict:
        return ApiConflict(message, may_be_ours=in_doubt or call.repeated, desc=verdict.desc, attempts=requests)
    passing = verdict.retry is Retry.SAME_CALL
    error = ApiAnswerLost if passing and in_doubt else verdict.error
    return error(
        message,
        api_code=verdict.api_code,
        desc=verdict.desc,
        may_have_happened=in_doubt or call.repeated,
        attempts=requests,
    )
