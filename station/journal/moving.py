"""Moving a journal from its file to a database on a server, all of it in one transaction there.

The file stays, marked as moved: opening it again is refused, so that there is one truth from then on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from drivers.clock import Clock
from station.journal import advisory, postgresql, server, sqlite, versions
from station.journal.errors import JournalAddress, JournalError, JournalOccupied
from station.journal.opening import LOCK_TIMEOUT_S, open_journal
from station.journal.place import ServerPlace, place_of
from station.journal.schema import alembic_version, metadata
from station.journal.store import Store
from station.model import IdSource
from station.secrets import Secret

LIMIT_S = 4 * 3600.0
"""Bound of one statement; a million units take a few minutes in all."""
CHUNK_ROWS = 2000
_NAME = "moving a journal"


def move(path: Path, target: Secret, station: str, clock: Clock) -> dict[str, int]:
    """Copy the journal at ``path`` into the empty database ``target`` and mark the file as moved; return the rows of each table,
    counted in both. No agent may run on either.

    Raises JournalError where there is no journal, JournalLocked where an agent runs, JournalOccupied for a database with anything
    in it, and what opening either raises. Whatever is raised, the file is as it was, and the database too but for empty tables.
    """
    place = place_of(target)
    if not isinstance(place, ServerPlace):
        raise JournalAddress(f"{place}: a journal is moved to a database on a server")
    if not path.is_file():
        raise JournalError(f"{path}: there is no journal")
    open_journal(
        path, clock, IdSource.POOL, station
    ).close()  # an older one becomes this version's, a crash's leavings are noted
    with sqlite.OwnerLock(path):
        source = sqlite.writer(path, LOCK_TIMEOUT_S)
        try:
            return _move(source, place)
        finally:
            source.close()


def _move(source: Store, place: ServerPlace) -> dict[str, int]:
    connect = postgresql.connector(place, _NAME, LOCK_TIMEOUT_S)
    target = server.server_store(postgresql.shared_engine(connect, LOCK_TIMEOUT_S), place)

    def work(reading: sa.Connection) -> dict[str, int]:
        versions.check(reading)
        counts = target.run(lambda writing: _copy_all(reading, writing, place.name))
        reading.execute(sa.update(alembic_version).values(version_num=versions.MOVED))
        return counts

    try:
        target.run(lambda connection: postgresql.check_server(connection, place.name))
        server.bring_up(target, place)
        return source.run(work)
    finally:
        target.close()


def _copy_all(reading: sa.Connection, writing: sa.Connection, name: str) -> dict[str, int]:
    _take_time(writing)
    versions.check(writing)
    advisory.hold_alone(writing, name)
    for table in metadata.sorted_tables:
        if writing.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
            raise JournalOccupied(
                f"{name}: its table {table.name} is not empty; this journal may have been moved there already"
            )
    counts: dict[str, int] = {}
    for table in metadata.sorted_tables:
        try:
            _copy(reading, writing, table)
        except psycopg.Error as error:  # from the driver itself: SQLAlchemy has no COPY
            raise postgresql.mapped(error, name) from error
        counts[table.name], there = (_count(connection, table) for connection in (reading, writing))
        if counts[table.name] != there:
            raise JournalError(f"{name}: {there} of {counts[table.name]} rows of {table.name} arrived")
    writing.exec_driver_sql("ANALYZE " + ", ".join(counts))
    return counts


def _copy(reading: sa.Connection, writing: sa.Connection, table: sa.Table) -> None:
    columns = ", ".join(column.name for column in table.columns)
    rows = reading.execute(sa.select(*table.columns))
    with _driver(writing).cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for chunk in rows.partitions(CHUNK_ROWS):
            for row in chunk:
                copy.write_row(row)
    counter = table.autoincrement_column
    if counter is not None:
        highest = writing.execute(sa.select(sa.func.max(counter))).scalar_one()
        if highest is not None:
            sequence = sa.func.pg_get_serial_sequence(table.name, counter.name)
            writing.execute(sa.select(sa.func.setval(sequence, highest)))


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _take_time(connection: sa.Connection) -> None:
    """References are checked at the end of a table's copy, which takes minutes for millions of rows."""
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(LIMIT_S * 1000)}")
    _driver(connection).silence_s = LIMIT_S + postgresql.SILENCE_S


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection
