"""Opening a journal: as its one owner, or to read only."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import ExitStack
from pathlib import Path

from drivers.clock import Clock
from station.journal import sqlite, versions
from station.journal.errors import JournalError
from station.journal.journal import Journal
from station.journal.reading import JournalReader
from station.journal.store import Store
from station.model import IdSource

LOCK_TIMEOUT_S = 5.0
"""How long one transaction waits for its turn. A commit takes about a millisecond, on a failing disk far longer."""

_SQLITE_URL = "sqlite:///"

logger = logging.getLogger(__name__)


def open_journal(
    location: Path | str, clock: Clock, ids: IdSource, station: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S
) -> Journal:
    """Own the journal at ``location`` (a path, or ``sqlite:///path``), made if it is not there and brought to this version's
    schema if it is older; what the last agent left open is written down (``Journal.recover``).

    Raises JournalLocked, JournalCorrupt, JournalVersion, JournalError.
    """
    path = path_of(location)
    closing = ExitStack()
    with ExitStack() as on_failure:
        on_failure.callback(closing.close)
        sqlite.make_directory(path)
        closing.enter_context(sqlite.OwnerLock(path))
        sqlite.prepare_file(path)
        store = Store(sqlite.writer_engine(path, lock_timeout_s), str(path), serial=True, lock_timeout_s=lock_timeout_s)
        closing.callback(store.close)
        store.run(lambda connection: sqlite.check_file(connection, path))
        versions.bring_up(store, path, int(clock.wall_s() * 1000))
        reader = _reader(path, lock_timeout_s)
        closing.callback(reader.close)
        journal = Journal(store, reader, clock, ids, station, closing)
        journal.recover()
        on_failure.pop_all()
    logger.info("journal %s, SQLite %s", path, sqlite3.sqlite_version)
    return journal


def open_journal_readonly(location: Path | str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> JournalReader:
    """Look into the journal at ``location`` beside the agent that owns it, or without one. Writes nothing.

    Raises JournalError where there is none, JournalCorrupt, and JournalVersion for one of another version, older ones too.
    """
    path = path_of(location)
    if not path.is_file():
        raise JournalError(f"{path}: there is no journal")
    reader = _reader(path, lock_timeout_s)
    try:
        reader.check_version()
    except JournalError:
        reader.close()
        raise
    return reader


def path_of(location: Path | str) -> Path:
    """The file that ``location`` means. Raises JournalError for what is no path and no ``sqlite:///`` address."""
    if isinstance(location, str) and "://" in location:
        if not location.startswith(_SQLITE_URL) or len(location) == len(_SQLITE_URL):
            raise JournalError(f"{location.partition('://')[0]}://: only {_SQLITE_URL}path is known")
        return Path(location.removeprefix(_SQLITE_URL))
    return Path(location)


def _reader(path: Path, lock_timeout_s: float) -> JournalReader:
    engine = sqlite.reader_engine(path, lock_timeout_s)
    return JournalReader(Store(engine, str(path), serial=True, lock_timeout_s=lock_timeout_s))
