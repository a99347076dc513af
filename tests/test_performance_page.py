"""docs/performance.md: written from what was measured, whole, and says where a goal is missed."""

from __future__ import annotations

import json
import statistics
from typing import Any

import pytest

from scripts import performance

FIGURE: dict[str, Any] = {
    "value": 2.0,
    "unit": "ratio",
    "runs": [1.0, 2.0, 2.0, 3.0, 2.0],
    "goal": 1.5,
    "better": "lower",
}
MACHINE = {"cpus": 2, "cpu": "c", "memory_gib": 4.0, "kernel": "6.1", "python": "3.11.2", "load_1min": 0.0, "nice": 0}


def test_the_page_is_written_from_a_whole_measurement() -> None:
    """``make docs`` writes it anew from a whole bench.json."""
    kept = json.loads(performance.KEPT.read_text("utf-8"))
    assert performance.PAGE.read_text("utf-8") == performance.render(kept)
    assert performance.missing(kept) == []
    assert {name for name, row in kept["figures"].items() if row["value"] != statistics.median(row["runs"])} == set()


@pytest.mark.parametrize(("better", "is_missed"), [("lower", True), ("higher", False)])
def test_a_missed_goal_is_said_to_be_missed(better: str, is_missed: bool) -> None:
    page = performance.render({"machine": MACHINE, "figures": {"cycle_over_floor": {**FIGURE, "better": better}}})
    row = next(line for line in page.splitlines() if "`cycle_over_floor`" in line)
    assert ("missed" in row) is is_missed
    assert "| 1 to 3 |" in row


def test_what_others_came_to_stands_beside_it() -> None:
    figure = {**FIGURE, "unit": "ms", "beside": {"OpenHTF 1.6": [7.0, 5.0, 6.0]}}
    assert "2 ms (**missed**); OpenHTF 1.6: 6 ms |" in performance.render(
        {"machine": MACHINE, "figures": {"cycle_cpu_ms": figure}}
    )


def test_a_measurement_of_some_figures_or_few_runs_is_not_taken() -> None:
    kept = json.loads(performance.KEPT.read_text("utf-8"))
    few = {**FIGURE, "runs": [1.0] * (performance.MIN_RUNS - 1)}
    figures = {**kept["figures"], "cycle_over_floor": few}
    del figures["cycle_cpu_ms"]
    assert performance.missing({"figures": figures}) == ["cycle_over_floor", "cycle_cpu_ms"]
