"""Logs are named without collisions, found by what they hold, and finished after a crash."""

from __future__ import annotations

import gzip
import math
import os
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.clock import SystemClock
from station.errors import SessionError
from station.model import Outcome, Unit, UnitStatus
from station.session.following import Following
from station.session.format import read_log
from station.session.masking import Masker
from station.session.recorder import RecordingSession
from station.session.store import find, finish_cut_off, newest_running, path_for, summarise
from station.session.writer import part_of
from tests.support.sessions import result_of, start

NOON_S = datetime(2025, 3, 31, 12, 0, 0, 250_000, tzinfo=UTC).timestamp()


class ClockAt(SystemClock):
    """The real clock with the wall clock set to one moment."""

    def __init__(self, wall_s: float) -> None:
        self._wall_s = wall_s

    def wall_s(self) -> float:
        return self._wall_s


def record_at(folder: Path, wall_s: float, socket: str, **result: object) -> Path:
    """One finished log of one cycle."""
    path = path_for(folder, wall_s, "bench", socket)
    session = RecordingSession.start(path, {"station": "bench", "socket": socket}, ClockAt(wall_s), Masker())
    session.end(result_of(**{"socket": socket, **result}))  # type: ignore[arg-type]
    return session.close().path


def test_a_path_tells_day_time_station_and_socket_in_utc(tmp_path: Path) -> None:
    path = path_for(tmp_path, NOON_S, "line-1", "left")
    assert path.relative_to(tmp_path).as_posix() == "2025-03-31/20250331T120000.250000Z-line-1-left.jsonl.gz"


@given(st.text(max_size=80), st.text(max_size=80), st.floats())
def test_any_name_and_any_clock_give_a_safe_path(station: str, socket: str, wall_s: float) -> None:
    path = path_for(Path("/nowhere"), wall_s, station, socket)
    assert re.fullmatch(
        r"/nowhere/\d{4}-\d\d-\d\d/\d{8}T\d{6}\.\d{6}Z-[\w-]{1,40}-[\w-]{1,40}\.jsonl\.gz", str(path), re.ASCII
    )


def test_names_that_differ_only_in_unsafe_characters_stay_apart(tmp_path: Path) -> None:
    names = ["left", "left/", "left ", "../left", "", " ", "läft", "x" * 50, "x" * 51]
    assert len({path_for(tmp_path, math.inf, "s", name).name for name in names}) == len(names)


def test_the_same_moment_twice_gives_two_paths(tmp_path: Path) -> None:
    """A clock that was set back."""
    paths = [record_at(tmp_path, NOON_S, "left") for _ in range(3)]
    assert len(set(paths)) == 3
    running = RecordingSession.start(path_for(tmp_path, NOON_S, "bench", "left"), {}, ClockAt(NOON_S), Masker())
    assert path_for(tmp_path, NOON_S, "bench", "left") not in [*paths, running.path]
    running.close()


def test_logs_are_found_by_what_they_hold_newest_first(tmp_path: Path) -> None:
    first = record_at(tmp_path, NOON_S, "left", chip_id="A", sn="S1", device_id="D1")
    second = record_at(tmp_path, NOON_S + 1, "right", chip_id="B", sn="S2", device_id="D2")
    third = record_at(tmp_path, NOON_S + 90_000, "left", chip_id="A", outcome=Outcome.FAIL, code="board.silent")

    def found(**criteria: object) -> list[Path]:
        return [summary.path for summary in find(tmp_path, **criteria)]  # type: ignore[arg-type]

    assert found() == [third, second, first]
    assert found(chip_id="A") == [third, first]
    assert found(sn="S2") == [second]
    assert found(device_id="D1") == [first]
    assert found(sn="S") == [third, second, first], "of an id its beginning is enough"
    assert found(device_id="D", chip_id="B") == [second]
    assert found(socket="lef") == found(outcome="P") == [], "of anything else it is not"
    assert found(socket="left") == [third, first]
    assert found(outcome="FAIL") == found(code="board.silent") == [third]
    assert found(day=date(2025, 3, 31)) == [second, first]
    assert found(day=date(2025, 4, 1), chip_id="A") == [third]
    assert found(chip_id="A", sn="S2") == []
    summary = summarise(first)
    assert (summary.station, summary.outcome, summary.duration_s) == ("bench", "PASS", 0.25)
    assert (summary.cut_off, summary.problem, summary.day) == (False, None, date(2025, 3, 31))


def test_a_damaged_file_is_listed_with_its_problem(tmp_path: Path) -> None:
    good = record_at(tmp_path, NOON_S, "left")
    (tmp_path / "zz.jsonl.gz").write_bytes(good.read_bytes()[:-30])
    (tmp_path / "yy.jsonl").write_text("something else\n")
    damaged, other, whole = find(tmp_path)
    assert damaged.problem is not None
    assert "cannot be read" in damaged.problem
    assert other.problem == "not a session log of format 1"
    assert whole.problem is None
    assert list(find(tmp_path, chip_id="35003200")) == [whole]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no such folder"):
        find(tmp_path / "none")


