"""A short soak: the same agent, faults and judge as ``make soak``; so few cycles say nothing of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.__main__ import soak
from tests.soak.disturbed import disturbed


@pytest.mark.timeout(120)
def test_a_hundred_cycles_with_faults_leave_nothing_wrong(tmp_path: Path) -> None:
    assert soak(tmp_path, cycles=100, sockets=2, seed=3, max_growth_mib=64) == 0


@pytest.mark.timeout(240)
def test_cables_pulled_and_signals_at_random_moments_leave_nothing_wrong(tmp_path: Path) -> None:
    """The short form of ``python -m tests.soak.disturbed``: every board passes, with nothing done but put back what was pulled."""
    assert disturbed(tmp_path, unplugs=4, signals=3, seed=5) == 0
