"""The short form of ``make chaos``: the same agent, disturbances and judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import chaos


@pytest.mark.timeout(240)
def test_cables_pulled_and_signals_at_random_moments_leave_nothing_wrong(tmp_path: Path) -> None:
    """Every board passes, with nothing done but put back what was pulled and look at labels in doubt."""
    assert chaos(tmp_path, unplugs=6, signals=3, seed=5) == 0
