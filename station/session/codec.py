"""Values of the station as plain JSON and back, for the ``given`` events of a session log."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from station.errors import SessionError
from station.session.format import Encoded

_PLAIN = frozenset((type(None), bool, int, float, str))
"""Most of what is recorded; asked for by the type alone, since this is asked hundreds of times in a cycle."""


def to_plain(value: object) -> Any:
    """Dataclasses, enums, tuples and bytes (as hex) as what JSON can hold. Raises SessionError for anything else."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, dict):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    names = _field_names(kind)
    if names is not None:
        return {name: to_plain(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted((to_plain(item) for item in value), key=repr)
    raise SessionError(f"cannot record a {kind.__name__}")


_NOTHING = {type(None): Encoded("null"), dict: Encoded("{}")}
"""Half of what is given is one of these."""

_encode = json.JSONEncoder(separators=(",", ":"), default=to_plain).encode


def to_json(value: object) -> Encoded:
    """What ``to_plain`` makes of a value, written as JSON; the names in its mappings are texts. Raises SessionError."""
    nothing = None if value else _NOTHING.get(type(value))
    return Encoded(_encode(value)) if nothing is None else nothing


@lru_cache(maxsize=256)
def _field_names(kind: type) -> tuple[str, ...] | None:
    """A dataclass' fields; None for any other class, one of the enums too."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) and not issubclass(kind, Enum) else None


def from_plain(result_type: Any, plain: Any) -> Any:
    """The value of ``result_type`` (a class or a union) that ``to_plain`` wrote; bytes only as the whole value. Raises
    SessionError where it does not fit."""
    try:
        if result_type is bytes:
            return bytes.fromhex(plain)
        return _adapter(result_type).validate_python(plain)
    except ValidationError as error:
        raise SessionError(f"recorded value is no {result_type}: {error.errors()[0]['msg']}") from error
    except (TypeError, ValueError) as error:
        raise SessionError(f"recorded value is no {result_type}: {error}") from error


@lru_cache(maxsize=64)
def _adapter(result_type: Any) -> TypeAdapter[Any]:
    return TypeAdapter(result_type)
