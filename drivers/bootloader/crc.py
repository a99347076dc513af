"""Cyclic redundancy checks that fields of a board's memory carry. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CrcName = Literal["none", "crc8", "crc16-ccitt-false", "crc16-modbus", "crc32"]


@dataclass(frozen=True, slots=True)
class _Crc:
    """A cyclic redundancy check in the parameters of the RevEng catalogue (reveng.sourceforge.io/crc-catalogue)."""

    size_bytes: int
    polynomial: int
    initial: int
    reflected: bool
    final_xor: int

    def of(self, data: bytes) -> int:
        """The check value, bit by bit: fields are short, so a table would only be more to trust."""
        width = 8 * self.size_bytes
        top, mask = 1 << (width - 1), (1 << width) - 1
        remainder = self.initial
        for byte in data:
            byte = _reflect(byte, 8) if self.reflected else byte
            remainder ^= byte << (width - 8)
            for _ in range(8):
                remainder = ((remainder << 1) ^ (self.polynomial if remainder & top else 0)) & mask
        return (_reflect(remainder, width) if self.reflected else remainder) ^ self.final_xor


def _reflect(number: int, width: int) -> int:
    return int(f"{number:0{width}b}"[::-1], 2)


_CRCS: dict[CrcName, _Crc] = {
    "none": _Crc(0, 0, 0, False, 0),
    "crc8": _Crc(1, 0x07, 0x00, False, 0x00),  # CRC-8/SMBUS, check value F4
    "crc16-ccitt-false": _Crc(2, 0x1021, 0xFFFF, False, 0x0000),  # CRC-16/IBM-3740, check value 29B1
    "crc16-modbus": _Crc(2, 0x8005, 0xFFFF, True, 0x0000),  # CRC-16/MODBUS, check value 4B37
    "crc32": _Crc(4, 0x04C11DB7, 0xFFFFFFFF, True, 0xFFFFFFFF),  # CRC-32/ISO-HDLC, check value CBF43926
}

CRC_BYTES: dict[CrcName, int] = {name: crc.size_bytes for name, crc in _CRCS.items()}


def crc_of(name: CrcName, data: bytes) -> int:
    """The named check of ``data``; 0 for ``none``."""
    return 0 if name == "none" else _CRCS[name].of(data)
