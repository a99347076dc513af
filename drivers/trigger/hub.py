"""One trigger with a thread of its own, and one socket or several that it starts.

The thread reads the device all the time, during cycles too: the kernel's queue for a scanner is short, and a press that nobody
looks for leaves no trace on a modem line.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from drivers.clock import Clock, Deadline
from drivers.errors import DriverError, PortLost
from drivers.hotplug import DeviceWatch
from drivers.trigger import Trigger, TriggerEvent

WAIT_SLICE_S = 0.25
"""How soon the thread notices that it is to end."""
RETRY_S = 0.5
"""How often a device that is not there is looked for at least; udev's word for it comes sooner."""
FIRST_LOOK_S = 5.0
"""Bound of the wait for the thread's first look at the device."""
LEAVE_S = 5.0
"""Bound of the wait for the thread's end; one that a device keeps for longer is left behind, and the device taken from it."""
MAX_STARTS = 64
"""Starts that a socket may leave untaken; more are not kept."""


class TriggerHub:
    """Reads ``trigger`` in a thread that lives from the first wait of a tap until the last tap is closed."""

    def __init__(
        self, name: str, build: Callable[[Callable[[str], None]], Trigger], watch: DeviceWatch, clock: Clock
    ) -> None:
        """``build`` makes the trigger, handed what it is to tell of starts that it refuses."""
        self.name = name
        self._trigger = build(self._refuse)
        self._watch = watch
        self._clock = clock
        self._state = threading.Condition()
        self._taps: list[Tap] = []
        self._thread: threading.Thread | None = None
        self._has_looked = False
        self._problem: DriverError | None = None
        self._fault: Exception | None = None

    def tap(self, rejected: Callable[[str], None]) -> Trigger:
        """One more socket that this trigger starts; each gets every start. ``rejected`` is told of those that start nothing."""
        tap = Tap(self, rejected)
        with self._state:
            self._taps.append(tap)
        return tap

    def take(self, starts: deque[TriggerEvent], deadline: Deadline) -> TriggerEvent | None:
        """A tap's next start. Raises the device's DriverError as long as it lasts, and a program fault of the thread."""
        with self._state:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"trigger-{self.name}", daemon=True)
                self._thread.start()
            self._state.wait_for(lambda: self._has_looked or self._fault, FIRST_LOOK_S)
            self._state.wait_for(
                lambda: starts or self._problem or self._fault or not self._taps, deadline.remaining_s()
            )
            if self._fault is not None:
                raise self._fault
            if starts:
                return starts.popleft()
            if self._problem is not None:
                raise self._problem
            return None

    def drop(self, starts: deque[TriggerEvent]) -> int:
        """Throw a tap's starts away; how many they were."""
        with self._state:
            dropped = len(starts)
            starts.clear()
            return dropped

    def leave(self, tap: Tap) -> None:
        """A tap is closed; with the last one the device is released."""
        with self._state:
            if tap not in self._taps:
                return
            self._taps.remove(tap)
            self._state.notify_all()
            is_last, thread = not self._taps, self._thread
        if is_last:
            self._watch.wake()
            if thread is not None:
                thread.join(LEAVE_S)
            self._trigger.close()

    def _run(self) -> None:
        try:
            while self._taps:
                self._look()
        except Exception as error:  # noqa: BLE001 (handed to whoever waits, whose station it stops)
            with self._state:
                self._fault = error
                self._state.notify_all()

    def _look(self) -> None:
        mark = self._watch.mark()
        event: TriggerEvent | None = None
        problem: DriverError | None = None
        try:
            # A first, short wait opens the device: a socket is not told ready before that.
            event = self._trigger.wait(Deadline.after(WAIT_SLICE_S if self._has_looked else 0.0, self._clock))
        except DriverError as error:
            problem = error
        with self._state:
            is_news = not self._has_looked or event is not None or (problem is None) != (self._problem is None)
            self._has_looked, self._problem = True, problem
            if event is not None:
                for tap in self._taps:
                    tap.starts.append(event)
            if is_news:
                self._state.notify_all()
        if problem is not None and self._taps:
            self._watch.wait(mark, RETRY_S)

    def _refuse(self, reason: str) -> None:
        with self._state:
            taps = list(self._taps)
        for tap in taps:
            tap.rejected(reason)


class Tap:
    """Implements ``Trigger`` for one of the sockets of a hub."""

    def __init__(self, hub: TriggerHub, rejected: Callable[[str], None]) -> None:
        self._hub = hub
        self.rejected = rejected
        self.starts: deque[TriggerEvent] = deque(maxlen=MAX_STARTS)
        self._closed = False

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        if self._closed:
            raise PortLost(self._hub.name, "this trigger is closed")
        return self._hub.take(self.starts, deadline)

    def rearm(self) -> int:
        return self._hub.drop(self.starts)

    def close(self) -> None:
        self._closed = True
        self._hub.leave(self)
