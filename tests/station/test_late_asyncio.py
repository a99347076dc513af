"""asyncio is not imported until it is used, and then it is the real one, for whoever uses it first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LATE = "import sys, station.journal.journal\nassert 'asyncio.events' not in sys.modules\n"


def run(program: str) -> str:
    """Its output, in an interpreter of its own."""
    command = [sys.executable, "-W", "error", "-c", LATE + program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=50).stdout


@pytest.mark.parametrize(
    "program",
    [
        "import asyncio\nasync def say(): print('said')\nasyncio.run(say())",
        "from asyncio import run\nasync def say(): print('said')\nrun(say())",
        "import asyncio.base_events\nasync def say(): print('said')\nasyncio.run(say())",
        "import asyncio.events as events\nloop = events.new_event_loop()\nloop.close()\nprint('said')",
        "import importlib\nprint('said' if importlib.import_module('asyncio').CancelledError else '')",
    ],
    ids=["package", "name", "module of it", "module as", "importlib"],
)
def test_whoever_uses_it_has_the_real_one(program):
    assert run(program).strip() == "said"


def test_many_threads_may_be_the_first():
    program = (
        "import asyncio, threading\n"
        "start, kinds = threading.Barrier(8), set()\n"
        "def use(): start.wait(); kinds.add(asyncio.Queue)\n"
        "threads = [threading.Thread(target=use) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "print(len(kinds), sys.modules['asyncio'].Queue in kinds)\n"
    )
    assert run(program).split() == ["1", "True"]


def test_sqlalchemy_tells_a_cancelled_task_from_an_error():
    program = (
        "import asyncio\n"
        "from sqlalchemy.util.concurrency import is_exit_exception, iscoroutine\n"
        "async def none(): pass\n"
        "task = none()\n"
        "print(is_exit_exception(asyncio.CancelledError()), is_exit_exception(ValueError()), iscoroutine(task), iscoroutine(1))\n"
        "task.close()\n"
    )
    assert run(program).split() == ["True", "False", "True", "False"]


def test_one_that_is_imported_already_stays():
    program = (
        "import asyncio, sys, station.journal.journal\n"
        "print(sys.modules['asyncio'] is asyncio, 'asyncio.events' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=50).stdout
    assert said.split() == ["True", "True"]
