"""The wire between a host and a simulated device: time and faults, without any file descriptor.

Bytes take the time they take on a UART, in both directions at once: moments are computed from one another, never from when
the thread happened to run, so that being late once does not add up.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from drivers.simulated import Reply, SimulatedDevice
from drivers.simulated.faults import Faults, FaultyLine

FIFO_BYTES = 16
"""Answers reach the host in pieces of this size, like from the receive FIFO of a 16550 UART."""
TRANSCRIPT_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Piece:
    at_s: float
    data: bytes
    hang_up: bool = False


class Wire:
    """Thread-safe. All times are seconds on one monotonic clock, given by the caller."""

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
        self._transcript_bytes = 0

    @property
    def device(self) -> SimulatedDevice | None:
        return self._device

    @property
    def transcript(self) -> list[tuple[str, bytes]]:
        """``("host" | "device", bytes)`` in order, as they passed the wire; at most TRANSCRIPT_MAX_BYTES of them."""
        with self._lock:
            return list(self._transcript)

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults and count bytes from 0 again."""
        with self._lock:
            self._from_host, self._to_host = FaultyLine(faults.from_host), FaultyLine(faults.to_host)

    def set_device(self, device: SimulatedDevice | None, now_s: float) -> None:
        """Put another device at the end of the wire, or none. What was on its way is lost; a device is powered on."""
        with self._lock:
            self._arriving.clear()
            self._leaving.clear()
            self._device = device
            if device is not None:
                self._answer(device.power_on(), now_s)

    def say(self, replies: list[Reply], now_s: float) -> None:
        """Send what the device says without having been asked."""
        with self._lock:
            self._answer(replies, now_s)

    def take_from_host(self, data: bytes, now_s: float) -> None:
        """Bytes that the host has just written: they reach the device when the last has crossed the wire."""
        with self._lock:
            passed = self._from_host.carry(data)
            self._host_free_s = max(self._host_free_s, now_s) + len(data) * self._byte_s + passed.delay_s
            self._note("host", passed.data)
            self._arriving.append(_Piece(self._host_free_s, passed.data, passed.hung_up))

    def advance(self, now_s: float) -> tuple[bytes, bool]:
        """Let time pass. Returns the bytes that reach the host by now, and whether the line broke."""
        with self._lock:
            while self._arriving and self._arriving[0].at_s <= now_s:
                piece = self._arriving.popleft()
                if self._device is not None and piece.data:
                    self._answer(self._device.feed(piece.data), piece.at_s)
                if piece.hang_up:
                    return b"", True
            out = bytearray()
            while self._leaving and self._leaving[0].at_s <= now_s:
                piece = self._leaving.popleft()
                out += piece.data
                if piece.hang_up:
                    return bytes(out), True
            return bytes(out), False

    def forget_answers(self) -> None:
        """Drop what was on its way to a host that has gone."""
        with self._lock:
            self._leaving.clear()

    def next_s(self) -> float | None:
        """When something happens next, None while nothing is under way."""
        with self._lock:
            moments = [queue[0].at_s for queue in (self._arriving, self._leaving) if queue]
            return min(moments, default=None)

    def _answer(self, replies: list[Reply], at_s: float) -> None:
        for reply in replies:
            passed = self._to_host.carry(reply.data)
            at_s += reply.after_s
            start_s = max(self._device_free_s, at_s) + passed.delay_s
            self._note("device", passed.data)
            for offset in range(0, len(passed.data), FIFO_BYTES):
                piece = passed.data[offset : offset + FIFO_BYTES]
                start_s += len(piece) * self._byte_s
                self._leaving.append(_Piece(start_s, piece))
            self._device_free_s = start_s
            if passed.hung_up:
                self._leaving.append(_Piece(start_s, b"", hang_up=True))

    def _note(self, side: str, data: bytes) -> None:
        if data and self._transcript_bytes + len(data) <= TRANSCRIPT_MAX_BYTES:
            self._transcript_bytes += len(data)
            self._transcript.append((side, data))
