"""Which session logs make way, which are kept whatever happens, and that no cycle starts on a full disk."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from drivers.clock import SystemClock
from station.config.validate import load_configuration
from station.errors import StationError
from station.events import StepStarted
from station.housekeeping import DiskFull, Housekeeper, RetentionOptions, require_room, tidy
from station.model import Outcome, Step
from station.production_api.simulator.faults import Fault, FaultKind
from station.session.store import path_for
from tests.support.api import wait_until
from tests.support.station import Rig, station

DAY_S = 86_400
NOW_S = datetime(2031, 5, 1, tzinfo=UTC).timestamp()
MIB = 1 << 20


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def log_of(folder: Path, days_ago: float, size_bytes: int = 10) -> Path:
    path = path_for(folder, NOW_S - days_ago * DAY_S, "jig-1", "A")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size_bytes)
    return path


def left(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_logs_older_than_the_days_configured_go_with_their_folders(tmp_path: Path) -> None:
    old, young = log_of(tmp_path, 31), log_of(tmp_path, 29)
    assert tidy(tmp_path, RetentionOptions(keep_days=30), NOW_S, frozenset(), newest_kept=0) == 1
    assert left(tmp_path) == {young}
    assert not old.parent.exists()


def test_the_oldest_go_first_until_the_rest_is_small_enough(tmp_path: Path) -> None:
    logs = [log_of(tmp_path, days, 4 * MIB) for days in (5, 4, 3, 2, 1)]
    assert tidy(tmp_path, RetentionOptions(keep_mib=12), NOW_S, frozenset(), newest_kept=0) == 2
    assert left(tmp_path) == set(logs[2:])


def test_room_is_made_on_a_disk_that_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many go as it takes: here each gives 100 MiB back."""
    logs = [log_of(tmp_path, days) for days in (5, 4, 3, 2, 1)]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, (350 + 100 * (5 - len(left(tmp_path)))) * MIB))
    assert tidy(tmp_path, RetentionOptions(free_mib=500), NOW_S, frozenset(), newest_kept=0) == 2
    assert left(tmp_path) == set(logs[2:])


def test_logs_that_are_needed_are_kept_and_others_go_instead(tmp_path: Path) -> None:
    needed, other, young = log_of(tmp_path, 900), log_of(tmp_path, 800), log_of(tmp_path, 1)
    assert tidy(tmp_path, RetentionOptions(), NOW_S, frozenset({needed}), newest_kept=0) == 1
    assert left(tmp_path) == {needed, young}
    assert not other.exists()


def test_a_clock_that_is_wrong_by_years_costs_none_of_the_newest(tmp_path: Path) -> None:
    logs = [log_of(tmp_path, days) for days in (5, 4, 3, 2, 1)]
    assert tidy(tmp_path, RetentionOptions(keep_days=1), NOW_S + 36_000 * DAY_S, frozenset(), newest_kept=3) == 2
    assert left(tmp_path) == set(logs[2:])


def test_logs_that_are_being_written_and_files_of_others_are_left_alone(tmp_path: Path) -> None:
    log = log_of(tmp_path, 5000)
    part = log.with_name(log.name.removesuffix(".gz") + ".part")
    log.rename(part)
    other = log.with_name("notes.txt")
    other.write_text("mine", "utf-8")
    assert tidy(tmp_path, RetentionOptions(), NOW_S, frozenset(), newest_kept=0) == 0
    assert left(tmp_path) == {part, other}


def test_what_cannot_be_removed_is_told_and_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stubborn = log_of(tmp_path, 900)
    stubborn.unlink()
    stubborn.mkdir()
    gone = log_of(tmp_path, 800)
    assert tidy(tmp_path, RetentionOptions(), NOW_S, frozenset(), newest_kept=0) == 1
    assert not gone.exists()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("options", [{"keep_days": 0}, {"keep_mib": 9}, {"free_mib": 49}, {"keep_days": 40_000}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RetentionOptions(**options)


# -- in a station ----------------------------------------------------------------------------------------------------------


def test_the_logs_of_units_that_wait_for_a_person_are_known(tmp_path: Path) -> None:
    """One passes, one is set aside by an answer that names another id."""
    with station(tmp_path) as rig:
        passed, held = rig.board(), rig.board()
        rig.one(passed)
        rig.api.add_fault(Fault(FaultKind.WRONG_ID, "activateDeviceId"))
        result = rig.one(held)
        assert result.code == "api.answer_other"
        assert needed_of(rig) == {Path(result.session or "")}


def needed_of(rig: Rig) -> set[Path]:
    """Asked of a jig that is not running any more would be too late: one that starts again says it."""
    from station.jig import Jig

    with Jig(rig.configuration(), lambda _event: None) as jig:
        return set(jig.needed_logs())


def test_a_running_station_tidies_by_its_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the newest log, long before the present, are too old for it."""
    monkeypatch.setattr(tidy, "__defaults__", (1,))
    with station(tmp_path) as rig:
        rig.configuration()
        file = tmp_path / "station.yaml"
        file.write_text("sessions: {keep_days: 3}\n" + file.read_text("utf-8"), "utf-8")
        configuration = load_configuration(file)
        assert configuration.station.sessions == RetentionOptions(keep_days=3)
        folder = configuration.station.sessions_dir
        old = [log_of(folder, days) for days in (9000, 8999, 8998)]
        keeper = Housekeeper(folder, configuration.station.sessions, SystemClock(), frozenset)
        keeper.start()
        wait_until(lambda: not any(path.exists() for path in old[:2]))
        keeper.stop()
        assert old[2].exists()
        old[2].unlink()


def test_no_cycle_begins_on_a_full_disk_and_the_next_one_does_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        real = shutil.disk_usage
        with monkeypatch.context() as full:
            full.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 1 << 40, 31 * MIB))
            result = rig.one(board)
        assert (result.outcome, result.code) == (Outcome.ERROR, "disk.full")
        assert "31 MiB are left" in result.message
        assert not [event for event in rig.events if isinstance(event, StepStarted) and event.step is Step.IDENTIFY]
        rig.results.clear()
        assert shutil.disk_usage is real
        assert rig.one(board).outcome is Outcome.PASS


def test_the_room_that_a_cycle_needs_is_looked_at_where_it_is_needed(tmp_path: Path) -> None:
    require_room(tmp_path, needed_bytes=1)
    with pytest.raises(DiskFull) as error:
        require_room(tmp_path, needed_bytes=1 << 60)
    assert isinstance(error.value, StationError)
    assert error.value.code == "disk.full"
