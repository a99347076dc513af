"""A button beside a trigger: a press starts what the trigger starts, and is never kept for later."""

from __future__ import annotations

import pytest

from drivers.clock import Deadline, SystemClock
from drivers.errors import PortLost, TransportError
from drivers.trigger import TriggerEvent
from drivers.trigger.button import SLICE_S, Button

CLOCK = SystemClock()
SCAN = TriggerEvent("scanner", "SN-1")


class Scripted:
    """A trigger that brings these, one a wait: a start, nothing, or a fault. ``meanwhile`` is done within each wait."""

    def __init__(self, *brings: TriggerEvent | TransportError | None) -> None:
        self.brings = list(brings)
        self.meanwhile = lambda: None
        self.waited_s: list[float] = []
        self.dropped = 0
        self.closed = False

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        self.waited_s.append(deadline.remaining_s())
        self.meanwhile()
        event = self.brings.pop(0) if self.brings else None
        if isinstance(event, TransportError):
            raise event
        return event

    def rearm(self) -> int:
        return self.dropped

    def close(self) -> None:
        self.closed = True


def soon() -> Deadline:
    return Deadline.after(0.0, CLOCK)


def button(trigger: Scripted) -> tuple[Button, list[str]]:
    told: list[str] = []
    return Button(trigger, CLOCK, told.append), told


def test_a_press_starts_and_brings_what_a_scan_would() -> None:
    pressed, _ = button(Scripted())
    assert pressed.wait(soon()) is None
    assert pressed.press("SN-2")
    assert pressed.wait(soon()) == TriggerEvent("button", "SN-2")
    assert pressed.wait(soon()) is None


def test_a_press_is_noticed_while_the_trigger_waits() -> None:
    trigger = Scripted()
    pressed, _ = button(trigger)
    assert pressed.wait(soon()) is None
    trigger.meanwhile = lambda: None if len(trigger.waited_s) < 4 else [pressed.press(), None][1]
    assert pressed.wait(Deadline.after(3600.0, CLOCK)) == TriggerEvent("button")
    assert max(trigger.waited_s) <= SLICE_S


def test_nothing_is_taken_before_the_first_wait_during_a_cycle_or_after_the_end() -> None:
    trigger = Scripted(SCAN)
    pressed, _ = button(trigger)
    assert not pressed.press()
    assert pressed.wait(soon()) == SCAN
    assert not pressed.press(), "a cycle is in progress"
    assert pressed.rearm() == 0
    assert not pressed.press(), "not told ready yet"
    assert pressed.wait(soon()) is None
    assert pressed.press()
    assert not pressed.press(), "one is enough"
    pressed.close()
    assert not pressed.press()
    assert trigger.closed


def test_a_press_that_comes_with_a_scan_is_counted_as_not_taken() -> None:
    trigger = Scripted(None, SCAN)
    pressed, _ = button(trigger)
    assert pressed.wait(soon()) is None
    assert pressed.press()
    assert pressed.wait(soon()) == SCAN
    trigger.dropped = 2
    assert pressed.rearm() == 3
    assert pressed.wait(soon()) is None


def test_a_press_is_told_where_the_device_is_lost_at_that_moment() -> None:
    pressed, told = button(Scripted(None, PortLost("/dev/x", "unplugged"), PortLost("/dev/x", "unplugged"), None))
    assert pressed.wait(soon()) is None
    assert pressed.press()
    for _ in range(2):
        with pytest.raises(PortLost):
            pressed.wait(soon())
        assert not pressed.press()
    assert told == ["a press: the trigger's device was lost at that moment"]
    assert pressed.wait(soon()) is None
    assert pressed.press()
