"""Which schema a journal has, and how an older one becomes this version's.

A new journal is made straight from ``schema``: 10 ms, where importing Alembic and running its migrations costs 150 ms of every
first start. Alembic is imported only for a journal that is older. A test holds both ways to the same schema.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from station.journal import sqlite
from station.journal.errors import JournalCorrupt, JournalEmpty, JournalVersion
from station.journal.schema import HEAD, KNOWN_REVISIONS, alembic_version, make_ready_for, metadata, version_metadata
from station.journal.store import Store

MOVED = "moved"
"""Stands for the revision in a file whose journal is on a server now (``station.journal.moving``)."""
MIGRATIONS = Path(__file__).parent / "migrations"

logger = logging.getLogger(__name__)


def bring_up(store: Store, path: Path, now_ms: int) -> None:
    """Make or upgrade the journal, in one transaction. An older one is copied first, to ``<journal>.<revision>-<ms>.bak``.

    Raises JournalVersion for one that is newer, JournalCorrupt for a database that is no journal.
    """
    found = store.run(revision)
    if found is None:
        store.run(_create)
    elif found != HEAD:
        _refuse_unknown(found)
        copy = path.with_name(f"{path.name}.{found}-{now_ms}.bak")
        _keep(path, copy)
        logger.warning("journal %s: from schema %s to %s; the old one is kept as %s", path, found, HEAD, copy)
        store.run(upgrade)


def bring_up_shared(
    store: Store, name: str, wait_for_turn: Callable[[sa.Connection], None], keep_out: Callable[[sa.Connection], None]
) -> None:
    """The same for a database on which several agents start at once: one makes it, and the others wait for it
    (``wait_for_turn``). A schema that is in use is not upgraded: ``keep_out`` raises JournalLocked. No copy is made first."""

    def work(connection: sa.Connection) -> None:
        wait_for_turn(connection)
        found = revision(connection)
        if found is None:
            _create(connection)
        elif found != HEAD:
            _refuse_unknown(found)
            keep_out(connection)
            logger.warning("journal %s: from schema %s to %s", name, found, HEAD)
            upgrade(connection)

    if store.run(revision) != HEAD:
        store.run(work)


def check(connection: sa.Connection) -> None:
    """Raises JournalVersion unless the journal has exactly this version's schema."""
    found = revision(connection)
    if found is None:
        raise JournalEmpty("the journal is empty: start the agent to make it")
    _refuse_unknown(found)
    if found != HEAD:
        raise JournalVersion(f"the journal has the older schema {found}: start the agent once to bring it to {HEAD}")


def revision(connection: sa.Connection) -> str | None:
    """The schema's revision, or None for a database without tables. Raises JournalCorrupt for one that is no journal."""
    names = sa.inspect(connection).get_table_names()
    if not names:
        return None
    if alembic_version.name not in names:
        raise JournalCorrupt(f"a database, but no journal: it holds {', '.join(sorted(names)[:5])}")
    found = connection.execute(sa.select(alembic_version.c.version_num)).scalars().all()
    if len(found) != 1:
        raise JournalCorrupt(f"the journal has {len(found)} schema revisions, not one")
    return str(found[0])


def upgrade(connection: sa.Connection, target: str = "head") -> None:
    """Run the migrations up to ``target`` inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def _create(connection: sa.Connection) -> None:
    make_ready_for(connection.dialect.name)
    metadata.create_all(connection, checkfirst=False)
    version_metadata.create_all(connection, checkfirst=False)
    connection.execute(sa.insert(alembic_version).values(version_num=HEAD))


def _keep(path: Path, copy: Path) -> None:
    store = sqlite.reader(path, 0)
    try:
        store.run(lambda connection: sqlite.backup(connection, copy))
    finally:
        store.close()


def _refuse_unknown(found: str) -> None:
    if found == MOVED:
        raise JournalVersion("the journal was moved to a server's database: name that as database.url")
    if found not in KNOWN_REVISIONS:
        raise JournalVersion(f"the journal has schema {found}; this version knows {KNOWN_REVISIONS[0]} to {HEAD}")
