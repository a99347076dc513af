"""Field data that means itself and nothing else, and pictures as ``^GF``. Source: Zebra, ZPL II Programming Guide."""

from __future__ import annotations

from station.label.code128 import Run
from station.label.matrices import Modules

HEX_INDICATOR = "_"
"""What introduces two hexadecimal digits in a field behind ^FH_."""

_LITERAL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -.,:/")
"""Characters that never mean anything but themselves in field data; all others are written in hexadecimal."""

FOREIGN_IN_FONT_0 = frozenset("\\`")
"""ASCII that a ZD621 prints as other characters, a cent sign and an opening quotation mark (zplkit 0.3.2, profile zd621)."""

_SET_B_INVOCATION = {">": ">0"}
"""In ^BC, mode N, ``>`` starts an invocation code, ">0" being that for itself ("Code 128 Invocation Characters")."""
_START = {"B": ">:", "C": ">;"}
_CHANGE = {"B": ">6", "C": ">5"}


def hex_escape(text: str, indicator: str = HEX_INDICATOR) -> str:
    """``text`` for ^FD behind ^FH with ``indicator``: UTF-8 (^CI28), all but plain characters in hexadecimal."""
    if _LITERAL.issuperset(text) and indicator not in text:
        return text
    return "".join(
        char if char in _LITERAL and char != indicator else "".join(f"{indicator}{byte:02X}" for byte in char.encode())
        for char in text
    )


def field(text: str) -> str:
    """``^FH``, ``^FD`` and ``^FS`` around ``text``."""
    return f"^FH{HEX_INDICATOR}^FD{hex_escape(text)}^FS"


def escape_set_b(text: str) -> str:
    """``text`` for ^BC, mode N, in code set B; still to be hex-escaped."""
    return "".join(_SET_B_INVOCATION.get(char, char) for char in text)


def code128_data(runs: tuple[Run, ...]) -> str:
    """The data of ^BC, mode N, that makes a printer use exactly these code sets; still to be hex-escaped."""
    parts: list[str] = []
    for run in runs:
        parts.append((_CHANGE if parts else _START)[run.code_set])
        parts.append(run.text if run.code_set == "C" else escape_set_b(run.text))
    return "".join(parts)


def graphic(width_dots: int, height_dots: int, packed: bytes) -> str:
    """``^GFA`` of a picture: rows from the top, each of whole bytes, most significant bit leftmost, 1 is black.

    Written in the guide's ASCII compression: "," fills a row with zeros to its end, ":" repeats the row above.
    """
    row_bytes = (width_dots + 7) // 8
    if len(packed) != row_bytes * height_dots:
        raise ValueError(f"{len(packed)} bytes are not {height_dots} rows of {row_bytes}")
    rows: list[str] = []
    above = b""
    for at in range(0, len(packed), row_bytes):
        row = packed[at : at + row_bytes]
        digits = row.hex().upper()
        shortened = digits.rstrip("0")
        rows.append(":" if row == above else (f"{shortened}," if shortened != digits else digits))
        above = row
    return f"^GFA,{len(packed)},{len(packed)},{row_bytes},{''.join(rows)}^FS"


def modules_graphic(modules: Modules, module_width_dots: int, module_height_dots: int) -> str:
    """``^GFA`` of a symbol without a picture library."""
    width = len(modules[0]) * module_width_dots
    packed = b"".join(_pack(row, module_width_dots) * module_height_dots for row in modules)
    return graphic(width, len(modules) * module_height_dots, packed)


def _pack(row: tuple[bool, ...], module_dots: int) -> bytes:
    bits = "".join(("1" if module else "0") * module_dots for module in row)
    row_bytes = (len(bits) + 7) // 8
    return int(bits.ljust(8 * row_bytes, "0"), 2).to_bytes(row_bytes, "big")
