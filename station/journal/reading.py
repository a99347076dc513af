"""Look-ups that never write: listings, one unit's history, the pool's levels, and whether the journal agrees with itself.

They run on a connection of their own, so that no listing, however large the journal, delays a cycle. What only the page and the
commands ask for (``audit_log``, ``desk_lists``, ``statistics``) is imported when it is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from station.journal import allocation, session_index, units, versions
from station.journal.pool import BatchState, PoolLevels
from station.journal.records import (
    LISTING_MAX,
    AuditRecord,
    CycleRecord,
    EffectRecord,
    LabelRecord,
    SessionRecord,
    UnitHistory,
    UnitQuery,
    UnitTimes,
)
from station.journal.schema import audit, cycles, effects, id_batches, ids, labels, sessions, steps
from station.journal.schema import units as units_table
from station.journal.session_index import CycleFound, CycleSearch, begins_with
from station.journal.store import Store
from station.journal.text import id_problem
from station.model import Effect, EffectKind, EffectState, IdKind, LabelFate, Outcome, Unit

if TYPE_CHECKING:
    from station.journal.audit_log import AuditLine, AuditQuery
    from station.journal.desk_lists import LostBatch, ReprintLine
    from station.journal.statistics import CodeCount, Slot, StatisticsQuery, StepTime

_ID_COLUMNS = (units_table.c.chip_id, units_table.c.device_id, units_table.c.sn)


class Upkeep(Protocol):
    """What is done differently with a file and with a server's database (the modules ``sqlite`` and ``postgresql``)."""

    def file_problems(self, connection: sa.Connection, /) -> list[str]: ...

    def durability_problems(self, connection: sa.Connection, /) -> list[str]: ...

    def backup(self, connection: sa.Connection, target: Path, /) -> None: ...


