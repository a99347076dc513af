"""Strict reading of mappings into frozen dataclasses, by a rule in each field's metadata.

Every failure is a LabelError that starts with the dotted path of the value, so that a configuration loader can turn the path
into a file and a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Protocol

from station.errors import LabelError
from station.label.template import check_template

MAX_TEMPLATE_CHARS = 512
"""Longest text, data template or path in a design."""


class Rule(Protocol):
    """What a field may hold."""

    def check(self, value: object, path: str) -> Any:
        """The value, converted to the field's type. Raises LabelError naming ``path``."""


@dataclass(frozen=True, slots=True)
class Number:
    """An int or a float between two bounds, both included."""

    lowest: float
    highest: float

    def check(self, value: object, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LabelError(f"{path}: must be a number, not {_show(value)}")
        if not self.lowest <= value <= self.highest:
            raise LabelError(f"{path}: {_show(value)} is not between {self.lowest:g} and {self.highest:g}")
        return float(value)


@dataclass(frozen=True, slots=True)
class Words:
    """A non-empty string of at most MAX_TEMPLATE_CHARS characters, all printable."""

    def check(self, value: object, path: str) -> str:
        if not isinstance(value, str):
            raise LabelError(f"{path}: must be a text, not {_show(value)}")
        if not value or len(value) > MAX_TEMPLATE_CHARS:
            raise LabelError(f"{path}: must have 1 to {MAX_TEMPLATE_CHARS} characters, has {len(value)}")
        if not value.isprintable():
            raise LabelError(f"{path}: must not hold control characters")
        return value


@dataclass(frozen=True, slots=True)
class Template(Words):
    """Words whose braces make sense; whether the placeholders are known shows when values are at hand."""

    def check(self, value: object, path: str) -> str:
        template = Words.check(self, value, path)
        check_template(template, path)
        return template


@dataclass(frozen=True, slots=True)
class Switch:
    """True or false."""

    def check(self, value: object, path: str) -> bool:
        if not isinstance(value, bool):
            raise LabelError(f"{path}: must be true or false, not {_show(value)}")
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, value: object, path: str) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise LabelError(f"{path}: must be one of {', '.join(self.words)}, not {_show(value)}")
        return value


def read_fields(target: type[Any], data: Mapping[str, object], path: str) -> dict[str, Any]:
    """Keyword arguments for dataclass ``target``: every field that has a rule, checked. An absent or null value of a field
    whose default is None is None. Raises LabelError for a missing or wrong value."""
    arguments: dict[str, Any] = {}
    for each in _ruled_fields(target):
        value = data.get(each.name)
        if each.name in data and not (value is None and each.default is None):
            rule: Rule = each.metadata["rule"]
            arguments[each.name] = rule.check(value, path + each.name)
        elif each.default is MISSING:
            raise LabelError(f"{path}{each.name}: is missing")
    return arguments


def read_list(data: Mapping[str, object], key: str, max_rows: int) -> list[Mapping[str, object]]:
    """The list of mappings that stands at ``key``. Raises LabelError where it is anything else, or too long."""
    rows = data.get(key)
    if not isinstance(rows, list | tuple) or len(rows) > max_rows:
        raise LabelError(f"{key}: must be a list of at most {max_rows} elements")
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise LabelError(f"{key}.{index}: must be a mapping, not {_show(row)}")
    return list(rows)


def reject_unknown(target: type[Any], data: Mapping[str, object], path: str, also: tuple[str, ...]) -> None:
    """Raise LabelError for the first key that is neither a field of ``target`` with a rule nor one of ``also``."""
    known = (*also, *(each.name for each in _ruled_fields(target)))
    for key in data:
        if key not in known:
            raise LabelError(f"{path}{_plain(key)}: unknown key; known are {', '.join(known)}")


def _ruled_fields(target: type[Any]) -> list[Field[Any]]:
    return [each for each in fields(target) if "rule" in each.metadata]


def _plain(key: object) -> str:
    return key if isinstance(key, str) and key.isprintable() and len(key) <= 60 else _show(key)


def _show(value: object) -> str:
    # Python refuses to write out integers of thousands of digits.
    shown = "a huge number" if isinstance(value, int) and value.bit_length() > 1000 else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
