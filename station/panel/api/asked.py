"""What programs may ask: the values of each query, and the body of each action. Whatever is not named here is refused."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request

from station.journal.records import LISTING_MAX, Decision
from station.journal.statistics import MAX_DAYS
from station.journal.text import ID_MAX_CHARS
from station.model import Outcome, UnitStatus
from station.panel.visit import Refused
from station.text import printable

MAX_SCAN_CHARS = 128
MAX_REMARK_CHARS = 1000
MAX_NAME_CHARS = 64
LARGEST = 2**53 - 1
"""The largest whole number that every JSON reader takes exactly (RFC 8259, 6)."""
MAX_CYCLE_DIGITS = 15
USUAL_ROWS = 100

_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f]+$"
"""No control characters."""


def _number(value: object) -> object:
    """Whole numbers in a query are digits alone."""
    if isinstance(value, str):
        if not (value.isascii() and value.isdecimal() and len(value) <= 16):
            raise ValueError("write a whole number, 0 or more")
        return int(value)
    return value


def _truth(value: object) -> object:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("write true or false")
        return value == "true"
    return value


Number = Annotated[int, Field(ge=0, le=LARGEST), BeforeValidator(_number)]
Rows = Annotated[int, Field(ge=1, le=LISTING_MAX), BeforeValidator(_number)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_MAX_CHARS, pattern=r"^\S+$")]
Remark = Annotated[str, StringConstraints(min_length=1, max_length=MAX_REMARK_CHARS, pattern=_ONE_LINE)]
PersonName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_CHARS, pattern=_ONE_LINE)]


class Asked(BaseModel):
    """Base of all that is asked: nothing unknown is passed over, and only queries turn text into numbers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)


class Nothing(Asked):
    """No values."""


class UnitsAsked(Asked):
    """Which units."""

    text: Id | None = None
    """A chipId, DeviceID or SN, or how one begins."""
    status: Annotated[UnitStatus, Field(strict=False)] | None = None
    """How far they have come."""
    held: Truth | None = None
    """Whether a person has to settle them."""
    unsettled: Truth | None = None
    """Whether an effect on them is not settled."""
    limit: Rows = USUAL_ROWS
    """At most so many, newest first."""


class CyclesAsked(Asked):
    """Which cycles of this station; of an id its beginning is enough."""

    chip_id: Id | None = None
    device_id: Id | None = None
    """The DeviceID that the cycle's unit has now."""
    sn: Id | None = None
    """The SN that the cycle's unit has now."""
    socket: Id | None = None
    outcome: Annotated[Outcome, Field(strict=False)] | None = None
    code: Id | None = None
    since_ms: Number | None = None
    """Started then or later, in milliseconds since 1970 UTC."""
    before_ms: Number | None = None
    """Started before then."""
    after: Number | None = None
    """With a number above this one, oldest first, up to the first that still runs: a program that goes on from what it was told
    takes every cycle once."""
    before: Number | None = None
    """With a number below this one."""
    limit: Rows = USUAL_ROWS
    """At most so many; newest first, but for ``after``."""


class PeriodAsked(Asked):
    """Whole days, the last ones where nothing else is said."""

    before_ms: Number | None = None
    """The end, in milliseconds since 1970 UTC; now where none is said."""
    days: Annotated[int, Field(ge=1, le=MAX_DAYS), BeforeValidator(_number)] = 7
    """How many times 24 hours up to the end."""


class Action(Asked):
    """What every action may say."""

    operator: PersonName | None = None
    """The person who asked for it, kept in the audit beside the name that the token has."""


class StartAsked(Action):
    """A start, as by the socket's button."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SCAN_CHARS, pattern=_ONE_LINE)] | None = None
    """What a scanner would have brought."""


class ReasonedAction(Action):
    """An action that says why."""

    reason: Remark


class LabelAsked(ReasonedAction):
    """What somebody saw who looked for a label in doubt."""

    printed: bool


class ReprintAsked(ReasonedAction):
    """One more label."""

    printer: Id | None = None
    """The printer's name; the first one of the configuration where none is said."""


class ResolveAsked(ReasonedAction):
    """How a unit that is held is settled."""

    decision: Annotated[Decision, Field(strict=False)]
    device_id: Id | None = None
    """With ``done``: the DeviceID that is known to be activated."""
    sn: Id | None = None
    """With ``done``: the SN that is known to be bound."""


AskedT = TypeVar("AskedT", bound=Asked)


def query_of(request: Request, model: type[AskedT]) -> AskedT:
    """The query's values. Raises Refused."""
    given = request.query_params.multi_items()
    values = dict(given)
    if len(values) < len(given):
        raise Refused(HTTPStatus.BAD_REQUEST, "a value of the query is given twice")
    return _checked(lambda: model.model_validate(values))


def body_of(request: Request, body: bytes, model: type[AskedT]) -> AskedT:
    """The body's values; none where there is no body. Raises Refused."""
    if not body:
        return _checked(lambda: model.model_validate({}))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    return _checked(lambda: model.model_validate_json(body))


def _checked(validate: Callable[[], AskedT]) -> AskedT:
    try:
        return validate()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        text = printable(f"{where}: {first['msg']}" if where else str(first["msg"]))
        raise Refused(HTTPStatus.BAD_REQUEST, text) from error
