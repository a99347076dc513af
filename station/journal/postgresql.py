"""The journal in a database of PostgreSQL that many stations share: connections, time bounds, and what its errors mean.

Every connection commits durably (``synchronous_commit = on``), is found dead within seconds where the network dies, and waits for
no statement, lock or free connection without a bound. Imported only for such a journal; psycopg is an optional extra.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError

from station.journal.errors import (
    JournalAddress,
    JournalContradiction,
    JournalCorrupt,
    JournalDenied,
    JournalError,
    JournalOnServer,
    JournalUnreachable,
)
from station.journal.place import ServerPlace
from station.journal.text import remark

if TYPE_CHECKING:
    from psycopg.abc import PQGen

T = TypeVar("T")

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 20.0
"""What the server gives one statement of a cycle; they take milliseconds."""
READING_TIMEOUT_S = 600.0
"""What it gives one that reads the whole journal, or changes its schema."""
SILENCE_S = 10.0
"""How much longer than the statement's own bound the client waits for a server that does not even say that it ran out."""
MAX_CONNECTIONS = 4
"""Of one agent, beside the session of its tenure; kept once they were needed. Transactions take milliseconds, so that four serve
the sockets of any jig; a station with one socket seldom opens more than two."""

_SETTINGS = {
    "synchronous_commit": "on",
    "default_transaction_isolation": "read\\ committed",
    "statement_timeout": str(int(STATEMENT_TIMEOUT_S * 1000)),
    "idle_in_transaction_session_timeout": "60000",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""Of every session. The keepalives are the server's: a station whose computer died gives its claims back within half a minute."""
_KEEPALIVES = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_TCP_USER_TIMEOUT_MS = 20_000

_LOST = ("08", "57P0", "53300", "25P0", "25006")
_DENIED = ("28", "3D000", "3F000", "42501")
_DAMAGED = ("XX001", "XX002")
_AGAIN = ("40001", "40P01")
"""Beginnings of SQLSTATEs (https://www.postgresql.org/docs/15/errcodes-appendix.html): connection exceptions, a server that stops,
is full, ended the session or is only a standby · wrong user, database, schema or right · damaged data or index · what is to be
done again, from the start, since another transaction was in the way."""
_NOT_YET = ("starting up", "shutting down", "recovery", "too many", "connection slots", "not currently accepting")
"""In the words of a server that refuses a connection now and will take one later; such refusals carry no SQLSTATE."""

RESTORE = "stop the stations and restore the last pg_dump, or the server's own backup"


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits for no answer for ever: a server that is frozen, its network alive, would never answer."""

    silence_s = STATEMENT_TIMEOUT_S + SILENCE_S

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, self.silence_s if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.pgconn.finish()
            raise psycopg.OperationalError("the server said nothing in time") from error


def connector(place: ServerPlace, station: str, lock_timeout_s: float) -> Callable[[], BoundedConnection]:
    """What opens one connection, and raises psycopg.Error where it cannot. Raises JournalAddress for an address that libpq cannot
    take."""
    try:
        url = sa.make_url(place.url.reveal()).set(drivername="postgresql+psycopg")
        dialect: Any = url.get_dialect()
        _, arguments = dialect(dbapi=psycopg).create_connect_args(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise JournalAddress(f"{place.name}: an address that cannot be used") from error
    settings = _SETTINGS | {"lock_timeout": str(int(lock_timeout_s * 1000))}
    mine = " ".join(f"-c {name}={value}" for name, value in settings.items())
    arguments |= _KEEPALIVES | {
        "tcp_user_timeout": _TCP_USER_TIMEOUT_MS,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": f"station {station} on {socket.gethostname()[:20]} pid {os.getpid()}"[:63],
        "client_encoding": "utf8",
        "options": f"{arguments.get('options', '')} {mine}".strip(),
    }

    def connect() -> BoundedConnection:
        return BoundedConnection.connect(**arguments)

    return connect


def shared_engine(connect: Callable[[], BoundedConnection], lock_timeout_s: float) -> sa.Engine:
    """Connections for transactions, opened when first needed. One that has died while it was idle is never handed out."""
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=MAX_CONNECTIONS,
        max_overflow=0,
        pool_timeout=lock_timeout_s,
        pool_use_lifo=True,
        hide_parameters=True,
        use_native_hstore=False,
    )

    def refuse_dead(connection: BoundedConnection, _record: Any, _proxy: Any) -> None:
        if not is_alive(connection):
            raise DisconnectionError("the server closed the connection while it was idle")

    sa.event.listen(engine, "checkout", refuse_dead)
    return engine


def is_alive(connection: BoundedConnection) -> bool:
    """Whether an idle connection still leads to its server. One with nothing to read is taken to, and the server not asked: what
    there is to read is mostly its good-bye, and seldom a notice or a session ticket of TLS."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    if not poll.poll(0):
        return True
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error:
        return False
    return True


def check_server(connection: sa.Connection, name: str) -> None:
    """Raises JournalError for a database that cannot hold every text there is."""
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise JournalError(f"{name}: the database is in {encoding}; make it with ENCODING 'UTF8'")


def durability_problems(connection: sa.Connection) -> list[str]:
    """Settings of the server with which a power cut loses, or tears, what was acknowledged."""
    settings = ("fsync", "full_page_writes")
    off = [name for name in settings if connection.exec_driver_sql(f"SHOW {name}").scalar_one() != "on"]
    return [f"the server runs with {name} off: a power cut may lose what was acknowledged" for name in off]


def version(connection: sa.Connection) -> str:
    """The server's."""
    return str(connection.exec_driver_sql("SHOW server_version").scalar_one())


def read_only(connection: sa.Connection) -> None:
    """Begin a transaction that cannot write, and may read for long."""
    bound_ms = int(READING_TIMEOUT_S * 1000)
    connection.exec_driver_sql(f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {bound_ms}")


def file_problems(connection: sa.Connection) -> list[str]:
    """Damage that the server has met in this database's files, indexes that are not valid, constraints never checked."""
    failures = connection.exec_driver_sql(
        "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
    ).scalar_one_or_none()
    problems = [f"{failures} pages with a wrong checksum"] if failures else []
    here = "n.nspname = current_schema()"
    indexes = connection.exec_driver_sql(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {here} AND NOT (i.indisvalid AND i.indisready)"
    ).scalars()
    problems += [f"the index {name} is not valid" for name in indexes]
    constraints = connection.exec_driver_sql(
        "SELECT c.conname FROM pg_constraint c"
        f" JOIN pg_namespace n ON n.oid = c.connamespace WHERE {here} AND NOT c.convalidated"
    ).scalars()
    return problems + [f"the constraint {name} was never checked" for name in constraints]


def backup(connection: sa.Connection, target: Path) -> None:
    """Raises JournalOnServer: the server's own tool makes a backup."""
    database = connection.exec_driver_sql("SELECT current_database()").scalar_one()
    raise JournalOnServer(f"back it up with: pg_dump --format=custom --file={target} {database}")


def should_be_tried_again(error: Exception) -> bool:
    """Whether a transaction that failed so, and left nothing, may succeed from its start: it lost a race for a key or a lock."""
    return isinstance(error, IntegrityError) or _state(error).startswith(_AGAIN)


def mapped(error: Exception, name: str) -> JournalError:
    """The journal's error for one of SQLAlchemy or psycopg; one line without a value, a password or SQL in it."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    state = _state(error)
    if isinstance(cause, psycopg.Error) and cause.diag.message_primary:
        what = f"{cause.diag.message_primary} ({state})"
    else:
        what = remark(" ".join(str(cause).split()), 500)
    if isinstance(error, sa.exc.TimeoutError):
        return JournalError(f"{name}: no connection was free in time")
    raised = _kind(cause, state, what)
    remedy = f"; {RESTORE}" if raised is JournalCorrupt else ""
    return raised(f"{name}: {what}{remedy}")


def _kind(cause: Exception, state: str, what: str) -> type[JournalError]:
    if state.startswith(_LOST):
        return JournalUnreachable
    if state.startswith(_DENIED):
        return JournalDenied
    if state.startswith(_DAMAGED):
        return JournalCorrupt
    if state.startswith("23"):
        return JournalContradiction
    if not state and isinstance(cause, psycopg.ProgrammingError):
        return JournalAddress
    if not state and isinstance(cause, psycopg.OperationalError | DisconnectionError):
        is_refusal = "FATAL" in what and not any(words in what for words in _NOT_YET)
        return JournalDenied if is_refusal else JournalUnreachable
    return JournalError


def _state(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlstate", None) or ""
