"""What only PostgreSQL brings: many agents at once, a server that goes, freezes or refuses, and what its errors mean."""

from __future__ import annotations

import contextlib
import logging
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from drivers.clock import SystemClock
from station.errors import UnitError
from station.journal import advisory, postgresql, server, versions
from station.journal.errors import (
    JournalAddress,
    JournalContradiction,
    JournalCorrupt,
    JournalDenied,
    JournalEmpty,
    JournalError,
    JournalLocked,
    JournalUnreachable,
    JournalVersion,
)
from station.journal.journal import Journal
from station.journal.opening import open_journal, open_journal_readonly
from station.journal.place import ServerPlace, place_of
from station.journal.store import Store
from station.model import EffectKind, EffectState, IdKind, IdSource, Outcome
from tests.support.journal import APP_EUI, activation, ended, fill, known, labelled, reserve
from tests.support.postgresql import DatabaseServer

ROOT = Path(__file__).parents[3]
CLOCK = SystemClock()


@pytest.fixture
def new_database(database_server: DatabaseServer) -> Iterator[str]:
    """The address of a database without a journal."""
    name = database_server.new_database()
    yield database_server.url(name)
    database_server.drop(name)


def opened(url: str, station: str = "jig-1") -> Journal:
    return open_journal(url, CLOCK, IdSource.POOL, station)


def eventually(opening: Callable[[], Journal]) -> Journal:
    """What must come soon: the server notices at its own time that a process has ended."""
    ends_s = time.monotonic() + 30
    while True:
        try:
            return opening()
        except JournalLocked:
            assert time.monotonic() < ends_s
            time.sleep(0.02)


