"""The running agent's door: who may knock, and what a strange request does to it."""

from __future__ import annotations

import json
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from drivers.printer import Receipt
from station import control
from station.control import MAX_LINE_BYTES, NAME, ControlServer, RefusedByAgent, ask_agent
from station.desk import Done, PrintAgain, RefillPool, Resolve, SettleLabel
from station.errors import StationError, UnitError
from station.journal.journal import Journal
from station.journal.pool import PoolCounts, PoolLevels
from station.journal.records import Decision, Reprint
from station.model import IdKind
from tests.support.links import wait_until

T = TypeVar("T")
LEVELS = PoolLevels({IdKind.DEVICE_ID: PoolCounts(free=7), IdKind.SN: PoolCounts(free=3)})


class _Desk:
    """A station that refuses decisions, and breaks at a reprint."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def settle(self, chip_id: str, decide: Callable[[Journal], T]) -> T:
        self.asked.append(chip_id)
        raise UnitError("unit.busy", f"{chip_id} is taken")

    def reprint(self, chip_id: str, *, reason: str, operator: str, printer: str | None) -> tuple[Reprint, Receipt]:
        raise RuntimeError(f"{chip_id} {reason} {operator} {printer}")

    def top_up(self) -> tuple[PoolLevels, str | None]:
        return LEVELS, "the server gave no usable sn"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Its path alone is longer than a socket's may be."""
    folder = tmp_path / ("a" * 120)
    folder.mkdir()
    return folder


@pytest.fixture
def desk(folder: Path) -> Iterator[_Desk]:
    desk = _Desk()
    with ControlServer(folder, desk):
        yield desk


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """Of the socket, however long the folder's path is."""
    descriptor = os.open(folder, os.O_PATH)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


@contextmanager
def _knocked(folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection, _address(folder) as address:
        connection.connect(address)
        yield connection


def _say(folder: Path, data: bytes) -> dict[str, Any] | None:
    """What the agent answers to these bytes; None for a closed connection."""
    with _knocked(folder) as connection:
        try:
            connection.sendall(data)
            line = connection.makefile("rb").readline()
        except (BrokenPipeError, ConnectionResetError):
            return None
    return json.loads(line) if line else None


def test_a_request_is_carried_out_and_answered(folder: Path, desk: _Desk) -> None:
    done = ask_agent(folder, RefillPool())
    assert done == Done("free: 7 DeviceIDs, 3 SNs", "the server gave no usable sn")
    assert desk.asked == []


@pytest.mark.parametrize(
    "request_", [Resolve("C1", Decision.RETRY, "why", "ann"), SettleLabel("C1", True, "why", "ann")]
)
def test_a_refusal_keeps_its_code(folder: Path, desk: _Desk, request_: Resolve | SettleLabel) -> None:
    with pytest.raises(RefusedByAgent, match="C1 is taken") as refusal:
        ask_agent(folder, request_)
    assert refusal.value.code == "unit.busy"
    assert desk.asked == ["C1"]


def test_a_program_fault_is_answered_and_the_door_stays_open(folder: Path, desk: _Desk) -> None:
    with pytest.raises(RefusedByAgent, match="RuntimeError: C1 why ann None") as refusal:
        ask_agent(folder, PrintAgain("C1", "why", "ann"))
    assert refusal.value.code == "station.defect"
    assert ask_agent(folder, RefillPool()) is not None
    assert desk.asked == []


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"hello\n",
        b"[" * 5000 + b"\n",
        b"[]\n",
        b"{}\n",
        b'{"do": "shutdown"}\n',
        b'{"do": "resolve", "chip_id": "C1"}\n',
        b'{"do": "resolve", "chip_id": 5, "decision": "retry", "reason": "x", "operator": "y"}\n',
        b"\xff\xfe\n",
    ],
)
def test_what_is_no_request_is_refused_and_the_door_stays_open(folder: Path, desk: _Desk, line: bytes) -> None:
    answer = _say(folder, line)
    assert answer is not None
    assert answer["code"] == "usage.invalid"
    assert ask_agent(folder, RefillPool()) is not None
    assert desk.asked == []


def test_a_line_without_end_is_hung_up_on(folder: Path, desk: _Desk) -> None:
    assert _say(folder, b"x" * (MAX_LINE_BYTES + 1)) is None
    assert ask_agent(folder, RefillPool()) is not None
    assert desk.asked == []


def test_a_request_that_drips_in_holds_nobody_up_for_long(
    folder: Path, desk: _Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, and all of them would take two hours."""
    monkeypatch.setattr(control, "REQUEST_TIMEOUT_S", 0.5)

    def drip() -> None:
        for _ in range(MAX_LINE_BYTES):
            dripping.sendall(b" ")
            time.sleep(0.1)

    with _knocked(folder) as dripping, pytest.raises(BrokenPipeError):
        drip()
    assert ask_agent(folder, RefillPool()) is not None
    assert desk.asked == []


def test_an_agent_that_was_out_of_descriptors_takes_commands_again(
    folder: Path, desk: _Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(control, "RETRY_S", 0.05)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_UNIX) as waiting, _address(folder) as address:
        try:
            with _knocked(folder) as served:  # by an accept that has its descriptor already
                served.sendall(b" ")
                resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
                waiting.connect(address)
            wait_until(lambda: "no command can be taken: Too many open files" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        waiting.sendall(b"hello\n")
        assert b"usage.invalid" in waiting.makefile("rb").readline()
    assert desk.asked == []


def test_only_the_agents_user_may_knock(folder: Path, desk: _Desk) -> None:
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600
    assert desk.asked == []


def test_where_no_agent_runs_nobody_answers(folder: Path) -> None:
    """Neither where there never was one, nor where one was killed and its socket is left, nor where one has ended."""
    assert ask_agent(folder, RefillPool()) is None
    descriptor = os.open(folder, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(f"/proc/self/fd/{descriptor}/{NAME}")
    os.close(descriptor)
    assert ask_agent(folder, RefillPool()) is None
    with ControlServer(folder, _Desk()):
        assert ask_agent(folder, RefillPool()) is not None
    assert ask_agent(folder, RefillPool()) is None
    assert list(folder.iterdir()) == []


def test_an_agent_that_goes_away_before_its_answer_is_told(folder: Path) -> None:
    descriptor = os.open(folder, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{descriptor}/{NAME}")
        os.close(descriptor)
        listener.listen(1)
        listener.settimeout(0)  # never accepted: the backlog takes the request, and the close resets it
        closer = threading.Timer(0.2, listener.close)
        closer.start()
        with pytest.raises(StationError, match="did not answer"):
            ask_agent(folder, RefillPool())
        closer.join()
