"""What a station has no use for is not imported until it is used, and then it is the real one, for whoever uses it first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AGENT = "import sys, station.jig\n"
INNERMOST = ("asyncio.events", "anyio._core", "_bz2", "_lzma", "importlib.metadata._meta", "_sysconfigdata")
"""A module that comes with each of them, so that it shows which were imported."""
LATE = AGENT + f"assert not [name for name in sys.modules if name.startswith({INNERMOST!r})], sorted(sys.modules)\n"


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
        "import importlib\nassert importlib.import_module('asyncio').CancelledError\nprint('said')",
        "import anyio\nasync def say(): print('said')\nanyio.run(say)",
        "from anyio.lowlevel import checkpoint\nimport anyio\nanyio.run(checkpoint)\nprint('said')",
        "import bz2\nprint(bz2.decompress(bz2.compress(b'said')).decode())",
        "from lzma import compress, decompress\nprint(decompress(compress(b'said')).decode())",
        "import tarfile, io\nwith tarfile.open(fileobj=io.BytesIO(), mode='w:xz') as tar: print('said')",
        "from importlib.metadata import version\nassert version('pydantic').startswith('2.')\nprint('said')",
        "from importlib.metadata import entry_points\nassert 'console_scripts' in entry_points().groups\nprint('said')",
        "import importlib.metadata as found\nassert found.entry_points(group='console_scripts', name='station')\nprint('said')",
        "import importlib.metadata._meta\nassert importlib.metadata.version('station')\nprint('said')",
        "from sysconfig import get_config_var\nassert get_config_var('EXT_SUFFIX').endswith('.so')\nprint('said')",
        "import sysconfig\nassert sysconfig.get_paths()['stdlib']\nprint('said')",
        "import zoneinfo\nassert zoneinfo.TZPATH == ('/usr/share/zoneinfo',)\nprint('said')",
    ],
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
