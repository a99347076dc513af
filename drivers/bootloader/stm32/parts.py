"""What the driver must know of each STM32 part, row by row with its source.

- Product ids: AN2606 "STM32 microcontroller system memory boot mode", table "Bootloader device-dependent parameters".
- UID and flash size addresses: the reference manual's chapter "Device electronic signature". The ROM often refuses a plain read of
  the UID, so ``uid`` is the read that is known to work, and ``None`` where none is.
- Pages and write units: the reference manual's chapter on the embedded flash memory. Pages are listed only as far as their number
  in an erase command is certain: the first bank of dual-bank parts, with the page size of the option bytes as delivered.
- Times: the datasheet's table "Flash memory characteristics", maximum, rounded up; the driver waits several times as long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

FLASH_ADDRESS = 0x08000000
EraseCommand = Literal["erase", "extended"]
WriteRule = Literal["erased_unit", "clears_bits"]
Area = Literal["flash", "eeprom"]
RefusalStage = Literal["nowhere", "address", "length"]


@dataclass(frozen=True, slots=True)
class UidRead:
    """The READ MEMORY that yields a UID, and which of its bytes are the UID: ``pieces`` of (offset, size), in order."""

    address: int
    size_bytes: int
    pieces: tuple[tuple[int, int], ...]

    def extract(self, block: bytes) -> bytes:
        """The UID's bytes out of what the read gave."""
        return b"".join(block[offset : offset + size_bytes] for offset, size_bytes in self.pieces)


