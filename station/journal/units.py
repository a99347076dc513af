"""Units between rows and values: one place that knows how a unit's status follows from what is on record."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from station.errors import UnitError
from station.journal.errors import JournalContradiction
from station.journal.schema import audit, effects, ids, units
from station.journal.statement import Statement
from station.journal.text import id_problem, remark
from station.model import Effect, EffectKind, EffectState, Hold, IdKind, Unit, UnitStatus

REQUEST_MAX_CHARS = 4 * 1024 * 1024
"""Longest journalled request: a write plan may hold a page image, and no supported part has a page of 1 MiB."""

IS_OPEN = sa.and_(
    effects.c.settled_at.is_(None), sa.text(f"effects.kind IN ({', '.join(repr(kind.value) for kind in EffectKind)})")
)
"""Of effects. Every kind is named so that SQLite takes the small index of the open ones, which begins with chip and kind."""

_OF_CHIP = units.c.chip_id == sa.bindparam("chip")
_LOCKED = Statement(sa.select(units).where(_OF_CHIP).with_for_update())
_SN_BATCH = sa.select(ids.c.batch).where(ids.c.kind == IdKind.SN.value, ids.c.value == units.c.sn).scalar_subquery()
_WITH_BATCH = Statement(sa.select(units, _SN_BATCH.label("sn_batch")).where(_OF_CHIP))
_OPEN = Statement(
    # Not ordered here: SQLite would take the index of all effects for that.
    sa.select(effects).where(effects.c.chip_id == sa.bindparam("chip"), IS_OPEN)
)
_AUDIT = Statement(sa.insert(audit))

LADDER: tuple[tuple[UnitStatus, sa.ColumnElement[bool]], ...] = (
    (UnitStatus.ACTIVATED, units.c.activated_at.isnot(None)),
    (UnitStatus.BOUND, units.c.bound_at.isnot(None)),
    (UnitStatus.VERIFIED, units.c.verified_at.isnot(None)),
    (UnitStatus.LABELLED, units.c.labels_printed > 0),
    (UnitStatus.SHIPPED, units.c.shipped_at.isnot(None)),
)
"""A unit's status is the last rung reached without a gap; below the first it is ``reserved``. ``status_of`` says the same."""

Facts = dict[str, Any]
"""A row of ``units`` as it is being changed."""


def status_of(facts: Mapping[Any, Any]) -> UnitStatus:
    """The status that follows from a row of ``units``."""
    reached = (
        facts["activated_at"] is not None,
        facts["bound_at"] is not None,
        facts["verified_at"] is not None,
        facts["labels_printed"] > 0,
        facts["shipped_at"] is not None,
    )
    status = UnitStatus.RESERVED
    for (rung, _), true in zip(LADDER, reached, strict=True):
        if not true:
            break
        status = rung
    return status


def has_status(status: UnitStatus) -> sa.ColumnElement[bool]:
    """``status_of(...) == status`` as a condition on ``units``."""
    rungs = [rung for rung, _ in LADDER]
    height = 0 if status is UnitStatus.RESERVED else rungs.index(status) + 1
    terms = [condition for _, condition in LADDER[:height]]
    terms += [sa.not_(condition) for _, condition in LADDER[height : height + 1]]
    return sa.and_(*terms)


def effect_of(row: Mapping[Any, Any]) -> Effect:
    return Effect(
        row["id"], EffectKind(row["kind"]), EffectState(row["state"]), json.loads(row["request"]), row["detail"]
    )


def unit_of(facts: Mapping[Any, Any], open_effects: Iterable[Effect], *, sn_from_pool: bool = False) -> Unit:
    return Unit(
        chip_id=facts["chip_id"],
        app_eui=facts["app_eui"],
        device_id=facts["device_id"],
        sn=facts["sn"],
        status=status_of(facts),
        hold=None if facts["hold"] is None else Hold(facts["hold"]),
        hold_code=facts["hold_code"],
        hold_reason=facts["hold_reason"],
        activated=facts["activated_at"] is not None,
        bound=facts["bound_at"] is not None,
        written=facts["written_at"] is not None,
        verified=facts["verified_at"] is not None,
        shipped=facts["shipped_at"] is not None,
        labels_printed=facts["labels_printed"],
        sn_from_pool=sn_from_pool,
        inferred=bool(facts["inferred"]),
        open_effects=tuple(open_effects),
    )


def find(connection: sa.Connection, chip_id: str) -> Unit | None:
    """The unit with its open effects, or None."""
    if id_problem(chip_id) is not None:
        return None
    row = _WITH_BATCH.row(connection, {"chip": chip_id})
    if row is None:
        return None
    return unit_of(row, open_effects(connection, chip_id), sn_from_pool=row["sn_batch"] is not None)


def locked(connection: sa.Connection, chip_id: str) -> Facts | None:
    """The unit's row, to be changed by this transaction alone, or None."""
    if id_problem(chip_id) is not None:
        return None
    return _LOCKED.row(connection, {"chip": chip_id})


def must_be_locked(connection: sa.Connection, chip_id: str) -> Facts:
    """The same, raising JournalContradiction for a chip without a unit."""
    facts = locked(connection, chip_id)
    if facts is None:
        raise JournalContradiction(f"no unit with chip {remark(chip_id, 200)} is on record")
    return facts


def open_effects(connection: sa.Connection, chip_id: str) -> list[Effect]:
    """Oldest first."""
    return sorted((effect_of(row) for row in _OPEN.rows(connection, {"chip": chip_id})), key=lambda effect: effect.id)


def save(connection: sa.Connection, before: Mapping[Any, Any], after: Facts) -> None:
    """Write what has changed."""
    changes = {f"new_{name}": value for name, value in after.items() if before[name] != value}
    if changes:
        _update(tuple(sorted(changes))).change(connection, {"chip": before["chip_id"], **changes})


@functools.cache
def _update(changed: tuple[str, ...]) -> Statement:
    """A cycle changes the same columns each time."""
    values: dict[str, Any] = {name.removeprefix("new_"): sa.bindparam(name) for name in changed}
    return Statement(sa.update(units).where(_OF_CHIP).values(values))


def refuse_held(facts: Mapping[Any, Any]) -> None:
    """Raises UnitError where nothing more may be done to the unit."""
    if facts["hold"] is not None:
        code = "unit.in_doubt" if facts["hold"] == Hold.IN_DOUBT else "unit.set_aside"
        raise UnitError(code, f"{facts['hold_code']}: {facts['hold_reason']}")
    if facts["shipped_at"] is not None:
        raise UnitError("unit.shipped", f"{facts['chip_id']} left the factory")


def record_audit(
    connection: sa.Connection,
    now_ms: int,
    station: str,
    chip_id: str | None,
    action: str,
    *,
    operator: str = "",
    reason: str = "",
    detail: str = "",
) -> None:
    """Add one line to the audit; it is never changed again."""
    row = {
        "at": now_ms,
        "station": station,
        "operator": remark(operator),
        "action": action,
        "chip_id": chip_id,
        "reason": remark(reason),
        "detail": remark(detail),
    }
    _AUDIT.change(connection, row)
