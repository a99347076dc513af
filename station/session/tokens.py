"""The API's token as a cycle sees it: given to it, never part of its record.

One token serves all sockets, so whether a cycle has to fetch it depends on the others: a replay is given the same token or
the same refusal. The exchange that fetched it, where this cycle made it, stands in the log to be read, on
a channel of its own and as an aside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from station.production_api import errors
from station.production_api.errors import ApiError
from station.production_api.http import HttpPort
from station.production_api.tokens import Tokens
from station.secrets import Secret
from station.session import Session

TOKEN_CHANNEL = "token"

_ERRORS: dict[str, type[ApiError]] = {
    error.code: error
    for error in (
        errors.ApiUnreachable,
        errors.ApiUnavailable,
        errors.ApiAuthError,
        errors.ApiScopeError,
        errors.ApiConfigError,
        errors.ApiRedirected,
        errors.ApiStopped,
        errors.ApiAborted,
    )
}


@dataclass(frozen=True, slots=True)
class TokenGiven:
    """What asking for a token came to: its length in characters, or the error's code and text."""

    length: int
    code: str | None = None
    message: str = ""


class TokensInSession:
    """Implements ``Tokens`` for one lane of one session. ``http`` records on the channel ``TOKEN_CHANNEL``."""

    def __init__(self, tokens: Tokens, session: Session, http: HttpPort) -> None:
        self._tokens = tokens
        self._session = session
        self._http = http

    def bearer(self, http: HttpPort) -> Secret:  # noqa: ARG002 (the exchange goes on the token's own channel)
        held: list[Secret] = []
        given = self._session.given("token.bearer", {}, TokenGiven, lambda: self._ask(held.append))
        if given.code is not None:
            raise _ERRORS.get(given.code, ApiError)(given.message)
        return held[0] if held else Secret("*" * given.length)

    def invalidate(self, token: Secret) -> None:
        self._session.given("token.invalidate", {}, type(None), lambda: self._tokens.invalidate(token))

    def hide(self, text: str) -> str:
        """Given, since in a replay the server's text comes with its secrets masked already."""
        return self._session.given("token.hide", {}, str, lambda: self._tokens.hide(text))

    def _ask(self, hold: Callable[[Secret], None]) -> TokenGiven:
        try:
            token = self._tokens.bearer(self._http)
        except ApiError as error:
            return TokenGiven(0, error.code, str(error))
        hold(token)
        return TokenGiven(len(token.reveal()))
