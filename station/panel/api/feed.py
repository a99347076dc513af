"""Every cycle of the station once, in the order of their numbers, for a program that keeps books of them."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from station.journal.records import LISTING_MAX
from station.journal.session_index import CycleFound, CycleSearch

if TYPE_CHECKING:
    from station.journal.reading import JournalReader


def ended_after(reader: JournalReader, wanted: CycleSearch) -> tuple[CycleFound, ...]:
    """Cycles in the order of their numbers, none that still runs and none behind one: a cycle that is passed over because it runs
    would never be asked for again. Raises JournalError."""
    return tuple(takewhile(lambda cycle: cycle.outcome is not None, reader.find_sessions(wanted)))


class Feed:
    """What has ended since it was last asked."""

    def __init__(self, reader: JournalReader, station: str, after: int | None) -> None:
        """``after``: the last cycle that is known already; None starts with those that end from now on. Raises JournalError."""
        self._reader = reader
        self._station = station
        self.after = self._newest() if after is None else after

    def new(self) -> tuple[CycleFound, ...]:
        """At most ``LISTING_MAX``. Raises JournalError."""
        wanted = CycleSearch(self._station, after_cycle=self.after, oldest_first=True, limit=LISTING_MAX)
        found = ended_after(self._reader, wanted)
        if found:
            self.after = found[-1].cycle
        return found

    def _newest(self) -> int:
        """The last cycle that has ended and before which none runs, as far as can be seen."""
        latest = self._reader.find_sessions(CycleSearch(self._station, limit=LISTING_MAX))
        running = [cycle.cycle for cycle in latest if cycle.outcome is None]
        if running:
            return min(running) - 1
        return latest[0].cycle if latest else 0
