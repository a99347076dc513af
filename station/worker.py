"""One thread per socket: wait for a start, run a cycle, tell the outcome, make ready for the next."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from drivers.clock import Clock, Deadline
from drivers.errors import DriverError
from drivers.trigger import Trigger, TriggerEvent
from station.errors import StationError
from station.events import CycleEnded, CycleStarted, Event, SocketDown, SocketWaiting, StartRejected
from station.health import IDLE_BOUND_S, Pulse
from station.model import CycleResult

WAIT_SLICE_S = 0.5
"""How soon a worker notices that the station stops. Two wake-ups a second cost nothing that can be measured."""

logger = logging.getLogger(__name__)


class SocketWorker:
    """Drives one socket until it is told to stop. A fault of the trigger's device is told once, then its return awaited.

    ``failed`` is told of a program fault that ends the thread: a socket must not fall silent unnoticed. ``pulse`` is beaten
    with each look at the trigger and at both ends of a cycle; whoever runs the cycle beats it with each step. ``obstacle`` says
    why no cycle can start now, if so: until it is gone the trigger is not asked, and what it then holds is thrown away.
    ``between`` is called with each look too.
    """

    def __init__(
        self,
        socket: str,
        trigger: Trigger,
        run_cycle: Callable[[TriggerEvent], CycleResult],
        may_start: Callable[[], bool],
        publish: Callable[[Event], None],
        clock: Clock,
        stopping: threading.Event,
        failed: Callable[[Exception], None],
        pulse: Pulse | None = None,
        obstacle: Callable[[], StationError | None] = lambda: None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._socket = socket
        self._trigger = trigger
        self._run_cycle = run_cycle
        self._may_start = may_start
        self._publish = publish
        self._clock = clock
        self._stopping = stopping
        self._failed = failed
        self._pulse = pulse or Pulse()
        self._obstacle = obstacle
        self._between = between
        self._was_obstructed = False
        self._down: str | None = None
        self._told_ready = False
        self.thread = threading.Thread(target=self._run, name=f"socket-{socket}", daemon=True)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                event = self._next_start()
                if event is not None and self._may_start():
                    self._cycle(event)
        except Exception as error:
            logger.exception("socket %s: its thread ends in a program fault", self._socket)
            self._failed(error)
        finally:
            self._pulse.rest()
            self._trigger.close()

    def _next_start(self) -> TriggerEvent | None:
        """The next start. The socket is told ready only when its trigger's device has been opened by a first, short wait."""
        self._pulse.beat(WAIT_SLICE_S, bound_s=IDLE_BOUND_S)
        self._between()
        obstacle = self._obstacle()
        if obstacle is not None:
            self._was_obstructed = True
            self._tell_down(obstacle.code, str(obstacle))
            return None
        if self._was_obstructed:
            self._was_obstructed = False
            self._throw_away("while none could start")
        try:
            event = self._trigger.wait(Deadline.after(WAIT_SLICE_S if self._told_ready else 0.0, self._clock))
        except DriverError as error:
            self._tell_down(error.code, str(error))
            return None
        self._down = None
        if not self._told_ready:
            self._told_ready = True
            self._publish(SocketWaiting(self._socket))
        return event

    def _tell_down(self, code: str, message: str) -> None:
        self._told_ready = False
        if message != self._down:
            self._down = message
            logger.warning("socket %s: %s", self._socket, message)
            self._publish(SocketDown(self._socket, code, message))
        self._stopping.wait(WAIT_SLICE_S)

    def _throw_away(self, when: str) -> None:
        dropped = self._trigger.rearm()
        if dropped:
            self._publish(StartRejected(self._socket, f"{dropped} start(s) {when} were not taken"))

    def _cycle(self, event: TriggerEvent) -> None:
        self._pulse.beat()
        self._publish(CycleStarted(self._socket))
        result = self._run_cycle(event)
        self._publish(CycleEnded(self._socket, result))
        self._throw_away("during the cycle")
        self._told_ready = False
