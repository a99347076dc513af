"""The wire: how long a log's bytes take, and reading a board's identity against reading the same bytes without a protocol."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections import defaultdict
from typing import Any

from benchmarks.world import Child, insert_board
from drivers.bootloader.fields import FieldFormat
from drivers.bootloader.stm32.options import MemoryField, Stm32Options
from drivers.bootloader.stm32.rom import Stm32Driver
from drivers.clock import Deadline, SystemClock
from drivers.serial_port import SerialOptions, open_serial
from drivers.transport import Framing, SerialTransport, read_exactly
from station.demo import APP_EUI_ADDRESS, BAUD, DEVICE_ID_ADDRESS, PART
from station.session.format import SessionLog

BITS_PER_BYTE = 11
"""Start, eight of data, parity, stop: AN3155, "USART bootloader code sequence"."""
FRAMING = Framing(BAUD, parity="even")
_FIELD = FieldFormat(8, encoding="hex", case="lower")
_LOADER = "tests/support/stm32loader_on_pty.py"


def wire_s_of(log: SessionLog) -> dict[str, float]:
    """By step, how long the bytes that passed the UART in it take at the benchmarks' baud rate."""
    passed: dict[str, float] = defaultdict(float)
    steps: dict[str | None, str] = {}
    for event in log.events:
        if event.kind == "step":
            steps[event.lane] = str(event.fields["step"]) if event.fields["at"] == "start" else ""
        elif event.kind in ("tx", "rx") and event.channel == "uart":
            size_bytes = len(str(event.fields.get("hex", ""))) // 2
            passed[steps.get(event.lane, "")] += size_bytes * BITS_PER_BYTE / BAUD
    return passed


def identify_beside_raw(rounds: int = 15) -> tuple[float, float]:
    """Median seconds of the driver's ``identify`` on a fresh board, and of writing and reading the same bytes with no protocol
    at all, in turn on the same wire."""
    driver = Stm32Driver(
        Stm32Options(PART, MemoryField(APP_EUI_ADDRESS, _FIELD), MemoryField(DEVICE_ID_ADDRESS, _FIELD))
    )
    clock = SystemClock()
    hardware = Child("-m", "benchmarks.hardware", "1", str(BAUD), "0")
    try:
        (place,) = hardware.hear().values()
        port = open_serial(SerialOptions(place["uart"], FRAMING), clock)
        ours_s, raw_s = [], []
        for _ in range(rounds):
            noted = _Noted(port)
            insert_board(hardware, "A")
            started_s = time.perf_counter()
            driver.connect(noted, clock).identify()
            ours_s.append(time.perf_counter() - started_s)
            insert_board(hardware, "A")
            raw_s.append(_exchange(port, noted.turns))
        port.close()
        return statistics.median(ours_s), statistics.median(raw_s)
    finally:
        hardware.close()


def identify_by_stm32loader() -> float:
    """Wall seconds of stm32loader's command that reads a board's UID."""
    hardware = Child("-m", "benchmarks.hardware", "1", str(BAUD), "0")
    try:
        (place,) = hardware.hear().values()
        insert_board(hardware, "A")
        words = [sys.executable, _LOADER, "-p", place["uart"], "-f", "WL", "-P", "none", "-b", str(BAUD)]
        started_s = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        return time.perf_counter() - started_s
    finally:
        hardware.close()


class _Noted:
    """A transport that notes what is written and how many bytes come back before the next write."""

    def __init__(self, inner: SerialTransport) -> None:
        self._inner = inner
        self.turns: list[tuple[bytes, int]] = []

    def write(self, data: bytes, deadline: Deadline) -> None:
        self.turns.append((data, 0))
        self._inner.write(data, deadline)

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        data = self._inner.read(max_bytes, deadline)
        written, size_bytes = self.turns[-1]
        self.turns[-1] = written, size_bytes + len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _exchange(port: SerialTransport, turns: list[tuple[bytes, int]]) -> float:
    """Seconds that these writes and reads take."""
    clock = SystemClock()
    started_s = time.perf_counter()
    for data, size_bytes in turns:
        deadline = Deadline.after(2.0, clock)
        port.write(data, deadline)
        if size_bytes:
            read_exactly(port, size_bytes, deadline)
    return time.perf_counter() - started_s
