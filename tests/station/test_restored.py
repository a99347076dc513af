"""An old backup put back while the server, the boards and the printer have gone on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from station import cli
from station.doctor import Grade
from station.doctor.journal import JournalCheck
from station.journal.errors import JournalCorrupt
from station.journal.opening import open_journal_readonly
from station.model import Outcome
from station.production_api.simulator.settings import SimulatorSettings, Temper
from station.restored import JournalMissing, JournalRestored, make_marked, refuse_restored, restored_problem
from tests.support.station import Board, Rig, Settings, station


@contextmanager
def unjudged(folder: Path, **settings: object) -> Iterator[Rig]:
    """A station that the judge does not look at in the end: its journal has forgotten what the others know."""
    rig = Rig(folder, Settings(**settings))  # type: ignore[arg-type]
    try:
        yield rig
    finally:
        rig.close()


def journal_of(rig: Rig) -> Path:
    return rig.folder / "state" / "journal.sqlite"


def sessions_of(rig: Rig) -> Path:
    return rig.folder / "state" / "sessions"


def back_up(rig: Rig, *, marked: bool = True) -> Path:
    copy = rig.folder / "copy.sqlite"
    reader = open_journal_readonly(journal_of(rig))
    try:
        make_marked(copy, reader.backup) if marked else reader.backup(copy)
    finally:
        reader.close()
    return copy


def put_back(rig: Rig, copy: Path) -> None:
    for suffix in ("-wal", "-shm"):
        journal_of(rig).with_name(f"journal.sqlite{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, journal_of(rig))


def accept(rig: Rig) -> int:
    return cli.main(["journal", "accept", "--config", str(rig.folder / "station.yaml"), "--reason", "disk replaced"])


def gone_on(rig: Rig, *, marked: bool = True) -> tuple[Board, Board]:
    """A journal put back that knows a unit without its label, and not the one that was activated after it and is blank again."""
    unlabelled, forgotten = rig.board(), rig.board()
    rig.printer_off()
    assert rig.one(unlabelled).code == "printer.unreachable"
    copy = back_up(rig, marked=marked)
    rig.printer_on()
    assert [result.outcome for result in rig.run(unlabelled, forgotten)] == [Outcome.PASS, Outcome.PASS]
    forgotten.memory.poke(rig.settings.slot, b"\xff" * 8)  # type: ignore[union-attr]
    put_back(rig, copy)
    return unlabelled, forgotten


def test_no_station_begins_an_empty_journal_beside_the_logs_of_another(tmp_path: Path) -> None:
    """A board that was activated and not written would get a second licence. The backup, or moving the logs aside, goes on."""
    with unjudged(tmp_path) as rig:
        assert rig.one(rig.board()).outcome is Outcome.PASS
        copy = back_up(rig, marked=False)
        for suffix in ("", "-wal", "-shm"):
            journal_of(rig).with_name(f"journal.sqlite{suffix}").unlink(missing_ok=True)
        with pytest.raises(JournalMissing, match="session log of cycle 1: put the last backup in its place"):
            rig.one(rig.board())
        assert not journal_of(rig).exists()
        put_back(rig, copy)
        assert rig.one(rig.board()).outcome is Outcome.PASS
        put_back(rig, copy)
        journal_of(rig).unlink()
        sessions_of(rig).rename(rig.folder / "aside")
        assert rig.one(rig.board()).outcome is Outcome.PASS


@pytest.mark.parametrize("marked", [True, False])
def test_no_station_starts_on_a_copy_put_back(tmp_path: Path, marked: bool) -> None:
    with unjudged(tmp_path) as rig:
        gone_on(rig, marked=marked)
        calls = rig.api.ledger()["calls"]
        with pytest.raises(JournalRestored, match="station journal accept"):
            rig.one(rig.board())
        findings = list(JournalCheck(journal_of(rig), None, sessions_of(rig)).look())
        assert [finding.grade for finding in findings] == [Grade.BAD, Grade.GOOD]
        assert rig.api.ledger()["calls"] == calls
        assert len(rig.labels()) == 2


@pytest.mark.parametrize("ids", ["pool", "server"])
@pytest.mark.parametrize("temper", list(Temper))
def test_after_accept_nothing_is_spent_or_printed_twice(tmp_path: Path, ids: str, temper: Temper) -> None:
    with unjudged(tmp_path, ids=ids, api=SimulatorSettings(seed=7, temper=temper)) as rig:
        unlabelled, forgotten = gone_on(rig)
        spent = {device_id for _, device_id, _ in rig.labels()}
        assert accept(rig) == 0
        results = rig.run(forgotten, unlabelled, rig.board(), rig.board())
        assert [result.code for result in results] == ["unit.set_aside", "unit.set_aside", None, None]
        assert rig.api.violations() == []
        assert len(rig.labels()) == len(set(rig.labels())) == 4
        assert not spent & {result.device_id for result in results[2:]}
        assert rig.unit(forgotten)["device_id"] in spent
        assert [result.cycle for result in results] == [4, 5, 6, 7]


def test_ids_that_were_free_are_accounted_for_and_named_in_the_audit(tmp_path: Path) -> None:
    with unjudged(tmp_path) as rig:
        gone_on(rig)
        free = {row["value"] for row in rig.rows("SELECT value FROM ids WHERE state = 'free'")}
        used = {row["value"] for row in rig.rows("SELECT value FROM ids WHERE state <> 'free'")}
        assert accept(rig) == 0
        left = {row["value"] for row in rig.rows("SELECT value FROM ids")}
        (audit,) = rig.rows("SELECT detail, reason FROM audit WHERE action = 'journal.accept'")
        (lost,) = rig.rows("SELECT sum(asked) AS lost FROM id_batches WHERE state = 'lost'")
        assert free
        assert used <= left
        assert lost["lost"] == len(free - left)
        assert all(value in audit["detail"] for value in free - left)
        assert audit["reason"] == "disk replaced"
        reader = open_journal_readonly(journal_of(rig))
        assert reader.integrity_check() == ()
        reader.close()


def test_a_journal_that_is_none_put_back_is_not_accepted(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        assert rig.one(rig.board()).outcome is Outcome.PASS
        assert restored_problem(journal_of(rig), sessions_of(rig)) is None
        assert accept(rig) == 2


def test_the_write_ahead_log_of_another_journal_beside_a_backup_is_refused(tmp_path: Path) -> None:
    with unjudged(tmp_path) as rig:
        rig.one(rig.board())
        put_back(rig, back_up(rig))
        before = journal_of(rig).read_bytes()
        journal_of(rig).with_name("journal.sqlite-wal").write_bytes(b"pages of another journal")
        with pytest.raises(JournalCorrupt, match="of another journal"):
            refuse_restored(journal_of(rig), sessions_of(rig))
        assert journal_of(rig).read_bytes() == before


def test_a_backup_by_the_command_is_private_and_never_there_unmarked(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        assert rig.one(rig.board()).outcome is Outcome.PASS
        copy = tmp_path / "kept" / "copy.sqlite"
        copy.parent.mkdir()
        arguments = ["journal", "backup", "--config", str(rig.folder / "station.yaml"), "--to", str(copy)]
        assert cli.main(arguments) == 0
        assert copy.stat().st_mode & 0o777 == 0o600
        assert restored_problem(copy, tmp_path / "none") is not None
        assert [path.name for path in copy.parent.iterdir()] == ["copy.sqlite"]
        assert cli.main(arguments) != 0
