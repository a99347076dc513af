"""A chip on a desk: simulated STM32s, boards that hold known data, and a wire without a file descriptor."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.bootloader.fields import FieldFormat
from drivers.bootloader.stm32 import MemoryField, Stm32Options, Stm32Timing, part_named
from drivers.bootloader.stm32.rom import Stm32Driver
from drivers.clock import Deadline
from drivers.errors import DeadlineExpired, PortLost
from drivers.simulated import Reply, SimulatedDevice
from drivers.simulated.stm32_chip import SimulatedStm32
from drivers.transport import Framing, ModemLines

GOLDEN = Path(__file__).parent.parent / "golden"
UID = bytes.fromhex("2f003b001451383234353839")
OTHER_UID = bytes.fromhex("30003b001451383234353839")
UID_TEXT = UID.hex().upper()
UID64 = bytes.fromhex("0123450015e18000")
APP_EUI = bytes.fromhex("70b3d57ed0012345")
DEVICE_ID = "D1A2B3C4D5E6F708"
OTHER_DEVICE_ID = "D1A2B3C4D5E6F709"
SLOT_BYTES = 16


@dataclass(slots=True)
class HandClock:
    """A clock that moves only when somebody waits."""

    now_s: float = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return 1.7e9 + self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s


@dataclass(slots=True)
class DirectLink:
    """A ``SerialTransport`` that hands bytes to a simulated device at once; waiting moves its clock. ``device`` may be swapped."""

    device: SimulatedDevice | None
    clock: HandClock = field(default_factory=HandClock)
    name: str = "desk"
    sent: list[bytes] = field(default_factory=list)
    lost_after_bytes: int | None = None
    dropped_from_host: frozenset[int] = frozenset()
    _arriving: deque[tuple[float, int]] = field(default_factory=deque)
    _lines: tuple[bool, bool] = (False, False)
    _taken: int = 0

    def write(self, data: bytes, deadline: Deadline) -> None:
        self.sent.append(data)
        first = self._taken + 1
        self._taken += len(data)
        passing = bytes(byte for at, byte in enumerate(data, first) if at not in self.dropped_from_host)
        broken = self.lost_after_bytes is not None and self._taken > self.lost_after_bytes
        if broken:
            passing = passing[: len(passing) - (self._taken - (self.lost_after_bytes or 0))]
        if self.device is not None and passing:
            self._take(self.device.feed(passing))
        if broken:
            raise PortLost(self.name, "cable pulled")

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        if not self._arriving or self._arriving[0][0] > deadline.at_s:
            self.clock.now_s = max(self.clock.now_s, deadline.at_s)
            raise DeadlineExpired(self.name, "nothing came")
        self.clock.now_s = max(self.clock.now_s, self._arriving[0][0])
        out = bytearray()
        while self._arriving and len(out) < max_bytes and self._arriving[0][0] <= self.clock.now_s:
            out.append(self._arriving.popleft()[1])
        return bytes(out)

    def discard_input(self) -> bytes:
        waiting = bytes(byte for _, byte in self._arriving)
        self._arriving.clear()
        return waiting

    def close(self) -> None:
        self.device = None

    def set_framing(self, framing: Framing) -> None:
        pass

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        self._lines = (self._lines[0] if dtr is None else dtr, self._lines[1] if rts is None else rts)
        if self.device is not None:
            self._take(self.device.lines_changed(*self._lines))

    def modem_lines(self) -> ModemLines:
        return ModemLines(cts=False, dsr=False, dcd=False, ri=False)

    @property
    def sent_bytes(self) -> bytes:
        return b"".join(self.sent)

    def say(self, data: bytes) -> None:
        """Noise, or anything else that nobody asked for."""
        self._take([Reply(data)])

    def _take(self, replies: list[Reply]) -> None:
        at_s = max(self.clock.now_s, self._arriving[-1][0] if self._arriving else 0.0)
        for reply in replies:
            at_s += reply.after_s
            self._arriving.extend((at_s, byte) for byte in reply.data)


@dataclass(frozen=True, slots=True)
class Board:
    """Where a kind of board keeps its fields."""

    part: str
    app_eui: int
    device_id: int

    def options(self, **changes: Any) -> Stm32Options:
        fields: dict[str, Any] = {
            "part": self.part,
            "app_eui": MemoryField(self.app_eui, FieldFormat(8, "hex", case="upper")),
            "device_id": MemoryField(self.device_id, FieldFormat(SLOT_BYTES)),
            "timing": Stm32Timing(reply_s=0.2, sync_s=0.05, quiet_s=0.02),
        }
        return Stm32Options(**{**fields, **changes})

    def driver(self, **changes: Any) -> Stm32Driver:
        return Stm32Driver(self.options(**changes))

    def chip(self, contents: Mapping[int, bytes] | None = None, **settings: Any) -> SimulatedStm32:
        """A chip of this part that holds the appEui, a blank slot, and whatever else ``contents`` says."""
        uid = settings.pop("uid", UID)
        return SimulatedStm32(self.part, uid, contents={self.app_eui: APP_EUI, **(contents or {})}, **settings)

    def page_of_slot(self) -> tuple[int, int]:
        """(address, size) of the flash page that holds the DeviceID."""
        page = part_named(self.part).page_at(self.device_id)
        return page.address, page.size_bytes


WL = Board("STM32WL", 0x08004000, 0x08005000)
SHARED = Board("STM32WL", 0x08005008, 0x08005020)
"""appEui and DeviceID in one page and one block of 256 bytes."""
F1 = Board("STM32F1-medium", 0x08004000, 0x08005000)
L0_EEPROM = Board("STM32L05x", 0x08080000, 0x08080010)
L0_FLASH = Board("STM32L05x", 0x08080000, 0x08005000)
F4 = Board("STM32F401", 0x08004000, 0x08004100)
"""A page of 16 KiB."""


def talk(chip: SimulatedStm32 | None, board: Board, **changes: Any) -> tuple[DirectLink, Any]:
    """A link to the chip and a conversation on it."""
    link = DirectLink(chip)
    return link, board.driver(**changes).connect(link, link.clock)


def golden_trace(name: str) -> list[tuple[str, bytes]]:
    """The (side, bytes) of a golden trace, in order."""
    lines = [json.loads(line) for line in (GOLDEN / name).read_text().splitlines()]
    return [(line["from"], bytes.fromhex(line["hex"])) for line in lines if "from" in line]


def replies_of(chip: SimulatedStm32, data: bytes) -> bytes:
    """All that the chip answers to these bytes."""
    return b"".join(reply.data for reply in chip.feed(data))
