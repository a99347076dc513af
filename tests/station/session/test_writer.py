"""The file is private, survives kill -9 up to its last event, and a disk that fails stops the cycle."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from station.model import Step
from station.session.format import log_lines, read_log
from station.session.recorder import RecordingSession
from station.session.writer import SessionUnwritable, SessionWriter, part_of
from tests.support.sessions import CLOCK, result_of, start


def _now_ns() -> int:
    return int(CLOCK.monotonic_s() * 1e9)


def _write_notes(session: RecordingSession, count: int) -> None:
    for number in range(count):
        session.note("x", f"number {number}")


def test_folders_and_files_are_private(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        writer = SessionWriter(tmp_path / "a" / "b" / "x.jsonl.gz", _now_ns)
        part = part_of(writer.path)
        assert part.stat().st_mode & 0o777 == 0o600
        writer.append("head", "main", None, {"format": 1})
        closed = writer.close()
    finally:
        os.umask(previous)
    assert closed.path.stat().st_mode & 0o777 == 0o600
    assert [folder.stat().st_mode & 0o777 for folder in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700, 0o700]
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x.jsonl.gz"]
    data = closed.path.read_bytes()
    assert (closed.sha256, closed.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_path_is_used_once(tmp_path: Path) -> None:
    first = start(tmp_path)
    with pytest.raises(SessionUnwritable, match="File exists"):
        start(tmp_path)
    first.end(result_of())
    first.close()
    with pytest.raises(SessionUnwritable, match="exists already"):
        start(tmp_path)


def test_after_close_nothing_is_written_to_a_descriptor_that_is_another_files_now(tmp_path: Path) -> None:
    session = start(tmp_path)
    session.end(result_of())
    session.close()
    with (tmp_path / "other").open("wb") as other:
        with pytest.raises(SessionUnwritable, match="closed"):
            session.note("x", "late")
        with pytest.raises(SessionUnwritable, match="closed"):
            session.close()
        other.flush()
    assert (tmp_path / "other").read_bytes() == b""


def test_a_full_disk_stops_the_record_and_keeps_what_there_is(tmp_path: Path) -> None:
    """A write cut short by the system's bound on file sizes; nothing is written after half a line."""
    session = start(tmp_path)
    _write_notes(session, 3)
    part = part_of(session.path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (part.stat().st_size + 20, limits[1]))
        with pytest.raises(SessionUnwritable):
            session.note("x", "longer than there is room for")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    with pytest.raises(SessionUnwritable):
        session.note("x", "again")
    log = read_log(part)
    assert log.torn == "the last line was cut off after 20 bytes"
    assert [event.fields["text"] for event in log.events[1:]] == ["number 0", "number 1", "number 2"]
    session.close()


def test_a_cycle_whose_log_cannot_be_begun_leaves_nothing_open(tmp_path: Path) -> None:
    """Every test is searched for descriptors that it leaves open. What came to the disk is put away, and may be half a line."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))
        with pytest.raises(SessionUnwritable, match="disk full"):
            start(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert part_of(tmp_path / "sessions" / "log.jsonl.gz").stat().st_size == 20


def test_a_log_is_synced_with_its_head_and_after_each_step_that_changes_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fdatasync

    def counted(fd: int) -> None:
        sync(fd)
        synced.append(os.fstat(fd).st_size)

    monkeypatch.setattr(os, "fdatasync", counted)
    session = start(tmp_path)
    written = [part_of(session.path).stat().st_size]
    for step in Step:
        with session.step(step):
            session.note("x", step.value)
        if step in (Step.ACTIVATE, Step.BIND, Step.WRITE, Step.LABEL):
            written.append(part_of(session.path).stat().st_size)
    session.end(result_of())
    session.close()
    assert synced == written


def test_a_device_without_space_is_an_error(tmp_path: Path) -> None:
    session = start(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, session._writer._fd)
    os.close(full)
    with pytest.raises(SessionUnwritable, match="No space left"):
        session.note("x", "y")
    session.close()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("a file")
    with pytest.raises(SessionUnwritable):
        start(tmp_path)


def test_two_threads_keep_each_lanes_order_and_one_chain(tmp_path: Path) -> None:
    session = start(tmp_path)

    def write(name: str) -> None:
        lane = session.lane(name)
        for number in range(300):
            lane.note("x", f"{name} {number}")

    threads = [threading.Thread(target=write, args=(name,)) for name in ("main", "bind")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.end(result_of())
    log = read_log(session.close().path)
    for name in ("main", "bind"):
        texts = [event.fields["text"] for event in log.events if event.kind == "note" and event.lane == name]
        assert texts == [f"{name} {number}" for number in range(300)]
    times = [event.time_ns for event in log.events]
    assert times == sorted(times)


_ENDLESS = """
import sys
from pathlib import Path
from tests.support.sessions import start
session = start(Path(sys.argv[1]))
number = 0
while True:
    session.note("x", f"number {number}")
    number += 1
    if number == 50:
        print("running", flush=True)
"""


def test_a_killed_writer_leaves_a_log_that_can_be_read(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    child = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "running\n"
        child.kill()
    part = tmp_path / "sessions" / "log.jsonl.part"
    log = read_log(part)
    assert log.end is None
    assert len(log.events) > 50
    assert len(list(log_lines(part))) - len(log.events) <= 1
