"""The check for leaks, which every test passes through, sees what it is there to see."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from tests.support.leaks import find_leaks, take_snapshot


def test_nothing_left_is_nothing_found(tmp_path: Path) -> None:
    before = take_snapshot()
    (tmp_path / "file").write_text("closed")
    thread = threading.Thread(target=str)
    thread.start()
    thread.join()
    assert find_leaks(before) == []


def test_an_open_descriptor_is_found_with_what_it_leads_to(tmp_path: Path) -> None:
    before = take_snapshot()
    descriptor = os.open(tmp_path / "open", os.O_CREAT | os.O_WRONLY)
    leaks = find_leaks(before, grace_s=0)
    os.close(descriptor)
    assert leaks == [f"file descriptor {descriptor} is still open: {tmp_path / 'open'}"]


def test_a_descriptor_reopened_on_something_else_is_found(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "first", os.O_CREAT | os.O_WRONLY)
    before = take_snapshot()
    other = os.open(tmp_path / "second", os.O_CREAT | os.O_WRONLY)
    os.dup2(other, descriptor)
    os.close(other)
    leaks = find_leaks(before, grace_s=0)
    os.close(descriptor)
    assert leaks == [f"file descriptor {descriptor} is still open: {tmp_path / 'second'}"]


def test_a_running_thread_is_found_by_name() -> None:
    before = take_snapshot()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="forgotten")
    thread.start()
    leaks = find_leaks(before, grace_s=0)
    stop.set()
    thread.join()
    assert leaks == ["thread 'forgotten' still runs"]


def test_a_thread_that_is_about_to_end_is_waited_for() -> None:
    before = take_snapshot()
    stop = threading.Event()
    threading.Thread(target=stop.wait).start()
    threading.Timer(0.05, stop.set).start()
    assert find_leaks(before) == []


def test_a_leaking_test_fails(tmp_path: Path) -> None:
    """The fixture of conftest.py is what turns a leak into a failure."""
    here = Path(__file__).parent
    (tmp_path / "conftest.py").write_text((here / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(
        "import os\n\ndef test_leak():\n    os.open('/dev/null', os.O_RDONLY)\n\ndef test_clean():\n    pass\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(here.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "2 passed, 1 error" in run.stdout
    assert "left behind: file descriptor" in run.stdout