def wait_for(journal: Journal) -> None:
    """Until cycles can start again, as a socket waits."""
    ends_s = time.monotonic() + 30
    while journal.obstacle() is not None:
        assert time.monotonic() < ends_s
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is to be kept out is waited for less long."""
    monkeypatch.setattr(advisory, "TAKE_OVER_WAIT_S", 0.1)


def store_of(url: str) -> Store:
    place = place_of(url)
    assert isinstance(place, ServerPlace)
    return server.server_store(postgresql.shared_engine(postgresql.connector(place, "test", 5), 5), place)


def name_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


# -- many agents -------------------------------------------------------------------------------------------------------


def test_agents_that_start_at_once_on_an_empty_database_make_its_journal_once(new_database: str) -> None:
    with pytest.raises(JournalEmpty):
        open_journal_readonly(new_database)
    with ThreadPoolExecutor(8) as threads:
        journals = list(threads.map(lambda index: opened(new_database, f"jig-{index}"), range(8)))
    numbers = [journal.begin_cycle("A", "s") for journal in journals]
    assert sorted(numbers) == list(range(1, 9))
    assert journals[0].read.integrity_check() == ()
    for journal in journals:
        journal.close()


def test_migrations_from_nothing_arrive_at_the_schema(
    database_server: DatabaseServer, database: str, new_database: str
) -> None:
    store = store_of(new_database)
    store.run(versions.upgrade)
    store.close()
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name"
        " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    )
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    constraints = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace ORDER BY 1"
    )
    for query in (columns, indexes, constraints):
        made, migrated = (database_server.ask(query, database=name_of(url)) for url in (database, new_database))
        assert made == migrated
        assert made


def test_an_older_journal_is_upgraded_by_the_first_and_not_while_another_works_on_it(new_database: str) -> None:
    store = store_of(new_database)
    store.run(lambda connection: versions.upgrade(connection, "0001"))
    with pytest.raises(JournalVersion, match="older schema 0001"):
        open_journal_readonly(new_database)
    place = place_of(new_database)
    assert isinstance(place, ServerPlace)
    tenure = advisory.SessionTenure(postgresql.connector(place, "jig-9", 5), place.name, "jig-9", CLOCK)
    tenure.current()
    with pytest.raises(JournalLocked, match="station jig-9 on "):
        opened(new_database)
    tenure.close()
    opened(new_database).close()
    assert store.run(versions.revision) == versions.HEAD
    store.close()


def test_a_newer_journal_and_a_foreign_database_are_refused(
    database_server: DatabaseServer, database: str, new_database: str
) -> None:
    database_server.ask("CREATE TABLE songs (title TEXT)", database=name_of(new_database))
    with pytest.raises(JournalCorrupt, match="songs"):
        opened(new_database)
    database_server.ask("UPDATE alembic_version SET version_num = '9999'", database=name_of(database))
    for opening in (opened, open_journal_readonly):
        with pytest.raises(JournalVersion, match="9999"):
            opening(database)
    database_server.ask("UPDATE alembic_version SET version_num = %s", versions.HEAD, database=name_of(database))


def test_one_agent_is_one_station_and_its_name_is_free_when_it_is_killed(database: str) -> None:
    script = (
        "import sys; from tests.station.journal.test_postgresql import opened\n"
        "journal = opened(sys.argv[1]); print('owned', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, database]
    owner = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    with owner, owner.stdin, owner.stdout:
        assert owner.stdout.readline() == b"owned\n"
        with pytest.raises(
            JournalLocked, match=rf"another agent is station jig-1 \(station jig-1 on .* pid {owner.pid}\)"
        ):
            opened(database)
        opened(database, "jig-2").close()
        owner.kill()
        owner.wait()
        eventually(lambda: opened(database)).close()


def test_a_closed_journal_refuses_work_and_closes_twice(database: str) -> None:
    journal = opened(database)
    journal.close()
    journal.close()
    for work in (lambda: journal.find_unit("C1"), lambda: journal.begin_cycle("A", "s"), journal.read.units):
        with pytest.raises(JournalError, match="closed"):
            work()
    journal.release("C1")


def test_sixteen_stations_never_share_an_id(database: str) -> None:
    """Each takes twenty pairs out of exactly as many as there are, so that the last ones are waited for."""
    with ExitStack() as closing:
        journals = [closing.enter_context(opened(database, f"jig-{index}")) for index in range(16)]
        fill(journals[0], 320)

        def work(number: int) -> list[tuple[str | None, str | None]]:
            cycle = journals[number].begin_cycle("A", "s")
            chips = [f"C{number}-{index}" for index in range(20)]
            units = [journals[number].reserve(cycle, chip, APP_EUI, scanned_sn=None) for chip in chips]
            return [(unit.device_id, unit.sn) for unit in units]

        with ThreadPoolExecutor(16) as threads:
            given = [pair for pairs in threads.map(work, range(16)) for pair in pairs]
        assert len({device_id for device_id, _ in given}) == len({sn for _, sn in given}) == 320
        assert journals[0].pool_levels().free(IdKind.SN) == 0
        assert journals[0].read.integrity_check() == ()


def test_a_chip_that_many_stations_meet_is_one_unit_and_one_of_them_serves_it(database: str) -> None:
    with ExitStack() as closing:
        journals = [closing.enter_context(opened(database, f"jig-{index}")) for index in range(8)]
        fill(journals[0], 8)

        def meet(journal: Journal) -> tuple[str | None, str]:
            cycle = journal.begin_cycle("A", "s")
            unit = journal.reserve(cycle, "C1", APP_EUI, scanned_sn=None)
            try:
                journal.claim("C1")
            except UnitError as error:
                return unit.device_id, error.code
            return unit.device_id, "mine"

        with ThreadPoolExecutor(8) as threads:
            met = list(threads.map(meet, journals))
        assert len({device_id for device_id, _ in met}) == 1
        claims = [claim for _, claim in met]
        assert sorted(claims) == ["mine", *["unit.busy"] * 7]
        assert journals[0].pool_levels().free(IdKind.DEVICE_ID) == 7
        journals[claims.index("mine")].release("C1")
        journals[3].claim("C1")


def test_one_station_at_a_time_has_the_turn_to_fetch_ids(database: str) -> None:
    with opened(database) as first, opened(database, "jig-2") as second:
        turns = first.refill_turn(IdKind.SN), second.refill_turn(IdKind.SN), second.refill_turn(IdKind.DEVICE_ID)
        with turns[0] as mine, turns[1] as theirs, turns[2] as other:
            assert (mine, theirs, other) == (True, False, True)
        with second.refill_turn(IdKind.SN) as theirs:
            assert theirs


def test_an_effect_that_another_station_repeats_becomes_that_stations(database: str) -> None:
    """The first station comes back while the second is at it, and leaves it alone."""
    with opened(database) as first:
        fill(first, 1)
        cycle, unit = reserve(first, "C1")
        (effect,) = first.advance(cycle, "C1", intend=[activation(unit)])
    with opened(database, "jig-2") as second:
        cycle = second.begin_cycle("A", "s")
        second.reopen(cycle, effect)
        opened(database).close()
        (found,) = known(second, "C1").open_effects
        assert (found.kind, found.state) == (EffectKind.ACTIVATE, EffectState.INTENT)
    opened(database, "jig-2").close()
    with opened(database) as first:
        assert known(first, "C1").open_effects[0].state is EffectState.IN_DOUBT


# -- a server that goes ------------------------------------------------------------------------------------------------


def test_a_server_that_comes_back_finds_the_cycle_it_left_cut_off_and_its_effects_in_doubt(
    mortal_server: DatabaseServer,
) -> None:
    with opened(mortal_server.url(mortal_server.new_journal())) as journal:
        fill(journal, 5)
        idle, _ = labelled(journal, "C0")
        cycle, unit = reserve(journal, "C1")
        journal.advance(cycle, "C1", intend=[activation(unit)])
        mortal_server.crash()
        with pytest.raises(JournalUnreachable):
            journal.advance(cycle, "C1", verified=False)
        assert isinstance(journal.obstacle(), JournalUnreachable)
        mortal_server.start()
        wait_for(journal)
        for lost in (cycle, idle):
            with pytest.raises(JournalUnreachable, match="during this cycle"):
                journal.advance(lost, "C1", verified=False)
            with pytest.raises(JournalUnreachable):
                journal.end_cycle(ended(lost))
        (effect,) = known(journal, "C1").open_effects
        assert effect.state is EffectState.IN_DOUBT
        assert [record.outcome for record in journal.read.cycles()] == [Outcome.ABORTED] * 2
        assert labelled(journal, "C2")[1].labels_printed == 1
        assert journal.read.integrity_check() == ()


@pytest.mark.parametrize("whose", ["transactions", "tenure"])
def test_a_session_that_the_administrator_ends_is_replaced(
    database_server: DatabaseServer, database: str, whose: str
) -> None:
    """Where only idle connections for transactions go, no cycle notices; where the tenure goes, the cycle in progress ends."""
    with opened(database) as journal:
        fill(journal, 5)
        cycle, _ = reserve(journal, "C1")
        holds = "EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory')"
        database_server.ask(
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity a WHERE datname = %s AND {holds} = %s",
            name_of(database),
            whose == "tenure",
        )
        if whose == "tenure":
            with pytest.raises(JournalUnreachable, match="during this cycle"):
                journal.advance(cycle, "C1", verified=False)
        else:
            journal.advance(cycle, "C1", verified=False)
        assert journal.obstacle() is None
        reserve(journal, "C2")


def test_news_from_the_server_is_no_good_bye(database_server: DatabaseServer, database: str) -> None:
    """Both come unasked, and are there to read on an idle connection."""
    place = place_of(database)
    assert isinstance(place, ServerPlace)
    with contextlib.closing(postgresql.connector(place, "test", 5)()) as connection:
        connection.autocommit = True
        connection.execute("LISTEN news")
        database_server.ask("NOTIFY news", database=name_of(database))
        assert select.select([connection.pgconn.socket], [], [], 30)[0]
        assert postgresql.is_alive(connection)
        assert not select.select([connection.pgconn.socket], [], [], 0)[0]
        database_server.ask("SELECT pg_terminate_backend(%s, 10000)", connection.info.backend_pid)
        assert select.select([connection.pgconn.socket], [], [], 30)[0]
        assert not postgresql.is_alive(connection)


def test_a_claim_is_gone_with_the_session_that_held_it(database_server: DatabaseServer, database: str) -> None:
    with opened(database) as first, opened(database, "jig-2") as second:
        first.claim("C1")
        with pytest.raises(UnitError, match="served by station jig-1 on "):
            second.claim("C1")
        database_server.ask(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'station jig-1 %%'"
        )
        second.claim("C1")
        with pytest.raises(UnitError, match="served by station jig-2 on "):
            first.claim("C1")


def test_a_station_that_was_lost_and_taken_by_another_agent_stays_out(
    database_server: DatabaseServer, database: str
) -> None:
    with opened(database) as first:
        database_server.ask(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'station jig-1 %%'"
        )
        with opened(database):
            obstacle = first.obstacle()
            assert isinstance(obstacle, JournalLocked)
            with pytest.raises(JournalLocked):
                first.begin_cycle("A", "s")
        wait_for(first)
        assert first.begin_cycle("A", "s") == 1


def test_a_frozen_server_is_waited_for_a_bounded_time(
    mortal_server: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sockets stay open and nobody answers: no error would ever come by itself."""
    monkeypatch.setattr(postgresql.BoundedConnection, "silence_s", 0.5)
    monkeypatch.setattr(postgresql, "CONNECT_TIMEOUT_S", 2)
    with opened(mortal_server.url(mortal_server.new_journal())) as journal:
        journal.begin_cycle("A", "s")
        with mortal_server.frozen(), pytest.raises(JournalUnreachable, match="said nothing in time"):
            journal.begin_cycle("A", "s")
        wait_for(journal)
        journal.begin_cycle("A", "s")


