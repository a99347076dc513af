"""What supervisors look through: labels printed again, batches of ids whose answer was lost, ids out of use."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from station.journal import allocation
from station.journal.pool import BatchState
from station.journal.records import LISTING_MAX
from station.journal.schema import id_batches, labels
from station.model import IdKind, LabelFate, Unit


@dataclass(frozen=True, slots=True)
class ReprintLine:
    """One more label that somebody asked for, whatever became of it. ``number`` grows with time."""

    number: int
    at_ms: int
    chip_id: str
    sn: str
    copy_number: int
    fate: LabelFate
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class LostBatch:
    """``asked`` ids of a kind that were asked for, and the answer did not come."""

    kind: IdKind
    station: str
    asked: int
    requested_at_ms: int


def reprints(connection: sa.Connection, before: int | None, limit: int) -> tuple[ReprintLine, ...]:
    """Newest first, those before ``before``; at most ``LISTING_MAX``. A unit's first label has no operator."""
    statement = sa.select(labels).where(labels.c.operator != "").order_by(labels.c.effect.desc())
    if before is not None:
        statement = statement.where(labels.c.effect < before)
    rows = connection.execute(statement.limit(min(max(limit, 1), LISTING_MAX))).mappings()
    return tuple(
        ReprintLine(
            number=row["effect"],
            at_ms=row["at"],
            chip_id=row["chip_id"],
            sn=row["sn"],
            copy_number=row["copy_number"],
            fate=LabelFate(row["fate"]),
            operator=row["operator"],
            reason=row["reason"],
        )
        for row in rows
    )


def lost_batches(connection: sa.Connection, limit: int) -> tuple[LostBatch, ...]:
    """Newest first; by the index of batches without an answer."""
    is_lost = id_batches.c.state == BatchState.LOST.value
    # The kind is named so that the index of just these serves.
    kinds = id_batches.c.kind.in_([kind.value for kind in IdKind])
    unanswered = sa.text("state <> 'answered'")
    newest = sa.select(id_batches).where(kinds, is_lost, unanswered).order_by(id_batches.c.id.desc())
    rows = connection.execute(newest.limit(min(max(limit, 1), LISTING_MAX))).mappings()
    return tuple(LostBatch(IdKind(row["kind"]), row["station"], row["asked"], row["requested_at"]) for row in rows)


def has_retired_id(connection: sa.Connection, unit: Unit) -> bool:
    """Whether an id that the unit holds is out of use, so that no call may name it again."""
    held = ((IdKind.DEVICE_ID, unit.device_id), (IdKind.SN, unit.sn))
    return any(value is not None and allocation.is_retired(connection, kind, value) for kind, value in held)
