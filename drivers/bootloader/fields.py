"""Fields in a board's memory: text values to raw bytes and back, and the one form of an identifier that may become a key.

Pure: bytes in, values out. A field of ``size_bytes`` bytes is laid out as

    [ length: 0, 1 or 2 bytes ][ data, padded to what is left ][ CRC: 0, 1, 2 or 4 bytes ]

where the length counts the value's bytes (no terminator, no padding) and the CRC covers all that stands before it, the length
and the padding included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from drivers.bootloader.crc import CRC_BYTES, CrcName, crc_of

Encoding = Literal["ascii", "hex"]
ByteOrder = Literal["big", "little"]
Case = Literal["upper", "lower", "keep"]

MAX_FIELD_BYTES = 256
"""A field fits one READ MEMORY of the STM32 ROM bootloader (AN3155, "Read Memory command": N ≤ 256)."""
MAX_PATTERN_CHARS = 200
SEPARATORS = ":-_ "
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_CASES: dict[Case, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "keep": str}


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands in one field of a board's memory.

    Exactly one of three holds: ``value`` is the decoded text; the field is blank (``value`` and ``problem`` are None); or
    ``problem`` says in one line why the raw bytes do not decode.
    """

    value: str | None
    raw: bytes
    problem: str | None = None

    @property
    def is_blank(self) -> bool:
        return self.value is None and self.problem is None


@dataclass(frozen=True, slots=True)
class FieldFormat:
    """How one text value stands in ``size_bytes`` bytes of memory (layout: see the module).

    ``ascii``: printable ASCII (20 to 7E). It ends at the length prefix's count, else at the first NUL where ``terminated``, else
    at the padding. ``hex``: the value is hex digits and the memory holds their bytes, ``byte_order`` little reversing them; it
    fills the data area unless a length prefix says otherwise.

    ``pads``: bytes accepted behind the value; the first is the one written. ``blanks``: a field all of whose bytes equal one of
    these holds nothing. ``case`` is what values are given in; ``hex`` needs upper or lower. ``pattern`` must match all of the
    value. Construction raises ValueError, one sentence, for anything that does not go together.
    """

    size_bytes: int
    encoding: Encoding = "ascii"
    byte_order: ByteOrder = "big"
    case: Case = "keep"
    pattern: str | None = None
    pads: tuple[int, ...] = (0x00, 0xFF)
    terminated: bool = False
    length_bytes: int = 0
    length_order: ByteOrder = "big"
    crc: CrcName = "none"
    crc_order: ByteOrder = "big"
    blanks: tuple[int, ...] = (0xFF, 0x00)

    def __post_init__(self) -> None:
        for problem in _format_problems(self):
            raise ValueError(problem)

    @property
    def crc_bytes(self) -> int:
        return CRC_BYTES[self.crc]

    @property
    def capacity_bytes(self) -> int:
        """Bytes left for the value, a terminator and padding."""
        return self.size_bytes - self.length_bytes - self.crc_bytes

    def decode(self, raw: bytes) -> Reading:
        """The reading of ``size_bytes`` raw bytes, whatever they are. Raises ValueError only for another number of bytes."""
        if len(raw) != self.size_bytes:
            raise ValueError(f"a field of {self.size_bytes} bytes cannot be decoded from {len(raw)}")
        if any(raw == bytes([blank]) * self.size_bytes for blank in self.blanks):
            return Reading(None, raw)
        try:
            return Reading(self._value_of(raw), raw)
        except ValueError as problem:
            return Reading(None, raw, str(problem))

    def encode(self, value: str) -> bytes:
        """The ``size_bytes`` bytes that decode to exactly ``value``. Raises ValueError, one sentence, where there are none."""
        self._check(value)
        data = _ascii_bytes(value) if self.encoding == "ascii" else _hex_bytes(value, self.byte_order)
        used_bytes = len(data) + self.terminated
        if used_bytes > self.capacity_bytes:
            raise ValueError(f"{value!r} takes {used_bytes} bytes where the field has {self.capacity_bytes}")
        if self.encoding == "hex" and not self.length_bytes and len(data) != self.capacity_bytes:
            raise ValueError(f"{value!r} has {len(data)} bytes where the field takes exactly {self.capacity_bytes}")
        body = data + b"\0" * self.terminated
        body += bytes([self.pads[0]]) * (self.capacity_bytes - len(body))
        if self.length_bytes:
            body = len(data).to_bytes(self.length_bytes, self.length_order) + body
        raw = body + crc_of(self.crc, body).to_bytes(self.crc_bytes, self.crc_order)
        reading = self.decode(raw)
        if reading.value != value:
            raise ValueError(f"{value!r} would read back as {'blank' if reading.is_blank else repr(reading.value)}")
        return raw

    def _value_of(self, raw: bytes) -> str:
        body = raw[: self.size_bytes - self.crc_bytes]
        stored = int.from_bytes(raw[len(body) :], self.crc_order)
        if stored != crc_of(self.crc, body):
            raise ValueError(f"{self.crc} is {stored:0{2 * self.crc_bytes}X}, the data has {crc_of(self.crc, body):X}")
        data = self._data_of(body)
        if not data:
            raise ValueError("the field is neither blank nor holds a value")
        if self.encoding == "hex":
            value = (data[::-1] if self.byte_order == "little" else data).hex()
        elif all(0x20 <= byte <= 0x7E for byte in data):
            value = data.decode("ascii")
        else:
            raise ValueError(f"{data.hex().upper()} is not printable ASCII")
        value = _CASES[self.case](value)
        self._check(value)
        return value

    def _data_of(self, body: bytes) -> bytes:
        """The value's bytes in length prefix and data area; raises ValueError where they do not end as the format says."""
        area = body[self.length_bytes :]
        if self.length_bytes:
            size_bytes = int.from_bytes(body[: self.length_bytes], self.length_order)
            if size_bytes + self.terminated > len(area):
                raise ValueError(f"length {size_bytes} is more than the field's {len(area)} bytes take")
        elif self.terminated:
            size_bytes = area.find(0)
            if size_bytes < 0:
                raise ValueError("no NUL ends the text")
        elif self.encoding == "ascii":
            size_bytes = len(area.rstrip(bytes(self.pads)))
        else:
            size_bytes = len(area)
        rest = area[size_bytes:]
        if self.terminated and rest[:1] != b"\0":
            raise ValueError("no NUL ends the text")
        if rest[self.terminated :].strip(bytes(self.pads)):
            raise ValueError(f"{rest.hex().upper()} behind the value is not padding")
        return area[:size_bytes]

    def _check(self, value: str) -> None:
        if not value:
            raise ValueError("an empty value cannot be told from a blank field")
        if _CASES[self.case](value) != value:
            raise ValueError(f"{value!r} is not in {self.case} case")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise ValueError(f"{value!r} does not match {self.pattern}")


