"""Simulated hardware that speaks the real wire.

A ``SimulatedDevice`` is a pure state machine over bytes; a link (``link.py``) puts it behind a real pty or TCP port, paces it
like a UART, and injects the wire's faults. Drivers cannot tell the difference, and neither can other tools.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes that a device sends, ``after_s`` seconds after the bytes that caused them (or after the end of the reply before)."""

    data: bytes
    after_s: float = 0.0


class SimulatedDevice(Protocol):
    """What stands at the other end of the wire. Called by one thread at a time."""

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes from the host, cut anywhere, and return what the device answers, in order."""

    def power_on(self) -> list[Reply]:
        """Power-cycle or reset: volatile state is lost, memory is kept. Returns what the device says by itself."""

    def lines_changed(self, dtr: bool, rts: bool) -> list[Reply]:
        """The host changed its control lines (True = asserted)."""
