"""A short soak: the same agent, faults and judge as ``make soak``; so few cycles say nothing of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.__main__ import soak


@pytest.mark.timeout(120)
def test_a_hundred_cycles_with_faults_leave_nothing_wrong(tmp_path: Path) -> None:
    assert soak(tmp_path, cycles=100, sockets=2, seed=3, max_growth_mib=64) == 0
