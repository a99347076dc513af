"""Ids for a batch: fetched ahead of need, and a unit is begun only when a DeviceID and an SN are there for it."""

from __future__ import annotations

import threading

from station.model import IdKind
from station.refill import PoolJournal, Refill


class Supply:
    """Sets pairs of free ids aside for units about to be begun. Any thread may use it."""

    def __init__(self, journal: PoolJournal, refill: Refill, low_water: int) -> None:
        self._journal = journal
        self._refill = refill
        self._low_water = low_water
        self._promised = 0
        """Units begun with a promise whose cycle has not ended: some have taken their ids from the pool already."""
        self._left = 0
        """Pairs that may be promised before the pool is looked at again."""
        self._changed = threading.Condition()

    def take(self) -> str | None:
        """Promise a pair to one unit, whose ``give_back`` follows; None where there was one, else why there is none. Where the pool
        is empty, the API is asked, and then the cycles in progress are waited for, which may need fewer than they were promised.
        Raises JournalError."""
        with self._changed:
            while not self._is_left():
                problem = self._refill.top_up()
                if self._is_left():
                    break
                if not self._promised:
                    return problem or "no free DeviceID or SN is left in the pool"
                self._changed.wait()
            self._promised += 1
            self._left -= 1
            is_low = self._left < self._low_water
        if is_low:
            self._refill.poke()
        return None

    def give_back(self) -> None:
        """The unit's cycle has ended."""
        with self._changed:
            self._promised -= 1
            self._changed.notify_all()

    def _is_left(self) -> bool:
        if self._left <= 0:
            levels = self._journal.pool_levels()
            self._left = min(levels.free(kind) for kind in IdKind) - self._promised
        return self._left > 0
