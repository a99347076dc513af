"""Ids in the database: taken from the pool, named, used and retired; and the batches that bring them.

Every function works inside its caller's transaction. What makes "never two units with one id" true is the primary key of
``ids``, the unique columns of ``units``, and that only a row in state ``free`` is ever given away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from station.errors import UnitError
from station.journal.errors import JournalContradiction, JournalMisuse, PoolEmpty
from station.journal.pool import BatchReport, BatchState, IdState, PoolCounts, PoolLevels
from station.journal.schema import id_batches, ids
from station.journal.statement import Row, Statement
from station.journal.text import id_problem, remark
from station.model import IdKind

BATCH_MAX = 10_000
"""Most ids asked for, or taken from one answer. The API document sets no bound; the station asks for 50."""

NAMES = {IdKind.DEVICE_ID: "DeviceID", IdKind.SN: "SN"}

_TAKE_TRIES = 3

# Written out, not bound: only so does SQLite see that the partial index applies.
_UNSPENT = ids.c.state != sa.literal_column("'used'")
_UNANSWERED = id_batches.c.state != sa.literal_column("'answered'")

_ONE = Statement(
    sa.select(ids).where(ids.c.kind == sa.bindparam("k"), ids.c.value == sa.bindparam("v")).with_for_update()
)
_FREE = (
    sa.select(ids.c.value)
    .where(ids.c.kind == sa.bindparam("k"), ids.c.state == IdState.FREE.value, _UNSPENT)
    .order_by(ids.c.batch, ids.c.value)
    .limit(1)
)
_FREE_NOT_LOCKED = Statement(_FREE.with_for_update(skip_locked=True))
_FREE_WAITING = Statement(_FREE.with_for_update())
_MOVE = (
    sa.update(ids)
    .where(ids.c.kind == sa.bindparam("k"), ids.c.value == sa.bindparam("v"))
    .values(state=sa.bindparam("new_state"), chip_id=sa.bindparam("new_chip"))
)
_TAKE = Statement(_MOVE.where(ids.c.state == IdState.FREE.value))
_USE = Statement(_MOVE.where(ids.c.chip_id == sa.bindparam("new_chip"), ids.c.state == IdState.NAMED.value))
_MOVE_ANY = Statement(_MOVE)
_ADD = Statement(sa.insert(ids))
_COUNTED = sa.select(ids.c.kind, ids.c.state, sa.func.count()).group_by(ids.c.kind, ids.c.state)
_BY_STATE = Statement(_COUNTED)
_UNSPENT_BY_STATE = Statement(_COUNTED.where(_UNSPENT))
_ASKED = Statement(
    sa.select(id_batches.c.kind, id_batches.c.state, sa.func.sum(id_batches.c.asked))
    .where(_UNANSWERED)
    .group_by(id_batches.c.kind, id_batches.c.state)
)


def take(connection: sa.Connection, kind: IdKind, chip_id: str) -> str:
    """Reserve the free id that came first for ``chip_id``. Raises PoolEmpty.

    An id that another open transaction holds reads as not there; so, before the pool is called empty, ask again and wait
    for it.
    """
    for attempt in range(_TAKE_TRIES):
        statement = _FREE_NOT_LOCKED if attempt == 0 else _FREE_WAITING
        value = statement.scalar(connection, {"k": kind.value})
        if value is not None and _moved(connection, _TAKE, kind, value, IdState.RESERVED, chip_id):
            return str(value)
    raise PoolEmpty(f"no free {NAMES[kind]} is left in the pool")


def claim_scanned(connection: sa.Connection, sn: str, chip_id: str) -> None:
    """Reserve the SN that a scan gave, whether or not it came from the API through this journal.
    Raises UnitError("unit.sn_taken")."""
    row = _ONE.row(connection, {"k": IdKind.SN.value, "v": sn})
    if row is None:
        _add(connection, IdKind.SN, sn, IdState.RESERVED, chip_id)
    elif row["state"] == IdState.FREE:
        _moved(connection, _MOVE_ANY, IdKind.SN, sn, IdState.RESERVED, chip_id)
    else:
        raise UnitError("unit.sn_taken", f"SN {sn} is {row['state']} by chip {row['chip_id']}")


def forget_scanned(connection: sa.Connection, sn: str, chip_id: str) -> None:
    """End a unit's claim on an SN that only a scan brought: it is another board's, or nobody's."""
    scanned = sa.and_(ids.c.kind == IdKind.SN.value, ids.c.value == sn, ids.c.chip_id == chip_id, ids.c.batch.is_(None))
    connection.execute(sa.delete(ids).where(scanned))


