"""Cycles and units found by what is known of them."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from station.errors import CATALOGUE
from station.journal.records import UnitQuery
from station.journal.session_index import CycleFound, CycleSearch
from station.model import Outcome, Unit
from station.panel.moments import day_after, day_of, moment, start_of, zone
from station.panel.people import Role
from station.panel.visit import Page, Refused, Visit
from station.text import printable

ROWS = 50
"""On one page."""
UNITS = 10
MAX_ID_CHARS = 128
_MAX_DIGITS = 15
_FIELDS = ("q", "since", "until", "outcome", "code", "socket")


def unit_path(chip_id: str) -> str:
    """The address of a unit's page."""
    return f"/units/{quote(chip_id, safe='')}"


def show(visit: Visit) -> Response:
    """The form, and what it found. A text that is exactly one unit's id leads to that unit, as a scan should."""
    asked = {name: visit.asked(name)[:MAX_ID_CHARS] for name in _FIELDS}
    units = _units(visit, asked["q"])
    narrowed = any(asked[name] for name in _FIELDS if name != "q") or visit.asked("older") or visit.asked("newer")
    if len(units) == 1 and asked["q"] in (units[0].chip_id, units[0].device_id, units[0].sn) and not narrowed:
        return RedirectResponse(unit_path(units[0].chip_id), HTTPStatus.SEE_OTHER)
    found, older, newer = _cycles(visit, asked)
    return visit.render(
        "search.html",
        asked=asked,
        units=units[:UNITS],
        has_more_units=len(units) > UNITS,
        cycles=found,
        older=_link(asked, "older", older),
        newer=_link(asked, "newer", newer),
        outcomes=[outcome.value for outcome in Outcome],
        codes=sorted(CATALOGUE),
        sockets=[socket.name for socket in visit.context.configuration.station.sockets],
        moment=moment,
        zone=zone(),
        unit_path=unit_path,
        plain=printable,
    )


def _units(visit: Visit, text: str) -> tuple[Unit, ...]:
    return visit.context.reader.units(UnitQuery(text, limit=UNITS + 1)) if text else ()


def _cycles(visit: Visit, asked: dict[str, str]) -> tuple[list[CycleFound], int | None, int | None]:
    """Newest first; the number from which older ones, and newer ones, go on, where there are more."""
    older, newer = _number(visit, "older"), _number(visit, "newer")
    wanted = CycleSearch(
        visit.context.configuration.station.station,
        any_id=asked["q"] or None,
        outcome=asked["outcome"] or None,
        code=asked["code"] or None,
        socket=asked["socket"] or None,
        since_ms=_day(visit, asked["since"], is_last=False),
        before_ms=_day(visit, asked["until"], is_last=True),
        before_cycle=older,
        after_cycle=newer,
        oldest_first=newer is not None,
        limit=ROWS + 1,
    )
    found = list(visit.context.reader.find_sessions(wanted))
    has_more = len(found) > ROWS
    shown = found[:ROWS]
    if newer is not None:
        shown.reverse()
    if not shown:
        return [], None, None
    goes_on_older = has_more or newer is not None
    goes_on_newer = has_more if newer is not None else older is not None
    return shown, shown[-1].cycle if goes_on_older else None, shown[0].cycle if goes_on_newer else None


def _day(visit: Visit, text: str, *, is_last: bool) -> int | None:
    if not text:
        return None
    try:
        day = day_of(text)
    except ValueError:
        raise Refused(
            HTTPStatus.BAD_REQUEST, visit.context.words.t("search.no_day", text=printable(text, 40))
        ) from None
    return start_of(day_after(day) if is_last else day)


def _number(visit: Visit, name: str) -> int | None:
    text = visit.asked(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise Refused(HTTPStatus.BAD_REQUEST, visit.context.words.t("cycle.unknown", cycle=printable(text, 20)))
    return int(text)


def _link(asked: dict[str, str], name: str, cycle: int | None) -> str | None:
    if cycle is None:
        return None
    return "/search?" + urlencode({key: value for key, value in asked.items() if value} | {name: str(cycle)})


PAGES = (Page("/search", show, Role.ENGINEER, nav="nav.search"),)
