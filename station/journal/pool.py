"""What the pool of DeviceIDs and SNs holds, as values. Imports no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from station.model import IdKind


class IdState(StrEnum):
    """Where an id stands; it only ever moves down this list, and none but ``free`` is ever given to a unit."""

    FREE = "free"
    RESERVED = "reserved"
    """Set aside for one unit, not yet named in a call."""
    NAMED = "named"
    """Named in a call: never free again, whatever became of the call."""
    USED = "used"
    """The API confirmed it for its unit."""
    RETIRED = "retired"
    """Out of use for ever."""


class BatchState(StrEnum):
    """What became of one call that asked for ids."""

    REQUESTED = "requested"
    ANSWERED = "answered"
    REFUSED = "refused"
    """Known to have given nothing."""
    LOST = "lost"
    """Sent, answer lost: as many ids as were asked for may be gone."""


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """One kind's ids by state. ``used`` is None where it was not asked for. ``possibly_lost`` sums the ids asked for in
    batches whose answer was lost; ``in_flight`` those of batches still without an answer."""

    free: int = 0
    reserved: int = 0
    named: int = 0
    retired: int = 0
    used: int | None = None
    possibly_lost: int = 0
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class PoolLevels:
    """The whole pool."""

    counts: Mapping[IdKind, PoolCounts] = field(default_factory=lambda: dict.fromkeys(IdKind, PoolCounts()))

    def free(self, kind: IdKind) -> int:
        return self.counts[kind].free

    def possibly_lost(self) -> int:
        return sum(counts.possibly_lost for counts in self.counts.values())


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a batch brought. ``rejected`` pairs each value not taken with the reason, as it came (made printable)."""

    batch_id: int
    kind: IdKind
    asked: int
    accepted: tuple[str, ...]
    rejected: tuple[tuple[str, str], ...] = ()

    @property
    def short(self) -> int:
        """How many fewer ids than asked for."""
        return max(0, self.asked - len(self.accepted))
