"""YAML with positions: every mistake is told as ``file:line:column: where: what``.

PyYAML alone takes a key twice in silence and reads ``012`` as 10 and ``12:30:45`` as 45045 (YAML 1.1). Here a doubled key is
an error, and plain values are read by YAML 1.2's core rules: ``true``/``false``, ``null``, decimal, ``0x`` and ``0o``
integers, decimal fractions; anything else is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from station.config.quantities import convert
from station.errors import StationError
from station.text import printable

MAX_FILE_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_LINE_CHARS = 2000
"""Bound of one mistake's line: keys and values of the file stand in it."""

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with a configuration. ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        text = f"{place}: {self.where + ': ' if self.where else ''}{self.what}"
        return printable(text + (f" — {self.remedy}" if self.remedy else ""), MAX_LINE_CHARS)


class ConfigError(StationError):
    """Raised for a configuration that cannot be used; ``mistakes`` holds one or more, in the file's order."""

    code = "config.invalid"

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda mistake: (mistake.line, mistake.column))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values and where each one stands."""

    file: str
    values: dict[str, Any]
    marks: dict[Location, tuple[int, int]]

    def value_at(self, location: Location) -> Any:
        """What stands at a location, None where nothing does."""
        value: Any = self.values
        for part in location:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def mark_of(self, location: Location) -> tuple[int, int]:
        """Line and column of the deepest part of ``location`` that stands in the file."""
        while location and location not in self.marks:
            location = location[:-1]
        return self.marks.get(location, (1, 1))

    def mistake(self, location: Location, what: str, remedy: str = "") -> Mistake:
        """A mistake at the deepest part of ``location`` that stands in the file."""
        line, column = self.mark_of(location)
        return Mistake(self.file, line, column, ".".join(str(part) for part in location), what, remedy)


def split_remedy(message: str) -> tuple[str, str]:
    """What is wrong and what to do, of a message that says both with a semicolon in between."""
    what, _, remedy = message.rpartition("; ")
    return (what, remedy) if what else (message, "")


def load(path: Path) -> Document:
    """Read one file. Raises ConfigError."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        remedy = "name an existing file that this user may read"
        raise ConfigError([Mistake(file, 1, 1, "", f"cannot be read: {error.strerror}", remedy)]) from error
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigError([Mistake(file, 1, 1, "", f"larger than {MAX_FILE_BYTES} bytes", "this is no configuration")])
    return parse(raw, file)


def parse(raw: bytes, file: str) -> Document:
    """The same for text at hand; ``file`` stands in errors. Raises ConfigError."""
    try:
        root = yaml.compose(raw.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise ConfigError(
            [Mistake(file, raw.count(b"\n", 0, error.start) + 1, 1, "", "not UTF-8", "save it as UTF-8")]
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise ConfigError([Mistake(file, line, column, "", what, "correct the YAML there")]) from error
    except yaml.reader.ReaderError as error:
        line = raw.decode("utf-8").count("\n", 0, error.position) + 1
        what = f"the character U+{error.character:04X} may not stand in YAML"
        raise ConfigError([Mistake(file, line, 1, "", what, "remove it")]) from error
    except RecursionError as error:
        raise ConfigError([Mistake(file, 1, 1, "", "nested too deep", "simplify it")]) from error
    except (ValueError, OverflowError) as error:  # PyYAML gives \\U escapes to chr() unchecked
        raise ConfigError(
            [Mistake(file, 1, 1, "", "an escape that is no character", "correct the \\U escape")]
        ) from error
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(
            [Mistake(file, 1, 1, "", "not a mapping of keys to values", "start from an example in configs/")]
        )
    builder = _Builder(file)
    values = builder.build(root, ())
    if builder.mistakes:
        raise ConfigError(builder.mistakes)
    return Document(file, values, builder.marks)


_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_OCTAL = re.compile(r"0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")


class _Builder:
    """Turns nodes into values, noting marks and mistakes on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[Location, tuple[int, int]] = {}
        self.mistakes: list[Mistake] = []
        self._nodes = 0

    def build(self, node: yaml.Node, location: Location) -> Any:
        self._nodes += 1
        if len(location) > MAX_DEPTH or self._nodes > MAX_NODES:
            if not self.mistakes:
                self._mistake(node, location, "nested too deep or too large", "simplify it")
            return None
        self.marks.setdefault(location, _position(node))
        if node.tag not in _TAGS:
            self._mistake(node, location, f"the tag {node.tag} is not taken here", "remove the tag")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*location, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._mistake(key_node, location, "a key that is not text", "use a plain word as key")
                continue
            if key_node.tag == _MERGE:
                self._mistake(key_node, location, "merge keys are not taken here", "write the keys out")
                continue
            key = key_node.value
            here = (*location, key)
            if key in values:
                first_line = self.marks[here][0]
                self._mistake(key_node, here, f"this key stands already in line {first_line}", "remove one of the two")
                continue
            self.marks[here] = _position(key_node)
            values[key] = self._quantity(key, value_node, here)
        return values

    def _quantity(self, key: str, node: yaml.Node, here: Location) -> Any:
        value = self.build(node, here)
        try:
            return convert(key, value)
        except ValueError as error:
            what, remedy = split_remedy(str(error))
            self._mistake(node, here, f"{value!r}: {what}", remedy)
            return None

    def _scalar(self, node: yaml.Node, location: Location) -> Any:
        text = str(node.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._mistake(node, location, "half of a surrogate pair is no character", "write the character itself")
            return None
        return text if isinstance(node, yaml.ScalarNode) and node.style is not None else _plain_value(text)

    def _mistake(self, node: yaml.Node, location: Location, what: str, remedy: str) -> None:
        line, column = _position(node)
        self.mistakes.append(Mistake(self.file, line, column, ".".join(map(str, location)), what, remedy))


_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
"""What PyYAML resolves to without being told (YAML 1.1); all others stand in the file itself."""
_MERGE = "tag:yaml.org,2002:merge"


def _plain_value(text: str) -> Any:
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text) and len(text) < 30:
        return int(text)
    if _HEX.fullmatch(text) and len(text) < 30:
        return int(text, 16)
    if _OCTAL.fullmatch(text) and len(text) < 30:
        return int(text, 8)
    if _FLOAT.fullmatch(text) and len(text) < 60:
        return float(text)
    return text


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
