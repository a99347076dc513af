"""Templates with ``{placeholders}``, and the values that may stand in them.

A value is printed exactly or refused: nothing is replaced, cut or normalised.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from station.errors import LabelError
from station.ports import LabelData

MAX_VALUE_CHARS = 128
MAX_TEXT_CHARS = 512
"""Longest text after its placeholders are filled."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PIECE = re.compile(r"(?P<literal>[^{}]+|\{\{|\}\})|\{(?P<name>[^{}]*)\}")
_BRACES = {"{{": "{", "}}": "}"}
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a template: a placeholder's name, or text that stands for itself."""

    text: str
    is_placeholder: bool


def check_template(template: str, path: str) -> None:
    """Raise LabelError, starting with ``path``, for a lone brace or a placeholder that is no name."""
    for piece in pieces(template, path):
        if piece.is_placeholder and not _NAME.fullmatch(piece.text):
            raise LabelError(f"{path}: {{{piece.text}}} is no placeholder; write {{{{ and }}}} for braces")


def pieces(template: str, path: str) -> list[Piece]:
    """``template`` cut at its placeholders. Raises LabelError, starting with ``path``, for a lone brace."""
    cut: list[Piece] = []
    at = 0
    while at < len(template):
        match = _PIECE.match(template, at)
        if match is None:
            raise LabelError(f"{path}: lone {template[at]!r}; write {{{{ and }}}} for braces")
        name, literal = match["name"], match["literal"]
        cut.append(Piece(name, True) if name is not None else Piece(_BRACES.get(literal, literal), False))
        at = match.end()
    return cut


def value_of(name: str, values: Mapping[str, str], path: str) -> str:
    """The value of a placeholder. Raises LabelError, starting with ``path``, for an unknown one."""
    if name not in values:
        raise LabelError(f"{path}: unknown placeholder {{{name}}}; known are {', '.join(sorted(values))}")
    return values[name]


def fill(template: str, values: Mapping[str, str], path: str) -> str:
    """``template`` with its placeholders replaced. Raises LabelError naming ``path`` for an unknown placeholder, or where the text
    comes out too long or not printable."""
    text = "".join(
        value_of(piece.text, values, path) if piece.is_placeholder else piece.text for piece in pieces(template, path)
    )
    if not text or len(text) > MAX_TEXT_CHARS:
        raise LabelError(f"{path}: must come out as 1 to {MAX_TEXT_CHARS} characters, comes out as {len(text)}")
    check_printable(text, path)
    return text


def label_values(data: LabelData, sn_pattern: re.Pattern[str] | None = None) -> dict[str, str]:
    """Placeholder to value. Raises LabelError for an SN that is empty or not all matched by ``sn_pattern``, for a value that is too
    long or not printable, and for an extra that bears another value's name."""
    values = {
        "sn": data.sn,
        "device_id": data.device_id,
        "chip_id": data.chip_id,
        "app_eui": data.app_eui,
        "copy_number": str(data.copy_number),
    }
    for name, value in data.extra.items():
        if name in values or not _NAME.fullmatch(name):
            raise LabelError(f"extra value {name!r}: not a free name of a-z, 0-9 and _")
        values[name] = value
    for name, value in values.items():
        if len(value) > MAX_VALUE_CHARS:
            raise LabelError(f"{name}: has {len(value)} characters, more than {MAX_VALUE_CHARS}")
        check_printable(value, name)
    if not data.sn:
        raise LabelError("sn: is empty")
    if sn_pattern is not None and not sn_pattern.fullmatch(data.sn):
        raise LabelError(f"sn: {data.sn!r} does not match {sn_pattern.pattern!r}")
    return values


def check_printable(text: str, path: str) -> None:
    """Raise LabelError, starting with ``path``, for a character that cannot be printed as itself: control, format and private
    characters, odd spaces, combining marks, and right-to-left script, which would need reordering."""
    if text.isascii() and text.isprintable():
        return
    for char in text:
        if (
            not char.isprintable()
            or unicodedata.category(char).startswith("M")
            or unicodedata.bidirectional(char) in _RIGHT_TO_LEFT
        ):
            raise LabelError(f"{path}: character U+{ord(char):04X} cannot be printed")


def check_ascii(text: str, path: str) -> None:
    """Raise LabelError unless all of ``text`` is ASCII, which alone every scanner reads back from a symbol as it was."""
    for char in text:
        if not " " <= char <= "~":
            raise LabelError(f"{path}: character U+{ord(char):04X} cannot stand in a symbol; only ASCII can")
