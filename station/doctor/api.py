"""The Device Production API: reachable, and does it give this station a token with the right it needs?

None of its methods is called: each of them spends something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from station.doctor import Check, Finding, Survey, advice, bad, good
from station.doctor.web import connected, knock
from station.errors import explain
from station.production_api.errors import ApiError
from station.production_api.http import FailureKind, HttpFailure
from station.production_api.httpx_port import HttpxPort
from station.production_api.options import ApiOptions, GivenToken
from station.production_api.tokens import TokenSource, TokenState

_UNREACHABLE = {
    FailureKind.TLS: "check the computer's clock, api.base_url, and api.http.ca_file where a proxy signs for the server",
    FailureKind.CONNECT: "check the network, name resolution, the firewall and api.base_url",
}
_REFUSED = {
    "api.auth": "correct the credentials: whose they are and whether they were withdrawn",
    "api.scope": "have production/* granted to these credentials",
    "api.config": "correct api.base_url and the paths of the API",
    "api.redirected": "correct api.base_url: this server sends elsewhere",
    "api.unreachable": "check the network, name resolution, the firewall and api.base_url",
    "api.unavailable": "wait a minute, then check again",
}


@dataclass(frozen=True, slots=True)
class ApiCheck:
    """See ``Check``."""

    survey: Survey
    name: str = "API"

    def look(self) -> Iterator[Finding]:
        options = self.survey.configuration.station.api.options()
        line = self.survey.line_of(("api",))
        try:
            with connected(options, self.survey.clock) as port:
                answer = knock(port, options)
                yield good(f"{options.base_url} answers (HTTP {answer.status})")
                yield self._token(port, options)
        except HttpFailure as failure:
            remedy = _UNREACHABLE.get(failure.kind, "check that api.base_url is the API's address")
            yield bad(f"{line}: {options.base_url}: {failure}", remedy)
        except ApiError as error:
            yield bad(f"{line}: {error.code}: {error}", _REFUSED.get(error.code) or explain(error).action)

    def _token(self, port: HttpxPort, options: ApiOptions) -> Finding:
        if isinstance(options.auth, GivenToken):
            what = "the token was given: only a cycle shows whether it is good, and it cannot be renewed"
            return advice(what, "use csid or client_credentials for production")
        source = TokenSource(options, self.survey.clock)
        source.bearer(port)
        return good(f"gives a token{_described(source.state())}")


def checks(survey: Survey) -> list[Check]:
    return [ApiCheck(survey)]


def _described(state: TokenState) -> str:
    life = "" if state.expires_in_s is None else f" for {state.expires_in_s / 60:.0f} min"
    return life + (f", scope {' '.join(state.scope)}" if state.scope is not None else f"; {state.note}")