def may_be_cut_off(written: bytes, held: bytes, blanks: Iterable[int]) -> bool:
    """Whether each byte of ``held`` lies on the way from a blank one to the one written.

    Programming moves bits away from the blank value only, and erasing towards it, so every bit is then the one or the other.
    """
    return len(held) == len(written) and any(
        all((now ^ then) & (now ^ blank) == 0 for now, then in zip(held, written, strict=True)) for blank in blanks
    )


def _ascii_bytes(value: str) -> bytes:
    if not all(" " <= character <= "~" for character in value):
        raise ValueError(f"{value!r} is not printable ASCII")
    return value.encode("ascii")


def _hex_bytes(value: str, order: ByteOrder) -> bytes:
    if len(value) % 2 or not _HEX_DIGITS.issuperset(value):
        raise ValueError(f"{value!r} is not an even number of hex digits")
    data = bytes.fromhex(value)
    return data[::-1] if order == "little" else data


def _format_problems(field: FieldFormat) -> list[str]:
    """All that is wrong with a format, one sentence each, the most telling first."""
    if not 1 <= field.size_bytes <= MAX_FIELD_BYTES:
        return [f"size_bytes must be 1 to {MAX_FIELD_BYTES}, not {field.size_bytes}"]
    choices: tuple[tuple[str, object, tuple[object, ...]], ...] = (
        ("encoding", field.encoding, ("ascii", "hex")),
        ("byte_order", field.byte_order, ("big", "little")),
        ("length_order", field.length_order, ("big", "little")),
        ("crc_order", field.crc_order, ("big", "little")),
        ("case", field.case, tuple(_CASES)),
        ("crc", field.crc, tuple(CRC_BYTES)),
        ("length_bytes", field.length_bytes, (0, 1, 2)),
    )
    problems = [
        f"{name} must be one of {', '.join(map(str, allowed))}, not {given!r}"
        for name, given, allowed in choices
        if given not in allowed
    ]
    if problems:
        return problems
    if field.capacity_bytes - field.terminated < 1:
        problems.append(f"{field.size_bytes} bytes leave no room for a value beside length, terminator and CRC")
    for name, given in (("pads", field.pads), ("blanks", field.blanks)):
        if not all(0 <= byte <= 0xFF for byte in given):
            problems.append(f"{name} must be bytes, 0 to 255, not {given}")
    if not field.pads:
        problems.append("pads must name at least the byte that is written behind a value")
    if field.encoding == "hex" and field.case == "keep":
        problems.append("case must be upper or lower for hex: bytes in memory have none of their own")
    if field.encoding == "hex" and field.terminated:
        problems.append("a hex field cannot be terminated: a NUL may be one of its bytes")
    if (problem := pattern_problem(field.pattern)) is not None:
        problems.append(problem)
    return problems


