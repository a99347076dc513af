"""Opening: one owner, private files, no damaged or foreign file, nothing half made."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from station.journal.errors import JournalCorrupt, JournalError, JournalLocked, JournalVersion
from station.journal.opening import open_journal_readonly, path_of
from station.journal.records import UnitQuery
from station.journal.sqlite import backup, writer
from tests.support.journal import ended, fill, labelled, opened, reserve

ROOT = Path(__file__).parents[3]


def make(path: Path, units: int = 3) -> None:
    with opened(path) as journal:
        fill(journal, units)
        for index in range(units):
            labelled(journal, f"C{index}")


def test_every_file_is_private_even_under_an_open_umask(tmp_path: Path):
    before = os.umask(0)
    try:
        with opened(tmp_path / "new" / "journal.db") as journal:
            fill(journal, 1)
            journal.read.backup(tmp_path / "new" / "copy.db")
            modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    finally:
        os.umask(before)
    names = ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock", "copy.db")
    assert modes == dict.fromkeys(names, 0o600)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_journal_that_others_could_read_is_made_private_on_opening(tmp_path: Path):
    path = tmp_path / "journal.db"
    make(path)
    path.chmod(0o644)
    with opened(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_owner_is_kept_out_and_told_the_pid(tmp_path: Path):
    path = tmp_path / "journal.db"
    script = (
        "import sys; from pathlib import Path; from tests.support.journal import opened\n"
        "journal = opened(Path(sys.argv[1])); print('owned', flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    with owner, owner.stdin, owner.stdout:
        assert owner.stdout.readline() == b"owned\n"
        with pytest.raises(JournalLocked, match=rf"pid {owner.pid}\b"):
            opened(path)
        reader = open_journal_readonly(path)
        assert reader.units() == ()
        reader.close()
        owner.kill()
    opened(path).close()


def test_the_same_process_cannot_own_a_journal_twice_and_closing_frees_it(tmp_path: Path):
    path = tmp_path / "journal.db"
    with opened(path), pytest.raises(JournalLocked, match=f"pid {os.getpid()}"):
        opened(path)
    opened(path).close()


def test_a_closed_journal_refuses_work_and_closes_twice(tmp_path: Path):
    journal = opened(tmp_path / "journal.db")
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.find_unit("C1")
    with pytest.raises(JournalError, match="closed"):
        journal.read.units()


def test_what_was_written_is_there_after_reopening(tmp_path: Path):
    path = tmp_path / "journal.db"
    make(path)
    with opened(path) as journal:
        assert len(journal.read.units()) == 3
        assert journal.begin_cycle("A", "s") == 4


@pytest.mark.parametrize("damage", ["header", "middle", "cut"])
def test_a_damaged_journal_is_refused_and_the_way_to_restore_told(tmp_path: Path, damage: str):
    path = tmp_path / "journal.db"
    make(path, 40)
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:16] = b"\xff" * 16
    elif damage == "middle":
        content[8192:60_000] = b"\xa5" * (60_000 - 8192)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt, match="last backup"):
        opened(path)
    assert path.read_bytes() == bytes(content)
    with pytest.raises(JournalCorrupt):
        opened(path)


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path):
    text, foreign = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("not a database, and longer than the header of one " * 10)
    with sqlite3.connect(foreign) as other:
        other.execute("CREATE TABLE songs (title TEXT)")
    other.close()
    with pytest.raises(JournalCorrupt):
        opened(text)
    with pytest.raises(JournalCorrupt, match="songs"):
        opened(foreign)
    assert text.read_text().startswith("not a database")


def test_a_lost_main_file_beside_its_wal_is_not_silently_begun_anew(tmp_path: Path):
    path = tmp_path / "journal.db"
    path.with_name("journal.db-wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(100))
    with pytest.raises(JournalCorrupt, match=r"journal\.db-wal"):
        opened(path)
    assert not path.exists()


def test_a_creation_cut_off_before_its_first_table_is_finished_by_the_next(tmp_path: Path):
    path = tmp_path / "journal.db"
    cut_off = sqlite3.connect(path)
    cut_off.execute("PRAGMA journal_mode = WAL")
    cut_off.close()
    with opened(path) as journal:
        assert journal.begin_cycle("A", "s") == 1


@pytest.mark.parametrize("make_it", ["directory", "missing parent is a file", "lock is a link"])
def test_a_place_where_no_journal_can_be_is_told_in_one_line(tmp_path: Path, make_it: str):
    path = tmp_path / "journal.db"
    if make_it == "directory":
        path.mkdir()
    elif make_it == "lock is a link":
        (tmp_path / "journal.db.lock").symlink_to("/etc/passwd")
    else:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "journal.db"
    with pytest.raises(JournalError) as caught:
        opened(path)
    assert caught.value.code == "journal.failed"
    assert "\n" not in str(caught.value)


def test_reading_only_changes_nothing_and_needs_a_journal_of_this_version(tmp_path: Path):
    path = tmp_path / "journal.db"
    with pytest.raises(JournalError, match="no journal"):
        open_journal_readonly(path)
    assert list(tmp_path.iterdir()) == []
    make(path)
    before = path.read_bytes()
    reader = open_journal_readonly(path)
    assert [unit.chip_id for unit in reader.units(UnitQuery(text="C1"))] == ["C1"]
    assert reader.integrity_check() == ()
    reader.close()
    assert path.read_bytes() == before
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(JournalVersion, match="9999"):
        open_journal_readonly(path)


def test_a_reader_sees_each_commit_at_once_and_never_blocks_the_writer(tmp_path: Path):
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        reader = open_journal_readonly(path)
        fill(journal, 5)
        for index in range(5):
            reserve(journal, f"C{index}")
            assert reader.find_unit(f"C{index}") == journal.find_unit(f"C{index}")
        reader.close()


def test_a_backup_is_a_whole_journal_of_its_moment(tmp_path: Path):
    path, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    with opened(path) as journal:
        fill(journal, 5)
        cycle, _ = labelled(journal, "C1")
        journal.end_cycle(ended(cycle, "C1"))
        journal.read.backup(copy)
        expected = (journal.read.units(), journal.read.unit_history("C1"), journal.pool_levels())
        labelled(journal, "C2")
        with pytest.raises(JournalError, match="never replaces"):
            journal.read.backup(copy)
        with pytest.raises(JournalError, match="No such file"):
            journal.read.backup(tmp_path / "nowhere" / "copy.db")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.db", "journal.db", "journal.db.lock"]
    with opened(copy) as restored:
        assert (restored.read.units(), restored.read.unit_history("C1"), restored.pool_levels()) == expected
        assert restored.read.integrity_check() == ()


def test_each_commit_is_synced_and_each_reference_checked(tmp_path: Path):
    """synchronous 2 is FULL: one fdatasync a commit (https://sqlite.org/pragma.html#pragma_synchronous)."""
    opened(tmp_path / "journal.db").close()
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}
    store = writer(tmp_path / "journal.db", 1)
    found = store.run(
        lambda connection: {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
    )
    store.close()
    assert found == wanted


def test_a_copy_by_the_connection_that_writes_is_refused_and_does_not_wait_for_ever(tmp_path: Path):
    opened(tmp_path / "journal.db").close()
    store = writer(tmp_path / "journal.db", 1)
    with pytest.raises(JournalError, match="being written"):
        store.run(lambda connection: backup(connection, tmp_path / "copy.db"))
    store.close()
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("location", ["postgresql://host/db", "http://x", "sqlite://", "sqlite:///"])
def test_an_address_that_means_no_file_is_refused(location: str):
    with pytest.raises(JournalError):
        path_of(location)


def test_a_path_and_a_sqlite_address_mean_the_same_file(tmp_path: Path):
    assert path_of(f"sqlite:///{tmp_path}/j.db") == path_of(f"{tmp_path}/j.db") == path_of(tmp_path / "j.db")


def test_a_path_with_characters_that_mean_something_in_a_uri(tmp_path: Path):
    path = tmp_path / "50% of #1 ?mode=memory" / "journal.db"
    make(path, 1)
    assert path.stat().st_size > 0
    reader = open_journal_readonly(path)
    assert len(reader.units()) == 1
    reader.close()
