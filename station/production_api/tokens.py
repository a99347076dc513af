"""One token for all sockets: fetched once, shared, renewed before it expires, and replaced when the API refuses it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Protocol

from drivers.clock import Clock
from station.production_api.codes import Retry, result_code
from station.production_api.errors import (
    ApiAuthError,
    ApiConfigError,
    ApiError,
    ApiRedirected,
    ApiScopeError,
    ApiUnavailable,
    ApiUnreachable,
)
from station.production_api.http import HttpFailure, HttpPort, HttpRequest, HttpResponse
from station.production_api.options import ApiOptions, ClientCredentialsAuth, CsidAuth, GivenToken
from station.production_api.retry import parse_http_date
from station.production_api.strict_json import NotJson
from station.production_api.token_wire import (
    Grant,
    Refusal,
    credentials_request,
    csid_request,
    parse_grant,
    refresh_request,
)
from station.production_api.verdict import ENDINGS
from station.production_api.wire import PacketRefused, printable_line
from station.secrets import Secret

TRANSIENT = (ApiUnreachable, ApiUnavailable)
"""What a request for a token can end with that another try may mend."""

MAX_PAST_SECRETS = 32
"""How many earlier tokens are still masked; a station renews its token about once an hour."""

RENEWAL_PAUSE_S = 15.0
"""After a renewal failed while the old token is still good: how long before the next try, so that calls are not slowed."""

CLOCK_TOLERANCE_S = 120.0
"""A difference between the server's Date and our clock that is worth telling, when a token is refused."""


class Tokens(Protocol):
    """Where the client gets its bearer token. A session log may wrap it: a token is given to a cycle, not computed by it."""

    def bearer(self, http: HttpPort) -> Secret:
        """A token to send now; ``http`` is used where one must be fetched. Raises ApiError, of which ApiUnreachable and
        ApiUnavailable may pass; whichever it is, the call that needed the token was not sent."""

    def invalidate(self, token: Secret) -> None:
        """The API refused this token: the next ``bearer`` gives another, unless that has happened already."""

    def hide(self, text: str) -> str:
        """``text`` from the server, with every secret of ours that it sends back masked."""


@dataclass(frozen=True, slots=True)
class TokenState:
    """What people may know of the token: nothing of its text. Seconds are from now; None where there is no token, or no end."""

    kind: str
    held: bool
    expires_in_s: float | None
    scope: tuple[str, ...] | None
    note: str


@dataclass(frozen=True, slots=True)
class _Held:
    grant: Grant
    renew_at_s: float
    expires_at_s: float


@dataclass(slots=True)
class _Fetch:
    """A fetch under way, which other threads wait for."""

    done: threading.Event = field(default_factory=threading.Event)
    token: Secret | None = None
    error: ApiError | None = None


