"""One unit of a list. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """A unit as its board would say who it is: both ids in the canonical form."""

    chip_id: str
    app_eui: str
