"""What starts a cycle.

    keyboard         Enter, or a line, in a terminal            hid_scanner    a scanner that acts as a keyboard
    serial_scanner   a scanner on a serial port                 pedal          a USB foot pedal
    presence         a board put into the socket                modem_line     a pedal on an input line of a serial adapter
    gpio             a button on a GPIO line                    hub            a thread of its own, and one socket or several
    button           a button beside a trigger: the page's

Input devices: ``input_device`` reads the kernel's events (``input_events``); ``typed_scan`` and ``key_maps`` make text of
them, and ``scans`` holds what is a scan at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from drivers.clock import Deadline


@dataclass(frozen=True, slots=True)
class TriggerEvent:
    """A request to start. ``source`` names the trigger kind; ``text`` is what was scanned, None for a mere press."""

    source: str
    text: str | None = None


class Trigger(Protocol):
    """A source of starts for one socket. One thread uses it, except ``close``."""

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        """The next start, or None when the deadline passes without one. Raises TransportError when its device is gone; the
        next call then tries to open the device again."""

    def rearm(self) -> int:
        """Called when a cycle has ended: throw away what came in the meantime and say how many starts that was (they are
        told to the operator, not queued)."""

    def close(self) -> None:
        """Release the device. Never raises."""
