"""Cycles and their logs found by what is known of them, and the logs that nobody noted."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.journal.journal import Journal
from station.journal.session_index import CycleSearch, unnoted
from station.model import Outcome
from tests.support.journal import ToldClock, fill, opened, reserve
from tests.support.sessions import result_of

pytestmark = pytest.mark.usefixtures("each_database")

DAY_MS = 86_400_000


def _end(journal: Journal, cycle: int, chip_id: str | None, outcome: Outcome, code: str | None = None) -> None:
    journal.end_cycle(result_of(outcome, cycle=cycle, socket="A", station="jig-1", chip_id=chip_id, code=code))


def test_cycles_are_found_by_each_criterion_newest_first(tmp_path: Path) -> None:
    clock = ToldClock()
    with opened(tmp_path / "j.sqlite", clock=clock) as journal:
        fill(journal, 5)
        first, unit = reserve(journal, "C1")
        _end(journal, first, "C1", Outcome.PASS)
        journal.note_session(first, "2025-10-09/one.jsonl.gz", "0" * 64, 500)
        clock.wall += 86_400
        second, other = reserve(journal, "C2")
        _end(journal, second, "C2", Outcome.FAIL, "board.silent")
        third = journal.begin_cycle("B", "three.jsonl.gz")

        def found(**wanted: object) -> list[int]:
            return [each.cycle for each in journal.read.find_sessions(CycleSearch("jig-1", **wanted))]  # type: ignore[arg-type]

        assert found() == [third, second, first]
        assert found(limit=2) == [third, second]
        assert found(chip_id="C") == [second, first]
        assert found(chip_id="C1") == found(sn=unit.sn) == found(device_id=unit.device_id) == [first]
        assert unit.sn is not None
        assert other.sn is not None
        assert found(sn=unit.sn[:2]) == [second, first]
        assert found(sn=unit.sn, chip_id="C2") == []
        assert found(any_id=unit.sn) == found(any_id=unit.device_id) == found(any_id="C1") == [first]
        assert found(any_id="C") == [second, first]
        assert found(any_id=unit.sn, outcome="FAIL") == []
        assert found(socket="B") == [third]
        assert found(outcome="FAIL") == found(code="board.silent") == [second]
        start_ms = int(clock.wall * 1000)
        assert found(since_ms=start_ms) == [third, second]
        assert found(since_ms=start_ms - DAY_MS, before_ms=start_ms) == [first]
        assert found(after_cycle=first) == [third, second]
        assert found(after_cycle=first, before_cycle=third) == [second]
        assert found(oldest_first=True, limit=2) == [first, second]
        for nonsense in ("", "\0", "C1\n", "%", "_" * 200):
            assert found(chip_id=nonsense) == found(socket=nonsense) == found(any_id=nonsense) == []
        one, *_ = journal.read.find_sessions(CycleSearch("jig-1", chip_id="C1"))
        assert (one.path, one.size_bytes, one.sn, one.outcome) == ("2025-10-09/one.jsonl.gz", 500, unit.sn, "PASS")
        assert (one.ended_at_ms, one.label) == (start_ms - DAY_MS, "printed")
        (running,) = journal.read.find_sessions(CycleSearch("jig-1", socket="B"))
        assert (running.ended_at_ms, running.outcome, running.label) == (None, None, None)
        assert journal.read.find_sessions(CycleSearch("jig-2")) == ()


def test_the_newest_cycles_without_a_noted_log_are_known(tmp_path: Path) -> None:
    with opened(tmp_path / "j.sqlite") as journal:
        cycles = [journal.begin_cycle("A", f"{index}.jsonl.gz") for index in range(4)]
        journal.note_session(cycles[2], "2.jsonl.gz", "0" * 64, 1)
        assert [number for number, _ in journal.read.unnoted_sessions("jig-1")] == [cycles[0], cycles[1], cycles[3]]
        assert journal.read.unnoted_sessions("jig-2") == ()
        newest = journal.read._store.run(lambda connection: unnoted(connection, "jig-1", newest=2))
        assert newest == ((cycles[3], "3.jsonl.gz"),)


def test_a_limit_out_of_bounds_is_refused() -> None:
    for limit in (0, 1_000_001):
        with pytest.raises(ValueError, match="limit"):
            CycleSearch("s", limit=limit)