def name(connection: sa.Connection, kind: IdKind, value: str, chip_id: str) -> None:
    """Note that a call is about to name the id of this unit. Raises JournalContradiction for an id that is not this unit's
    or is out of use."""
    row = _ONE.row(connection, {"k": kind.value, "v": value})
    if row is None or row["chip_id"] != chip_id or row["state"] == IdState.RETIRED:
        raise JournalContradiction(f"{NAMES[kind]} {remark(value)} is not chip {chip_id}'s to use: {_standing(row)}")
    if row["state"] == IdState.RESERVED:
        _moved(connection, _MOVE_ANY, kind, value, IdState.NAMED, chip_id)


def use(connection: sa.Connection, kind: IdKind, value: str, chip_id: str, *, even_retired: bool = False) -> None:
    """Note that the API confirmed the id for this unit, whoever chose it.

    ``even_retired`` takes an id back into use that was retired for this same unit. Raises JournalContradiction where the id
    is another chip's (the message names it), or is out of use.
    """
    problem = id_problem(value)
    if problem is not None:
        raise JournalContradiction(f"{NAMES[kind]} {remark(value, 80)!r}: {problem}")
    if _moved(connection, _USE, kind, value, IdState.USED, chip_id):
        return  # as nearly always: the id is the one that this unit's call named
    row = _ONE.row(connection, {"k": kind.value, "v": value})
    if row is None:
        _add(connection, kind, value, IdState.USED, chip_id)
        return
    own = row["chip_id"] == chip_id and (row["state"] != IdState.RETIRED or even_retired)
    if not (own or row["state"] == IdState.FREE):
        raise JournalContradiction(f"{NAMES[kind]} {value} cannot be chip {chip_id}'s: {_standing(row)}")
    if row["state"] != IdState.USED:
        _moved(connection, _MOVE_ANY, kind, value, IdState.USED, chip_id)


def retire(connection: sa.Connection, kind: IdKind, value: str, chip_id: str) -> str:
    """Take an id out of use on behalf of ``chip_id``, and return in words what was done.

    An id that another unit has named or uses stays that unit's: its call was sent, and its record must not be lost.
    """
    label = f"{NAMES[kind]} {remark(value, 200)}"
    if id_problem(value) is not None:
        return f"{label} is no possible id"
    row = _ONE.row(connection, {"k": kind.value, "v": value})
    if row is None:
        _add(connection, kind, value, IdState.RETIRED, chip_id)
    elif row["chip_id"] not in (None, chip_id) and row["state"] in (IdState.NAMED, IdState.USED):
        return f"{label} stays with chip {row['chip_id']}"
    elif row["state"] != IdState.RETIRED:
        _moved(connection, _MOVE_ANY, kind, value, IdState.RETIRED, row["chip_id"] or chip_id)
    return f"{label} retired"


def is_retired(connection: sa.Connection, kind: IdKind, value: str) -> bool:
    row = _ONE.row(connection, {"k": kind.value, "v": value})
    return row is not None and row["state"] == IdState.RETIRED


def begin_batch(connection: sa.Connection, now_ms: int, station: str, kind: IdKind, asked: int) -> int:
    if not 1 <= asked <= BATCH_MAX:
        raise JournalMisuse(f"a batch is 1 to {BATCH_MAX} ids, not {asked}")
    row = {
        "kind": kind.value,
        "station": station,
        "asked": asked,
        "state": BatchState.REQUESTED,
        "requested_at": now_ms,
    }
    (batch_id,) = connection.execute(sa.insert(id_batches).values(**row)).inserted_primary_key or (0,)
    return int(batch_id)


