"""The worker: a trigger whose device comes and goes, starts that are not taken, and a fault that must not pass unnoticed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from drivers.clock import Deadline, SystemClock
from drivers.errors import PortLost
from drivers.trigger import TriggerEvent
from station.errors import StationError, UnitError
from station.events import CycleEnded, CycleStarted, Event, SocketDown, SocketWaiting, StartRejected
from station.model import CycleResult
from station.worker import SocketWorker
from tests.support.sessions import result_of

PRESS = TriggerEvent("pedal")


class ScriptedTrigger:
    """Gives what its script says, then stops the station."""

    def __init__(
        self, script: list[TriggerEvent | Exception | None], stopping: threading.Event, dropped: int = 0
    ) -> None:
        self._script = script
        self._stopping = stopping
        self._dropped = dropped
        self.closed = False

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        if not self._script:
            self._stopping.set()
            return None
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def rearm(self) -> int:
        return self._dropped

    def close(self) -> None:
        self.closed = True


def run(
    script: list[TriggerEvent | Exception | None],
    *,
    dropped: int = 0,
    may_start: Callable[[], bool] = lambda: True,
    cycle: Callable[[TriggerEvent], CycleResult] = lambda _event: result_of(),
    obstacle: Callable[[], StationError | None] = lambda: None,
) -> tuple[list[Event], list[Exception], ScriptedTrigger]:
    stopping = threading.Event()
    trigger = ScriptedTrigger(script, stopping, dropped)
    events: list[Event] = []
    failures: list[Exception] = []

    def failed(error: Exception) -> None:
        failures.append(error)
        stopping.set()

    worker = SocketWorker(
        "A", trigger, cycle, may_start, events.append, SystemClock(), stopping, failed, obstacle=obstacle
    )
    worker.thread.start()
    worker.thread.join(20)
    assert not worker.thread.is_alive()
    return events, failures, trigger


def test_a_start_runs_a_cycle_and_the_socket_waits_again() -> None:
    events, failures, trigger = run([None, PRESS, None])
    kinds = [type(event) for event in events]
    assert kinds == [SocketWaiting, CycleStarted, CycleEnded, SocketWaiting]
    assert (failures, trigger.closed) == ([], True)


def test_a_device_that_has_gone_is_told_once_until_it_says_something_else() -> None:
    gone, other = PortLost("/dev/scanner", "unplugged"), PortLost("/dev/scanner", "hung up")
    events, _, _ = run([None, gone, gone, other, None])
    assert events == [
        SocketWaiting("A"),
        SocketDown("A", "port.lost", str(gone)),
        SocketDown("A", "port.lost", str(other)),
        SocketWaiting("A"),
    ]


def test_while_no_cycle_can_start_the_trigger_is_not_asked_and_what_it_holds_then_is_thrown_away() -> None:
    gone = UnitError("journal.unreachable", "the server is gone")
    obstacles: list[StationError | None] = [None, gone, gone]
    events, _, _ = run([None, PRESS], dropped=2, obstacle=lambda: obstacles.pop(0) if obstacles else None)
    assert [event for event in events if not isinstance(event, CycleStarted | CycleEnded)] == [
        SocketWaiting("A"),
        SocketDown("A", "journal.unreachable", "the server is gone"),
        StartRejected("A", "2 start(s) while none could start were not taken"),
        SocketWaiting("A"),
        StartRejected("A", "2 start(s) during the cycle were not taken"),
        SocketWaiting("A"),
    ]


def test_starts_during_a_cycle_are_told_and_not_taken() -> None:
    events, _, _ = run([PRESS], dropped=2)
    assert StartRejected("A", "2 start(s) during the cycle were not taken") in events


def test_a_start_that_is_not_wanted_any_more_is_none() -> None:
    events, _, _ = run([PRESS], may_start=lambda: False)
    assert CycleStarted("A") not in events


def test_a_program_fault_is_handed_on_and_the_trigger_released() -> None:
    def broken(_event: TriggerEvent) -> CycleResult:
        raise RuntimeError("a defect")

    events, failures, trigger = run([PRESS, PRESS], cycle=broken)
    assert [str(error) for error in failures] == ["a defect"]
    assert not any(isinstance(event, CycleEnded) for event in events)
    assert trigger.closed
