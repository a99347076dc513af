"""The index of session logs: which cycles answer to a search, and which have a log that nobody noted."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from station.journal.schema import cycles, sessions, units
from station.journal.text import id_problem

SEARCH_MAX = 1_000_000
NEWEST_LOOKED_AT = 1000
"""A crash leaves at most one log a socket that was not noted, of its last cycle; a journal that failed for a while some more."""

FEW_UNITS = 200


@dataclass(frozen=True, slots=True)
class CycleSearch:
    """Cycles of one station that answer to every criterion given; of an id its beginning is enough. The DeviceID and SN are those
    that the cycle's unit has now. ``since_ms`` and ``before_ms`` bound the start, ``after_cycle`` and ``before_cycle`` the number,
    neither being in it."""

    station: str
    any_id: str | None = None
    """A chipId, DeviceID or SN, or how one begins."""
    chip_id: str | None = None
    device_id: str | None = None
    sn: str | None = None
    socket: str | None = None
    outcome: str | None = None
    code: str | None = None
    since_ms: int | None = None
    before_ms: int | None = None
    after_cycle: int | None = None
    before_cycle: int | None = None
    oldest_first: bool = False
    limit: int = 1000

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= SEARCH_MAX:
            raise ValueError(f"limit must be 1 to {SEARCH_MAX}, not {self.limit}")


@dataclass(frozen=True, slots=True)
class CycleFound:
    """A cycle and where its log is: ``session`` is the path it was given at its start, ``path`` the one that was noted, relative to
    the session directory, and with ``size_bytes`` None where none was. ``ended_at_ms``, ``outcome`` and ``label`` are None while it
    runs."""

    cycle: int
    session: str
    started_at_ms: int
    station: str
    socket: str
    outcome: str | None
    code: str | None
    chip_id: str | None
    device_id: str | None
    sn: str | None
    duration_s: float | None
    path: str | None
    size_bytes: int | None
    ended_at_ms: int | None
    label: str | None
    message: str


def search(connection: sa.Connection, wanted: CycleSearch) -> tuple[CycleFound, ...]:
    """Newest first, or as asked; at most ``wanted.limit``."""
    texts = (wanted.any_id, wanted.chip_id, wanted.device_id, wanted.sn, wanted.socket, wanted.outcome, wanted.code)
    if any(text is not None and (not text or not text.isprintable()) for text in texts):
        return ()
    statement = (
        sa.select(
            cycles.c.cycle,
            cycles.c.session,
            cycles.c.started_at.label("started_at_ms"),
            cycles.c.station,
            cycles.c.socket,
            cycles.c.outcome,
            cycles.c.code,
            cycles.c.chip_id,
            units.c.device_id,
            units.c.sn,
            cycles.c.duration_s,
            sessions.c.path,
            sessions.c.size_bytes,
            cycles.c.ended_at.label("ended_at_ms"),
            cycles.c.label,
            cycles.c.message,
        )
        .select_from(
            cycles.outerjoin(units, units.c.chip_id == cycles.c.chip_id).outerjoin(
                sessions, sessions.c.cycle == cycles.c.cycle
            )
        )
        .where(cycles.c.station == wanted.station)
        .order_by(cycles.c.cycle if wanted.oldest_first else cycles.c.cycle.desc())
        .limit(wanted.limit)
    )
    conditions = _conditions(wanted)
    if wanted.any_id is not None:
        conditions.append(_of_any_id(connection, wanted.any_id))
    for condition in conditions:
        statement = statement.where(condition)
    return tuple(CycleFound(**row) for row in connection.execute(statement).mappings())


def unnoted(connection: sa.Connection, station: str, newest: int = NEWEST_LOOKED_AT) -> tuple[tuple[int, str], ...]:
    """Of the newest cycles of this station those without a noted log, oldest first: the cycle and the path it was given."""
    latest = (
        sa.select(cycles.c.cycle, cycles.c.session)
        .where(cycles.c.station == station)
        .order_by(cycles.c.cycle.desc())
        .limit(newest)
        .subquery()
    )
    noted = sa.exists().where(sessions.c.cycle == latest.c.cycle)
    statement = sa.select(latest).where(sa.not_(noted)).order_by(latest.c.cycle)
    return tuple((int(row.cycle), str(row.session)) for row in connection.execute(statement))


def begins_with(column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    """A range of the column's index; ids compare by code point on both databases."""
    return sa.and_(column >= text, column < text + "\U0010ffff")


def _conditions(wanted: CycleSearch) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.chip_id is not None:
        found.append(_prefix(cycles.c.chip_id, wanted.chip_id))
    for column, text in ((units.c.device_id, wanted.device_id), (units.c.sn, wanted.sn)):
        if text is not None:
            found.append(cycles.c.chip_id.in_(sa.select(units.c.chip_id).where(_prefix(column, text))))
    for column, text in (
        (cycles.c.socket, wanted.socket),
        (cycles.c.outcome, wanted.outcome),
        (cycles.c.code, wanted.code),
    ):
        if text is not None:
            found.append(column == text)
    if wanted.since_ms is not None:
        found.append(cycles.c.started_at >= wanted.since_ms)
    if wanted.before_ms is not None:
        found.append(cycles.c.started_at < wanted.before_ms)
    if wanted.after_cycle is not None:
        found.append(cycles.c.cycle > wanted.after_cycle)
    if wanted.before_cycle is not None:
        found.append(cycles.c.cycle < wanted.before_cycle)
    return found


def _of_any_id(connection: sa.Connection, text: str) -> sa.ColumnElement[bool]:
    """Cycles of units of which an id begins so. Few units are named each, which takes an index; the cycles of many are met soon by
    going through the newest."""
    if id_problem(text) is not None:
        return sa.false()
    ids = (units.c.chip_id, units.c.device_id, units.c.sn)
    # A cycle may know the chip of a unit that nothing was ever reserved for.
    mentioned = sa.select(cycles.c.chip_id).where(begins_with(cycles.c.chip_id, text)).limit(FEW_UNITS + 1)
    found = set(connection.execute(mentioned).scalars())
    for column in ids:
        found.update(
            connection.execute(
                sa.select(units.c.chip_id).where(begins_with(column, text)).limit(FEW_UNITS + 1)
            ).scalars()
        )
    if len(found) <= FEW_UNITS:
        return cycles.c.chip_id.in_(sorted(found))
    return sa.or_(*(begins_with(column, text) for column in (cycles.c.chip_id, units.c.device_id, units.c.sn)))


def _prefix(column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    return sa.false() if id_problem(text) is not None else begins_with(column, text)