def pattern_problem(pattern: str | None) -> str | None:
    """Why ``pattern`` is no usable regular expression, in one sentence; None when it is one (or there is none)."""
    if pattern is None:
        return None
    if not 1 <= len(pattern) <= MAX_PATTERN_CHARS:
        return f"pattern must have 1 to {MAX_PATTERN_CHARS} characters, not {len(pattern)}"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"pattern {pattern!r} does not compile: {error}"
    return None


@dataclass(frozen=True, slots=True)
class CanonicalForm:
    """The one written form of a chipId: `ab:12` and `AB12` are one chip, so this is applied before it becomes a key.

    ``separators`` are characters taken out, then ``case`` is applied, then all of it must match ``pattern``.
    """

    case: Case = "upper"
    separators: str = SEPARATORS
    pattern: str = r"[!-~]{1,128}"

    def __post_init__(self) -> None:
        if self.case not in _CASES:
            raise ValueError(f"case must be one of {', '.join(_CASES)}, not {self.case!r}")
        if (problem := pattern_problem(self.pattern)) is not None:
            raise ValueError(problem)

    def apply(self, text: str) -> str:
        """The canonical form; applying it twice changes nothing. Raises ValueError where nothing usable is left, or where all
        digits are 0 or F: that is what an unread or erased memory looks like, and would make all such boards one unit."""
        value = _CASES[self.case](text.translate({ord(separator): None for separator in self.separators}))
        if not value:
            raise ValueError("the identifier is empty")
        if not (value.isascii() and value.isprintable() and re.fullmatch(self.pattern, value)):
            raise ValueError(f"{value[:64]!r} does not match {self.pattern}")
        if set(value.upper()) in ({"0"}, {"F"}):
            raise ValueError(f"{value[:64]} is what erased memory reads as, not an identifier")
        return value


def check_eui64(value: str, prefixes: tuple[str, ...] = ()) -> str:
    """The 16 upper-case hex digits of an EUI-64. Raises ValueError, one sentence, where ``value`` is none.

    An identifier of a device has the group bit, the lowest of its first octet, clear (IEEE, "Guidelines for Use of Extended
    Unique Identifier (EUI), Organizationally Unique Identifier (OUI), and Company ID (CID)"). ``prefixes``: where given, one of
    these hex digits (an OUI, say) must start it.
    """
    digits = value.translate({ord(separator): None for separator in SEPARATORS}).upper()
    if not digits or not _HEX_DIGITS.issuperset(digits):
        raise ValueError(f"EUI-64 {value[:64]!r} holds other than hex digits")
    if len(digits) != 16:
        raise ValueError(f"EUI-64 {value[:64]!r} has {len(digits)} hex digits, not 16")
    if set(digits) in ({"0"}, {"F"}):
        raise ValueError(f"EUI-64 {digits} is what erased memory reads as")
    if int(digits[:2], 16) & 0x01:
        raise ValueError(f"EUI-64 {digits} has the group (multicast) bit set, so it names no device")
    if prefixes and not digits.startswith(
        tuple(prefix.translate({ord(s): None for s in SEPARATORS}).upper() for prefix in prefixes)
    ):
        raise ValueError(f"EUI-64 {digits} starts with none of {', '.join(prefixes)}")
    return digits


def as_eui64(reading: Reading, prefixes: tuple[str, ...] = ()) -> Reading:
    """The reading with its value as a canonical EUI-64, or with the problem where it is none; a blank one stays blank."""
    if reading.value is None:
        return reading
    try:
        return Reading(check_eui64(reading.value, prefixes), reading.raw)
    except ValueError as problem:
        return Reading(None, reading.raw, str(problem))
