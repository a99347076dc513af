"""Time, injected: what real code, tests and replay each supply their own of."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """A source of time and the only way to wait."""

    def monotonic_s(self) -> float:
        """Seconds on a clock that never steps; only differences mean anything."""

    def wall_s(self) -> float:
        """Seconds since 1970 UTC; may step either way at any time, so never used for a time-out."""

    def sleep(self, duration_s: float) -> None:
        """Wait for ``duration_s`` seconds (0 or more)."""


class SystemClock:
    """The operating system's clocks."""

    monotonic_s = staticmethod(time.monotonic)
    wall_s = staticmethod(time.time)

    def sleep(self, duration_s: float) -> None:
        time.sleep(max(0.0, duration_s))


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on a monotonic clock, passed down through calls so that one bound covers all of them."""

    clock: Clock
    at_s: float

    @classmethod
    def after(cls, duration_s: float, clock: Clock) -> Deadline:
        """The moment ``duration_s`` seconds from now."""
        return cls(clock, clock.monotonic_s() + duration_s)

    def remaining_s(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.at_s - self.clock.monotonic_s())
