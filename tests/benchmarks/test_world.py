"""The benchmarks made small: they say nothing of speed here, but that what they measure still runs, and what they make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import figures
from benchmarks.figures import Figure, floor_s
from benchmarks.openhtf import run_openhtf
from benchmarks.sequential import provision_sequentially
from benchmarks.world import PRINT_S, run_station, world


@pytest.mark.timeout(100)
def test_a_station_and_the_sequential_client_serve_the_same_sockets(tmp_path: Path) -> None:
    with world(tmp_path, sockets=2, round_trip_s=0.0, print_s=0.0, batch=10) as around:
        rows = run_station(around, 2)
        calls = around.calls()
        assert provision_sequentially(around, 2) > 0
    assert {row["outcome"] for row in rows} == {"PASS"}
    assert all(2 * figures.ROUND_TRIP_S + PRINT_S < floor_s(row) < 60 for row in rows)
    assert sum(call["method"] in ("activateDeviceId", "bindSN") for call in calls) == 2 * 2
    assert figures.requests_per_unit(calls) == pytest.approx(2 / 10)


def test_openhtf_that_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.openhtf.PYTHON", tmp_path / "bin" / "python")
    with pytest.raises(RuntimeError, match="make bench"):
        run_openhtf(None, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(("better", "met"), [("lower", False), ("higher", True)])
def test_a_figure_is_the_median_of_its_runs(better: str, met: bool) -> None:
    figure = Figure("x", "ratio", (1.0, 9.0, 3.0), 2.0, better)  # type: ignore[arg-type]
    assert (figure.value, figure.is_met) == (3.0, met)
