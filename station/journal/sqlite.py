"""The journal in one SQLite file: connections, the lock that keeps a second agent out, file modes, backup.

One connection writes, in the one process that holds the lock file: SQLite 3.7.0 to 3.51.2 can corrupt a WAL when two
connections write or checkpoint at once (https://sqlite.org/wal.html, "WAL-reset bug"). Everyone else opens read-only, which
never checkpoints.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from station.journal.errors import JournalCorrupt, JournalError, JournalLocked
from station.journal.one_writer import OneWriterStore
from station.journal.store import RESTORE, mapped

PRIVATE = 0o600
WAL_KEPT_BYTES = 16 * 1024 * 1024
"""A WAL that grew beyond this is cut back at the next checkpoint."""

_WRITER_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "trusted_schema = OFF",
    f"journal_size_limit = {WAL_KEPT_BYTES}",
)
_READER_PRAGMAS = ("query_only = ON", "trusted_schema = OFF")


class OwnerLock:
    """An exclusive flock on ``<journal>.lock``, which holds the owner's pid; the system frees it however the owner ends."""

    def __init__(self, journal: Path) -> None:
        """Raises JournalLocked where another process owns ``journal``, JournalError where the lock cannot be made."""
        path = journal.with_name(journal.name + ".lock")
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(self._fd, PRIVATE)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            owner = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "not written down"
            os.close(self._fd)
            raise JournalLocked(f"{journal}: another agent owns this journal (pid {owner})") from error
        except OSError as error:
            os.close(self._fd)
            raise JournalError(f"{path}: {error.strerror}") from error

    def release(self) -> None:
        """Let another agent in. The file stays: to remove it would let two agents hold two files of one name."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> OwnerLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def make_directory(path: Path) -> None:
    """See that the journal's directory is there. Raises JournalError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"{path.parent}: {error.strerror}") from error


def prepare_file(path: Path) -> None:
    """See that ``path`` is there, ours alone to read, and its name on disk. Must run before any connection: closing another
    descriptor of the file would drop SQLite's own locks on it. Raises JournalError, JournalCorrupt."""
    wal = path.with_name(path.name + "-wal")
    try:
        if (not path.exists() or path.stat().st_size == 0) and wal.exists() and wal.stat().st_size > 0:
            raise JournalCorrupt(f"{path}: the journal is gone but its {wal.name} is not; to restore: {RESTORE}")
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE))
        for file in (path, wal, path.with_name(path.name + "-shm")):
            if file.exists():
                file.chmod(PRIVATE)
        sync_directory(path.parent)
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}") from error


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def writer(path: Path, lock_timeout_s: float) -> OneWriterStore:
    """Transactions on the one connection that writes. Raises JournalError, JournalCorrupt."""
    engine = _engine(path, "rw", _WRITER_PRAGMAS, lock_timeout_s)
    return OneWriterStore(engine, str(path), "BEGIN IMMEDIATE", lock_timeout_s)


def reader(path: Path, lock_timeout_s: float) -> OneWriterStore:
    """Transactions on a connection that cannot write and sees what was last committed. Raises JournalError, JournalCorrupt."""
    return OneWriterStore(_engine(path, "ro", _READER_PRAGMAS, lock_timeout_s), str(path), "BEGIN", lock_timeout_s)


def check_file(connection: sa.Connection, path: Path) -> None:
    """Raises JournalCorrupt where ``PRAGMA quick_check`` finds damage."""
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        damage = "; ".join(" ".join(line.split()) for line in found)  # SQLite tells of some damage in several lines
        raise JournalCorrupt(f"{path}: {damage}; to restore: {RESTORE}")


def file_problems(connection: sa.Connection) -> list[str]:
    """What ``PRAGMA integrity_check`` and ``foreign_key_check`` find; empty where all is well."""
    damage = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(20)
    problems = [problem for problem in damage if problem != "ok"]
    return problems + [f"{row[0]}: refers to a row that is not there" for row in dangling]


def durability_problems(_connection: sa.Connection) -> list[str]:
    """None: the writer's own connection sees to it."""
    return []


def backup(connection: sa.Connection, target: Path) -> None:
    """Copy the whole journal, as it is at this moment, to a new file ``target`` of mode 0600; complete or not there at all.
    ``connection`` only reads. Raises JournalError where ``target`` exists or cannot be written."""
    if target.exists():
        raise JournalError(f"{target}: is there already; a backup never replaces a file")
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
        origin = connection.connection.driver_connection
        assert isinstance(origin, sqlite3.Connection)
        _copy(origin, partial)
        os.link(partial, target)
        sync_directory(target.parent)
    except OSError as error:
        raise JournalError(f"{target}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise mapped(error, str(target)) from error
    finally:
        partial.unlink(missing_ok=True)


def _copy(origin: sqlite3.Connection, target: Path) -> None:
    """Copy in one step, which a writer does not disturb, and leave one file that needs no WAL beside it."""
    copy = sqlite3.connect(target)
    try:
        origin.backup(copy, pages=-1, progress=_refuse_to_wait)
        copy.execute("PRAGMA journal_mode = DELETE")
    finally:
        copy.close()
    fd = os.open(target, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _refuse_to_wait(status: int, _remaining: int, _total: int) -> None:
    """Python's ``backup`` waits for ever on a database that another writes; ours is read-only, where that cannot be."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise JournalError("the journal is being written by the connection that copies it")


def _engine(path: Path, mode: str, pragmas: tuple[str, ...], lock_timeout_s: float) -> sa.Engine:
    """An engine of one connection on which no transaction begins by itself."""
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=lock_timeout_s, cached_statements=256
        )
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = sa.create_engine(
        "sqlite+pysqlite://", creator=connect, poolclass=StaticPool, pool_reset_on_return=None, hide_parameters=True
    )

    try:
        engine.connect().close()
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        raise mapped(error, str(path)) from error
    return engine
