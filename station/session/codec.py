"""Values of the station as plain JSON and back, for the ``given`` events of a session log."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from station.errors import SessionError


def to_plain(value: object) -> Any:
    """Dataclasses, enums, tuples and bytes as what JSON can hold. Raises SessionError for anything else."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [to_plain(item) for item in value]
    raise SessionError(f"cannot record a {type(value).__name__}")


def from_plain(result_type: Any, plain: Any) -> Any:
    """The value of ``result_type`` (a class or a union) that ``to_plain`` wrote. Raises SessionError where it does not fit."""
    try:
        return _adapter(result_type).validate_python(plain)
    except ValidationError as error:
        raise SessionError(f"recorded value is no {result_type}: {error.errors()[0]['msg']}") from error


@lru_cache(maxsize=64)
def _adapter(result_type: Any) -> TypeAdapter[Any]:
    return TypeAdapter(result_type)
