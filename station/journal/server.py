"""Opening a journal that is in a database of PostgreSQL; imported only for one."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import sqlalchemy as sa

from drivers.clock import Clock
from station.journal import advisory, postgresql, versions
from station.journal.journal import Journal
from station.journal.place import ServerPlace
from station.journal.reading import JournalReader
from station.journal.store import Border, PooledStore, Store
from station.journal.text import checked_id
from station.model import IdSource

READER = "(reading)"
"""What a session that owns nothing calls its station."""

logger = logging.getLogger(__name__)


def open_on_server(place: ServerPlace, clock: Clock, ids: IdSource, station: str, lock_timeout_s: float) -> Journal:
    """See ``opening.open_journal``. Agents that start at once on an empty database make it once."""
    closing = ExitStack()
    with ExitStack() as on_failure:
        on_failure.callback(closing.close)
        connect = postgresql.connector(place, checked_id("station", station), lock_timeout_s)
        engine = postgresql.shared_engine(connect, lock_timeout_s)
        store = server_store(engine, place)
        closing.callback(store.close)
        store.run(lambda connection: postgresql.check_server(connection, place.name))
        bring_up(store, place)
        reader = _reader(engine, place)
        closing.callback(reader.close)
        tenure = advisory.SessionTenure(connect, place.name, station, clock)
        closing.callback(tenure.close)
        journal = Journal(store, reader, clock, ids, station, closing, tenure)
        journal.recover()
        for problem in store.run(postgresql.durability_problems):
            logger.warning("journal %s: %s", place.name, problem)
        logger.info("journal %s, PostgreSQL %s", place.name, store.run(postgresql.version))
        on_failure.pop_all()
    return journal


def reader_on_server(place: ServerPlace, lock_timeout_s: float) -> JournalReader:
    """A reader with connections of its own."""
    connect = postgresql.connector(place, READER, lock_timeout_s)
    return _reader(postgresql.shared_engine(connect, lock_timeout_s), place)


def server_store(engine: sa.Engine, place: ServerPlace) -> Store:
    """Transactions that write."""
    border = Border(postgresql.mapped, postgresql.should_be_tried_again)
    return PooledStore(engine, place.name, border)


def bring_up(store: Store, place: ServerPlace) -> None:
    """Make or upgrade the schema, once, whoever comes first. Raises what ``versions.bring_up_shared`` raises."""
    versions.bring_up_shared(
        store, place.name, advisory.hold_schema, lambda connection: advisory.hold_alone(connection, place.name)
    )


def _reader(engine: sa.Engine, place: ServerPlace) -> JournalReader:
    border = Border(postgresql.mapped, postgresql.should_be_tried_again, postgresql.read_only)
    store = PooledStore(engine, place.name, border)
    return JournalReader(store, postgresql)
