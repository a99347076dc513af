"""The short form of ``make chaos``: the same agent, disturbances and judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import chaos
from tests.chaos.holdings import WINDOW


@pytest.mark.timeout(240)
def test_cables_pulled_and_signals_at_random_moments_leave_nothing_wrong(tmp_path: Path) -> None:
    """Every board passes, with nothing done but put back what was pulled and look at labels in doubt."""
    assert chaos(tmp_path, unplugs=6, signals=3, seed=5) == 0


LEAKY = """
import os, sys, threading
from station.cli import main
from station.worker import SocketWorker
run = SocketWorker.__init__
def leaking(self, name, trigger, run_cycle, *rest):
    def cycle(event):
        {leak}
        return run_cycle(event)
    run(self, name, trigger, cycle, *rest)
SocketWorker.__init__ = leaking
sys.exit(main(sys.argv[1:]))
"""
LEAKS = {
    "descriptor": ("[os.open('/dev/zero', os.O_RDONLY) for _ in range(20)]", "/dev/zero held grew from"),
    "thread": (
        "[threading.Thread(target=threading.Event().wait, daemon=True).start() for _ in range(6)]",
        "threads held grew",
    ),
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("leak", "told"), LEAKS.values(), ids=LEAKS)
def test_an_agent_that_leaks_is_a_violation(
    leak: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Planted in a real agent: so much in each cycle that the fewest looks that are compared show it."""
    assert chaos(tmp_path, unplugs=2 * WINDOW, signals=0, seed=5, program=("-c", LEAKY.format(leak=leak))) > 0
    violations = [line for line in capsys.readouterr().out.splitlines() if line.startswith("VIOLATION")]
    assert violations
    assert all(told in line for line in violations), violations
