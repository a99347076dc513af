"""Who looks at the page, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do; each role may all that the ones before it may."""

    OPERATOR = "operator"
    """Start and abort cycles, reprint a label, say whether a label in doubt is there."""
    ENGINEER = "engineer"
    """Look at units, cycles, session logs and statistics; replay."""
    SUPERVISOR = "supervisor"
    """Settle units in doubt, mark units as shipped."""

    def may(self, wanted: Role) -> bool:
        """Whether this role includes ``wanted``."""
        return _RANKS[self] >= _RANKS[wanted]


_RANKS = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the page. ``name`` is what the audit keeps."""

    name: str
    role: Role
    is_local: bool = False
    """Whether they did not log in, being at this computer."""
