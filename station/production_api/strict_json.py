"""JSON from outside, read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import NoReturn

MAX_DEPTH = 16
"""The deepest documented packet nests three levels (packet, data, list)."""
MAX_NUMBER_CHARS = 24
"""Enough for any 64-bit integer and any double."""

_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)
"""A string (up to the end where it is not closed, so that the scan stays linear) or a bracket."""


class NotJson(ValueError):
    """Raised when the bytes are no JSON text at all: HTML, a cut-off body, another encoding than UTF-8."""


class JsonRefused(ValueError):
    """Raised for JSON that is ambiguous or out of bounds: a key twice, NaN, a huge number, deep nesting."""


def parse_json(body: bytes) -> object:
    """The value that ``body`` (UTF-8) holds. Raises NotJson or JsonRefused, each with a line that quotes nothing of it."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at byte {error.start}") from error
    _check_depth(text)
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_int=_bounded_int,
            parse_float=_bounded_float,
        )
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON at character {error.pos}") from error
    return value


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _TOKENS.finditer(text):
        opened = token.group()[0]
        depth += (opened in "[{") - (opened in "]}")
        if depth > MAX_DEPTH:
            raise JsonRefused(f"nested deeper than {MAX_DEPTH}")


def _without_duplicates(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise JsonRefused("a key stands twice in one object")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise JsonRefused(f"{name} is no JSON number")


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_NUMBER_CHARS:
        raise JsonRefused("a number is too long")
    return int(digits)


def _bounded_float(digits: str) -> float:
    value = float(digits) if len(digits) <= MAX_NUMBER_CHARS else math.inf
    if not math.isfinite(value):
        raise JsonRefused("a number is too long or too large")
    return value
