"""How production goes, as the journal's rows say it, on both databases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from station.journal.journal import Journal
from station.journal.statistics import (
    DAY_MS,
    MAX_DAYS,
    SLOT_MS,
    WHOLE_CYCLE,
    CodeCount,
    Counts,
    Slot,
    StatisticsQuery,
    StepTime,
    total,
)
from station.model import Outcome
from tests.support.journal import ToldClock, ended, opened

pytestmark = pytest.mark.usefixtures("each_database")

START_MS = 1_760_000_400_000
"""The start of a quarter of an hour."""
ALL = StatisticsQuery("jig-1", START_MS - DAY_MS, START_MS + DAY_MS)


@pytest.fixture
def clock() -> ToldClock:
    return ToldClock(START_MS / 1000)


def run(journal: Journal, chip_id: str | None, outcome: Outcome, code: str | None = None, **steps_s: float) -> int:
    """One cycle that lasts as long as its steps together."""
    cycle = journal.begin_cycle("A", "log")
    result = replace(ended(cycle, chip_id), outcome=outcome, code=code, steps=steps_s, duration_s=sum(steps_s.values()))
    journal.end_cycle(result)
    return cycle


def test_cycles_are_counted_by_outcome_and_quarter_of_an_hour(tmp_path: Path, clock: ToldClock) -> None:
    with opened(tmp_path / "j.sqlite", clock=clock) as journal:
        run(journal, "C1", Outcome.PASS)
        run(journal, None, Outcome.ERROR, "port.gone")
        clock.wall += SLOT_MS / 1000 - 0.001
        run(journal, "C2", Outcome.FAIL, "board.silent")
        clock.wall += 0.001
        run(journal, "C3", Outcome.ABORTED, "cycle.aborted")
        journal.begin_cycle("A", "still running")
        assert journal.read.production(ALL) == (
            Slot(START_MS, Counts(passed=1, failed=1, errors=1, first_passed=1, first_failed=1)),
            Slot(START_MS + SLOT_MS, Counts(aborted=1)),
        )
        assert journal.read.production(replace(ALL, station="jig-2")) == ()
        assert [slot.start_ms for slot in journal.read.production(replace(ALL, before_ms=START_MS + SLOT_MS))] == [
            START_MS
        ]
        assert [slot.start_ms for slot in journal.read.production(replace(ALL, since_ms=START_MS + SLOT_MS))] == [
            START_MS + SLOT_MS
        ]


def test_a_unit_counts_for_the_first_pass_yield_once_and_not_for_what_was_the_stations_fault(
    tmp_path: Path, clock: ToldClock
) -> None:
    with opened(tmp_path / "j.sqlite", clock=clock) as journal:
        run(journal, "C1", Outcome.ERROR, "api.unreachable")
        run(journal, "C1", Outcome.PASS)
        run(journal, "C1", Outcome.PASS)
        run(journal, "C2", Outcome.FAIL, "board.silent")
        clock.wall += 3600
        run(journal, "C2", Outcome.PASS)
        run(journal, None, Outcome.FAIL, "board.silent")
        whole = total(journal.read.production(ALL))
        assert (whole.first_passed, whole.first_failed, whole.first_pass_share) == (1, 1, 0.5)
        assert (whole.passed, whole.failed, whole.passed_share) == (3, 2, 0.6)
        later = total(journal.read.production(replace(ALL, since_ms=START_MS + 3_600_000)))
        assert (later.passed, later.first_passed, later.first_failed) == (1, 0, 0)
        assert later.first_pass_share is None


def test_times_are_those_of_passes_by_nearest_rank_in_the_order_of_the_steps(tmp_path: Path, clock: ToldClock) -> None:
    with opened(tmp_path / "j.sqlite", clock=clock) as journal:
        for number in range(1, 21):
            run(journal, f"C{number}", Outcome.PASS, write=float(number), bind=0.25)
        run(journal, "C0", Outcome.FAIL, "board.silent", write=1000.0)
        assert journal.read.step_times(ALL) == (
            StepTime(WHOLE_CYCLE, 20, 10.25, 19.25),
            StepTime("write", 20, 10.0, 19.0),
            StepTime("bind", 20, 0.25, 0.25),
        )
        assert journal.read.step_times(replace(ALL, station="jig-2")) == ()


def test_codes_come_most_frequent_first_with_their_newest_cycle(tmp_path: Path, clock: ToldClock) -> None:
    with opened(tmp_path / "j.sqlite", clock=clock) as journal:
        run(journal, "C1", Outcome.PASS)
        rare = run(journal, "C1", Outcome.ERROR, "api.unreachable")
        run(journal, "C2", Outcome.FAIL, "board.silent")
        newest = run(journal, "C3", Outcome.FAIL, "board.silent")
        assert journal.read.codes(ALL) == (
            CodeCount("board.silent", "FAIL", 2, newest),
            CodeCount("api.unreachable", "ERROR", 1, rare),
        )


@pytest.mark.parametrize("length_ms", [0, -1, MAX_DAYS * DAY_MS + 1])
def test_a_period_is_bounded(length_ms: int) -> None:
    with pytest.raises(ValueError, match="period"):
        StatisticsQuery("jig-1", 0, length_ms)
