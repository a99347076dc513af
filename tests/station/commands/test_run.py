"""What ``station run`` shows, and that nobody has to look."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from station.commands.run import publisher
from station.events import Event, SocketWaiting

ROOT = Path(__file__).parents[3]


def test_a_view_whose_terminal_has_gone_is_told_once_and_stops_nothing() -> None:
    seen: list[Event] = []

    def view(event: Event) -> None:
        seen.append(event)
        raise BrokenPipeError

    publish = publisher([view])
    publish(SocketWaiting("A"))
    publish(SocketWaiting("A"))
    assert len(seen) == 1


def test_a_reader_that_goes_away_neither_ends_a_demo_nor_leaves_a_traceback(tmp_path: Path) -> None:
    """SIGPIPE stays ignored: it would end the agent in the middle of a cycle."""
    demo = [sys.executable, "-m", "station.cli", "demo", "--json", "--cycles", "3", "--dir", str(tmp_path / "demo")]
    read, write = os.pipe()
    process = subprocess.Popen(demo, stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(write)
    os.read(read, 1)
    os.close(read)
    _, err = process.communicate(timeout=50)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "3 of 3 PASS" in err


def test_a_listing_that_is_cut_short_ends_like_any_filter(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    listing = [sys.executable, "-m", "station.cli", "config", "check", "configs/desk.yaml"]
    environment = {**os.environ, "STATION_CS_SEC_KEY": "a-secret-of-the-desk"}
    done = subprocess.run(
        listing, stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment, timeout=50, check=False
    )
    os.close(write)
    assert "Traceback" not in done.stderr
    assert done.returncode in (128 + signal.SIGPIPE, 2)
