"""From what pydantic finds wrong to mistakes with the place of the very value, its cause and its remedy."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from station.config.loader import Document, Location, Mistake, split_remedy
from station.config.models import StationConfig

_REMEDIES = {
    "missing": "add this key",
    "int_type": "write a whole number, without quotes",
    "int_from_float": "write a whole number",
    "float_type": "write a number, without quotes",
    "bool_type": "write true or false, without quotes",
    "string_type": "write a text; put it in quotes if it looks like a number",
    "tuple_type": "write a list",
    "dict_type": "write a mapping of keys to values",
    "model_type": "write a mapping of keys to values",
    "dataclass_type": "write a mapping of keys to values",
    "literal_error": "use one of the words named",
    "enum": "use one of the words named",
    "string_pattern_mismatch": "use letters, digits, '.', '_' and '-' only, at most 32",
    "path_type": "write a path as text",
}
"""By pydantic's kind of error (https://docs.pydantic.dev/latest/errors/validation_errors/)."""

_WRONG_PATTERN = ("does not compile", "not a regular expression")
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
_WRONG_SHAPE = ("literal_error", "dataclass_type", "string_type", "dict_type", "model_type", "tuple_type")


@dataclass(frozen=True, slots=True)
class _Row:
    """One error of pydantic's. ``location`` holds keys and indices only, ``alternative`` is True where the value could have been of
    several kinds and this is what one of them has against it."""

    location: Location
    kind: str
    message: str
    alternative: bool


def mistakes_of(document: Document, error: ValidationError) -> list[Mistake]:
    """One mistake for each value that is wrong. A key that is missing because it is misspelt is not told twice."""
    rows = list(_one_of_each_alternative([_row(document, found) for found in error.errors(include_url=False)]))
    meant = {(*row.location[:-1], near) for row in rows if row.kind in _UNKNOWN_KEY for near in _near(row.location)}
    return [_mistake(document, row) for row in rows if not (row.kind == "missing" and row.location in meant)]


def _row(document: Document, found: Any) -> _Row:
    """Pydantic names the kinds that a value may be of in the location too: those parts stand in no file."""
    kind: str = found["type"]
    location: list[str | int] = []
    value: Any = document.values
    parts = list(found["loc"])
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        stands = isinstance(value, dict) and part in value
        stands |= isinstance(value, list) and isinstance(part, int) and part < len(value)
        if stands:
            value = value[part]
        elif not (is_last and kind == "missing"):
            continue
        location.append(part)
    return _Row(tuple(location), kind, found["msg"], alternative=len(location) < len(parts))


def _one_of_each_alternative(rows: list[_Row]) -> Iterator[_Row]:
    """Of a value that is wrong for each of several kinds: what is wrong with it as the kind that its shape is of, else one row."""
    for index, row in enumerate(rows):
        if not (row.alternative and row.kind in _WRONG_SHAPE):
            yield row
            continue
        others = [other for other in rows if other.alternative and other.location[: len(row.location)] == row.location]
        better = any(other.kind not in _WRONG_SHAPE or other.location != row.location for other in others)
        if not better and others[0] is rows[index]:
            yield row


def _mistake(document: Document, row: _Row) -> Mistake:
    location = row.location
    if row.kind in _UNKNOWN_KEY:
        near = _near(location)
        known = ", ".join(_keys_at(StationConfig, location[:-1]))
        remedy = f"did you mean {near[0]}?" if near else f"known here: {known}"
        return document.mistake(location, "unknown key", remedy)
    message = row.message.removeprefix("Value error, ")
    if row.kind not in _REMEDIES:
        location = _place_of(document, location, message)
        message = message.removeprefix(f"{location[-1] if location else ''}: ")
    what, remedy = split_remedy(message)
    if any(words in message for words in _WRONG_PATTERN):
        remedy = "write a Python regular expression, in quotes"
    remedy = _REMEDIES.get(row.kind) or remedy or "correct this value"
    return document.mistake(location, what[0].lower() + what[1:], remedy)


def _place_of(document: Document, location: Location, message: str) -> Location:
    """The value that a message of a whole part is about: the key that the message begins with, else the one text below the part
    that the message quotes."""
    named = location
    for key in message.split(" ", 1)[0].rstrip(":").split("."):
        below = document.value_at(named)
        if not (isinstance(below, dict) and key in below):
            break
        named = (*named, key)
    if named != location:
        return named
    quoted = [place for place, text in _texts(document.value_at(location), location) if repr(text) in message]
    return quoted[0] if len(quoted) == 1 else location


def _texts(value: Any, location: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(below, (*location, key))


def _near(location: Location) -> list[str]:
    """The known key that an unknown one probably stands for, if any."""
    import difflib

    return difflib.get_close_matches(str(location[-1]), _keys_at(StationConfig, location[:-1]), n=1)


def _keys_at(root: type[Any], location: Location) -> list[str]:
    """The keys that may stand in the mapping at ``location``."""
    current: Any = root
    for part in location:
        hints = typing.get_type_hints(current) if isinstance(part, str) and isinstance(current, type) else {}
        current = _plain_type(hints.get(str(part), current))
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return [field.name for field in fields(current)] if is_dataclass(current) else []


def _plain_type(hint: Any) -> Any:
    """The class inside Optional, Annotated, tuple and list; of several kinds, the one that has keys."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [_plain_type(item) for item in typing.get_args(hint) if item is not type(None)]
        return next((kind for kind in kinds if is_dataclass(kind)), kinds[0])
    if origin in (typing.Annotated, tuple, list):
        return _plain_type(typing.get_args(hint)[0])
    return hint
