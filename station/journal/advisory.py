"""PostgreSQL's advisory locks, by which stations that share a journal keep out of each other's way.

    station   one agent is one station            held as long as the agent's session lives
    chip      one station serves a unit           held for a cycle
    turn      one station asks the API for ids    held for the call
    use       shared by all that run; held alone by who changes the schema or fills the journal
    schema    who makes or changes the schema     held for that transaction

A lock is a number of 64 bits, the beginning of a hash of what it is about; the server keeps them by database.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import sqlalchemy as sa

from drivers.clock import Clock
from station.errors import UnitError
from station.journal.errors import JournalError, JournalLocked, JournalUnreachable
from station.journal.postgresql import READING_TIMEOUT_S, SILENCE_S, BoundedConnection, is_alive, mapped

TAKE_OVER_WAIT_S = 1.0
"""How long a station is waited for: the session of an agent that was killed a moment ago ends when the server notices."""
RETRY_S = 1.0
"""Pause between attempts to reach a server that was lost."""

_HOLDER = (
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.classid::bigint = %s AND l.objid::bigint = %s LIMIT 1"
)

_NEVER_IDLE_TOO_LONG = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'statement_timeout')"
)
"""A session that only holds locks is idle for days; the first of these settings is there from PostgreSQL 14 on."""

logger = logging.getLogger(__name__)


def key(kind: str, about: str = "") -> int:
    """The lock's number."""
    digest = hashlib.sha256(f"station journal\0{kind}\0{about}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def hold_schema(connection: sa.Connection) -> None:
    """Wait until this transaction alone may make or change the schema, and give it the time for that."""
    bound_ms = int(READING_TIMEOUT_S * 1000)
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {bound_ms}; SET LOCAL lock_timeout = {bound_ms}")
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key("schema"))))


def hold_alone(connection: sa.Connection, name: str) -> None:
    """Keep every agent out until this transaction ends. Raises JournalLocked where one runs."""
    if not connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(key("use")))).scalar_one():
        holder = connection.exec_driver_sql(_HOLDER, _halves(key("use"))).scalar_one_or_none()
        raise JournalLocked(
            f"{name}: an agent works on this journal ({holder or 'its name is hidden'}): stop all stations"
        )


class SessionTenure:
    """Implements ``Tenure`` by a session of its own, which does nothing but hold locks."""

    def __init__(
        self, connect: Callable[[], BoundedConnection], name: str, station: str, clock: Clock, retry_s: float = RETRY_S
    ) -> None:
        """Takes nothing yet: the first ``current`` does."""
        self._connect = connect
        self._name = name
        self._station = station
        self._clock = clock
        self._retry_s = retry_s
        self._lock = threading.RLock()
        self._session: BoundedConnection | None = None
        self._number = 0
        self._failure: JournalError | None = None
        self._next_try_s = 0.0
        self._is_closed = False

    def current(self) -> int:
        with self._lock:
            self._held()
            return self._number

    def forfeit(self) -> None:
        with self._lock:
            self._drop()

    def claim(self, chip_id: str) -> None:
        with self._lock:
            if self._try(key("chip", chip_id)):
                return
            holder = self._holder(key("chip", chip_id))
        raise UnitError("unit.busy", f"chip {chip_id} is being served by {holder}")

    def release(self, chip_id: str) -> None:
        with self._lock:
            self._unlock(key("chip", chip_id))

    @contextmanager
    def turn(self, name: str) -> Iterator[bool]:
        with self._lock:
            mine = self._try(key("turn", name))
        try:
            yield mine
        finally:
            if mine:
                with self._lock:
                    self._unlock(key("turn", name))

    def close(self) -> None:
        """The locks are free when this returns; that a session has ended the server notices a little later."""
        with self._lock:
            self._is_closed = True
            if self._session is not None:
                with suppress(psycopg.Error):
                    self._session.execute("SELECT pg_advisory_unlock_all()")
            self._drop()

    # -- the session ---------------------------------------------------------------------------------------------------

    def _held(self) -> BoundedConnection:
        """The session that holds the station. Raises what ``Tenure.current`` raises."""
        if self._is_closed:
            raise JournalError(f"{self._name}: the journal is closed")
        if self._session is not None and is_alive(self._session):
            return self._session
        if self._session is not None:
            logger.warning("%s: the session of station %s was lost", self._name, self._station)
        self._drop()
        now_s = self._clock.monotonic_s()
        if self._failure is not None and now_s < self._next_try_s:
            raise self._failure
        try:
            self._session = self._taken()
        except JournalError as error:
            self._failure, self._next_try_s = error, self._clock.monotonic_s() + self._retry_s
            raise
        self._failure = None
        self._number += 1
        return self._session

    def _taken(self) -> BoundedConnection:
        """A new session with the station's locks."""
        try:
            session = self._connect()
        except psycopg.Error as error:
            raise mapped(error, self._name) from error
        try:
            session.autocommit = True
            session.silence_s = SILENCE_S
            session.execute(_NEVER_IDLE_TOO_LONG)
            if not self._ask(session, "pg_try_advisory_lock_shared", key("use")):
                raise JournalLocked(
                    f"{self._name}: the journal is being changed as a whole; start again when that is done"
                )
            if not self._waited_for(session, key("station", self._station)):
                holder = _holder(session, key("station", self._station))
                raise JournalLocked(f"{self._name}: another agent is station {self._station} ({holder})")
        except psycopg.Error as error:
            session.close()
            raise mapped(error, self._name) from error
        except JournalError:
            session.close()
            raise
        return session

    def _waited_for(self, session: BoundedConnection, number: int) -> bool:
        """Whether the lock came within ``TAKE_OVER_WAIT_S``."""
        session.execute(f"SET lock_timeout = {int(TAKE_OVER_WAIT_S * 1000)}")
        try:
            session.execute("SELECT pg_advisory_lock(%s)", [number])
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _try(self, number: int) -> bool:
        try:
            return self._ask(self._held(), "pg_try_advisory_lock", number)
        except psycopg.Error as error:
            self._drop()
            raise mapped(error, self._name) from error

    def _unlock(self, number: int) -> None:
        """Never takes the tenure anew: with its session every lock has gone."""
        if self._session is None:
            return
        try:
            self._ask(self._session, "pg_advisory_unlock", number)
        except psycopg.Error:
            self._drop()

    def _ask(self, session: BoundedConnection, function: str, number: int) -> bool:
        row: Any = session.execute(f"SELECT {function}(%s)", [number]).fetchone()
        return row[0] is not False

    def _holder(self, number: int) -> str:
        try:
            return _holder(self._held(), number)
        except psycopg.Error as error:
            self._drop()
            raise JournalUnreachable(f"{self._name}: lost while asking") from error


def _holder(session: BoundedConnection, number: int) -> str:
    """Who holds a lock: what its session calls itself. The server hides that of other users."""
    row: Any = session.execute(_HOLDER, _halves(number)).fetchone()
    return str(row[0]) if row and row[0] else "another station"


def _halves(number: int) -> tuple[int, int]:
    """A lock's number as ``pg_locks`` shows it: classid and objid."""
    unsigned = number & 0xFFFF_FFFF_FFFF_FFFF
    return unsigned >> 32, unsigned & 0xFFFF_FFFF
