"""Units marked as shipped by scanning them, one by one or a carton at a time. Needs no script: a hand scanner types and presses
Enter, which sends the one field, or starts the next line of the carton's list."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from drivers.errors import DriverError
from station.desk import MarkShipped
from station.errors import StationError, UnitError
from station.journal.records import UnitQuery
from station.model import Unit
from station.panel.people import Role
from station.panel.visit import Page, Refused, Visit
from station.text import printable

MAX_SCANS = 500
"""In one carton; more are refused, and nothing of them is done."""
MAX_SCAN_CHARS = 128
MAX_CARTON_CHARS = 64
_CANDIDATES = 4


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one scan. ``detail`` is for an engineer."""

    scan: str
    ok: bool
    text: str
    detail: str = ""


def show(visit: Visit) -> Response:
    """The two forms."""
    return _page(visit, ())


def ship(visit: Visit) -> Response:
    """Mark the units of ``scans`` (one a line) as shipped, in the carton ``carton`` where that is named. What cannot be shipped is
    told and keeps no other from it."""
    scans = [line.strip() for line in visit.field("scans").splitlines() if line.strip()]
    if len(scans) > MAX_SCANS:
        raise Refused(HTTPStatus.BAD_REQUEST, visit.context.words.t("ship.too_many", count=MAX_SCANS))
    carton = printable(visit.form.get("carton", "").strip(), MAX_CARTON_CHARS)
    if visit.form.get("by") == "carton" and not carton:
        raise Refused(HTTPStatus.BAD_REQUEST, visit.context.words.t("error.field_missing", field="carton"))
    reason, done = f"carton {carton}" if carton else "scanned", set[str]()
    told = tuple(_ship_one(visit, scan, reason, done) for scan in scans)
    return _page(visit, told, carton)


def _ship_one(visit: Visit, scan: str, reason: str, done: set[str]) -> Told:
    words, shown = visit.context.words, printable(scan, MAX_SCAN_CHARS)
    try:
        unit = _unit_of(visit, scan)
        if unit.chip_id in done:
            return Told(shown, ok=False, text=words.t("ship.twice"))
        if unit.shipped:
            return Told(shown, ok=False, text=words.t("ship.already"))
        visit.context.act(MarkShipped(unit.chip_id, reason, visit.who.name))
    except (StationError, DriverError) as error:
        headline, action = words.of_code(error.code)
        if error.code == "unit.doubt_unsettled":
            headline, action = words.t("ship.not_ready"), words.t("ship.not_ready_action")
        return Told(shown, ok=False, text=f"{headline}. {action}", detail=printable(str(error), 200))
    done.add(unit.chip_id)
    return Told(shown, ok=True, text=words.t("ship.done", sn=unit.sn or unit.chip_id))


def _unit_of(visit: Visit, scan: str) -> Unit:
    """The one unit that has exactly this chipId, SN or DeviceID. Raises UnitError("unit.unknown")."""
    found = visit.context.reader.units(UnitQuery(scan, limit=_CANDIDATES)) if len(scan) <= MAX_SCAN_CHARS else ()
    exact = [unit for unit in found if scan in (unit.chip_id, unit.sn, unit.device_id)]
    if len(exact) != 1:
        raise UnitError("unit.unknown", f"{len(exact)} units have this id")
    return exact[0]


def _page(visit: Visit, told: tuple[Told, ...], carton: str = "") -> Response:
    return visit.render(
        "shipping.html",
        told=told,
        shipped=sum(one.ok for one in told),
        by_carton=visit.form.get("by") == "carton",
        carton=carton if any(not one.ok for one in told) else "",  # it is typed once, until all of it is shipped
        operator=printable(visit.form.get("operator", "").strip(), MAX_CARTON_CHARS),
    )


PAGES = (
    Page("/shipping", show, Role.SUPERVISOR, nav="nav.shipping"),
    Page("/shipping", ship, Role.SUPERVISOR, "POST"),
)
