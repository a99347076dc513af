"""A cycle in progress, and which results of its effects may wait for the next change to be synced with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from station.model import EffectKind
from station.ports import Intent


@dataclass(slots=True)
class Running:
    """A cycle in progress. ``tenure`` is the one it began in, ``riding`` the effects whose result may ride on the next commit that
    is synced."""

    tenure: int
    riding: set[int] = field(default_factory=set)


def may_ride(intent: Intent) -> bool:
    """Whether the result of an effect that is begun now may be lost with the power until the next change is synced. Then it is in
    doubt, as if the power had failed before the result was known: a write is proven by reading the board, an activation that names
    its DeviceID by the same call, and of a label nobody hears before the cycle's end is synced. What the server chose is known from
    its answer alone; and a bind is followed by nothing for as long as the board is being written."""
    match intent.kind:
        case EffectKind.ACTIVATE:
            return intent.request.get("device_id") is not None
        case EffectKind.BIND:
            return False
        case EffectKind.WRITE | EffectKind.PRINT:
            return True
