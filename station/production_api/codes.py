"""The API's result codes: what each means, whether the call may be repeated, and which error it becomes.

Codes and meanings are those of YoSmart's documentation ("Code", Open API V1 and V2); what to do about each follows its advice.
Two columns go beyond it, to the safe side:

- ``unknown_effect``: the code does not prove that nothing happened. 999999 is "unknown error"; 010001 says that a connection
  *inside* the service failed, which can be after the call was passed on.
- a code that is not in the table is a refusal of this unit: not repeated, its number shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SUCCESS = "000000"
CONFLICT = "020100"
NO_DEVICE = "020101"
UNKNOWN_OUTCOME = "999999"


class Retry(StrEnum):
    """Whether a call may be repeated after a code."""

    NEVER = "never"
    SAME_CALL = "same_call"
    """The identical call, after a back-off."""
    AFTER_NEW_TOKEN = "after_new_token"
    """The identical call, once, with a new token."""


class Scope(StrEnum):
    """Whose trouble it is."""

    UNIT = "unit"
    STATION = "station"


@dataclass(frozen=True, slots=True)
class ResultCode:
    """One row. ``station_code`` is the code of ``station.errors.CATALOGUE`` that the refusal becomes."""

    code: str
    meaning: str
    retry: Retry
    scope: Scope
    station_code: str
    limited: bool = False
    """Back off longer: a limit was reached."""
    unknown_effect: bool = False
    """The call may have taken effect all the same."""


_N, _S, _T = Retry.NEVER, Retry.SAME_CALL, Retry.AFTER_NEW_TOKEN
_UNIT, _STATION = Scope.UNIT, Scope.STATION

# fmt: off
_ROWS = (
    ResultCode("000103", "token is invalid", _T, _STATION, "api.auth"),
    ResultCode("010000", "service is not available", _S, _STATION, "api.unavailable"),
    ResultCode("010001", "internal connection is not available", _S, _STATION, "api.unavailable", unknown_effect=True),
    ResultCode("010101", "CSID is invalid", _N, _STATION, "api.auth"),
    ResultCode("010102", "SecKey is invalid", _N, _STATION, "api.auth"),
    ResultCode("010103", "authorization is invalid", _T, _STATION, "api.auth"),
    ResultCode("010104", "the token is expired", _T, _STATION, "api.auth"),
    ResultCode("010200", "params is not valid", _N, _UNIT, "api.unit_refused"),
    ResultCode("010201", "time can not be null", _N, _STATION, "api.defect"),
    ResultCode("010202", "method can not be null", _N, _STATION, "api.defect"),
    ResultCode("010203", "method is not supported", _N, _STATION, "api.config"),
    ResultCode("010204", "invalid data packet", _N, _STATION, "api.defect"),
    ResultCode("010300", "this interface is restricted to access", _N, _STATION, "api.scope"),
    ResultCode("010301", "access denied due to limits reached", _S, _STATION, "api.unavailable", limited=True),
    ResultCode("020100", "the device is already bound by another user", _N, _UNIT, "api.conflict"),
    ResultCode("020101", "the device does not exist", _N, _UNIT, "api.unit_refused"),
    ResultCode("020102", "device mask error", _N, _UNIT, "api.unit_refused"),
    ResultCode("020103", "the device is not supported", _N, _UNIT, "api.unit_refused"),
    ResultCode("020104", "device is busy", _S, _UNIT, "api.unavailable"),
    ResultCode("020105", "unable to retrieve device", _N, _UNIT, "api.unit_refused"),
    ResultCode("030101", "no data found", _N, _UNIT, "api.unit_refused"),
    ResultCode("999999", "unknown error", _N, _UNIT, "api.answer_lost", unknown_effect=True),
)
# fmt: on

RESULT_CODES: dict[str, ResultCode] = {row.code: row for row in _ROWS}
"""Every documented code except success."""


def result_code(code: str) -> ResultCode:
    """The row of a code; for one that is not documented, a refusal of this unit that is never repeated."""
    return RESULT_CODES.get(code) or ResultCode(code, "not a documented code", _N, _UNIT, "api.unit_refused")
