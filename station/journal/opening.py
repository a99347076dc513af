"""Opening a journal: as its one owner, or to read only."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import ExitStack
from pathlib import Path

from drivers.clock import Clock
from station.journal import sqlite, versions
from station.journal.errors import JournalAddress, JournalError
from station.journal.journal import Journal
from station.journal.place import ServerPlace, place_of, require_driver
from station.journal.reading import JournalReader
from station.journal.tenure import FileTenure
from station.model import IdSource
from station.secrets import Secret

LOCK_TIMEOUT_S = 5.0
"""How long one transaction waits for its turn. A commit takes about a millisecond, on a failing disk far longer."""

logger = logging.getLogger(__name__)


def open_journal(
    location: Path | str | Secret, clock: Clock, ids: IdSource, station: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S
) -> Journal:
    """Own the journal at ``location`` (a path, ``sqlite:///path``, or ``postgresql://…``, where it is this station's part that is
    owned), made if it is not there and brought to this version's schema if it is older; what the last agent left open is written
    down (``Journal.recover``).

    Raises JournalAddress, JournalLocked, JournalCorrupt, JournalVersion, JournalUnreachable, JournalDenied, JournalError.
    """
    place = place_of(location)
    if isinstance(place, ServerPlace):
        require_driver()
        from station.journal.server import open_on_server

        return open_on_server(place, clock, ids, station, lock_timeout_s)
    return _open_file(place, clock, ids, station, lock_timeout_s)


def open_journal_readonly(location: Path | str | Secret, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> JournalReader:
    """Look into the journal at ``location`` beside the agents that own it, or without one. Writes nothing.

    Raises JournalError where there is none, JournalCorrupt, and JournalVersion for one of another version, older ones too; of a
    server's, what ``open_journal`` raises.
    """
    place = place_of(location)
    if isinstance(place, ServerPlace):
        require_driver()
        from station.journal.server import reader_on_server

        reader = reader_on_server(place, lock_timeout_s)
    elif not place.is_file():
        raise JournalError(f"{place}: there is no journal")
    else:
        reader = _file_reader(place, lock_timeout_s)
    try:
        reader.check_version()
    except JournalError:
        reader.close()
        raise
    return reader


def path_of(location: Path | str) -> Path:
    """The file that ``location`` means. Raises JournalAddress for what is no path and no ``sqlite:///`` address."""
    place = place_of(location)
    if isinstance(place, ServerPlace):
        raise JournalAddress(f"{place.name} is no file")
    return place


def _open_file(path: Path, clock: Clock, ids: IdSource, station: str, lock_timeout_s: float) -> Journal:
    closing = ExitStack()
    with ExitStack() as on_failure:
        on_failure.callback(closing.close)
        sqlite.make_directory(path)
        closing.enter_context(sqlite.OwnerLock(path))
        sqlite.prepare_file(path)
        store = sqlite.writer(path, lock_timeout_s)
        closing.callback(store.close)
        store.run(lambda connection: sqlite.check_file(connection, path))
        versions.bring_up(store, path, int(clock.wall_s() * 1000))
        reader = _file_reader(path, lock_timeout_s)
        closing.callback(reader.close)
        journal = Journal(store, reader, clock, ids, station, closing, FileTenure())
        journal.recover()
        on_failure.pop_all()
    logger.info("journal %s, SQLite %s", path, sqlite3.sqlite_version)
    return journal


def _file_reader(path: Path, lock_timeout_s: float) -> JournalReader:
    return JournalReader(sqlite.reader(path, lock_timeout_s), sqlite)