class JournalReader:
    """The journal for people and other commands. Every method raises JournalError where the database fails."""

    def __init__(self, store: Store, upkeep: Upkeep) -> None:
        self._store = store
        self._upkeep = upkeep

    def find_unit(self, chip_id: str) -> Unit | None:
        """The unit with its open effects, or None."""
        return self._store.run(lambda connection: units.find(connection, chip_id))

    def units(self, query: UnitQuery | None = None) -> tuple[Unit, ...]:
        """Units that answer to the query, newest first. A text that is exactly an id finds that unit alone; else it finds
        the units of which an id begins with it."""
        return self._store.run(lambda connection: _list_units(connection, query or UnitQuery()))

    def unit_history(self, chip_id: str) -> UnitHistory | None:
        """All that is on record of a unit, or None for a chip never reserved for."""
        return self._store.run(lambda connection: _history(connection, chip_id))

    def audit_lines(self, wanted: AuditQuery) -> tuple[AuditLine, ...]:
        """What people did at a station, newest first."""
        from station.journal import audit_log

        return self._store.run(lambda connection: audit_log.lines(connection, wanted))

    def reprints(self, before: int | None = None, limit: int = 100) -> tuple[ReprintLine, ...]:
        """Labels that somebody asked for once more, newest first: those before the line numbered ``before``."""
        from station.journal import desk_lists

        return self._store.run(lambda connection: desk_lists.reprints(connection, before, limit))

    def lost_batches(self, limit: int = 100) -> tuple[LostBatch, ...]:
        """Batches of ids whose answer was lost, newest first."""
        from station.journal import desk_lists

        return self._store.run(lambda connection: desk_lists.lost_batches(connection, limit))

    def has_retired_id(self, unit: Unit) -> bool:
        """Whether an id that the unit holds is out of use."""
        from station.journal import desk_lists

        return self._store.run(lambda connection: desk_lists.has_retired_id(connection, unit))

    def cycles(self, limit: int = 100) -> tuple[CycleRecord, ...]:
        """The last cycles, newest first; at most ``LISTING_MAX``."""
        newest = sa.select(cycles).order_by(cycles.c.cycle.desc()).limit(min(max(limit, 1), LISTING_MAX))
        return self._store.run(lambda connection: _cycles(connection, newest))

    def session(self, cycle: int) -> SessionRecord | None:
        """The finished session log of a cycle, or None where none is on record."""
        statement = sa.select(sessions).where(sessions.c.cycle == cycle)
        row = self._store.run(lambda connection: connection.execute(statement).mappings().one_or_none())
        return None if row is None else SessionRecord(**row)

    def find_sessions(self, wanted: CycleSearch) -> tuple[CycleFound, ...]:
        """Cycles that answer to the search, newest first, and where their logs are."""
        return self._store.run(lambda connection: session_index.search(connection, wanted))

    def unnoted_sessions(self, station: str) -> tuple[tuple[int, str], ...]:
        """Of the newest cycles of this station those without a noted log, oldest first: the cycle and the path it was given."""
        return self._store.run(lambda connection: session_index.unnoted(connection, station))

    def production(self, wanted: StatisticsQuery) -> tuple[Slot, ...]:
        """The cycles that ended, counted by outcome and quarter of an hour, oldest first."""
        from station.journal import statistics

        return self._store.run(lambda connection: statistics.slots(connection, wanted))

    def step_times(self, wanted: StatisticsQuery) -> tuple[StepTime, ...]:
        """How long PASSes and each of their steps took."""
        from station.journal import statistics

        return self._store.run(lambda connection: statistics.step_times(connection, wanted))

    def codes(self, wanted: StatisticsQuery) -> tuple[CodeCount, ...]:
        """What cycles ended with that were not PASS, the most frequent first."""
        from station.journal import statistics

        return self._store.run(lambda connection: statistics.codes(connection, wanted))

    def pool_levels(self, *, count_used: bool = False) -> PoolLevels:
        """The pool by kind and state. ``count_used`` also counts the ids used, which takes longer the more there are."""
        return self._store.run(lambda connection: allocation.levels(connection, count_used=count_used))

    def lost_in_a_row(self, station: str) -> dict[IdKind, int]:
        """For each kind, how many batches of this station lost their answer since the last one that was answered."""
        return self._store.run(lambda connection: _lost_in_a_row(connection, station))

    def backlog(self) -> tuple[int, dict[EffectKind, int], int]:
        """How many units are held, how many effects are not settled, by kind, and how many of those are labels in doubt; all by an
        index of just these."""
        return self._store.run(_backlog)

    def sessions_of_open_units(self) -> tuple[str, ...]:
        """The session logs, as they were noted, of the cycles of every unit that is held or has an effect not settled."""
        return self._store.run(_sessions_of_open_units)

    def integrity_check(self) -> tuple[str, ...]:
        """What is wrong with the journal, in words; empty where the file is whole and agrees with itself. Reads all of it."""
        return self._store.run(lambda connection: (*self._upkeep.file_problems(connection), *_problems(connection)))

    def durability_problems(self) -> tuple[str, ...]:
        """How the database is run so that a power cut may lose what was acknowledged, in words."""
        return tuple(self._store.run(self._upkeep.durability_problems))

    def backup(self, target: Path) -> None:
        """Copy the journal as it is at this moment to a new file, mode 0600, while cycles go on. Raises JournalError where
        ``target`` exists or cannot be written, JournalOnServer where the journal is not in a file."""
        self._store.run(lambda connection: self._upkeep.backup(connection, target))

    def check_version(self) -> None:
        """Raises JournalVersion unless the journal has this version's schema, JournalCorrupt where it is no journal."""
        self._store.run(versions.check)

    def close(self) -> None:
        """Close the connection."""
        self._store.close()


