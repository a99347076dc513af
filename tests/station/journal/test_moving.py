"""Moving a journal to PostgreSQL: all of it arrives, the file is of no use any more, and nothing is written over."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.clock import SystemClock
from station.cli import main
from station.journal.errors import (
    JournalAddress,
    JournalError,
    JournalLocked,
    JournalOccupied,
    JournalUnreachable,
    JournalVersion,
)
from station.journal.journal import Journal
from station.journal.moving import move
from station.journal.opening import open_journal, open_journal_readonly
from station.model import IdKind, IdSource
from station.secrets import Secret
from tests.support.configuration import GOOD, written
from tests.support.journal import activation, ended, fill, labelled, opened, reserve
from tests.support.postgresql import DatabaseServer

CLOCK = SystemClock()


def make(path: Path) -> None:
    """Units in every state, a batch that was lost, a decision, a log."""
    with opened(path) as journal:
        fill(journal, 12)
        for index in range(3):
            cycle, _ = labelled(journal, f"C{index}")
            journal.end_cycle(ended(cycle, f"C{index}"))
            journal.note_session(cycle, f"{index}.jsonl.gz", "0" * 64, 10)
        cycle, unit = reserve(journal, "C8")
        journal.advance(cycle, "C8", intend=[activation(unit)])
        journal.lose_batch(journal.begin_batch(IdKind.SN, 7), "tab\tand ü and \\N")
        journal.mark_shipped("C0", reason="sold\nnew line", operator="kim")


def answers(journal: Journal) -> list[object]:
    read = journal.read
    histories = [read.unit_history(unit.chip_id) for unit in read.units()]
    return [*histories, read.cycles(), read.session(1), read.pool_levels(count_used=True), read.integrity_check()]


def test_all_that_was_known_is_known_and_numbers_go_on(tmp_path: Path, database: str) -> None:
    path = tmp_path / "journal.db"
    make(path)
    opened(path).close()  # the open effect becomes in doubt here, as it would in moving
    shutil.copy(path, tmp_path / "copy.db")
    counts = move(path, Secret(database), "jig-1", CLOCK)
    assert (counts["units"], counts["ids"], counts["cycles"], counts["sessions"], counts["audit"]) == (4, 24, 4, 3, 1)
    with opened(tmp_path / "copy.db") as before, open_journal(database, CLOCK, IdSource.POOL, "jig-1") as after:
        assert answers(after) == answers(before)
        assert after.begin_cycle("A", "s") == before.begin_cycle("A", "s") == 5
        fill(after, 2, start=50)
        labelled(after, "C9")


def test_a_file_that_was_moved_is_refused_from_then_on(tmp_path: Path, database: str) -> None:
    path = tmp_path / "journal.db"
    make(path)
    move(path, Secret(database), "jig-1", CLOCK)
    openings: list[Callable[[], object]] = [lambda: opened(path), lambda: open_journal_readonly(path)]
    for opening in [*openings, lambda: move(path, Secret(database), "jig-1", CLOCK)]:
        with pytest.raises(JournalVersion, match="was moved"):
            opening()


def test_a_database_that_holds_anything_is_not_written_over(tmp_path: Path, database: str) -> None:
    path = tmp_path / "journal.db"
    make(path)
    with open_journal(database, CLOCK, IdSource.POOL, "jig-2") as other:
        other.begin_batch(IdKind.SN, 1)
    with pytest.raises(JournalOccupied, match="id_batches is not empty"):
        move(path, Secret(database), "jig-1", CLOCK)
    with opened(path) as journal:
        assert len(journal.read.units()) == 4


def test_a_move_that_fails_on_the_way_leaves_both_as_they_were(tmp_path: Path, database: str) -> None:
    """A text that PostgreSQL cannot hold, which no agent writes, comes when most tables are copied."""
    path = tmp_path / "journal.db"
    make(path)
    change = "UPDATE audit SET detail = ?"
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(change, ("nul \0",))
    with pytest.raises(JournalError, match="NUL") as caught:
        move(path, Secret(database), "jig-1", CLOCK)
    assert caught.value.code == "journal.failed"
    with opened(path) as journal:
        assert len(journal.read.units()) == 4
    reader = open_journal_readonly(database)
    assert reader.units() == ()
    reader.close()
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(change, ("",))
    assert move(path, Secret(database), "jig-1", CLOCK)["units"] == 4


def test_no_agent_may_run_on_either_side(tmp_path: Path, database: str) -> None:
    path = tmp_path / "journal.db"
    make(path)
    with opened(path), pytest.raises(JournalLocked):
        move(path, Secret(database), "jig-1", CLOCK)
    with open_journal(database, CLOCK, IdSource.POOL, "jig-2"), pytest.raises(JournalLocked, match="station jig-2"):
        move(path, Secret(database), "jig-1", CLOCK)
    assert move(path, Secret(database), "jig-1", CLOCK)["units"] == 4


def test_what_is_no_journal_or_no_server_is_told(tmp_path: Path, database: str) -> None:
    with pytest.raises(JournalError, match="no journal"):
        move(tmp_path / "none.db", Secret(database), "jig-1", CLOCK)
    make(tmp_path / "journal.db")
    with pytest.raises(JournalAddress):
        move(tmp_path / "journal.db", Secret(f"sqlite:///{tmp_path}/other.db"), "jig-1", CLOCK)
    with pytest.raises(JournalUnreachable):
        move(tmp_path / "journal.db", Secret(f"postgresql:///hall?host={tmp_path}"), "jig-1", CLOCK)
    opened(tmp_path / "journal.db").close()


def test_the_command_moves_the_stations_journal_and_a_backup_is_left_to_pg_dump(
    tmp_path: Path, database_server: DatabaseServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an empty database to the end, the whole address by reference: it stands in no process list."""
    name = database_server.new_database()
    monkeypatch.setenv("STATION_TEST_DATABASE", database_server.url(name))
    config = written(tmp_path, GOOD)
    (tmp_path / "state").mkdir()
    make(tmp_path / "state" / "journal.sqlite")
    assert main(["journal", "move", "--config", str(config), "--to", "${env:STATION_TEST_DATABASE}"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("moved: name the database as database.url")
    assert ["units", "4"] in [line.split() for line in out.splitlines()]

    written(tmp_path, GOOD + 'database: {url: "${env:STATION_TEST_DATABASE}"}\n')
    assert main(["journal", "check", "--config", str(config)]) == 0
    assert main(["units", "list", "--config", str(config)]) == 0
    assert capsys.readouterr().out.count("labelled") == 2
    assert main(["journal", "backup", "--config", str(config), "--to", str(tmp_path / "copy")]) == 1
    error = capsys.readouterr().err
    assert "station: journal.on_server: " in error
    assert f"pg_dump --format=custom --file={tmp_path}/copy {name}" in error
    database_server.drop(name)


@pytest.mark.parametrize("words", [("check",), ("move", "--to", "postgresql:///hall")])
def test_without_the_driver_it_is_told_how_to_install_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Of this process, which has it, another one is made that does not find it."""
    config = written(tmp_path, GOOD + "database: {url: postgresql:///hall}\n")
    program = "import sys; sys.modules['psycopg'] = None; from station.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "journal", *words, "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("station: journal.no_driver: a journal on PostgreSQL needs psycopg: pip install")
    assert done.stderr.count("\n") == 1


def test_a_password_on_the_command_line_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, GOOD)
    words = ["journal", "move", "--config", str(config), "--to", "postgresql://station:hunter2@db/hall"]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("station: usage.invalid: --to: a password may not stand here itself")
    assert "hunter2" not in error