def test_a_lock_that_another_holds_is_waited_for_a_bounded_time(database: str) -> None:
    with open_journal(database, CLOCK, IdSource.POOL, "jig-1", lock_timeout_s=0.2) as journal:
        fill(journal, 1)
        cycle, _ = reserve(journal, "C1")
        held, let_go = threading.Event(), threading.Event()
        store = store_of(database)

        def hold(connection: sa.Connection) -> None:
            connection.exec_driver_sql("SELECT * FROM units FOR UPDATE")
            held.set()
            let_go.wait(30)

        with ThreadPoolExecutor(1) as other:
            holding = other.submit(store.run, hold)
            assert held.wait(30)
            with pytest.raises(JournalError, match="lock timeout") as caught:
                journal.advance(cycle, "C1", verified=False)
            assert caught.value.code == "journal.failed"
            let_go.set()
            holding.result()
        journal.advance(cycle, "C1", verified=False)
        store.close()


# -- what errors mean --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (("/t", "/no-such-database-t"), JournalDenied),
        (("postgres@", "nobody-here@"), JournalDenied),
        (("?host=/", "?host=/nowhere/"), JournalUnreachable),
        (("?host=", "?no_such_option=1&host="), JournalAddress),
    ],
)
def test_a_server_that_cannot_be_entered_is_told_in_one_line(
    database_server: DatabaseServer, change: tuple[str, str], kind: type[JournalError]
) -> None:
    url = database_server.url("t0").replace(*change, 1)
    for opening in (opened, open_journal_readonly):
        with pytest.raises(JournalError) as caught:
            opening(url)
        assert type(caught.value) is kind
        assert "\n" not in str(caught.value)


