"""What people ask of a socket while the station runs: a start beside its trigger's, and the end of its cycle."""

from __future__ import annotations

import threading

from drivers.clock import Clock
from drivers.trigger import Trigger
from drivers.trigger.button import Button
from station.errors import UnitError
from station.triggers import Refused


class Buttons:
    """A start and an abort for each of these sockets. Any thread may press.

    An abort ends the cycle before its next step, a wait between two attempts of an API's call at once, and no further attempt is
    made; what is in progress, a request or a write, is finished: it is never left half done.
    """

    def __init__(self, sockets: tuple[str, ...], stopping: threading.Event) -> None:
        """``stopping``: once it is set, every cycle ends before its next step; ``wake`` is called then."""
        self._stopping = stopping
        self._lock = threading.Condition()
        self._starts: dict[str, Button] = {}
        self._running = dict.fromkeys(sockets, False)
        self._aborted = dict.fromkeys(sockets, False)

    def beside(self, socket: str, trigger: Trigger, clock: Clock, rejected: Refused) -> Trigger:
        """The socket's trigger, which ``start`` starts too from now on."""
        button = self._starts[socket] = Button(trigger, clock, rejected)
        return button

    def start(self, socket: str, text: str | None) -> None:
        """Raises KeyError for a socket that has no button, UnitError where it takes no start now."""
        button = self._starts[socket]
        if button.press(text):
            return
        with self._lock:
            is_running = self._running[socket]
        if is_running:
            raise UnitError("start.busy", f"socket {socket}: a cycle is in progress")
        raise UnitError("start.not_ready", f"socket {socket} takes no start now")

    def abort(self, socket: str) -> bool:
        """End the cycle in progress before its next step; whether there is one. Raises KeyError for a socket that there is not."""
        with self._lock:
            self._aborted[socket] |= self._running[socket]
            self._lock.notify_all()
            return self._running[socket]

    def wake(self) -> None:
        """``stopping`` was set: no pause lasts on."""
        with self._lock:
            self._lock.notify_all()

    def pause(self, socket: str, duration_s: float) -> None:
        """Wait so long between two attempts of a call, or until the cycle is to end."""
        with self._lock:
            self._lock.wait_for(lambda: self._aborted[socket] or self._stopping.is_set(), max(0.0, duration_s))

    def end_of(self, socket: str) -> str | None:
        """The code with which the cycle in progress is to end before its next step, or None."""
        if self.is_aborted(socket):
            return "cycle.aborted"
        return "cycle.shutdown" if self._stopping.is_set() else None

    def is_aborted(self, socket: str) -> bool:
        """Whether the cycle in progress is to end."""
        with self._lock:
            return self._aborted[socket]

    def begun(self, socket: str) -> None:
        """A cycle begins."""
        with self._lock:
            self._running[socket], self._aborted[socket] = True, False

    def ended(self, socket: str) -> None:
        """The cycle is over."""
        with self._lock:
            self._running[socket] = False
