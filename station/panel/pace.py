"""How the day goes: cycles by outcome since midnight, the yield, and units per hour."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from station.model import Outcome

HOUR_S = 3600.0
SLICE_S = 60.0
"""PASSes are counted by the minute: an hour of them is bounded, however fast the station is."""
FIRST_RATE_S = 300.0
"""A rate is shown once it rests on so much time."""


class Pace:
    """Counts of this station. Any thread may count or ask. A day ends at midnight of the computer's time zone."""

    def __init__(self, wall_s: Callable[[], float] = time.time) -> None:
        self._wall_s = wall_s
        self._lock = threading.Lock()
        self._day = self._today()
        self._counts = dict.fromkeys(Outcome, 0)
        self._since_s: float | None = None
        self._passes: deque[tuple[float, int]] = deque(maxlen=int(HOUR_S / SLICE_S) + 1)
        """The start of a minute and the PASSes in it, oldest first."""

    def begin(self, counts: Mapping[Outcome, int]) -> None:
        """What the journal knows of today from before the station started; what was counted since is added to it."""
        with self._lock:
            self._turn()
            for outcome, number in counts.items():
                self._counts[outcome] += number

    def count(self, outcome: Outcome) -> None:
        """A cycle has ended."""
        with self._lock:
            self._turn()
            self._counts[outcome] += 1
            now_s = self._wall_s()
            if self._since_s is None:
                self._since_s = now_s
            if outcome is not Outcome.PASS:
                return
            minute_s = now_s - now_s % SLICE_S
            if self._passes and self._passes[-1][0] == minute_s:
                self._passes[-1] = (minute_s, self._passes[-1][1] + 1)
            else:
                self._passes.append((minute_s, 1))

    def today(self) -> dict[str, int]:
        """Cycles by outcome."""
        with self._lock:
            self._turn()
            return {outcome.value: number for outcome, number in self._counts.items()}

    def yield_today(self) -> float | None:
        """PASS among PASS and FAIL, 0 to 1: ERROR and ABORTED say nothing of the units. None before the first."""
        today = self.today()
        judged = today[Outcome.PASS] + today[Outcome.FAIL]
        return round(today[Outcome.PASS] / judged, 4) if judged else None

    def units_per_hour(self) -> float | None:
        """PASSes of the last hour, or of the time since the first cycle where that is less; None while that is too short."""
        with self._lock:
            now_s = self._wall_s()
            span_s = min(HOUR_S, 0.0 if self._since_s is None else now_s - self._since_s)
            if span_s < FIRST_RATE_S:
                return None
            passes = sum(number for minute_s, number in self._passes if 0 <= now_s - minute_s <= HOUR_S)
            return round(passes * HOUR_S / span_s, 1)

    def _turn(self) -> None:
        today = self._today()
        if today != self._day:
            self._day = today
            self._counts = dict.fromkeys(Outcome, 0)

    def _today(self) -> tuple[int, int]:
        moment = time.localtime(self._wall_s())
        return moment.tm_year, moment.tm_yday
