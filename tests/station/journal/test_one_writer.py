"""The one connection of a file: work that waits at the same time shares a commit, and nobody's failure is another's."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from station.journal import sqlite
from station.journal.errors import JournalContradiction, JournalError
from station.journal.one_writer import MAX_GROUP, OneWriterStore

PATIENCE_S = 20.0
Work = Callable[[sa.Connection], Any]


class Bench:
    """A file of names, the store on it, and every statement that its driver was given."""

    def __init__(self, path: Path, lock_timeout_s: float = PATIENCE_S) -> None:
        self.path = path
        raw = sqlite3.connect(path)
        raw.execute("CREATE TABLE names (name TEXT PRIMARY KEY)")
        raw.commit()
        raw.close()
        self.store: OneWriterStore = sqlite.writer(path, lock_timeout_s)
        self.statements: list[str] = []
        self.store.run(lambda connection: driver(connection).set_trace_callback(self.statements.append))
        self.statements.clear()
        self.pool = ThreadPoolExecutor(MAX_GROUP + 8)

    def at_once(self, works: list[Work]) -> list[Future[Any]]:
        """Start all of it while another piece of work is under way, so that all of it waits."""
        with self.held():
            futures = [self.pool.submit(self.store.run, work) for work in works]
            self.until_waiting(len(works))
        return futures

    @contextmanager
    def held(self) -> Iterator[Future[Any]]:
        """The connection taken by work that lasts as long as the context."""
        begun, release = threading.Event(), threading.Event()

        def last(_: sa.Connection) -> None:
            begun.set()
            assert release.wait(PATIENCE_S)

        future = self.pool.submit(self.store.run, last)
        assert begun.wait(PATIENCE_S)
        try:
            yield future
        finally:
            release.set()

    def until_waiting(self, number: int) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while len(self.store._waiting) < number:
            assert time.monotonic() < end_s, "the work never came to wait"
            time.sleep(0.001)

    def commits(self) -> int:
        return self.statements.count("COMMIT")

    def on_disk(self) -> set[str]:
        """What another connection sees."""
        raw = sqlite3.connect(self.path)
        try:
            return {row[0] for row in raw.execute("SELECT name FROM names")}
        finally:
            raw.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "names.db")
    yield bench
    bench.pool.shutdown()
    bench.store.close()


def driver(connection: sa.Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def adding(name: str, seen: Callable[[], object] = lambda: None) -> Work:
    def work(connection: sa.Connection) -> str:
        seen()
        connection.execute(sa.text("INSERT INTO names VALUES (:name)"), {"name": name})
        return name

    return work


def test_work_that_waits_together_shares_a_commit_and_each_gets_its_own_result(bench: Bench):
    futures = bench.at_once([adding(f"name {number}") for number in range(8)])
    assert [future.result(PATIENCE_S) for future in futures] == [f"name {number}" for number in range(8)]
    assert bench.commits() == 2, "one of the work that held the connection, one of all the rest"
    assert bench.on_disk() == {f"name {number}" for number in range(8)}


def test_a_call_returns_only_when_its_change_is_committed(bench: Bench):
    """The first of a group is carried out before the last; another connection sees it when the call is back, not before."""
    seen: list[set[str]] = []
    futures = bench.at_once([adding("first"), adding("last", lambda: seen.append(bench.on_disk()))])
    futures[0].result(PATIENCE_S)
    assert "first" in bench.on_disk()
    futures[1].result(PATIENCE_S)
    assert seen == [set()]


def level(connection: sa.Connection) -> int:
    """How the connection syncs: 2 each commit, 1 none but at a checkpoint."""
    return int(driver(connection).execute("PRAGMA synchronous").fetchone()[0])


def test_a_commit_is_synced_but_where_all_of_its_group_may_be_lost_with_the_power(bench: Bench):
    run = bench.store.run
    assert [run(level), run(level, is_lasting=False), run(level, is_lasting=False), run(level)] == [2, 1, 1, 2]
    with bench.held():
        mixed = [bench.pool.submit(run, level, is_lasting=each) for each in (False, True, False)]
        bench.until_waiting(3)
    assert [future.result(PATIENCE_S) for future in mixed] == [2, 2, 2]


def test_a_group_that_fails_leaves_the_syncs_as_they_should_be(bench: Bench):
    def failing(_: sa.Connection) -> None:
        raise KeyError("defect")

    with pytest.raises(KeyError):
        bench.store.run(failing, is_lasting=False)
    assert bench.store.run(level) == 2


def test_a_group_is_bounded(bench: Bench):
    number = MAX_GROUP + 3
    for future in bench.at_once([adding(f"name {each}") for each in range(number)]):
        future.result(PATIENCE_S)
    assert bench.commits() == 3
    assert len(bench.on_disk()) == number


def test_one_that_fails_takes_nothing_with_it_and_leaves_nothing(bench: Bench):
    def half(connection: sa.Connection) -> None:
        adding("half done")(connection)
        raise KeyError("defect")

    futures = bench.at_once([adding("before"), half, adding("before"), adding("after")])
    with pytest.raises(KeyError):
        futures[1].result(PATIENCE_S)
    with pytest.raises(JournalContradiction):
        futures[2].result(PATIENCE_S)
    assert bench.on_disk() == {"before", "after"}
    assert bench.commits() == 2


def test_where_the_database_gives_up_the_whole_transaction_the_others_are_done_again_alone(bench: Bench):
    def undoing(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT OR ROLLBACK INTO names VALUES ('before'), ('before')")

    futures = bench.at_once([adding("before"), undoing, adding("after")])
    with pytest.raises(JournalContradiction):
        futures[1].result(PATIENCE_S)
    assert [futures[0].result(PATIENCE_S), futures[2].result(PATIENCE_S)] == ["before", "after"]
    assert bench.on_disk() == {"before", "after"}


def test_a_commit_that_fails_fails_for_all_of_its_group(bench: Bench):
    """A deferred reference that leads nowhere is found out by COMMIT."""
    bench.store.run(
        lambda connection: connection.exec_driver_sql(
            "CREATE TABLE links (name TEXT REFERENCES names (name) DEFERRABLE INITIALLY DEFERRED)"
        )
    )

    def dangling(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO links VALUES ('nobody')")

    futures = bench.at_once([adding("beside"), dangling])
    for future in futures:
        with pytest.raises(JournalContradiction, match="FOREIGN KEY"):
            future.result(PATIENCE_S)
    assert bench.on_disk() == set()
    assert bench.store.run(adding("later")) == "later"


def test_an_interrupt_in_one_piece_undoes_the_group_and_the_store_goes_on(bench: Bench):
    def interrupted(_: sa.Connection) -> None:
        raise KeyboardInterrupt

    futures = bench.at_once([interrupted, adding("beside")])
    with pytest.raises(KeyboardInterrupt):
        futures[0].result(PATIENCE_S)
    with pytest.raises(JournalError, match="broken off"):
        futures[1].result(PATIENCE_S)
    assert bench.on_disk() == set()
    assert bench.store.run(adding("later")) == "later"


def test_who_waits_too_long_gives_up_and_is_never_carried_out(tmp_path: Path):
    bench = Bench(tmp_path / "names.db", lock_timeout_s=0.05)
    with bench.held() as holding:
        with pytest.raises(JournalError, match="busy"):
            bench.store.run(adding("late"))
        with pytest.raises(JournalError, match="busy"):
            bench.store.close()
    holding.result(PATIENCE_S)
    assert bench.on_disk() == set()
    bench.store.close()
    with pytest.raises(JournalError, match="closed"):
        bench.store.run(adding("too late"))
    bench.pool.shutdown()


def test_many_threads_lose_nothing_and_wait_for_nobody_for_ever(bench: Bench):
    names = [f"name {number}" for number in range(400)]
    assert set(bench.pool.map(lambda name: bench.store.run(adding(name)), names)) == set(names)
    assert bench.on_disk() == set(names)
