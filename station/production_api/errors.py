"""Every error that an API call can end with.

    ApiError
    ├── ApiRefused                   the API said no to this unit
    │   └── ApiConflict              020100: chip, DeviceID or SN is taken; perhaps by ourselves (``may_be_ours``)
    ├── ApiIdsRefused                the API gives no ids: nothing can be fetched into the pool
    │   ├── ApiLicencesExhausted     … no DeviceIDs
    │   └── ApiSnsRefused            … no SNs
    ├── ApiUnreachable               no attempt reached the server
    ├── ApiUnavailable               the API said "busy", "not now" or "limits reached" to the last attempt
    ├── ApiAnswerLost                sent, and what became of it is not known
    ├── ApiAnswerUnusable            answered, but the answer cannot be accepted
    │   ├── ApiAnswerInvalid         … it is not what the documents describe
    │   └── ApiAnswerOther           … it names another DeviceID or SN than the call
    ├── ApiAuthError                 credentials or token are refused
    ├── ApiScopeError                the token lacks the production right
    ├── ApiRedirected                the server sent us elsewhere; never followed
    ├── ApiConfigError               the server does not know this address or method
    ├── ApiStopped                   the station stops: no further attempt
    ├── ApiAborted                   the operator stopped the cycle: no further attempt
    └── ApiDefect                    a request that the station formed wrongly

What a caller decides on is ``may_have_happened``: where it is False, the call certainly had no effect; where it is True, the
effect is in doubt and only the identical call may be sent again. It is True whenever *any* attempt of the call, or the earlier
identical call (``repeated=True``), may have taken effect, whatever the last attempt was answered.
"""

from __future__ import annotations

from station.errors import StationError
from station.production_api.codes import Scope


class ApiError(StationError):
    """Root of this tree. ``str(error)`` is one line for an engineer and holds no secret.

    ``api_code`` is the six-digit code of the deciding answer, None where there was none; ``desc`` the text that came with it,
    cut and made printable, for people only; ``attempts`` how many requests were made.
    """

    code: str = "api.unavailable"
    scope: Scope = Scope.STATION

    def __init__(
        self,
        message: str,
        *,
        api_code: str | None = None,
        desc: str = "",
        may_have_happened: bool = False,
        attempts: int = 0,
    ) -> None:
        super().__init__(message)
        self.api_code = api_code
        self.desc = desc
        self.may_have_happened = may_have_happened
        self.attempts = attempts


class ApiRefused(ApiError):
    """Raised when the API refuses this unit (a code of scope unit, or one that is not documented)."""

    code = "api.unit_refused"
    scope = Scope.UNIT


class ApiConflict(ApiRefused):
    """Raised on 020100. ``may_be_ours``: an earlier identical call lost its answer, so the one who took it may be ourselves."""

    code = "api.conflict"

    def __init__(self, message: str, *, may_be_ours: bool, desc: str = "", attempts: int = 0) -> None:
        super().__init__(message, api_code="020100", desc=desc, may_have_happened=may_be_ours, attempts=attempts)
        self.may_be_ours = may_be_ours


class ApiIdsRefused(ApiError):
    """Raised when the API refuses to give out ids. The code for "no licences left" is not documented, so any refusal counts."""


class ApiLicencesExhausted(ApiIdsRefused):
    """Raised when requestDeviceId is refused."""

    code = "api.licences"


class ApiSnsRefused(ApiIdsRefused):
    """Raised when requestSN is refused."""

    code = "api.sns"


class ApiUnreachable(ApiError):
    """Raised when every attempt failed before the request reached the server (``may_have_happened`` only where repeated)."""

    code = "api.unreachable"


class ApiUnavailable(ApiError):
    """Raised when the last of the attempts, none of which took effect, was answered "busy" (010000, 010301, 020104)."""

    code = "api.unavailable"


class ApiAnswerLost(ApiError):
    """Raised when a call was sent and its outcome is not known: no answer, none that can be read, a 429 or 5xx, 010001 or
    999999, after as many identical repeats as the call allows (none where the server allocates)."""

    code = "api.answer_lost"


class ApiAnswerUnusable(ApiError):
    """Raised when an answer came that cannot be accepted; the call probably took effect."""

    scope = Scope.UNIT


class ApiAnswerInvalid(ApiAnswerUnusable):
    """Raised when the answer is JSON but not the documented packet, or an id in it does not match the configured pattern."""

    code = "api.answer_invalid"


class ApiAnswerOther(ApiAnswerUnusable):
    """Raised when the answer names another DeviceID or SN than the call. Both are to be taken out of use."""

    code = "api.answer_other"

    def __init__(self, message: str, *, named: str, answered: str, attempts: int = 0) -> None:
        super().__init__(message, api_code="000000", may_have_happened=True, attempts=attempts)
        self.named = named
        self.answered = answered


class ApiAuthError(ApiError):
    """Raised when the credentials are refused, or a token is refused that was renewed once already or cannot be renewed."""

    code = "api.auth"


class ApiScopeError(ApiError):
    """Raised when the token's scope lacks the production right, by its own list or by the API's word (010300)."""

    code = "api.scope"


class ApiRedirected(ApiError):
    """Raised on any 3xx. The token is shown to no other host."""

    code = "api.redirected"


class ApiConfigError(ApiError):
    """Raised when the server does not know the method (010203) or the address (HTTP 404 and its kin)."""

    code = "api.config"


class ApiStopped(ApiError):
    """Raised when the station stops before an attempt: that one was not sent (``may_have_happened`` speaks of those before)."""

    code = "cycle.shutdown"


class ApiAborted(ApiError):
    """Raised when the operator stops the cycle before an attempt: as ``ApiStopped``."""

    code = "cycle.aborted"


class ApiDefect(ApiError):
    """Raised for a request that the station formed wrongly: by our own check before sending, or by 010201, 010202, 010204."""

    code = "api.defect"


REFUSALS: dict[str, type[ApiError]] = {
    error.code: error
    for error in (ApiRefused, ApiUnavailable, ApiAnswerLost, ApiAuthError, ApiScopeError, ApiConfigError, ApiDefect)
}
"""The class of each ``station_code`` that ``codes.RESULT_CODES`` names, except 020100, which needs ``may_be_ours``."""