def _list_units(connection: sa.Connection, query: UnitQuery) -> tuple[Unit, ...]:
    if query.text is not None and id_problem(query.text) is not None:
        return ()
    statement = sa.select(units_table)
    if query.status is not None:
        statement = statement.where(units.has_status(query.status))
    if query.held is not None:
        held = units_table.c.hold.isnot(None)
        statement = statement.where(held if query.held else sa.not_(held))
    if query.scrapped is not None:
        is_scrapped = units_table.c.scrapped_at.isnot(None)
        statement = statement.where(is_scrapped if query.scrapped else sa.not_(is_scrapped))
    if query.unsettled is not None:
        is_open = units_table.c.chip_id.in_(sa.select(effects.c.chip_id).where(effects.c.settled_at.is_(None)))
        statement = statement.where(is_open if query.unsettled else sa.not_(is_open))
    newest = statement.order_by(units_table.c.reserved_at.desc(), units_table.c.chip_id).limit(query.limit)
    if query.text is None:
        rows = connection.execute(newest).mappings().all()
    else:
        exact = sa.or_(*(column == query.text for column in _ID_COLUMNS))
        rows = connection.execute(newest.where(exact)).mappings().all()
        if not rows:
            begins = sa.or_(*(begins_with(column, query.text) for column in _ID_COLUMNS))
            rows = connection.execute(newest.where(begins)).mappings().all()
    open_by_chip = _open_effects(connection, [row["chip_id"] for row in rows])
    return tuple(units.unit_of(row, open_by_chip[row["chip_id"]]) for row in rows)


def _open_effects(connection: sa.Connection, chip_ids: list[str]) -> dict[str, list[Effect]]:
    found: dict[str, list[Effect]] = defaultdict(list)
    if chip_ids:
        is_open = effects.c.settled_at.is_(None)
        statement = sa.select(effects).where(is_open, effects.c.chip_id.in_(chip_ids)).order_by(effects.c.id)
        for row in connection.execute(statement).mappings():
            found[row["chip_id"]].append(units.effect_of(row))
    return found


def _history(connection: sa.Connection, chip_id: str) -> UnitHistory | None:
    if id_problem(chip_id) is not None:
        return None
    row = connection.execute(sa.select(units_table).where(units_table.c.chip_id == chip_id)).mappings().one_or_none()
    if row is None:
        return None
    return UnitHistory(
        unit=units.unit_of(row, units.open_effects(connection, chip_id)),
        station=row["station"],
        times=UnitTimes(*(row[f"{name}_at"] for name in _MOMENTS)),
        cycles=_cycles(connection, _newest(cycles, cycles.c.cycle, chip_id))[::-1],
        effects=tuple(_effect_record(row) for row in _rows(connection, effects, effects.c.id, chip_id)),
        labels=tuple(_label_record(row) for row in _rows(connection, labels, labels.c.effect, chip_id)),
        audit=tuple(_audit_record(row) for row in _rows(connection, audit, audit.c.id, chip_id)),
    )


_MOMENTS = ("reserved", "activated", "bound", "written", "verified", "shipped", "scrapped")


def _newest(table: sa.Table, order: sa.ColumnElement[Any], chip_id: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.chip_id == chip_id).order_by(order.desc()).limit(LISTING_MAX)


def _rows(
    connection: sa.Connection, table: sa.Table, order: sa.ColumnElement[Any], chip_id: str
) -> list[sa.RowMapping]:
    return list(reversed(connection.execute(_newest(table, order, chip_id)).mappings().all()))


def _cycles(connection: sa.Connection, statement: sa.Select[Any]) -> tuple[CycleRecord, ...]:
    rows = connection.execute(statement).mappings().all()
    in_order = sa.select(steps).where(steps.c.cycle.in_([row["cycle"] for row in rows])).order_by(steps.c.position)
    times: dict[int, list[tuple[str, float]]] = defaultdict(list)
    for step in connection.execute(in_order).mappings():
        times[step["cycle"]].append((step["step"], step["duration_s"]))
    return tuple(_cycle_record(row, tuple(times[row["cycle"]])) for row in rows)


