"""A button beside a socket's trigger, pressed from another thread: whatever else starts the socket, a press does too.

A press while the socket takes no start, during a cycle say, is refused to whoever presses, and never kept for later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import DriverError
from drivers.trigger import Trigger, TriggerEvent

SOURCE = "button"
SLICE_S = 0.1
"""How soon a press is noticed at the latest: the trigger beside it cannot be woken."""


@dataclass(frozen=True, slots=True)
class ButtonOptions:
    """A socket that nothing but the button starts."""


class NoTrigger:
    """Implements ``Trigger``: never starts anything."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        self._clock.sleep(deadline.remaining_s())
        return None

    def rearm(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""


class Button:
    """Implements ``Trigger`` with another one inside. ``rejected`` is told of a press that was taken and then started nothing."""

    def __init__(self, trigger: Trigger, clock: Clock, rejected: Callable[[str], None]) -> None:
        self._trigger = trigger
        self._clock = clock
        self._rejected = rejected
        self._lock = threading.Lock()
        self._takes_presses = False
        self._pressed: TriggerEvent | None = None

    def press(self, text: str | None = None) -> bool:
        """Start the socket, with what a scan would have brought; False where it takes no start now. Any thread may press."""
        with self._lock:
            if not self._takes_presses or self._pressed is not None:
                return False
            self._pressed = TriggerEvent(SOURCE, text)
            return True

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        while True:
            slice_s = min(SLICE_S, deadline.remaining_s())
            try:
                event = self._trigger.wait(Deadline.after(slice_s, self._clock))
            except DriverError:
                if self._close_to_presses():
                    self._rejected("a press: the trigger's device was lost at that moment")
                raise
            event = self._next(event)
            if event is not None or deadline.remaining_s() == 0:
                return event

    def rearm(self) -> int:
        return self._trigger.rearm() + self._close_to_presses()

    def close(self) -> None:
        self._close_to_presses()
        self._trigger.close()

    def _next(self, event: TriggerEvent | None) -> TriggerEvent | None:
        """The trigger's start, else that of a press. A press that came with it is left for ``rearm`` to count."""
        with self._lock:
            if event is None:
                event, self._pressed = self._pressed, None
            self._takes_presses = event is None
            return event

    def _close_to_presses(self) -> int:
        """Take no more until the next wait; how many were taken and started nothing."""
        with self._lock:
            dropped, self._pressed, self._takes_presses = self._pressed, None, False
        return int(dropped is not None)