class TokenSource:
    """The ``Tokens`` of a station; one for all its sockets. Whether a token is still good is decided on the monotonic clock."""

    def __init__(self, options: ApiOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._lock = threading.Lock()
        self._fetch: _Fetch | None = None
        self._held: _Held | None = None
        self._granted: deque[Secret] = deque(maxlen=MAX_PAST_SECRETS)
        match options.auth:
            case CsidAuth(cs_sec_key=secret) | ClientCredentialsAuth(client_secret=secret):
                self._lasting = secret
            case GivenToken(token=secret):
                self._lasting = secret
                forever = float("inf")
                self._held = _Held(Grant(secret, 0, None), forever, forever)
        self._tell_secrets()

    def bearer(self, http: HttpPort) -> Secret:
        """See ``Tokens``. While one thread fetches, the others wait for it and share what it brings, error or token."""
        with self._lock:
            if self._held is not None and self._clock.monotonic_s() < self._held.renew_at_s:
                return self._held.grant.token
            fetch, leads = self._fetch, False
            if fetch is None:
                fetch, leads = _Fetch(), True
                self._fetch = fetch
        return self._lead(fetch, http) if leads else self._follow(fetch)

    def invalidate(self, token: Secret) -> None:
        """See ``Tokens``."""
        with self._lock:
            if self._held is not None and self._held.grant.token == token:
                self._held = None

    def secrets(self) -> tuple[Secret, ...]:
        """The configured secret and the last tokens granted, for whoever has to mask them."""
        return self._secrets

    def texts(self) -> tuple[str, ...]:
        """Their texts; the same object until there is another secret, so that who asks for each byte is told at once."""
        return self._texts

    def _tell_secrets(self) -> None:
        self._secrets = (self._lasting, *self._granted)
        self._texts = tuple(secret.reveal() for secret in self._secrets)

    def hide(self, text: str) -> str:
        """See ``Tokens``."""
        for secret in self.secrets():
            text = secret.hide_in(text)
        return text

    def state(self) -> TokenState:
        """The token as it is now; fetches nothing."""
        with self._lock:
            held = self._held
        kind = type(self._options.auth).__name__
        if held is None:
            return TokenState(kind, held=False, expires_in_s=None, scope=None, note="no token yet")
        ends = held.expires_at_s != float("inf")
        return TokenState(
            kind,
            held=True,
            expires_in_s=max(0.0, held.expires_at_s - self._clock.monotonic_s()) if ends else None,
            scope=held.grant.scope,
            note="" if held.grant.scope is not None else "the scope of the token is not known",
        )

    def _lead(self, fetch: _Fetch, http: HttpPort) -> Secret:
        try:
            held = self._obtain(http)
            fetch.token = held.grant.token
            with self._lock:
                self._held = held
            return fetch.token
        except ApiError as error:
            fetch.error = error
            raise
        finally:
            with self._lock:
                self._fetch = None
            fetch.done.set()

    def _follow(self, fetch: _Fetch) -> Secret:
        # The leader makes at most two exchanges (refresh, then anew), each bounded by timeout_s.
        fetch.done.wait(2 * self._options.timeout_s + 1.0)
        if fetch.token is not None:
            return fetch.token
        if fetch.error is None:
            raise ApiUnreachable("the token that another socket fetches did not come in time")
        # One exception object must not be raised by several threads.
        raise type(fetch.error)(str(fetch.error), api_code=fetch.error.api_code, desc=fetch.error.desc) from fetch.error

    def _obtain(self, http: HttpPort) -> _Held:
        with self._lock:
            old = self._held
        started_s = self._clock.monotonic_s()
        try:
            grant = self._ask(http, old)
        except TRANSIENT:
            if old is None or started_s + RENEWAL_PAUSE_S >= old.expires_at_s:
                raise
            return replace(old, renew_at_s=started_s + RENEWAL_PAUSE_S)
        self._check_scope(grant)
        margin_s = min(self._options.token_margin_s, grant.expires_in_s / 2)
        expires_at_s = started_s + grant.expires_in_s
        return _Held(grant, renew_at_s=expires_at_s - margin_s, expires_at_s=expires_at_s)

    def _ask(self, http: HttpPort, old: _Held | None) -> Grant:
        auth = self._options.auth
        if isinstance(auth, GivenToken):
            raise ApiAuthError("the given token is refused, and a given token cannot be renewed")
        if isinstance(auth, CsidAuth):
            return self._exchange(http, csid_request(self._options, auth, self._clock.wall_s()))
        if old is not None and old.grant.refresh is not None:
            try:
                return self._exchange(http, refresh_request(self._options, auth, old.grant.refresh))
            except (ApiAuthError, ApiConfigError):
                # A refresh token has a life of its own; the credentials decide.
                return self._exchange(http, credentials_request(self._options, auth))
        return self._exchange(http, credentials_request(self._options, auth))

    def _exchange(self, http: HttpPort, request: HttpRequest) -> Grant:
        try:
            response = http.send(request, self._options.timeout_s)
        except HttpFailure as failure:
            raise ENDINGS.get(failure.kind, ApiUnreachable)(f"no token: {failure}") from failure
        if 300 <= response.status < 400:
            raise ApiRedirected(f"no token: HTTP {response.status} at the token's address")
        try:
            answer = parse_grant(response)
        except (NotJson, PacketRefused) as error:
            raise _unreadable(response.status, error)(f"no token: HTTP {response.status}, {error}") from error
        if isinstance(answer, Refusal):
            raise self._refused(answer, response)
        with self._lock:
            self._granted += [answer.token, *([answer.refresh] if answer.refresh else [])]
            self._tell_secrets()
        return answer

    def _refused(self, refusal: Refusal, response: HttpResponse) -> ApiError:
        desc = printable_line(self.hide(refusal.text))
        said = f' ("{desc}")' if desc else ""
        row = result_code(refusal.api_code) if refusal.api_code else None
        named = f"{row.code} {row.meaning}" if row else f"HTTP {response.status}"
        message = f"no token: {named}{said}{self._clock_hint(response)}"
        if row is not None and (row.retry is Retry.SAME_CALL or row.unknown_effect):
            return ApiUnavailable(message, api_code=row.code, desc=desc)
        if row is not None and row.station_code in (ApiScopeError.code, ApiConfigError.code):
            error = ApiScopeError if row.station_code == ApiScopeError.code else ApiConfigError
            return error(message, api_code=row.code, desc=desc)
        return ApiAuthError(message, api_code=refusal.api_code, desc=desc)

    def _clock_hint(self, response: HttpResponse) -> str:
        server_s = parse_http_date(response.header("date"))
        if server_s is None:
            return ""
        ahead_s = self._clock.wall_s() - server_s
        if abs(ahead_s) <= CLOCK_TOLERANCE_S:
            return ""
        side = "ahead of" if ahead_s > 0 else "behind"
        return f"; the station's clock is {abs(ahead_s) / 60:.0f} minutes {side} the server's: set the clock"

    def _check_scope(self, grant: Grant) -> None:
        wanted = self._options.required_scope
        if wanted is not None and grant.scope is not None and wanted not in grant.scope:
            raise ApiScopeError(f"the token's scope does not include {wanted}")


def _unreadable(status: int, why: NotJson | PacketRefused) -> type[ApiError]:
    if status in (400, 401, 403):
        return ApiAuthError
    garbled = isinstance(why, NotJson) and status < 300
    return ApiUnavailable if garbled or status == 429 or status >= 500 else ApiConfigError
