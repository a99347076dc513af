"""Scans over a real pty: whole ones start, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.clock import Clock, Deadline
from drivers.errors import PortLost, PortMissing
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated.link import PtyLink
from drivers.simulated.scanner import SimulatedScanner
from drivers.transport import Transport
from drivers.trigger import TriggerEvent
from drivers.trigger.serial_scanner import ScannerOptions, SerialScannerTrigger
from tests.support.text import CLOCK, PATIENCE_S, ManualClock, TalkingWire

SN = "0123456789ABCDEF0123456789ABCDEF"


def soon() -> Deadline:
    return Deadline.after(PATIENCE_S, CLOCK)


class CountingPort:
    """Tells a desk how many bytes were taken from the port below."""

    def __init__(self, port: Transport, at: Desk) -> None:
        self._port = port
        self._at = at
        self.name = port.name
        self.close = port.close
        self.write = port.write

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        data = self._port.read(max_bytes, deadline)
        self._at.taken_bytes += len(data)
        return data

    def discard_input(self) -> bytes:
        data = self._port.discard_input()
        self._at.taken_bytes += len(data)
        return data


class Desk:
    """A scanner on its cable, the trigger that listens, and what that rejected."""

    def __init__(self, folder: Path, scanner: SimulatedScanner, **settings: Any) -> None:
        self.scanner = scanner
        self.link = PtyLink(scanner, stable_path=folder / "scanner")
        self.clock = ManualClock()
        self.rejected: list[str] = []
        self.taken_bytes = 0
        options = ScannerOptions(SerialOptions(str(folder / "scanner")), **settings)
        self.trigger = SerialScannerTrigger(options, self.clock, self._open, self.rejected.append)
        # Opens the port, as the first wait of a worker does long before the first scan.
        assert self.trigger.wait(Deadline.after(0, CLOCK)) is None

    def _open(self, options: SerialOptions, _: Clock) -> Transport:
        return CountingPort(open_serial(options, CLOCK), self)

    def scan(self, text: str, **how: Any) -> None:
        self.scanner.scan(self.link, text, **how)

    def next(self) -> TriggerEvent | None:
        return self.trigger.wait(soon())

    def arrived(self, data: bytes) -> None:
        """Have the trigger take in bytes that start nothing."""
        expected_bytes = self.taken_bytes + len(data)
        self.link.say(data)
        while self.taken_bytes < expected_bytes:
            assert self.trigger.wait(Deadline.after(0.02, CLOCK)) is None


@contextmanager
def desk(folder: Path, scanner: SimulatedScanner | None = None, **settings: Any) -> Iterator[Desk]:
    made = Desk(folder, scanner or SimulatedScanner(), **settings)
    try:
        yield made
    finally:
        made.trigger.close()
        made.link.close()


@pytest.mark.parametrize("terminator", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_a_scan_in_any_number_of_pieces_starts_once(tmp_path: Path, terminator: str, pieces: int) -> None:
    with desk(tmp_path, SimulatedScanner(terminator=terminator)) as at:
        at.scan(SN, pieces=pieces)
        assert at.next() == TriggerEvent("scanner", SN)
        at.scan("SN2")
        assert at.next() == TriggerEvent("scanner", "SN2")
        assert at.rejected == []


def test_prefix_and_suffix_are_taken_off_and_missed(tmp_path: Path) -> None:
    with desk(tmp_path, SimulatedScanner("]C1", "#"), prefix="]C1", suffix="#") as at:
        at.scan(SN)
        assert at.next() == TriggerEvent("scanner", SN)
        at.link.say(b"SN3#\r")
        at.link.say(b"]C1SN4\r")
        at.scan("SN5")
        assert at.next() == TriggerEvent("scanner", "SN5")
    assert [reason.split(":")[0] for reason in at.rejected] == ["a scan without the prefix ']C1' or suffix '#'"] * 2


def test_the_same_scan_within_the_window_is_one(tmp_path: Path) -> None:
    with desk(tmp_path, duplicate_window_s=1.0) as at:
        at.scan("SN1")
        assert at.next() == TriggerEvent("scanner", "SN1")
        for _ in range(3):
            at.clock.advance(0.9)
            at.arrived(b"SN1\r")
        at.scan("SN2")
        assert at.next() == TriggerEvent("scanner", "SN2")
        at.scan("SN1")
        assert at.next() == TriggerEvent("scanner", "SN1")
        at.clock.advance(1.1)
        at.scan("SN1")
        assert at.next() == TriggerEvent("scanner", "SN1")
    assert at.rejected == []


def test_pieces_too_far_apart_do_not_make_a_scan(tmp_path: Path) -> None:
    """Neither the two halves together nor the second alone: half an SN may look like a whole one."""
    with desk(tmp_path, idle_reset_s=0.5) as at:
        at.arrived(b"SN12")
        at.clock.advance(0.6)
        at.link.say(b"345\r")
        at.scan("SN6")
        assert at.next() == TriggerEvent("scanner", "SN6")
    assert at.rejected == ["a scan in pieces that may not belong together: 'SN12345'"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"SN\x00\x01\r", "control characters: 'SN\\x00\\x01'"),
        (b"SN\x1b[2J\r", "control characters"),
        (b"SN\x1d01\r", "does not match"),
        (b"S\xce\x01\r", "not ASCII (check the baud rate)"),
        (b"hello world\r", "does not match"),
        (b"SN" + b"9" * 500 + b"\r", "more than 64 characters"),
    ],
)
def test_what_is_no_scan_does_not_start_and_says_why(tmp_path: Path, said: bytes, reason: str) -> None:
    with desk(tmp_path, pattern="[0-9A-Z]+", max_chars=64) as at:
        at.link.say(said)
        at.scan("SN7")
        assert at.next() == TriggerEvent("scanner", "SN7")
    assert len(at.rejected) == 1
    assert reason in at.rejected[0]
    assert at.rejected[0].isprintable()


def test_gs_is_kept_where_the_pattern_admits_it(tmp_path: Path) -> None:
    with desk(tmp_path, pattern=r"[0-9A-Z\x1d]+") as at:
        at.scan("21SN8\x1d10LOT")
        assert at.next() == TriggerEvent("scanner", "21SN8\x1d10LOT")


def test_scans_during_a_cycle_are_dropped_and_counted(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.scan("SN1")
        assert at.next() == TriggerEvent("scanner", "SN1")
        during = b"SN2\rSN3\rnot a scan\rSN4"
        expected_bytes, dropped = at.taken_bytes + len(during), 0
        at.link.say(during)
        while at.taken_bytes < expected_bytes:
            dropped += at.trigger.rearm()
        assert dropped == 2
        at.arrived(b"5\r")
        assert "SN45" in at.rejected[-1]
        at.scan("SN6")
        assert at.next() == TriggerEvent("scanner", "SN6")


def test_a_scanner_unplugged_is_told_and_taken_up_again(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.arrived(b"SN1")
        at.link.unplug()
        with pytest.raises(PortLost, match="scanner"):
            at.next()
        with pytest.raises(PortMissing):
            at.next()
        assert at.trigger.rearm() == 0
        at.link.replug()
        assert at.trigger.wait(Deadline.after(0, CLOCK)) is None
        at.scan("SN2")
        assert at.next() == TriggerEvent("scanner", "SN2")
        at.link.unplug()
        assert at.trigger.rearm() == 0
        with pytest.raises(PortLost):
            at.next()


def test_a_closed_trigger_opens_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.trigger.close()
        at.trigger.close()
        with pytest.raises(PortLost, match="closed"):
            at.next()


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_whatever_a_wire_says_only_scans_of_the_pattern_start(pieces: list[bytes]) -> None:
    clock, rejected = ManualClock(), list[str]()
    wire = TalkingWire(pieces)
    options = ScannerOptions(SerialOptions("wire"), pattern="[0-9A-Z]{2,8}")
    trigger = SerialScannerTrigger(options, clock, lambda *_: wire, rejected.append)
    wire.write(b"", Deadline.after(1, clock))
    starts = list(iter(lambda: trigger.wait(Deadline.after(1, clock)), None))
    assert all(start.text and start.text.isalnum() and 2 <= len(start.text) <= 8 for start in starts)
    assert all(reason.isprintable() for reason in rejected)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"terminators": ()}, "at least one must be given"),
        ({"terminators": ("",)}, "terminators must be"),
        ({"prefix": "ä"}, "prefix and suffix must be ASCII"),
        ({"suffix": "x" * 17}, "prefix and suffix must be ASCII"),
        ({"pattern": "("}, "does not compile"),
        ({"pattern": ""}, "pattern must have 1 to 200"),
        ({"max_chars": 0}, "max_chars must be"),
        ({"duplicate_window_s": -1.0}, "duplicate_window_s must be"),
        ({"idle_reset_s": 0.0}, "idle_reset_s must be"),
    ],
)
def test_options_that_do_not_go_together_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ScannerOptions(SerialOptions("/dev/ttyUSB0"), **settings)