@dataclass(frozen=True, slots=True)
class Page:
    """One erasable page or sector; ``number`` is what an erase command calls it."""

    number: int
    address: int
    size_bytes: int

    @property
    def end(self) -> int:
        return self.address + self.size_bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One row of the table.

    ``page_runs``: (count, size in bytes) from FLASH_ADDRESS up. ``write_unit_bytes``: what is programmed in one go and, under the
    rule ``erased_unit``, only when it is erased; ``clears_bits`` parts can turn further ones into zeros. ``transfer_max_bytes``:
    the longest READ or WRITE MEMORY. ``erase_s``: the largest listed page. ``program_s``: 256 bytes. ``eeprom``: address and size.
    ``uid_refused``: where the ROM says no to a plain read of the UID.
    """

    name: str
    product_ids: frozenset[int]
    uid_address: int
    flash_size_address: int
    page_runs: tuple[tuple[int, int], ...]
    write_unit_bytes: int
    erase_s: float
    program_s: float
    source: str
    uid: UidRead | None = None
    uid_refused: RefusalStage = "nowhere"
    uid64_address: int | None = None
    write_rule: WriteRule = "erased_unit"
    transfer_max_bytes: int = 256
    erased: int = 0xFF
    erase_command: EraseCommand = "extended"
    eeprom: tuple[int, int] | None = None

    @property
    def flash_size_bytes(self) -> int:
        """Bytes of flash that the table lists pages for."""
        return sum(count * size_bytes for count, size_bytes in self.page_runs)

    def area_of(self, address: int, size_bytes: int) -> Area | None:
        """The memory that holds all of these bytes, or None."""
        if address >= FLASH_ADDRESS and address + size_bytes <= FLASH_ADDRESS + self.flash_size_bytes:
            return "flash"
        if self.eeprom and self.eeprom[0] <= address and address + size_bytes <= sum(self.eeprom):
            return "eeprom"
        return None

    def page_at(self, address: int) -> Page:
        """The flash page that holds ``address``. Raises ValueError outside the listed flash."""
        number, start = 0, FLASH_ADDRESS
        for count, size_bytes in self.page_runs:
            end = start + count * size_bytes
            if start <= address < end:
                index = (address - start) // size_bytes
                return Page(number + index, start + index * size_bytes, size_bytes)
            number, start = number + count, end
        raise ValueError(f"{address:#010x} is not in the flash of {self.name}")

    def pages_covering(self, address: int, size_bytes: int) -> tuple[Page, ...]:
        """The flash pages that these bytes (at least one) touch. Raises ValueError outside the listed flash."""
        pages = [self.page_at(address)]
        while pages[-1].end < address + size_bytes:
            pages.append(self.page_at(pages[-1].end))
        return tuple(pages)


def _plain(address: int) -> UidRead:
    return UidRead(address, 12, ((0, 12),))


_KIB = 1024
_F4_BANK = ((4, 16 * _KIB), (1, 64 * _KIB), (7, 128 * _KIB))
# L0: the third word of the UID stands at offset 14h, not 08h (RM0377 "Unique device ID registers"), so the block read serves both
# the refusal of the plain read and the gap.
_L0_UID = UidRead(0x1FF80000, 128, ((0x50, 8), (0x64, 4)))
_F4_UID = UidRead(0x1FFF7A00, 256, ((0x10, 12),))

_F0 = Part(
    "", frozenset(), 0x1FFFF7AC, 0x1FFFF7CC, (), 2, 0.04, 0.010, "RM0091 3 and 33, DS9826",
    uid=_plain(0x1FFFF7AC),
)  # fmt: skip
_F1 = Part(
    "", frozenset(), 0x1FFFF7E8, 0x1FFFF7E0, (), 2, 0.04, 0.010, "PM0075, RM0008 30, DS5319",
    uid=_plain(0x1FFFF7E8), erase_command="erase",
)  # fmt: skip
_F3 = replace(_F0, source="RM0316 4 and 34, DS9118")
_F4 = Part(
    "", frozenset(), 0x1FFF7A10, 0x1FFF7A22, _F4_BANK, 4, 4.0, 0.030, "RM0090 3 and 39, DS8626",
    uid=_F4_UID, uid_refused="length", write_rule="clears_bits",
)  # fmt: skip
_F7 = Part(
    "", frozenset(), 0x1FF0F420, 0x1FF0F442, (), 4, 8.0, 0.030, "RM0385 3 and 41, DS10916",
    uid=_plain(0x1FF0F420), write_rule="clears_bits",
)  # fmt: skip
_H7 = Part(
    "", frozenset(), 0x1FF1E800, 0x1FF1E880, ((8, 128 * _KIB),), 32, 4.0, 0.010, "RM0433 4 and 61, DS12110",
    uid=_plain(0x1FF1E800),
)  # fmt: skip
_L0 = Part(
    "", frozenset(), 0x1FF80050, 0x1FF8007C, (), 4, 0.004, 0.300, "RM0377 3 and 28, DS10182",
    uid=_L0_UID, uid_refused="address", erased=0x00, transfer_max_bytes=128,
)  # fmt: skip
_L1 = Part(
    "", frozenset(), 0x1FF80050, 0x1FF8004C, (), 4, 0.004, 0.300, "RM0038 3 and 31, DS8669",
    uid_refused="address", erased=0x00,
)  # fmt: skip
_L4 = Part(
    "", frozenset(), 0x1FFF7590, 0x1FFF75E0, (), 8, 0.025, 0.005, "RM0351 3 and 49, DS10198",
    uid_refused="address",
)  # fmt: skip
_G0 = replace(_L4, uid=_plain(0x1FFF7590), uid_refused="nowhere", erase_s=0.04, source="RM0444 3 and 38, DS12766")
_G4 = replace(_L4, source="RM0440 3 and 48, DS12288")
_WIRELESS = replace(_G0, erase_s=0.025, uid64_address=0x1FFF7580)
_U5 = Part(
    "", frozenset(), 0x0BFA0700, 0x0BFA07A0, ((128, 8 * _KIB),), 16, 0.010, 0.010, "RM0456 7 and 76, DS13086",
    uid=_plain(0x0BFA0700),
)  # fmt: skip


def _row(
    base: Part, name: str, ids: Iterable[int], *runs: tuple[int, int], eeprom: tuple[int, int] | None = None
) -> Part:
    return replace(
        base, name=name, product_ids=frozenset(ids), page_runs=runs or base.page_runs, eeprom=eeprom or base.eeprom
    )


# fmt: off
_ROWS = (
    _row(_F0, "STM32F03x", (0x444,), (32, _KIB)),                  # F03xx4/6
    _row(_F0, "STM32F04x", (0x445,), (32, _KIB)),                  # F04x, F070x6
    _row(_F0, "STM32F05x", (0x440,), (64, _KIB)),                  # F05x, F030x8
    _row(_F0, "STM32F07x", (0x448,), (64, 2 * _KIB)),              # F071, F072, F078, F070xB
    _row(_F0, "STM32F09x", (0x442,), (128, 2 * _KIB)),             # F09x, F030xC
    _row(_F1, "STM32F1-low", (0x412,), (32, _KIB)),                # F10x low density
    _row(_F1, "STM32F1-medium", (0x410,), (128, _KIB)),            # F10x medium density
    _row(_F1, "STM32F1-high", (0x414,), (256, 2 * _KIB)),          # F10x high density
    _row(_F1, "STM32F1-xl", (0x430,), (256, 2 * _KIB)),            # F10x XL density, bank 1
    _row(_F1, "STM32F1-connectivity", (0x418,), (128, 2 * _KIB)),  # F105, F107
    _row(_F1, "STM32F1-value", (0x420,), (128, _KIB)),             # F100 low and medium density
    _row(_F1, "STM32F1-value-high", (0x428,), (256, 2 * _KIB)),    # F100 high density
    _row(_F3, "STM32F301", (0x439,), (32, 2 * _KIB)),              # F301, F302x6/8, F318
    _row(_F3, "STM32F302", (0x422,), (128, 2 * _KIB)),             # F302xB/C, F303xB/C, F358
    _row(_F3, "STM32F303-small", (0x438,), (32, 2 * _KIB)),        # F303x6/8, F334, F328
    _row(_F3, "STM32F303-large", (0x446,), (256, 2 * _KIB)),       # F302xD/E, F303xD/E, F398
    _row(_F3, "STM32F37x", (0x432,), (128, 2 * _KIB)),             # F373, F378
    _row(_F4, "STM32F401", (0x423, 0x433), (4, 16 * _KIB), (1, 64 * _KIB), (3, 128 * _KIB)),
    _row(_F4, "STM32F405", (0x413,)),                              # F405, F407, F415, F417
    _row(_F4, "STM32F410", (0x458,), (4, 16 * _KIB), (1, 64 * _KIB)),
    _row(_F4, "STM32F411", (0x431,), (4, 16 * _KIB), (1, 64 * _KIB), (3, 128 * _KIB)),
    _row(_F4, "STM32F412", (0x441,)),
    _row(_F4, "STM32F413", (0x463,)),                              # F413, F423: sectors 0 to 11
    _row(_F4, "STM32F42x", (0x419,)),                              # F42x, F43x: bank 1
    _row(_F4, "STM32F446", (0x421,), (4, 16 * _KIB), (1, 64 * _KIB), (3, 128 * _KIB)),
    _row(_F4, "STM32F469", (0x434,)),                              # F469, F479: bank 1
    _row(replace(_F7, uid_address=0x1FF07A10, flash_size_address=0x1FF07A22, uid=_plain(0x1FF07A10), source="RM0431 3 and 41"),
         "STM32F72x", (0x452,), (4, 16 * _KIB), (1, 64 * _KIB), (3, 128 * _KIB)),
    _row(_F7, "STM32F74x", (0x449,), (4, 32 * _KIB), (1, 128 * _KIB), (3, 256 * _KIB)),
    _row(_F7, "STM32F76x", (0x451,), (4, 32 * _KIB), (1, 128 * _KIB), (7, 256 * _KIB)),
    _row(_H7, "STM32H72x", (0x483,)),
    _row(_H7, "STM32H74x", (0x450,)),                              # H74x, H75x: bank 1
    _row(replace(_H7, uid_address=0x08FFF800, flash_size_address=0x08FFF80C, uid=_plain(0x08FFF800), write_unit_bytes=16,
                 erase_s=0.010, source="RM0455 4 and 63"), "STM32H7A3", (0x480,), (128, 8 * _KIB)),  # H7A3, H7B0, H7B3: bank 1
    _row(_L0, "STM32L01x", (0x457,), (128, 128), eeprom=(0x08080000, 512)),        # L01x, L02x
    _row(_L0, "STM32L03x", (0x425,), (256, 128), eeprom=(0x08080000, _KIB)),       # L031, L041
    _row(_L0, "STM32L05x", (0x417,), (512, 128), eeprom=(0x08080000, 2 * _KIB)),   # L05x, L06x
    _row(_L0, "STM32L07x", (0x447,), (768, 128), eeprom=(0x08080000, 6 * _KIB)),   # L07x, L08x: bank 1 of 192 KiB
    _row(_L1, "STM32L1-cat1", (0x416, 0x429), (512, 256), eeprom=(0x08080000, 4 * _KIB)),  # categories 1 and 2
    _row(replace(_L1, uid_address=0x1FF800D0, flash_size_address=0x1FF800CC), "STM32L1-cat3", (0x427,), (1024, 256),
         eeprom=(0x08080000, 8 * _KIB)),
    _row(_L4, "STM32L41x", (0x464,), (64, 2 * _KIB)),              # L412, L422
    _row(_L4, "STM32L43x", (0x435,), (128, 2 * _KIB)),             # L43x, L44x
    _row(_L4, "STM32L45x", (0x462,), (256, 2 * _KIB)),             # L45x, L46x
    _row(_L4, "STM32L47x", (0x415,), (256, 2 * _KIB)),             # L47x, L48x: bank 1
    _row(_L4, "STM32L49x", (0x461,), (256, 2 * _KIB)),             # L496, L4A6: bank 1
    _row(_L4, "STM32L4Rx", (0x470,), (256, 4 * _KIB)),             # L4R, L4S: bank 1, dual-bank mode
    _row(_L4, "STM32L4Px", (0x471,), (128, 4 * _KIB)),             # L4P, L4Q: bank 1, dual-bank mode
    _row(_G0, "STM32G03x", (0x466,), (32, 2 * _KIB)),              # G03x, G04x
    _row(_G0, "STM32G05x", (0x456,), (32, 2 * _KIB)),              # G05x, G06x
    _row(_G0, "STM32G07x", (0x460,), (64, 2 * _KIB)),              # G07x, G08x
    _row(_G0, "STM32G0Bx", (0x467,), (128, 2 * _KIB)),             # G0Bx, G0Cx: bank 1
    _row(_G4, "STM32G43x", (0x468,), (64, 2 * _KIB)),              # G431, G441
    _row(_G4, "STM32G47x", (0x469,), (128, 2 * _KIB)),             # G47x, G48x: bank 1, dual-bank mode
    _row(_G4, "STM32G49x", (0x479,), (256, 2 * _KIB)),             # G491, G4A1
    _row(replace(_WIRELESS, source="RM0473"), "STM32WB1x", (0x494,), (160, 2 * _KIB)),           # WB10, WB15
    _row(replace(_WIRELESS, source="RM0434 3 and 42, DS11929"), "STM32WB", (0x495, 0x496), (256, 4 * _KIB)),  # WB3x, WB5x
    _row(replace(_WIRELESS, source="RM0453 3 and 39, DS13293"), "STM32WL", (0x497,), (128, 2 * _KIB)),  # WLE5, WL55
    _row(_U5, "STM32U5", (0x482,)),                                # U575, U585: bank 1
)
# fmt: on

PARTS: dict[str, Part] = {part.name: part for part in _ROWS}


def part_named(name: str) -> Part:
    """The row of this name, in any case. Raises ValueError listing the known names."""
    for known, part in PARTS.items():
        if known.lower() == name.lower():
            return part
    raise ValueError(f"unknown STM32 part {name!r}; known are {', '.join(sorted(PARTS))}")


def names_of_product(product_id: int) -> tuple[str, ...]:
    """The parts that report this product id, for messages; empty where none is listed."""
    return tuple(part.name for part in PARTS.values() if product_id in part.product_ids)