def _cycle_record(row: sa.RowMapping, times: tuple[tuple[str, float], ...]) -> CycleRecord:
    return CycleRecord(
        cycle=row["cycle"],
        station=row["station"],
        socket=row["socket"],
        session=row["session"],
        started_at_ms=row["started_at"],
        ended_at_ms=row["ended_at"],
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        code=row["code"],
        chip_id=row["chip_id"],
        duration_s=row["duration_s"],
        message=row["message"],
        steps=times,
    )


def _effect_record(row: sa.RowMapping) -> EffectRecord:
    return EffectRecord(units.effect_of(row), row["cycle"], row["attempts"], row["intended_at"], row["settled_at"])


def _label_record(row: sa.RowMapping) -> LabelRecord:
    fate = LabelFate(row["fate"])
    return LabelRecord(row["copy_number"], row["sn"], fate, row["reason"], row["operator"], row["at"])


def _audit_record(row: sa.RowMapping) -> AuditRecord:
    return AuditRecord(row["at"], row["operator"], row["action"], row["reason"], row["detail"])


def _sessions_of_open_units(connection: sa.Connection) -> tuple[str, ...]:
    held = sa.select(units_table.c.chip_id).where(units_table.c.hold.isnot(None))
    unsettled = sa.select(effects.c.chip_id).where(effects.c.settled_at.is_(None))
    theirs = sa.select(cycles.c.cycle).where(cycles.c.chip_id.in_(held.union(unsettled)))
    return tuple(connection.execute(sa.select(sessions.c.path).where(sessions.c.cycle.in_(theirs))).scalars())


def _backlog(connection: sa.Connection) -> tuple[int, dict[EffectKind, int], int]:
    held = sa.select(sa.func.count()).select_from(units_table).where(units_table.c.hold.isnot(None))
    each = (effects.c.kind, effects.c.state)
    unsettled = sa.select(*each, sa.func.count()).where(effects.c.settled_at.is_(None)).group_by(*each)
    found = dict.fromkeys(EffectKind, 0)
    labels_in_doubt = 0
    for kind, state, number in connection.execute(unsettled):
        found[EffectKind(kind)] += int(number)
        if (kind, state) == (EffectKind.PRINT.value, EffectState.IN_DOUBT.value):
            labels_in_doubt = int(number)
    return int(connection.execute(held).scalar_one()), found, labels_in_doubt


def _lost_in_a_row(connection: sa.Connection, station: str) -> dict[IdKind, int]:
    found: dict[IdKind, int] = {}
    for kind in IdKind:
        mine = sa.and_(id_batches.c.station == station, id_batches.c.kind == kind.value)
        answered = sa.select(id_batches.c.id).where(mine, id_batches.c.state == BatchState.ANSWERED.value)
        last = connection.execute(answered.order_by(id_batches.c.id.desc()).limit(1)).scalar() or 0
        lost = sa.select(sa.func.count()).where(
            mine, id_batches.c.state == BatchState.LOST.value, id_batches.c.id > last
        )
        found[kind] = int(connection.execute(lost).scalar_one())
    return found


def _problems(connection: sa.Connection) -> tuple[str, ...]:
    problems: list[str] = []
    for kind, column in (("device_id", units_table.c.device_id), ("sn", units_table.c.sn)):
        mine = sa.and_(ids.c.kind == kind, ids.c.value == column)
        orphans = (
            sa.select(units_table.c.chip_id)
            .outerjoin(ids, mine)
            .where(column.isnot(None), ids.c.chip_id.is_distinct_from(units_table.c.chip_id))
        )
        found = connection.execute(orphans.limit(10)).scalars()
        problems += [f"unit {chip_id}: its {kind} is not recorded as its own" for chip_id in found]
    printed = (
        sa.select(sa.func.count())
        .where(labels.c.chip_id == units_table.c.chip_id, labels.c.fate == LabelFate.PRINTED.value)
        .scalar_subquery()
    )
    miscounted = sa.select(units_table.c.chip_id).where(units_table.c.labels_printed != printed).limit(10)
    problems += [f"unit {chip_id}: its labels are miscounted" for chip_id in connection.execute(miscounted).scalars()]
    return tuple(problems)
