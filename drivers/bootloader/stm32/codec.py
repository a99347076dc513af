"""The frames of the STM32 ROM bootloader's USART protocol (AN3155): bytes in, values out, nothing else.

    SYNC 7F                                                        → ACK
    cmd, cmd XOR FF                                                → ACK
    address, 4 bytes big-endian, XOR of them                       → ACK
    READ MEMORY:     N−1, its complement                           → ACK, N bytes (1 to 256), no checksum
    WRITE MEMORY:    N−1, N bytes, XOR of all                      → ACK
    ERASE:           count−1, page numbers (1 byte), XOR of all    → ACK
    EXTENDED ERASE:  count−1 (2 bytes), page numbers (2 bytes each, big-endian), XOR of all → ACK

Builders raise ValueError for what no frame can carry; parsers raise BoardGarbled for what no bootloader sends. Mass erase, write
and read-out protection and their removal have codes here so that they can be recognised, and no builder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from operator import xor

from drivers.errors import BoardGarbled

SYNC = 0x7F
ACK = 0x79
NACK = 0x1F
MAX_DATA_BYTES = 256
MAX_ERASE_PAGES = 255
MAX_EXTENDED_PAGES = 0xFFF0
"""Counts from FFF0 up are special erases (mass, bank), so this many pages, numbered one less, is the most."""
ID_REPLY_BYTES = 4
"""What follows the ACK of GET ID: length, two bytes of product id, ACK."""
VERSION_REPLY_BYTES = 4
"""What follows the ACK of GET VERSION: version, two option bytes, ACK."""


class Command(IntEnum):
    """Command codes, AN3155 table "USART bootloader commands"."""

    GET = 0x00
    GET_VERSION = 0x01
    GET_ID = 0x02
    READ_MEMORY = 0x11
    GO = 0x21
    WRITE_MEMORY = 0x31
    ERASE = 0x43
    EXTENDED_ERASE = 0x44
    WRITE_PROTECT = 0x63
    WRITE_UNPROTECT = 0x73
    READOUT_PROTECT = 0x82
    READOUT_UNPROTECT = 0x92

    @property
    def words(self) -> str:
        """The manual's name of the command, such as ``READ MEMORY``."""
        return self.name.replace("_", " ")


KNOWN_COMMANDS = {int(command): command for command in Command}


def checksum(data: bytes) -> int:
    """XOR of all bytes; 0 for none."""
    return reduce(xor, data, 0)


def command_frame(command: Command) -> bytes:
    """Two bytes: the code and its complement."""
    return bytes([command, command ^ 0xFF])


def address_frame(address: int) -> bytes:
    """Five bytes: the address, big-endian, and the XOR of its bytes."""
    if not 0 <= address <= 0xFFFFFFFF:
        raise ValueError(f"{address:#x} is not a 32-bit address")
    data = address.to_bytes(4, "big")
    return data + bytes([checksum(data)])


def length_frame(size_bytes: int) -> bytes:
    """Two bytes: one less than the 1 to 256 bytes to read, and its complement."""
    if not 1 <= size_bytes <= MAX_DATA_BYTES:
        raise ValueError(f"one READ MEMORY gives 1 to {MAX_DATA_BYTES} bytes, not {size_bytes}")
    return bytes([size_bytes - 1, (size_bytes - 1) ^ 0xFF])


def write_frame(data: bytes) -> bytes:
    """One less than the number of bytes, the bytes, the XOR of all. Their number is a multiple of 4 up to 256 (AN3155)."""
    if not 4 <= len(data) <= MAX_DATA_BYTES or len(data) % 4:
        raise ValueError(f"one WRITE MEMORY takes 4 to {MAX_DATA_BYTES} bytes in fours, not {len(data)}")
    body = bytes([len(data) - 1]) + data
    return body + bytes([checksum(body)])


def erase_frame(pages: Sequence[int]) -> bytes:
    """The page list of ERASE: 1 to 255 numbers below 256."""
    if not 1 <= len(pages) <= MAX_ERASE_PAGES or not all(0 <= page <= 0xFF for page in pages):
        raise ValueError(f"ERASE takes 1 to {MAX_ERASE_PAGES} page numbers from 0 to 255, not {list(pages)[:8]}")
    body = bytes([len(pages) - 1, *pages])
    return body + bytes([checksum(body)])


def extended_erase_frame(pages: Sequence[int]) -> bytes:
    """The page list of EXTENDED ERASE: numbers below 65536, two bytes each."""
    if not 1 <= len(pages) <= MAX_EXTENDED_PAGES or not all(0 <= page <= 0xFFFF for page in pages):
        raise ValueError(
            f"EXTENDED ERASE takes 1 to {MAX_EXTENDED_PAGES} page numbers from 0 to 65535, not {list(pages)[:8]}"
        )
    body = b"".join(number.to_bytes(2, "big") for number in (len(pages) - 1, *pages))
    return body + bytes([checksum(body)])


@dataclass(frozen=True, slots=True)
class Abilities:
    """The answer to GET: protocol version (22 = 2.2) and the command codes it lists."""

    version: int
    commands: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """What follows the ACK of GET, the closing ACK included."""
        return bytes([len(self.commands), self.version, *self.commands, ACK])

    @classmethod
    def from_bytes(cls, reply: bytes) -> Abilities:
        """Inverse of ``to_bytes``. Raises BoardGarbled on anything else."""
        if len(reply) < 3 or len(reply) != reply[0] + 3 or reply[-1] != ACK:
            raise BoardGarbled(f"answer to GET makes no sense: {reply[:20].hex()}")
        return cls(reply[1], tuple(reply[2:-1]))


def parse_version(reply: bytes) -> int:
    """The protocol version out of the four bytes that follow the ACK of GET VERSION. Raises BoardGarbled."""
    if len(reply) != VERSION_REPLY_BYTES or reply[-1] != ACK:
        raise BoardGarbled(f"answer to GET VERSION makes no sense: {reply[:20].hex()}")
    return reply[0]


def parse_product_id(reply: bytes) -> int:
    """The product id out of the four bytes that follow the ACK of GET ID. Raises BoardGarbled."""
    if len(reply) != ID_REPLY_BYTES or reply[0] != 1 or reply[-1] != ACK:
        raise BoardGarbled(f"answer to GET ID makes no sense: {reply[:20].hex()}")
    return int.from_bytes(reply[1:3], "big")