def finish_batch(connection: sa.Connection, now_ms: int, batch_id: int, values: Sequence[str]) -> BatchReport:
    """Take in the unique, well-formed, never-seen ids of an answer; the rest is reported."""
    batch = _requested(connection, batch_id)
    kind, asked = IdKind(batch["kind"]), int(batch["asked"])
    within = [value for value in dict.fromkeys(values[:BATCH_MAX]) if id_problem(value) is None]
    known: set[str] = set()
    if within:
        seen = sa.select(ids.c.value).where(ids.c.kind == kind.value, ids.c.value.in_(within))
        known = set(connection.execute(seen).scalars())
    accepted = tuple(value for value in within if value not in known)
    report = BatchReport(batch_id, kind, asked, accepted, tuple(_rejects(values, known)))
    if accepted:
        free = {"kind": kind.value, "state": IdState.FREE.value, "batch": batch_id, "chip_id": None}
        _ADD.change_each(connection, [free | {"value": value} for value in accepted])
    detail = "; ".join(f"{value!r}: {reason}" for value, reason in report.rejected)
    _close_batch(connection, now_ms, batch_id, BatchState.ANSWERED, detail, len(accepted))
    return report


def end_batch(connection: sa.Connection, now_ms: int, batch_id: int, state: BatchState, detail: str) -> None:
    """Note that a batch brought nothing: refused, or its answer lost."""
    _requested(connection, batch_id)
    _close_batch(connection, now_ms, batch_id, state, detail, 0)


def levels(connection: sa.Connection, *, count_used: bool) -> PoolLevels:
    """The pool by kind and state. Counting the used ids reads all of them; the rest costs the same at any size."""
    counts = dict.fromkeys(IdKind, PoolCounts(used=0 if count_used else None))
    for kind, state, number in (_BY_STATE if count_used else _UNSPENT_BY_STATE).tuples(connection):
        counts[IdKind(kind)] = replace(counts[IdKind(kind)], **{state: number})
    names = {BatchState.LOST: "possibly_lost", BatchState.REQUESTED: "in_flight"}
    for kind, state, number in _ASKED.tuples(connection):
        if BatchState(state) in names:
            counts[IdKind(kind)] = replace(counts[IdKind(kind)], **{names[BatchState(state)]: int(number)})
    return PoolLevels(counts)


def _rejects(values: Sequence[str], known: set[str]) -> list[tuple[str, str]]:
    """Each value not taken, in order, with the reason."""
    rejects: list[tuple[str, str]] = []
    met: set[str] = set()
    for value in values[:BATCH_MAX]:
        reason = id_problem(value) or ("twice in one answer" if value in met else None)
        if reason is None and value in known:
            reason = "on record already"
        met.add(value)
        if reason is not None:
            rejects.append((remark(value, 200), reason))
    if len(values) > BATCH_MAX:
        rejects.append((f"{len(values) - BATCH_MAX} more", f"more than {BATCH_MAX} in one answer"))
    return rejects


def _requested(connection: sa.Connection, batch_id: int) -> sa.RowMapping:
    statement = sa.select(id_batches).where(id_batches.c.id == batch_id).with_for_update()
    batch = connection.execute(statement).mappings().one_or_none()
    if batch is None or batch["state"] != BatchState.REQUESTED:
        raise JournalContradiction(
            f"batch {batch_id} is {'unknown' if batch is None else batch['state']}, not requested"
        )
    return batch


def _close_batch(
    connection: sa.Connection, now_ms: int, batch_id: int, state: BatchState, detail: str, accepted: int
) -> None:
    values = {"state": state, "detail": remark(detail), "accepted": accepted, "answered_at": now_ms}
    connection.execute(sa.update(id_batches).where(id_batches.c.id == batch_id).values(**values))


def _add(connection: sa.Connection, kind: IdKind, value: str, state: IdState, chip_id: str) -> None:
    row = {"kind": kind.value, "value": value, "state": state.value, "batch": None, "chip_id": chip_id}
    _ADD.change(connection, row)


def _moved(
    connection: sa.Connection, statement: Statement, kind: IdKind, value: str, state: IdState, chip_id: str
) -> bool:
    moved = {"k": kind.value, "v": value, "new_state": state.value, "new_chip": chip_id}
    return statement.change(connection, moved) == 1


def _standing(row: Row | None) -> str:
    if row is None:
        return "it is not on record"
    return f"it is {row['state']}" + (f" by chip {row['chip_id']}" if row["chip_id"] else "")
