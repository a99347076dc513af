"""A short run of many stations: the agents, faults and judge of the long one, in a process of its own that starts the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(180)
def test_stations_that_are_killed_beside_a_database_that_crashes_leave_nothing_wrong() -> None:
    words = ("--agents", "4", "--units", "40", "--kills", "8", "--crashes", "1")
    command = [sys.executable, "-m", "tests.manystations", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170)
    assert done.stdout.splitlines()[-1:] == ["40 units, 0 violations, 8 kills, 1 database crashes"], (
        done.stdout + done.stderr
    )
    assert done.returncode == 0
