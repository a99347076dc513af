"""A board put into the socket starts; the next start needs that board lifted first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import PortLost
from drivers.trigger import TriggerEvent

SOURCE = "presence"


@dataclass(frozen=True, slots=True)
class PresenceOptions:
    """Time between polls, and how many agreeing polls in a row make a board present, or lifted: contacts bounce, and a board
    that is busy may miss one."""

    interval_s: float = 0.2
    appear_polls: int = 2
    lift_polls: int = 2

    def __post_init__(self) -> None:
        if not 0.01 <= self.interval_s <= 60:
            raise ValueError(f"interval_s must be 0.01 to 60, not {self.interval_s}")
        for name, polls in (("appear_polls", self.appear_polls), ("lift_polls", self.lift_polls)):
            if not 1 <= polls <= 100:
                raise ValueError(f"{name} must be 1 to 100, not {polls}")


class PresenceTrigger:
    """Starts when ``poll``, a bounded look for a bootloader, has found one often enough in a row.

    A board that is in the socket when the agent starts counts as put in. After a start, and after ``rearm``, a board has to be
    seen lifted before the next. ``poll`` may raise TransportError; that passes, and a row of polls starts anew.
    """

    def __init__(self, options: PresenceOptions, poll: Callable[[], bool], clock: Clock) -> None:
        self._options = options
        self._poll = poll
        self._clock = clock
        self._next_poll_s = clock.monotonic_s()
        self._awaits_lift = False
        self._agreeing = 0
        self._closed = False

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        """Polls at the configured interval until a board has appeared; a poll under way may pass the deadline by its own bound."""
        while True:
            if self._closed:
                raise PortLost(SOURCE, "this trigger is closed")
            pause_s = max(0.0, self._next_poll_s - self._clock.monotonic_s())
            remaining_s = deadline.remaining_s()
            if pause_s >= remaining_s:
                self._clock.sleep(remaining_s)
                return None
            self._clock.sleep(pause_s)
            if self._has_appeared():
                return TriggerEvent(SOURCE)

    def rearm(self) -> int:
        """From here on the board has to be lifted. Always 0: a board exchanged during a cycle shows as one not lifted."""
        self._await_lift()
        return 0

    def close(self) -> None:
        self._closed = True

    def _has_appeared(self) -> bool:
        """Poll once; True when that made a board present."""
        self._next_poll_s = self._clock.monotonic_s() + self._options.interval_s
        agreeing, self._agreeing = self._agreeing, 0
        is_present = self._poll()
        if is_present != self._awaits_lift:
            self._agreeing = agreeing + 1
        if self._awaits_lift and self._agreeing == self._options.lift_polls:
            self._awaits_lift = False
            self._agreeing = 0
        elif not self._awaits_lift and self._agreeing == self._options.appear_polls:
            self._await_lift()
            return True
        return False

    def _await_lift(self) -> None:
        self._awaits_lift = True
        self._agreeing = 0
