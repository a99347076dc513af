"""Transactions on one database, and the one border where its errors become the journal's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

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


def _lost_a_race(error: Exception) -> bool:
    return isinstance(error, IntegrityError)


def mapped(error: Exception, name: str) -> JournalError:
    """The journal's error for one of SQLAlchemy or of the database's driver; no SQL and no values in its message."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = getattr(cause, "sqlite_errorname", None)
    if isinstance(code, str):
        raised = _BY_SQLITE_CODE.get(code.split("_")[1], JournalError)
    else:
        raised = JournalContradiction if isinstance(error, IntegrityError) else JournalError
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


class Store:
    """Runs transactions on one engine.

    With ``serial`` the transactions of all threads take turns from BEGIN to COMMIT: the single connection of SQLite, where
    waiting on the database's own lock is unfair. Without it the engine's pool gives each its own connection.
    """

    def __init__(
        self, engine: sa.Engine, name: str, *, serial: bool, lock_timeout_s: float, border: Border | None = None
    ) -> None:
        self._engine = engine
        self._border = border or Border()
        self._name = name
        self._turn = threading.Lock() if serial else None
        self._lock_timeout_s = lock_timeout_s
        self._closed = False

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        """One transaction around ``work``: committed and synced when this returns, undone where anything raises.

        Raises JournalError where the turn does not come within the lock time-out, and for every database error. Where
        several connections write, work that lost a race for a unique key is done once more, on what the winner left.
        """
        tries = 1
        while True:
            try:
                return self._once(work)
            except SQLAlchemyError as error:
                if self._turn is not None or tries == TRIES or not self._border.again(error):
                    raise self._border.mapped(error, self._name) from error
            tries += 1

    def close(self) -> None:
        """Wait for the transaction in progress and close the connections. Later transactions raise JournalError."""
        with self._my_turn():
            self._closed = True
            self._engine.dispose()

    def _once(self, work: Callable[[sa.Connection], T]) -> T:
        with self._my_turn():
            if self._closed:
                raise JournalError(f"{self._name}: the journal is closed")
            with self._engine.begin() as connection:
                if self._border.begin is not None:
                    self._border.begin(connection)
                return work(connection)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=self._lock_timeout_s):
            raise JournalError(f"{self._name}: busy for more than {self._lock_timeout_s:g} s")
        try:
            yield
        finally:
            self._turn.release()
