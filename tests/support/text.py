"""What the tests of text line boards and of triggers share: boards on real ptys, a clock by hand, and a wire that only talks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from drivers.bootloader.text_line import TextLineDriver, TextLineOptions, Wake
from drivers.clock import Deadline, SystemClock
from drivers.errors import DeadlineExpired
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated.link import PtyLink
from drivers.simulated.text_board import SimulatedTextBoard
from drivers.transport import Framing, ModemLines, SerialTransport

CHIP_ID = "3A0041000951303338363633"
APP_EUI = "70B3D57ED00001C0"
DEVICE_ID = "d88b4c0100000001"
CLOCK = SystemClock()
PATIENCE_S = 10.0
"""Bounds what must come anyway; nothing passes or fails by it."""


def board(device_id: str | None = None, **settings: Any) -> SimulatedTextBoard:
    """A board with the usual identity."""
    return SimulatedTextBoard(CHIP_ID, APP_EUI, device_id, **settings)


def dialect(**changes: Any) -> TextLineOptions:
    """The default dialect with time-outs so long that only what never comes expires."""
    usual = TextLineOptions()
    patient = {
        name: replace(getattr(usual, name), timeout_s=PATIENCE_S)
        for name in ("chip_id", "app_eui", "device_id", "write")
    }
    wake = Wake(attempts=20, timeout_s=1.0)
    return replace(usual, **(patient | {"wake": wake} | changes))


@contextmanager
def plugged(device: Any, **settings: Any) -> Iterator[tuple[PtyLink, SerialTransport]]:
    """A device behind a pty, and the pty opened as the agent opens it."""
    link = PtyLink(device, **settings)
    try:
        port = open_serial(SerialOptions(link.path, Framing(115200)), CLOCK)
        try:
            yield link, port
        finally:
            port.close()
    finally:
        link.close()


def driver(**changes: Any) -> TextLineDriver:
    """A driver for the patient dialect."""
    return TextLineDriver(dialect(**changes))


class ManualClock:
    """Time that passes only by ``advance``, or by sleeping."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s

    def advance(self, duration_s: float) -> None:
        self.now_s += duration_s


class TalkingWire:
    """A wire on which the same pieces come after each write, whatever was asked, and then nothing."""

    name = "wire"

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self._coming: list[bytes] = []
        self.sent = b""
        self.lines: list[tuple[bool | None, bool | None]] = []

    def write(self, data: bytes, deadline: Deadline) -> None:
        self.sent += data
        self._coming = list(self._pieces)

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        if not self._coming:
            raise DeadlineExpired(self.name, "no byte came in time")
        piece = self._coming.pop(0)
        if piece[max_bytes:]:
            self._coming.insert(0, piece[max_bytes:])
        return piece[:max_bytes]

    def discard_input(self) -> bytes:
        self._coming = []
        return b""

    def close(self) -> None:
        self._coming = []

    def set_framing(self, framing: Framing) -> None:
        return

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        self.lines.append((dtr, rts))

    def modem_lines(self) -> ModemLines:
        return ModemLines(cts=False, dsr=False, dcd=False, ri=False)
