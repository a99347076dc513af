"""What a call for ids brought: the good ones, and why the others are not taken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from station.production_api.wire import printable_line


class Rejection(StrEnum):
    """Why an id of a list is not taken."""

    NOT_TEXT = "not_text"
    PATTERN = "pattern"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class RejectedId:
    """An id that is not taken. ``value`` is what stood in the list, made printable and cut."""

    value: str
    reason: Rejection


@dataclass(frozen=True, slots=True)
class IdBatch:
    """The ids one call brought, in the server's order. Ids of earlier lists are for the journal to find."""

    asked: int
    accepted: tuple[str, ...]
    rejected: tuple[RejectedId, ...] = ()

    @property
    def short(self) -> int:
        """How many ids fewer than asked can be used."""
        return max(0, self.asked - len(self.accepted))


def sift(values: Sequence[object], asked: int, pattern: str) -> IdBatch:
    """Take what is good of a list: texts that match ``pattern`` whole, each once. More than asked is taken too: the licences
    are spent."""
    matches = re.compile(pattern).fullmatch
    accepted: dict[str, None] = {}
    rejected: list[RejectedId] = []
    for value in values:
        if not isinstance(value, str):
            rejected.append(RejectedId(printable_line(repr(value)), Rejection.NOT_TEXT))
        elif not matches(value):
            rejected.append(RejectedId(printable_line(value), Rejection.PATTERN))
        elif value in accepted:
            rejected.append(RejectedId(printable_line(value), Rejection.DUPLICATE))
        else:
            accepted[value] = None
    return IdBatch(asked, tuple(accepted), tuple(rejected))
