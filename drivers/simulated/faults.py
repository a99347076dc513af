"""Faults of the wire itself, scripted by the byte at which they strike, so that every run is the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

FaultKind = Literal["drop", "garble", "insert", "delay", "silence", "hang_up"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in one direction, at byte ``at`` (counted from 0 since the link was made or ``Faults`` were set).

    ``drop``: ``count`` bytes vanish. ``garble``: ``count`` bytes are XORed with ``mask``. ``insert``: ``data`` stands before the
    byte. ``delay``: that byte and all after it come ``delay_s`` later, so the bytes are split there. ``silence``: nothing passes
    from there on. ``hang_up``: the line breaks before that byte passes, as when the cable is pulled.

    ``every``: strike again each so many bytes; 0 is once. Raises ValueError for what makes no sense.
    """

    kind: FaultKind
    at: int = 0
    count: int = 1
    mask: int = 0xFF
    data: bytes = b""
    delay_s: float = 0.0
    every: int = 0

    def __post_init__(self) -> None:
        if self.at < 0 or self.count < 1 or self.every < 0 or 0 < self.every < self.count:
            raise ValueError("at and every must not be negative, count must be at least 1 and fit into every")
        if not 0 < self.mask <= 0xFF or not self.delay_s >= 0:
            raise ValueError("mask must be 1 to 0xFF and delay_s not negative")

    def strikes(self, position: int) -> bool:
        """Whether it strikes at this byte."""
        offset = position - self.at
        if offset > 0 and self.every:
            offset %= self.every
        return 0 <= offset < (self.count if self.kind in ("drop", "garble") else 1)


@dataclass(frozen=True, slots=True)
class Faults:
    """What strikes in each direction."""

    to_host: tuple[Fault, ...] = ()
    from_host: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """Bytes that pass on together, ``delay_s`` later than without faults, and whether the line breaks behind them."""

    data: bytes
    delay_s: float = 0.0
    hang_up: bool = False


@dataclass(slots=True)
class FaultyLine:
    """One direction of a wire with its faults. Pure."""

    faults: tuple[Fault, ...] = ()
    position: int = field(default=0, init=False)
    _silent: bool = field(default=False, init=False)

    def carry(self, data: bytes) -> list[Passage]:
        """Send bytes through the faults. What follows a break in ``data`` is lost."""
        start, self.position = self.position, self.position + len(data)
        return list(self._strike(start, data)) if self.faults else [Passage(data)]

    def _strike(self, start: int, data: bytes) -> Iterator[Passage]:
        out, delay_s = bytearray(), 0.0
        for position, byte in enumerate(data, start):
            before, carried = b"", bytes([byte])
            for fault in self.faults:
                if not fault.strikes(position):
                    continue
                match fault.kind:
                    case "drop":
                        carried = b""
                    case "garble":
                        carried = bytes(value ^ fault.mask for value in carried)
                    case "insert":
                        before += fault.data
                    case "delay":
                        if out:
                            yield Passage(bytes(out), delay_s)
                            out, delay_s = bytearray(), 0.0
                        delay_s += fault.delay_s
                    case "silence":
                        self._silent = True
                    case "hang_up":
                        yield Passage(bytes(out), delay_s, hang_up=True)
                        return
            if not self._silent:
                out += before + carried
        yield Passage(bytes(out), delay_s)
