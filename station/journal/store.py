"""Transactions on one database, and the one border where its errors become the journal's.

``Store`` is what the journal asks for. A file has ``one_writer.OneWriterStore``; a server's database, on which many connections
write, ``PooledStore``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from station.journal.errors import JournalContradiction, JournalCorrupt, JournalError

T = TypeVar("T")

RESTORE = "stop the agent, move the file and its -wal and -shm aside, copy the last backup to its place and start again"

_BY_SQLITE_CODE: dict[str, type[JournalError]] = {
    "CORRUPT": JournalCorrupt,
    "NOTADB": JournalCorrupt,
    "CONSTRAINT": JournalContradiction,
}
"""By the word after SQLITE_ in the result code's name (https://sqlite.org/rescode.html); every other is JournalError."""


TRIES = 3
"""How often work is done that other transactions get in the way of. Once is nearly always enough."""


class Store(Protocol):
    """Runs transactions. Safe to share between threads; ``work`` may run on another thread than its caller's."""

    def run(self, work: Callable[[sa.Connection], T], *, is_lasting: bool = True) -> T:
        """One transaction around ``work``: committed and synced when this returns, undone where anything raises. Raises
        JournalError for every database error, and where its turn does not come within the lock time-out.

        ``is_lasting`` False is for what may be lost with the power, since nothing outside hangs on it before the next change:
        a file then leaves its sync to that one.
        """

    def close(self) -> None:
        """Wait for the transaction in progress and close the connections. Later transactions raise JournalError."""


def _lost_a_race(error: Exception) -> bool:
    return isinstance(error, IntegrityError)


def mapped(error: Exception, name: str) -> JournalError:
    """The journal's error for one of SQLAlchemy or of the database's driver; no SQL and no values in its message."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = getattr(cause, "sqlite_errorname", None)
    if isinstance(code, str):
        raised = _BY_SQLITE_CODE.get(code.split("_")[1], JournalError)
    else:
        raised = JournalContradiction if isinstance(error, IntegrityError | sqlite3.IntegrityError) else JournalError
    remedy = f"; to restore: {RESTORE}" if raised is JournalCorrupt else ""
    said = f"{cause} ({code})" if isinstance(code, str) else str(cause)
    return raised(f"{name}: {said}{remedy}")


@dataclass(frozen=True, slots=True)
class Border:
    """How one database's errors become the journal's. ``again``: whether work that failed so may succeed from its start, where
    several connections write. ``begin`` is done first in each transaction."""

    mapped: Callable[[Exception, str], JournalError] = mapped
    again: Callable[[Exception], bool] = _lost_a_race
    begin: Callable[[sa.Connection], None] | None = None


class PooledStore:
    """Implements ``Store``: each transaction has a connection of the engine's pool to itself. Work that lost a race for a unique
    key is done once more, on what the winner left."""

    def __init__(self, engine: sa.Engine, name: str, border: Border | None = None) -> None:
        self._engine = engine
        self._border = border or Border()
        self._name = name
        self._is_closed = False

    def run(self, work: Callable[[sa.Connection], T], *, is_lasting: bool = True) -> T:  # noqa: ARG002
        """Every commit lasts: it is the server's power that counts, and this program may go on without it."""
        tries = 1
        while True:
            try:
                return self._once(work)
            except SQLAlchemyError as error:
                if tries == TRIES or not self._border.again(error):
                    raise self._border.mapped(error, self._name) from error
            tries += 1

    def close(self) -> None:
        self._is_closed = True
        self._engine.dispose()

    def _once(self, work: Callable[[sa.Connection], T]) -> T:
        if self._is_closed:
            raise JournalError(f"{self._name}: the journal is closed")
        with self._engine.begin() as connection:
            if self._border.begin is not None:
                self._border.begin(connection)
            return work(connection)
