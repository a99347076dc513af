"""Faults of the wire itself, scripted by the byte at which they strike, so that every run is the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

FaultKind = Literal["drop", "garble", "insert", "delay", "silence", "hang_up"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in one direction, at byte ``at`` (counted from 0 since the link was made or ``Faults`` were set).

    ``drop``: ``count`` bytes vanish. ``garble``: ``count`` bytes are XORed with ``mask``. ``insert``: ``data`` stands before the
    byte. ``delay``: that byte and all after it come ``delay_s`` later. ``silence``: nothing passes from there on.
    ``hang_up``: the line breaks before that byte passes, as when the cable is pulled.
    """

    kind: FaultKind
    at: int = 0
    count: int = 1
    mask: int = 0xFF
    data: bytes = b""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Faults:
    """What strikes in each direction."""

    to_host: tuple[Fault, ...] = ()
    from_host: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Passed:
    """What came of a run of bytes: what passes on, how much later, and whether the line broke behind it."""

    data: bytes = b""
    delay_s: float = 0.0
    hung_up: bool = False


@dataclass(slots=True)
class FaultyLine:
    """One direction of a wire with its faults."""

    faults: tuple[Fault, ...] = ()
    position: int = field(default=0, init=False)
    _silent: bool = field(default=False, init=False)

    def carry(self, data: bytes) -> Passed:
        """Pass bytes through the faults."""
        start, self.position = self.position, self.position + len(data)
        if not self.faults:
            return Passed(data)
        passed, out = Passed(), bytearray()
        for offset, byte in enumerate(data):
            carried = self._carry_byte(start + offset, byte, passed)
            if passed.hung_up:
                break
            if not self._silent:
                out += carried
        passed.data = bytes(out)
        return passed

    def _carry_byte(self, position: int, byte: int, passed: Passed) -> bytes:
        carried = bytes([byte])
        for fault in self.faults:
            if fault.kind in ("drop", "garble") and fault.at <= position < fault.at + fault.count:
                carried = b"" if fault.kind == "drop" else bytes(value ^ fault.mask for value in carried)
            elif fault.at == position:
                match fault.kind:
                    case "insert":
                        carried = fault.data + carried
                    case "delay":
                        passed.delay_s += fault.delay_s
                    case "silence":
                        self._silent = True
                    case "hang_up":
                        passed.hung_up = True
        return carried