def test_a_right_that_is_missing_is_told(database_server: DatabaseServer, database: str) -> None:
    database_server.ask("DROP ROLE IF EXISTS guest")
    database_server.ask("CREATE ROLE guest LOGIN")
    with pytest.raises(JournalDenied, match="permission denied for table"):
        opened(database.replace("postgres@", "guest@"))
    database_server.ask("DROP ROLE guest")


def test_a_database_that_cannot_hold_every_text_is_refused(database_server: DatabaseServer) -> None:
    database_server.ask("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
    with pytest.raises(JournalError, match="LATIN1; make it with ENCODING 'UTF8'"):
        opened(database_server.url("latin"))
    database_server.drop("latin")


def test_each_commit_is_synced_whatever_the_server_is_set_to(database_server: DatabaseServer, database: str) -> None:
    database_server.ask(f"ALTER DATABASE {name_of(database)} SET synchronous_commit = off")
    store = store_of(database)
    assert store.run(lambda connection: connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()) == "on"
    store.close()
    database_server.ask(f"ALTER DATABASE {name_of(database)} RESET synchronous_commit")


def test_a_server_that_forgets_in_a_power_cut_is_told_of(database: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), opened(database) as journal:
        assert "fsync off" in caplog.text
        assert [problem for problem in journal.read.durability_problems() if "fsync" in problem]


def test_reading_cannot_write(database: str) -> None:
    with opened(database) as journal:
        work = versions._create
        with pytest.raises(JournalUnreachable, match="read-only"):
            journal.read._store.run(work)


def test_an_error_of_the_database_names_no_value(database: str) -> None:
    store = store_of(database)
    insert = "INSERT INTO units (chip_id, app_eui, station, reserved_at) VALUES ('secret-chip', 'E', 'S', 1)"

    def twice(connection: sa.Connection) -> None:
        connection.exec_driver_sql(insert)
        connection.exec_driver_sql(insert)

    with pytest.raises(JournalContradiction, match='unique constraint "units_pk"') as caught:
        store.run(twice)
    assert "secret" not in str(caught.value)
    store.close()


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("08006", JournalUnreachable),
        ("57P01", JournalUnreachable),
        ("57P03", JournalUnreachable),
        ("53300", JournalUnreachable),
        ("25006", JournalUnreachable),
        ("25P03", JournalUnreachable),
        ("28P01", JournalDenied),
        ("3D000", JournalDenied),
        ("42501", JournalDenied),
        ("XX001", JournalCorrupt),
        ("23505", JournalContradiction),
        ("53100", JournalError),
        ("57014", JournalError),
        ("40P01", JournalError),
    ],
)
def test_each_state_has_its_error(state: str, kind: type[JournalError]) -> None:
    cause = psycopg.errors.lookup(state)("said")
    error = postgresql.mapped(cause, "postgresql://db/hall")
    assert type(error) is kind
    assert str(error).startswith("postgresql://db/hall: said")
    assert ("pg_dump" in str(error)) == (kind is JournalCorrupt)
    assert postgresql.should_be_tried_again(cause) == (state == "40P01")
