"""What the configuration says of one kind of STM32 board, validated.

The framing, 8 data bits, even parity, 1 stop bit (AN3155 "USART bootloader code sequence"), belongs to the transport.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from drivers.bootloader.fields import CanonicalForm, FieldFormat
from drivers.bootloader.stm32.parts import Part, part_named
from drivers.reset import ResetSequence

ChipIdSource = Literal["uid96", "uid64"]
MIN_BAUD, MAX_BAUD = 1_200, 1_000_000
"""What AN3155 "Choosing the USARTx baud rate" allows at the slow end, and adapters at the fast one."""
BITS_PER_BYTE = 11
MAX_ADDRESS = 0xFFFFFFFF
MAX_ATTEMPTS = 10
MAX_WAIT_S = 10.0
MAX_RECOVERY_BYTES = 140_000


@dataclass(frozen=True, slots=True)
class MemoryField:
    """One value in the chip's memory: where it starts and how it is laid out."""

    address: int
    format: FieldFormat

    def __post_init__(self) -> None:
        if not 0 <= self.address <= MAX_ADDRESS - self.format.size_bytes + 1:
            raise ValueError(
                f"address {self.address:#x} does not leave {self.format.size_bytes} bytes in 32 bits of address"
            )

    @property
    def size_bytes(self) -> int:
        return self.format.size_bytes

    @property
    def end(self) -> int:
        """The first address behind the field."""
        return self.address + self.format.size_bytes

    def overlaps(self, address: int, size_bytes: int) -> bool:
        return self.address < address + size_bytes and address < self.end


@dataclass(frozen=True, slots=True)
class Stm32Timing:
    """How long to wait and how often to try. AN3155 names no time-outs and the ROM has none of its own, so these are chosen.

    ``reply_s``: from the last byte sent to the last byte of an answer, wire time not counted: the ROM answers within a byte's
    time, a USB adapter adds up to 16 ms (the FTDI latency timer) and a loaded host some ten more. ``sync_s``: for the answer to a
    waking byte; an idle chip stays silent there, so a sync behind another client costs one of these. ``quiet_s``: silence that
    ends a burst of answers. Erasing and programming get ``slow_factor`` times the part's maximum on top of ``reply_s``.

    ``attempts`` bounds everything that is tried again: waking, reading, writing. ``recovery_bytes``: how much may be sent to a
    silent chip to bring it out of a command that a dead client left half sent (``wake.py``). The default covers every command but
    an EXTENDED ERASE left right before its page count; 66 000 covers that one too, and takes 6.3 s at 115 200 baud before a
    missing board is reported. ``baud`` is the transport's, to know how long bytes take on the wire.
    """

    baud: int = 115_200
    reply_s: float = 0.5
    sync_s: float = 0.1
    quiet_s: float = 0.05
    slow_factor: float = 3.0
    attempts: int = 3
    recovery_bytes: int = 1_200

    def __post_init__(self) -> None:
        for name in ("reply_s", "sync_s", "quiet_s"):
            if not 0 < getattr(self, name) <= MAX_WAIT_S:
                raise ValueError(
                    f"{name} must be above 0 and at most {MAX_WAIT_S:g} seconds, not {getattr(self, name)}"
                )
        if not MIN_BAUD <= self.baud <= MAX_BAUD:
            raise ValueError(f"baud must be {MIN_BAUD} to {MAX_BAUD}, not {self.baud}")
        if not 1 <= self.slow_factor <= 20:
            raise ValueError(f"slow_factor must be 1 to 20, not {self.slow_factor}")
        if not 1 <= self.attempts <= MAX_ATTEMPTS:
            raise ValueError(f"attempts must be 1 to {MAX_ATTEMPTS}, not {self.attempts}")
        if not 600 <= self.recovery_bytes <= MAX_RECOVERY_BYTES:
            raise ValueError(f"recovery_bytes must be 600 to {MAX_RECOVERY_BYTES}, not {self.recovery_bytes}")

    def wire_s(self, size_bytes: int) -> float:
        """Seconds that this many bytes take on the wire: start, 8 data, parity and stop bit each."""
        return size_bytes * BITS_PER_BYTE / self.baud


@dataclass(frozen=True, slots=True)
class Stm32Options:
    """One kind of board. ``part`` is a name of the part table; a wrong combination raises ValueError, one sentence.

    ``chip_id``: ``uid96`` (12 bytes, in memory order, as hex), ``uid64`` (WB and WL: the EUI-64), or a field of the board's own,
    which is then preceded by the four hex digits of the product id. ``canonical`` gives it its one written form.

    ``device_id`` lies in flash or data EEPROM; where its page holds other data and is not blank, the page is read, erased and
    written back, up to ``rewrite_max_bytes``. ``reset``, where the jig wires the lines, restarts the chip into its bootloader
    before each attempt to wake it.
    """

    part: str
    app_eui: MemoryField
    device_id: MemoryField
    chip_id: ChipIdSource | MemoryField = "uid96"
    canonical: CanonicalForm = field(default_factory=CanonicalForm)
    reset: ResetSequence | None = None
    timing: Stm32Timing = field(default_factory=Stm32Timing)
    rewrite_max_bytes: int = 16 * 1024

    def __post_init__(self) -> None:
        part = part_named(self.part)
        self._check_chip_id(part)
        self._check_slot(part)
        if self.app_eui.overlaps(self.device_id.address, self.device_id.size_bytes):
            raise ValueError("app_eui and device_id overlap")
        if isinstance(self.chip_id, MemoryField) and self.chip_id.overlaps(
            self.device_id.address, self.device_id.size_bytes
        ):
            raise ValueError("chip_id and device_id overlap")
        if self.app_eui.overlaps(part.uid_address, 12):
            raise ValueError(f"app_eui overlaps the UID of {part.name} at {part.uid_address:#010x}")
        if not 0 <= self.rewrite_max_bytes <= 256 * 1024:
            raise ValueError(f"rewrite_max_bytes must be 0 to {256 * 1024}, not {self.rewrite_max_bytes}")

    @property
    def row(self) -> Part:
        """The part table's row."""
        return part_named(self.part)

    def _check_chip_id(self, part: Part) -> None:
        if isinstance(self.chip_id, MemoryField):
            return
        if self.chip_id not in ("uid96", "uid64"):
            raise ValueError(f"chip_id must be uid96, uid64 or a memory field, not {self.chip_id!r}")
        if self.chip_id == "uid96" and part.uid is None:
            raise ValueError(
                f"the ROM of {part.name} is not known to let its UID be read: give chip_id an address and a format"
            )
        if self.chip_id == "uid64" and part.uid64_address is None:
            raise ValueError(f"{part.name} has no 64-bit UID; only WB and WL parts do")

    def _check_slot(self, part: Part) -> None:
        slot = self.device_id
        area = part.area_of(slot.address, slot.size_bytes)
        where = f"device_id at {slot.address:#010x}, {slot.size_bytes} bytes,"
        if area is None:
            raise ValueError(f"{where} is neither in the flash nor in the data EEPROM of {part.name}")
        if slot.address % 4:
            raise ValueError(f"{where} must start at a multiple of 4 (AN3155: WRITE MEMORY is word-aligned)")
        if area == "flash" and len(part.pages_covering(slot.address, slot.size_bytes)) > 1:
            raise ValueError(f"{where} crosses a page boundary: move it so that one page holds it")
