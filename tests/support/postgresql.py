"""A real server of PostgreSQL for tests: of Debian's package, in a folder of its own, on a socket and no network, without fsync.

As root, which the server refuses to be, it runs as the user ``postgres`` that the package brings; else as whoever runs the tests.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drivers.clock import SystemClock
from station.journal.opening import open_journal
from station.journal.schema import metadata
from station.model import IdSource

PATIENCE_S = 60.0
"""Bounds what must come anyway."""
TEMPLATE = "journal_template"
USER = "postgres"
_SETTINGS = ("listen_addresses=", "fsync=off", "max_connections=300", "autovacuum=off", "shared_buffers=64MB")


def _programs() -> Path:
    """The folder of the newest server installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if not found:
        raise RuntimeError("these tests need a PostgreSQL server: Debian's package postgresql (make test installs it)")
    return found[-1].parent


class DatabaseServer:
    """One server. ``start``, ``stop`` and ``crash`` may be called in any order; the databases stay."""

    def __init__(self, settings: tuple[str, ...] = _SETTINGS) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._settings = settings
        self._identity: dict[str, object] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._spare: list[str] = []
        options = ["-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-U", USER]
        self._run("initdb", "-D", str(self.folder / "data"), *options)
        self.start()

    def url(self, database: str = USER, user: str = USER) -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def connect(self, database: str = USER) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), dbname=database, user=USER, autocommit=True)

    def ask(self, statement: str, *values: object, database: str = USER) -> list[tuple[Any, ...]]:
        """One statement, and its rows."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template0") -> str:
        """The name of a new database."""
        self._made += 1
        name = f"t{self._made}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def new_journal(self) -> str:
        """The name of a database with an empty journal of this version: one that was given back, or a copy of one that is made
        once, which takes four times as long."""
        if self._spare:
            return self._spare.pop()
        if not self.ask("SELECT 1 FROM pg_database WHERE datname = %s", TEMPLATE):
            self.ask(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
            open_journal(self.url(TEMPLATE), SystemClock(), IdSource.POOL, "template").close()
        return self.new_database(TEMPLATE)

    def give_back(self, journal: str) -> None:
        """Empty a journal for another test. Nobody is connected to it any more."""
        tables = ", ".join(metadata.tables)
        self.ask(f"SET lock_timeout = '30s'; TRUNCATE {tables} RESTART IDENTITY", database=journal)
        self._spare.append(journal)

    def drop(self, database: str) -> None:
        self.ask(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [word for setting in self._settings for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(_programs() / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._identity,  # type: ignore[call-overload]
            )
        ends_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > ends_s:
                    raise RuntimeError((self.folder / "log").read_text()[-2000:]) from None
                time.sleep(0.02)

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        """End it at once, sessions and all, its data in order ("fast shutdown")."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it as a power cut would, but for what the operating system holds ("immediate shutdown")."""
        self._end(signal.SIGQUIT)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of it stopped: connections stay, and nobody answers."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        pids = [self._process.pid, *(int(pid) for pid in children)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and remove all that it kept."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE_S)
            self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(_programs() / program), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, timeout=PATIENCE_S, **self._identity
        )  # type: ignore[call-overload]
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr[-2000:]}")


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    """A server that no test stops."""
    server = DatabaseServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def _mortal_server() -> Iterator[DatabaseServer]:
    server = DatabaseServer()
    yield server
    server.close()


@pytest.fixture
def mortal_server(_mortal_server: DatabaseServer) -> Iterator[DatabaseServer]:
    """Another server, which the test may end; the next finds it running."""
    yield _mortal_server
    if not _mortal_server.is_running:
        _mortal_server.start()


@pytest.fixture
def database(database_server: DatabaseServer) -> Iterator[str]:
    """The address of an empty journal of this test's own."""
    name = database_server.new_journal()
    yield database_server.url(name)
    database_server.give_back(name)
