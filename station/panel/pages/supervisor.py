"""The supervisor's desk: units held and how to settle them, labels in doubt, labels printed again, ids possibly lost."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from starlette.responses import Response

from station.desk import Resolve, SettleLabel
from station.journal.records import LISTING_MAX, Decision, UnitQuery
from station.model import EffectKind, EffectState, IdKind, Unit
from station.panel.moments import moment, zone
from station.panel.pages.search import unit_path
from station.panel.people import Role
from station.panel.visit import Page, Refused, Visit
from station.text import printable

ROWS = 50
"""Of each list, on one page."""
DESK = "/supervisor"
_MAX_DIGITS = 15
_ID_OF: Mapping[EffectKind, str] = MappingProxyType({EffectKind.ACTIVATE: "device_id", EffectKind.BIND: "sn"})


def show(visit: Visit) -> Response:
    """All that waits for a decision; the newest units first."""
    reader = visit.context.reader
    held = reader.units(UnitQuery(held=True, scrapped=False, limit=LISTING_MAX))
    doubtful = [
        unit for unit in visit.context.reader.units(UnitQuery(unsettled=True, limit=LISTING_MAX)) if in_doubt(unit)
    ]
    counts = reader.pool_levels().counts
    return visit.render(
        "supervisor.html",
        held=[
            (
                unit,
                visit.context.words.of_code(unit.hold_code or "unit.set_aside"),
                fitting(unit, has_retired_id=reader.has_retired_id(unit)),
            )
            for unit in held[:ROWS]
        ],
        held_count=len(held),
        doubtful=doubtful[:ROWS],
        doubtful_count=len(doubtful),
        ids=[("DeviceID", counts[IdKind.DEVICE_ID]), ("SN", counts[IdKind.SN])],
        lost=reader.lost_batches(ROWS),
        moment=moment,
        unit_path=unit_path,
        plain=printable,
    )


def in_doubt(unit: Unit) -> bool:
    """Whether somebody has to say if the unit's label is there."""
    return any(e.kind is EffectKind.PRINT and e.state is EffectState.IN_DOUBT for e in unit.open_effects)


def fitting(unit: Unit, *, has_retired_id: bool = False) -> tuple[Decision, ...]:
    """The decisions that can be carried out for a held unit, the mildest first (``station.journal.decisions``)."""
    calls = [effect for effect in unit.open_effects if effect.kind in _ID_OF]
    names_ids = all(effect.request.get(_ID_OF[effect.kind]) is not None for effect in calls)
    fits = {
        Decision.RETRY: names_ids and not has_retired_id,
        Decision.NOT_DONE: bool(calls) and not has_retired_id,
        Decision.DONE: True,
        Decision.SCRAP: not unit.shipped,
    }
    return tuple(decision for decision, does in fits.items() if does)


def reprints(visit: Visit) -> Response:
    """Labels that somebody asked for once more: who, when, why, which copy, and what became of it; newest first."""
    text = visit.asked("before")
    if text and not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise Refused(HTTPStatus.BAD_REQUEST, visit.context.words.t("audit.no_number", text=printable(text, 20)))
    before = int(text) if text else None
    found = visit.context.reader.reprints(before, ROWS + 1)
    return visit.render(
        "reprints.html",
        lines=found[:ROWS],
        older=found[ROWS - 1].number if len(found) > ROWS else None,
        is_newest=before is None,
        moment=moment,
        zone=zone(),
        unit_path=unit_path,
        plain=printable,
    )


def resolve(visit: Visit) -> Response:
    """Settle a held unit by ``decision``, with a ``reason``, and with ids where they are known from the server's side."""
    try:
        decision = Decision(visit.field("decision"))
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, visit.context.words.t("error.field_missing", field="decision")) from None
    device_id, sn = (visit.form.get(name, "").strip() or None for name in ("device_id", "sn"))
    if decision is not Decision.DONE:
        device_id = sn = None  # the fields stand beside every decision
    request = Resolve(visit.part("chip_id"), decision, visit.field("reason"), visit.who.name, device_id, sn)
    return visit.done(visit.context.act(request).text, back=DESK)


def settle_label(visit: Visit) -> Response:
    """Whether the label in doubt is there: ``printed`` is yes or no."""
    answer = visit.field("printed")
    if answer not in ("yes", "no"):
        raise Refused(HTTPStatus.BAD_REQUEST, visit.context.words.t("error.field_missing", field="printed"))
    request = SettleLabel(visit.part("chip_id"), answer == "yes", visit.field("reason"), visit.who.name)
    return visit.done(visit.context.act(request).text, back=DESK)


PAGES = (
    Page(DESK, show, Role.SUPERVISOR, nav="nav.supervisor"),
    Page("/supervisor/reprints", reprints, Role.SUPERVISOR),
    Page("/supervisor/units/{chip_id}/resolve", resolve, Role.SUPERVISOR, "POST"),
    Page("/supervisor/units/{chip_id}/label", settle_label, Role.SUPERVISOR, "POST"),
)
