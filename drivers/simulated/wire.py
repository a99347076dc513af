"""The wire between a host and a simulated device: time and faults, without any file descriptor.

Bytes take the time they take on a UART, in both directions at once: moments are computed from one another, never from when
the thread happened to run, so that being late once does not add up.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.simulated import Reply, SimulatedDevice
from drivers.simulated.faults import Faults, FaultyLine

FIFO_BYTES = 16
"""Bytes cross a paced wire in pieces of this size, like through the FIFOs of a 16550 UART."""
TRANSCRIPT_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Piece:
    at_s: float
    data: bytes
    hang_up: bool = False


class Wire:
    """Thread-safe. All times are seconds on one monotonic clock, given by the caller. ``byte_s`` is the time that one byte
    takes; 0 is none. A byte that a fault drops takes none."""

    def __init__(self, device: SimulatedDevice | None, byte_s: float, faults: Faults) -> None:
        self._lock = threading.RLock()
        self._device = device
        self._byte_s = byte_s
        self._from_host = FaultyLine(faults.from_host)
        self._to_host = FaultyLine(faults.to_host)
        self._arriving: deque[_Piece] = deque()
        self._leaving: deque[_Piece] = deque()
        self._host_free_s = 0.0
        self._device_free_s = 0.0
        self._transcript: list[tuple[str, bytes]] = []
        self._passed_bytes = {"host": 0, "device": 0}

    @property
    def device(self) -> SimulatedDevice | None:
        return self._device

    @property
    def transcript(self) -> list[tuple[str, bytes]]:
        """``("host" | "device", bytes)`` in order, as they passed the wire; at most TRANSCRIPT_MAX_BYTES of them."""
        with self._lock:
            return list(self._transcript)

    @property
    def bytes_from_host(self) -> int:
        """How many bytes passed towards the device, the faults applied."""
        return self._passed_bytes["host"]

    @property
    def bytes_to_host(self) -> int:
        """How many bytes passed towards the host, the faults applied."""
        return self._passed_bytes["device"]

    @property
    def backlog_bytes(self) -> int:
        """Bytes of the host that have not reached the device yet."""
        with self._lock:
            return sum(len(piece.data) for piece in self._arriving)

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults and count bytes from 0 again."""
        with self._lock:
            self._from_host, self._to_host = FaultyLine(faults.from_host), FaultyLine(faults.to_host)

    def set_device(self, device: SimulatedDevice | None, now_s: float) -> None:
        """Put another device at the end of the wire, or none. What was on its way is lost; a device is powered on."""
        with self._lock:
            self.clear()
            self._device = device
            if device is not None:
                self._answer(device.power_on(), now_s)

    def say(self, replies: list[Reply], now_s: float) -> None:
        """Send what the device says without having been asked."""
        with self._lock:
            self._answer(replies, now_s)

    def take_from_host(self, data: bytes, now_s: float) -> None:
        """Bytes that the host has just written: they reach the device when they have crossed the wire."""
        with self._lock:
            at_s = max(self._host_free_s, now_s)
            for passage in self._from_host.carry(data):
                at_s += passage.delay_s
                self._note("host", passage.data)
                for piece in self._cut(passage.data):
                    at_s += len(piece) * self._byte_s
                    self._arriving.append(_Piece(at_s, piece))
                if passage.hang_up:
                    self._arriving.append(_Piece(at_s, b"", hang_up=True))
            self._host_free_s = at_s

    def advance(self, now_s: float) -> tuple[bytes, bool]:
        """Let time pass. Returns the bytes that reach the host by now, and whether the line broke behind them; what was still
        under way is then lost."""
        out = bytearray()
        with self._lock:
            while (queue := self._next_queue()) is not None and queue[0].at_s <= now_s:
                piece = queue.popleft()
                if piece.hang_up:
                    self.clear()
                    return bytes(out), True
                if queue is self._leaving:
                    out += piece.data
                elif self._device is not None:
                    self._answer(self._device.feed(piece.data), piece.at_s)
        return bytes(out), False

    def clear(self) -> None:
        """Lose what is under way in both directions, as when the line breaks."""
        with self._lock:
            self._arriving.clear()
            self.forget_answers()
            self._host_free_s = 0.0

    def forget_answers(self) -> None:
        """Lose what was on its way to a host that has gone."""
        with self._lock:
            self._leaving.clear()
            self._device_free_s = 0.0

    def next_s(self) -> float | None:
        """When something happens next, None while nothing is under way."""
        with self._lock:
            queue = self._next_queue()
            return None if queue is None else queue[0].at_s

    def _next_queue(self) -> deque[_Piece] | None:
        """The queue in which something happens first; what reaches the host goes before what causes new answers."""
        busy = [queue for queue in (self._leaving, self._arriving) if queue]
        return min(busy, key=lambda queue: queue[0].at_s, default=None)

    def _answer(self, replies: list[Reply], at_s: float) -> None:
        for reply in replies:
            at_s += reply.after_s
            start_s = max(self._device_free_s, at_s)
            for passage in self._to_host.carry(reply.data):
                start_s += passage.delay_s
                self._note("device", passage.data)
                for piece in self._cut(passage.data):
                    start_s += len(piece) * self._byte_s
                    self._leaving.append(_Piece(start_s, piece))
                if passage.hang_up:
                    self._leaving.append(_Piece(start_s, b"", hang_up=True))
            self._device_free_s = at_s = start_s

    def _cut(self, data: bytes) -> Iterator[bytes]:
        size_bytes = FIFO_BYTES if self._byte_s else max(1, len(data))
        return (data[start : start + size_bytes] for start in range(0, len(data), size_bytes))

    def _note(self, side: str, data: bytes) -> None:
        room_bytes = max(0, TRANSCRIPT_MAX_BYTES - sum(self._passed_bytes.values()))
        self._passed_bytes[side] += len(data)
        if data[:room_bytes]:
            self._transcript.append((side, data[:room_bytes]))
