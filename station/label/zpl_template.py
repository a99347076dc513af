"""A raw ZPL format with placeholders, for whoever has one already.

The template is its author's; the values are not. So each value is escaped for the very field it stands in, and what cannot be
escaped there is refused. Commands after Zebra, ZPL II Programming Guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from station.errors import LabelError
from station.label.template import Piece, check_ascii, check_printable, check_template, pieces, value_of
from station.label.zpl_fields import FOREIGN_IN_FONT_0, HEX_INDICATOR, escape_set_b, hex_escape

MAX_SIZE_CHARS = 262_144
"""Room for a few pictures; bounds what is sent to a printer."""

_COMMAND = re.compile(r"\^([A-Za-z0-9@]{1,2})([^\^~]*)")
_FORBIDDEN = frozenset(
    {"CC", "CD", "CT", "DF", "XF", "XG", "IL", "IM", "IS", "FN", "FV", "SN", "SF", "MC", "HH", "JU", "ID", "HF", "XB"}
)
"""Commands that change what the next bytes mean, call or keep formats outside this one, or count by themselves."""
_AROUND_A_PLACEHOLDER = frozenset({"FO", "FT", "FH", "FR", "FW", "CF", "BY", "A", "BC", "BQ", "BX"})
"""Commands between two ^FS that a field with a placeholder may have; with any other its data may mean something else."""
_MAY_PRECEDE_A_FIELD = frozenset({"BY", "FW", "FX"})
"""Of the commands named F… and B…, those that may stand before the ^FO of a field with a placeholder: they are not part of it."""
_ASCII_SETS = frozenset({"0", "27", "28"})
"""^CI values under which ASCII prints as ASCII; 1 to 12 replace some of it with national characters."""
_INVOCATION = re.compile(r">|[^0-9A-Za-z]3[Ee]")
"""An invocation code of ^BC, or what ^FH may make one of: behind it values could be read in another code set."""
_QR_PREFIX = re.compile(r"[HQML]A,")
_BX_ESCAPES = "~_"
"""Escape characters of ^BX, newer and older firmware; ^FH does not protect from them."""


@dataclass(frozen=True, slots=True)
class _Command:
    name: str
    parameters: str


@dataclass(frozen=True, slots=True)
class ZplTemplate:
    """The text of one format, ^XA to ^XZ, whose ^FD fields may hold placeholders such as ``{sn}``."""

    text: str

    def __post_init__(self) -> None:
        """Raises LabelError for anything but one format for one label whose placeholders all stand where they can be escaped."""
        commands = _commands(self.text)
        names = [command.name for command in commands]
        if names[:1] != ["XA"] or names[-1:] != ["XZ"] or names.count("XA") != 1 or names.count("XZ") != 1:
            raise LabelError("zpl template: must be one format, from ^XA to ^XZ")
        for command in commands:
            if command.name in _FORBIDDEN:
                raise LabelError(f"zpl template: ^{command.name} is not allowed")
            if command.name == "CI" and command.parameters.strip() not in _ASCII_SETS:
                raise LabelError(f"zpl template: ^CI must be one of {', '.join(sorted(_ASCII_SETS))}")
            if command.name == "PQ" and command.parameters.strip().split(",")[0] not in ("", "1"):
                raise LabelError("zpl template: ^PQ must ask for 1 label")
        for field in _fields(commands):
            _check_field(field)


def render_template(template: ZplTemplate, values: Mapping[str, str]) -> bytes:
    """The format with its placeholders filled. Raises LabelError for an unknown placeholder, and for a value that its field cannot
    take as it is."""
    parts: list[str] = []
    for field in _fields(_commands(template.text)):
        parts.extend(_filled(field, values))
    return "".join(parts).encode()


def _commands(text: str) -> list[_Command]:
    if len(text) > MAX_SIZE_CHARS:
        raise LabelError(f"zpl template: more than {MAX_SIZE_CHARS} characters")
    text, commands, at = text.strip(), [], 0
    while at < len(text):
        match = _COMMAND.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise LabelError(f"zpl template: line {line}: no format command at {text[at : at + 12]!r}")
        name, parameters = match[1].upper(), match[2]
        # ^A takes the font as the next character: ^A0, ^AB, ^A@.
        commands.append(_Command("A", match[1][1:] + parameters) if name[0] == "A" else _Command(name, parameters))
        at = match.end()
    return commands


def _fields(commands: list[_Command]) -> list[list[_Command]]:
    """Commands cut behind each ^FS."""
    fields: list[list[_Command]] = [[]]
    for command in commands:
        fields[-1].append(command)
        if command.name == "FS":
            fields.append([])
    return fields


def _check_field(field: list[_Command]) -> None:
    """Raise LabelError unless every placeholder of the field stands in its one ^FD, where it can be escaped."""
    for command in field:
        if command.name != "FD":
            if _has_placeholder(command.parameters):
                raise LabelError(
                    f"zpl template: placeholder outside ^FD, in ^{command.name}{command.parameters.strip()[:40]}"
                )
            continue
        check_template(command.parameters, "zpl template")
        if _has_placeholder(command.parameters):
            check_printable(command.parameters, "zpl template")
            _check_surroundings(field, command.parameters)


def _check_surroundings(field: list[_Command], data: str) -> None:
    """Raise LabelError unless the commands around a ^FD with placeholders are ones whose data can be escaped."""
    names = [command.name for command in field]
    starts = [index for index, name in enumerate(names) if name in ("FO", "FT")]
    if len(starts) != 1 or names.count("FD") != 1 or names[-2:] != ["FD", "FS"]:
        raise LabelError("zpl template: a field with a placeholder must be one ^FO or ^FT, commands, one ^FD and ^FS")
    before, around = names[: starts[0]], names[starts[0] : -2]
    strange = [name for name in before if name[0] in "FBT" and name not in _MAY_PRECEDE_A_FIELD]
    strange += [name for name in around if name not in _AROUND_A_PLACEHOLDER]
    if strange:
        raise LabelError(f"zpl template: a field with a placeholder must not have ^{strange[0]}")
    if sum(around.count(name) for name in ("BC", "BQ", "BX")) > 1 or around.count("FH") > 1:
        raise LabelError("zpl template: a field with a placeholder must have one symbol and one ^FH at most")
    if "BQ" in around and not _QR_PREFIX.match(data):
        raise LabelError("zpl template: ^BQ data must begin with level and mode, such as QA,")
    if "BC" in around and _parameter(field, "BC", 5, "N") != "N":
        raise LabelError("zpl template: ^BC with a placeholder must be in mode N")
    if "BC" in around and _INVOCATION.search(data.removeprefix(">:")):
        raise LabelError("zpl template: ^BC data with a placeholder must stay in code set B: only >: may begin it")
    if _parameter(field, "FH", 0, HEX_INDICATOR)[0].isalnum():
        raise LabelError("zpl template: ^FH must not name a letter or digit")


def _filled(field: list[_Command], values: Mapping[str, str]) -> list[str]:
    out: list[str] = []
    for command in field:
        if command.name != "FD":
            out.append(f"^{command.name}{command.parameters}")
        elif not _has_placeholder(command.parameters):
            out.append("^FD" + "".join(piece.text for piece in pieces(command.parameters, "zpl template")))
        else:
            out.append(_filled_data(command.parameters, field, values))
    return out


def _filled_data(data: str, field: list[_Command], values: Mapping[str, str]) -> str:
    """^FD with the values in it, behind a ^FH where the template has none; its own text keeps its meaning."""
    has_indicator = any(command.name == "FH" for command in field)
    indicator = _parameter(field, "FH", 0, HEX_INDICATOR)[0]
    symbol = next((command.name for command in field if command.name in ("BC", "BQ", "BX")), "text")
    out = ["^FD"] if has_indicator else [f"^FH{HEX_INDICATOR}^FD"]
    for piece in pieces(data, "zpl template"):
        if piece.is_placeholder:
            out.append(_escaped(piece, symbol, indicator, field, values))
        else:
            out.append(piece.text if has_indicator else hex_escape(piece.text))
    return "".join(out)


def _escaped(piece: Piece, symbol: str, indicator: str, field: list[_Command], values: Mapping[str, str]) -> str:
    value = value_of(piece.text, values, "zpl template")
    check_ascii(value, piece.text)
    if symbol == "BX":
        # Parameter g of ^BXo,h,s,c,r,f,g is the escape character that the template sets.
        bad = [char for char in value if char.upper() in _BX_ESCAPES + _parameter(field, "BX", 6, "")]
        if bad:
            raise LabelError(f"{piece.text}: {bad[0]!r} cannot be printed in a ^BX field")
    if symbol == "text" and not FOREIGN_IN_FONT_0.isdisjoint(value):
        raise LabelError(f"{piece.text}: {value!r} holds a character that printers' fonts lack")
    if symbol == "BC":
        value = escape_set_b(value)
    return hex_escape(value, indicator)


def _parameter(field: list[_Command], name: str, place: int, default: str) -> str:
    """A command's parameter by its place, in capitals; ``default`` where it or the command is missing."""
    for command in field:
        if command.name == name:
            parameters = command.parameters.strip().split(",")
            return (parameters[place].strip().upper() if place < len(parameters) else "") or default
    return default


def _has_placeholder(parameters: str) -> bool:
    return re.search(r"(?<!\{)(?:\{\{)*\{[^{}]", parameters) is not None
