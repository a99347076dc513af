"""Units between rows and values: one place that knows how a unit's status follows from what is on record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from station.errors import UnitError
from station.journal.errors import JournalContradiction
from station.journal.schema import audit, effects, ids, units
from station.journal.text import id_problem, remark
from station.model import Effect, EffectKind, EffectState, Hold, IdKind, Unit, UnitStatus

REQUEST_MAX_CHARS = 4 * 1024 * 1024
"""Longest journalled request: a write plan may hold a page image, and no supported part has a page of 1 MiB."""

_BY_CHIP = sa.select(units).where(units.c.chip_id == sa.bindparam("chip"))
_BY_CHIP_LOCKED = _BY_CHIP.with_for_update()
_SN_BATCH = sa.select(ids.c.batch).where(ids.c.kind == IdKind.SN.value, ids.c.value == sa.bindparam("sn"))
_OPEN = (
    sa.select(effects)
    .where(effects.c.chip_id == sa.bindparam("chip"), effects.c.settled_at.is_(None))
    .order_by(effects.c.id)
)

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
    row = connection.execute(_BY_CHIP, {"chip": chip_id}).mappings().one_or_none()
    if row is None:
        return None
    batch = None if row["sn"] is None else connection.execute(_SN_BATCH, {"sn": row["sn"]}).scalar_one_or_none()
    return unit_of(row, open_effects(connection, chip_id), sn_from_pool=batch is not None)


def locked(connection: sa.Connection, chip_id: str) -> Facts | None:
    """The unit's row, to be changed by this transaction alone, or None."""
    if id_problem(chip_id) is not None:
        return None
    row = connection.execute(_BY_CHIP_LOCKED, {"chip": chip_id}).mappings().one_or_none()
    return None if row is None else dict(row)


def must_be_locked(connection: sa.Connection, chip_id: str) -> Facts:
    """The same, raising JournalContradiction for a chip without a unit."""
    facts = locked(connection, chip_id)
    if facts is None:
        raise JournalContradiction(f"no unit with chip {remark(chip_id, 200)} is on record")
    return facts


def open_effects(connection: sa.Connection, chip_id: str) -> list[Effect]:
    """Oldest first."""
    return [effect_of(row) for row in connection.execute(_OPEN, {"chip": chip_id}).mappings()]


def save(connection: sa.Connection, before: Mapping[Any, Any], after: Facts) -> None:
    """Write what has changed."""
    changes = {name: value for name, value in after.items() if before[name] != value}
    if changes:
        connection.execute(sa.update(units).where(units.c.chip_id == before["chip_id"]).values(**changes))


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
    connection.execute(
        sa.insert(audit).values(
            at=now_ms,
            station=station,
            operator=remark(operator),
            action=action,
            chip_id=chip_id,
            reason=remark(reason),
            detail=remark(detail),
        )
    )