def test_a_running_cycle_is_told_from_a_torn_log(tmp_path: Path) -> None:
    running = start(tmp_path, name="running.jsonl.gz")
    part = part_of(running.path)
    torn = part.with_name("torn.jsonl.part")
    torn.write_bytes(part.read_bytes() + b'{"n":')
    seen = {summary.path: (summary.cut_off, summary.torn, summary.running) for summary in find(tmp_path)}
    assert seen == {part: (True, False, True), torn: (True, True, False)}
    assert newest_running(tmp_path, "left") == part
    with pytest.raises(SessionError, match="no cycle runs in socket other"):
        newest_running(tmp_path, "other")
    running.end(result_of())
    running.close()
    with pytest.raises(SessionError, match="no cycle runs in socket left"):
        newest_running(tmp_path, "left")


def test_what_a_crash_left_is_finished_and_knows_its_unit(tmp_path: Path) -> None:
    """The file of a cycle that still runs is left alone."""
    running = start(tmp_path, name="running.jsonl.gz")
    crashed = start(tmp_path, name="crashed.jsonl.gz")
    unit = Unit("CHIP", "EUI", "DEVICE", "SERIAL", UnitStatus.RESERVED)
    crashed.given("journal.reserve", {"cycle": 1, "chip_id": "CHIP"}, Unit, lambda: unit)
    content = part_of(crashed.path).read_bytes()
    crashed.close()
    crashed.path.unlink()
    part_of(crashed.path).write_bytes(content + b'{"n":2,"t":')
    (tmp_path / "sessions" / "empty.jsonl.part").touch()

    (found,) = finish_cut_off(tmp_path)
    assert found.closed.path == crashed.path
    assert (found.summary.chip_id, found.summary.device_id, found.summary.sn) == ("CHIP", "DEVICE", "SERIAL")
    assert found.summary.cut_off
    assert found.summary.outcome is None
    assert read_log(crashed.path).torn is not None
    names = sorted(path.name for path in (tmp_path / "sessions").iterdir())
    assert names == ["crashed.jsonl.gz", "running.jsonl.part"]
    assert finish_cut_off(tmp_path) == ()
    running.end(result_of())
    assert read_log(running.close().path).end is not None


def test_one_log_that_cannot_be_finished_keeps_neither_the_others_nor_the_station(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Something stands where it would be packed; the next start tries again."""
    for name in ("blocked", "free"):
        start(tmp_path, name=f"{name}.jsonl.gz").close()
        packed = tmp_path / "sessions" / f"{name}.jsonl.gz"
        part_of(packed).write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    in_the_way = tmp_path / "sessions" / "blocked.jsonl.gz.tmp"
    in_the_way.mkdir()
    assert [found.closed.path.name for found in finish_cut_off(tmp_path)] == ["free.jsonl.gz"]
    assert "blocked.jsonl.part, which was cut off, is not finished" in caplog.text
    in_the_way.rmdir()
    assert [found.closed.path.name for found in finish_cut_off(tmp_path)] == ["blocked.jsonl.gz"]


def test_a_packed_log_is_summed_up_as_the_same_log_unpacked(tmp_path: Path) -> None:
    """Packed ones of common size are read in another way, for speed."""
    ended = record_at(tmp_path, NOON_S, "left")
    unit = Unit("CHIP", "EUI", "DEVICE", "SERIAL", UnitStatus.RESERVED)
    cut = start(tmp_path, name="cut.jsonl.gz")
    cut.given("journal.reserve", {"cycle": 1, "chip_id": "CHIP"}, Unit, lambda: unit)
    cut.close()
    for packed in (ended, cut.path):
        plain = packed.with_suffix("")
        content = gzip.decompress(packed.read_bytes())
        for tail in (b"", b'{"n":', content[:50]):
            plain.write_bytes(content + tail)
            packed.write_bytes(gzip.compress(content + tail))
            assert replace(summarise(packed), path=plain, size_bytes=0) == replace(summarise(plain), size_bytes=0)
            assert summarise(packed).torn == bool(tail)


@pytest.mark.parametrize("name", ["pipe.jsonl", "pipe.jsonl.gz", "pipe.jsonl.part"])
def test_a_named_pipe_is_damage_and_keeps_nobody_waiting(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    (summary,) = find(tmp_path)
    assert "not a file" in (summary.problem or "")
    assert not summary.running
    with pytest.raises(SessionError, match="not a file"):
        read_log(tmp_path / name)
    with pytest.raises(SessionError, match="not a file"):
        next(Following(tmp_path / name, SystemClock()).events())


def test_what_is_no_file_does_not_keep_a_station_from_starting(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl.part").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl.part")
    (tmp_path / "nowhere.jsonl.part").symlink_to(tmp_path / "gone")
    assert finish_cut_off(tmp_path) == ()
    assert len(list(tmp_path.iterdir())) == 3
