"""Numbers with a unit: a key that ends in ``_s`` or ``_mm`` takes a plain number or, as text, a number with its unit."""

from __future__ import annotations

import re

UNITS: dict[str, dict[str, float]] = {
    "_s": {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0},
    "_mm": {"mm": 1.0, "cm": 10.0, "in": 25.4},
}
"""Ending of a key to the units that its text may carry and what one of each is worth."""

_QUANTITY = re.compile(r"([-+]?[0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ%]+)")


def convert(key: str, value: object) -> object:
    """``value`` in the unit that the key's ending says; anything that is not text with a unit is returned as it is.

    Raises ValueError for a unit that does not measure what the key holds.
    """
    ending = next((ending for ending in UNITS if key.endswith(ending)), None)
    if ending is None or not isinstance(value, str):
        return value
    match = _QUANTITY.fullmatch(value.strip())
    if match is None:
        return value
    worth = UNITS[ending].get(match[2])
    if worth is None:
        raise ValueError(f"{match[2]!r} is no unit for this key; use {', '.join(UNITS[ending])}")
    return float(match[1]) * worth
