"""The memories of a simulated STM32: flash and data EEPROM that behave as the family's do, and the block that holds its UID."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers.bootloader.stm32.parts import FLASH_ADDRESS, Page, Part

SYSTEM_BLOCK_BYTES = 256
TORN_BITS = 0x55
"""Which bits of a byte still stand erased where power failed while it was being programmed, or are already where it was erased."""


@dataclass(slots=True)
class _Bank:
    """Consecutive bytes; ``file_offset`` is where they stand in the file that keeps them, None for those that are not kept."""

    address: int
    content: bytearray
    file_offset: int | None

    def holds(self, address: int, size_bytes: int) -> bool:
        return self.address <= address and address + size_bytes <= self.address + len(self.content)


class ChipMemory:
    """What survives power-off. ``path``, where given, keeps flash and EEPROM in a file that is written at each change, so that it
    survives the death of the process too; a file that is there already wins over ``contents``."""

    def __init__(
        self,
        part: Part,
        uid: bytes,
        uid64: bytes = b"",
        contents: Mapping[int, bytes] | None = None,
        path: Path | None = None,
    ) -> None:
        self._part = part
        self._path = path
        erased = bytes([part.erased])
        self._flash = _Bank(FLASH_ADDRESS, bytearray(erased * part.flash_size_bytes), 0)
        self._eeprom = None
        if part.eeprom:
            self._eeprom = _Bank(part.eeprom[0], bytearray(part.eeprom[1]), part.flash_size_bytes)
        self._system = _system_block(part, uid, uid64)
        kept = [bank for bank in (self._flash, self._eeprom) if bank]
        self._banks = [*kept, self._system]
        for address, data in (contents or {}).items():
            self.poke(address, data, keep=False)
        if path is not None:
            if path.exists():
                stored = path.read_bytes()
                for bank in kept:
                    offset = bank.file_offset or 0
                    bank.content[:] = stored[offset : offset + len(bank.content)]
            else:
                path.write_bytes(b"".join(bytes(bank.content) for bank in kept))

    def has(self, address: int, size_bytes: int) -> bool:
        """True where all of these bytes exist."""
        return any(bank.holds(address, size_bytes) for bank in self._banks)

    def read(self, address: int, size_bytes: int) -> bytes:
        """These bytes. Raises ValueError where there are none."""
        bank = self._bank_of(address, size_bytes)
        return bytes(bank.content[address - bank.address : address - bank.address + size_bytes])

    def poke(self, address: int, data: bytes, *, keep: bool = True) -> None:
        """Set bytes regardless of how the memory is written, as a debug probe or a test's set-up would."""
        bank = self._bank_of(address, len(data))
        start = address - bank.address
        bank.content[start : start + len(data)] = data
        if keep and self._path is not None and bank.file_offset is not None:
            with self._path.open("r+b") as file:
                file.seek(bank.file_offset + start)
                file.write(data)

    def takes_writes(self, address: int, size_bytes: int) -> bool:
        """True for flash and EEPROM."""
        return self._part.area_of(address, size_bytes) is not None

    def units_of(self, address: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        """``data`` cut at the write units of the memory at ``address``, each filled up to a whole unit with the erased value."""
        part = self._part
        unit_bytes = 4 if part.area_of(address, 1) == "eeprom" else part.write_unit_bytes
        filler = bytes([part.erased])
        start = address // unit_bytes * unit_bytes
        padded = filler * (address - start) + data
        padded += filler * (-len(padded) % unit_bytes)
        for offset in range(0, len(padded), unit_bytes):
            yield start + offset, padded[offset : offset + unit_bytes]

    def program_unit(self, address: int, unit: bytes) -> None:
        """Program one unit as the family does: EEPROM takes anything; flash that is not erased takes only more zeros (F4, F7),
        or all zeros (F0, F1, F3, L4 and later), or nothing."""
        part, held = self._part, self.read(address, len(unit))
        blank = bytes([part.erased]) * len(unit)
        if part.area_of(address, 1) == "eeprom":
            self.poke(address, unit)
        elif part.write_rule == "clears_bits":
            self.poke(address, bytes(old & new for old, new in zip(held, unit, strict=True)))
        elif held == blank or (part.erased == 0xFF and not any(unit)):
            self.poke(address, unit)

    def tear_unit(self, address: int, unit: bytes) -> None:
        """What is left of programming an erased unit when power fails in the middle."""
        if self._part.erased:
            self.poke(address, bytes(byte | TORN_BITS for byte in unit))
        else:
            self.poke(address, bytes(byte & ~TORN_BITS for byte in unit))

    def erase(self, page: Page) -> None:
        """All of the page becomes the erased value."""
        self.poke(page.address, bytes([self._part.erased]) * page.size_bytes)

    def tear_page(self, page: Page) -> None:
        """What is left when power fails in the middle of an erase: half is erased, the rest on its way."""
        half = page.size_bytes // 2
        rest = self.read(page.address + half, page.size_bytes - half)
        self.poke(page.address, bytes([self._part.erased]) * half)
        self.tear_unit(page.address + half, rest)

    def pages(self) -> list[Page]:
        """All pages of the flash."""
        return list(self._part.pages_covering(FLASH_ADDRESS, self._part.flash_size_bytes))

    def snapshot(self) -> bytes:
        """Everything that can change, to compare with a later snapshot."""
        return bytes(self._flash.content) + (bytes(self._eeprom.content) if self._eeprom else b"")

    def _bank_of(self, address: int, size_bytes: int) -> _Bank:
        for bank in self._banks:
            if bank.holds(address, size_bytes):
                return bank
        raise ValueError(f"{self._part.name} has no {size_bytes} bytes at {address:#010x}")


def _system_block(part: Part, uid: bytes, uid64: bytes) -> _Bank:
    """The end of the system memory: UID, flash size in KiB (16 bits, little-endian), and on some parts the 64-bit UID."""
    if len(uid) != 12:
        raise ValueError(f"a UID has 12 bytes, not {len(uid)}")
    if uid64 and (part.uid64_address is None or len(uid64) != 8):
        raise ValueError(f"{part.name} takes no 64-bit UID of {len(uid64)} bytes")
    start = part.uid_address // SYSTEM_BLOCK_BYTES * SYSTEM_BLOCK_BYTES
    block = bytearray(b"\xff" * SYSTEM_BLOCK_BYTES)
    base, pieces = (part.uid.address, part.uid.pieces) if part.uid else (part.uid_address, ((0, 12),))
    taken = 0
    for offset, size_bytes in pieces:
        at = base + offset - start
        block[at : at + size_bytes] = uid[taken : taken + size_bytes]
        taken += size_bytes
    at = part.flash_size_address - start
    block[at : at + 2] = (part.flash_size_bytes // 1024).to_bytes(2, "little")
    if uid64 and part.uid64_address is not None:
        at = part.uid64_address - start
        block[at : at + 8] = uid64
    return _Bank(start, block, None)
