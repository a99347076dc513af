"""Transactions on the one connection of a file: those that wait at the same time share a commit, and so the disk's sync.

Waiting on SQLite's own lock is unfair, and a sync takes milliseconds on the flash card of a small computer: sixteen sockets that
each wait for several syncs a cycle would wait for one another. So whoever comes while nobody works carries out all that waits, in
the order it came, each piece inside a savepoint of its own, commits once, and hands over to the first that has come meanwhile.
What the callers are promised stays the same: a call returns when its change is on disk. Only where every piece of a group may be
lost with the power is the commit not synced; the next that is takes it along, since a log is synced up to its end.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from station.journal.errors import JournalError
from station.journal.store import mapped

T = TypeVar("T")

MAX_GROUP = 32
"""Most pieces of work that share a commit: the first of them waits for the last."""


class _Job:
    """One piece of work and what came of it. Where it has to wait, ``called`` is set when it is done, or its thread is to lead."""

    __slots__ = ("called", "error", "is_done", "is_lasting", "leads", "result", "work")

    def __init__(self, work: Callable[[sa.Connection], Any], is_lasting: bool) -> None:
        self.work = work
        self.is_lasting = is_lasting
        self.called: threading.Event | None = None
        self.leads = False
        self.is_done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def call(self) -> None:
        if self.called is not None:
            self.called.set()


class _Undone(Exception):
    """The database has undone the whole transaction, and with it the work of others."""


class OneWriterStore:
    """Implements ``Store`` for an engine of one connection on which no transaction begins by itself. ``begin`` is the statement
    that begins one."""

    def __init__(self, engine: sa.Engine, name: str, begin: str, lock_timeout_s: float) -> None:
        self._engine = engine
        self._name = name
        self._begin = begin
        self._lock_timeout_s = lock_timeout_s
        self._lock = threading.Condition()
        self._waiting: list[_Job] = []
        self._is_busy = False
        self._is_closed = False
        self._connection: sa.Connection | None = None
        self._syncs: bool | None = None
        """Whether the connection syncs its commits, as far as was asked of it."""

    def run(self, work: Callable[[sa.Connection], T], *, is_lasting: bool = True) -> T:
        job = _Job(work, is_lasting)
        self._take_part(job)
        if isinstance(job.error, SQLAlchemyError | sqlite3.Error):
            raise mapped(job.error, self._name) from job.error
        if job.error is not None:
            raise job.error
        return cast(T, job.result)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            if not self._lock.wait_for(lambda: not self._is_busy, self._lock_timeout_s):
                raise self._too_busy()
            if self._connection is not None:
                self._connection.close()
                self._connection = self._syncs = None
            self._engine.dispose()

    # -- taking turns --------------------------------------------------------------------------------------------------

    def _take_part(self, job: _Job) -> None:
        """Return when the job is done, by whatever thread."""
        with self._lock:
            if self._is_closed:
                raise JournalError(f"{self._name}: the journal is closed")
            self._waiting.append(job)
            if self._is_busy:
                job.called = threading.Event()
            else:
                self._is_busy = job.leads = True
        if job.called is not None and not job.called.wait(self._lock_timeout_s):
            with self._lock:
                if job in self._waiting and not job.leads:
                    self._waiting.remove(job)
                    raise self._too_busy()
            job.called.wait()  # it is being carried out, or was just called to lead
        if job.leads:
            self._lead()

    def _lead(self) -> None:
        """Carry out what waits, and call the next to lead."""
        with self._lock:
            group = self._waiting[:MAX_GROUP]
            del self._waiting[:MAX_GROUP]
        try:
            self._carry_out(group)
        finally:
            with self._lock:
                self._is_busy = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].leads = True
                    self._waiting[0].call()
                else:
                    self._lock.notify_all()
            for job in group:
                if not job.is_done:
                    job.is_done, job.error = True, job.error or JournalError(f"{self._name}: the change was broken off")
                job.call()

    def _too_busy(self) -> JournalError:
        return JournalError(f"{self._name}: busy for more than {self._lock_timeout_s:g} s")

    # -- transactions --------------------------------------------------------------------------------------------------

    def _carry_out(self, group: Sequence[_Job]) -> None:
        try:
            self._together(group)
        except _Undone:
            for job in group:
                job.result = job.error = None
                self._carry_out([job])
        except (SQLAlchemyError, sqlite3.Error) as error:  # of BEGIN or COMMIT: nothing of the group is there
            for job in group:
                job.error = job.error or error
        for job in group:
            job.is_done = True

    def _together(self, group: Sequence[_Job]) -> None:
        """One transaction around the group. Raises _Undone where the database gave up all of it for a failure of one piece;
        what BEGIN and COMMIT raise; and what is no Exception. Nothing of the group is there then."""
        connection, raw = self._opened()
        syncs = any(job.is_lasting for job in group)
        if syncs is not self._syncs:
            raw.execute(f"PRAGMA synchronous = {'FULL' if syncs else 'NORMAL'}")
            self._syncs = syncs
        try:
            raw.execute(self._begin)
            for job in group:
                _piece(connection, raw, job, is_alone=len(group) == 1)
            if raw.in_transaction:
                raw.execute("COMMIT")
        except BaseException:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            raise

    def _opened(self) -> tuple[sa.Connection, sqlite3.Connection]:
        """The connection, and the driver's. For SQLAlchemy it is in one transaction for ever, of which the database knows nothing:
        what begins and ends here would else cost more than most work does."""
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.begin()
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        return self._connection, raw


def _piece(connection: sa.Connection, raw: sqlite3.Connection, job: _Job, *, is_alone: bool) -> None:
    """Carry one piece out, or undo it. One that is alone needs no savepoint: the whole transaction is its own."""
    if not is_alone:
        raw.execute("SAVEPOINT piece")
    try:
        job.result = job.work(connection)
    except Exception as error:
        job.error = error
        if is_alone:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            return
        if not raw.in_transaction:
            raise _Undone from error
        raw.execute("ROLLBACK TO piece")
    if not is_alone:
        raw.execute("RELEASE piece")
