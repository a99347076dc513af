"""The button on a GPIO line, at the interface before libgpiod; and what the real libgpiod says of a chip that is not there."""

from __future__ import annotations

import builtins
from collections import deque
from typing import Any

import pytest

from drivers.clock import Deadline
from drivers.errors import PortLost, PortMissing, PortUnsupported
from drivers.gpio_line import Bias, GpioInput, GpioLineOptions, open_gpio_input, open_gpio_output
from drivers.trigger import TriggerEvent
from drivers.trigger.gpio import GpioTrigger, GpioTriggerOptions
from tests.support.text import ManualClock

LINE = GpioLineOptions("/dev/gpiochip9", 4)
PRESS = TriggerEvent("pedal")


class ScriptedLine:
    """A line whose edges are known before; an error among them is raised. Implements ``GpioInput``."""

    def __init__(self, clock: ManualClock, script: list[int | Exception]) -> None:
        self._clock = clock
        self._script = deque(script)
        self.closed = False

    def edges(self, timeout_s: float) -> int:
        step = self._script.popleft() if self._script else 0
        if isinstance(step, Exception):
            raise step
        if not step:
            self._clock.sleep(timeout_s)
        return step

    def close(self) -> None:
        self.closed = True


def trigger(clock: ManualClock, *lines: ScriptedLine, **options: Any) -> GpioTrigger:
    """A trigger that gets these lines, one each time it asks."""
    wanted = iter(lines)

    def open_line(_line: GpioLineOptions, _bias: Bias, _debounce_s: float) -> GpioInput:
        return next(wanted)

    return GpioTrigger(GpioTriggerOptions(LINE, **options), clock, open_line)


def waited(button: GpioTrigger, clock: ManualClock, for_s: float = 0.1) -> TriggerEvent | None:
    return button.wait(Deadline.after(for_s, clock))


def test_an_edge_starts_and_its_bounces_do_not() -> None:
    clock = ManualClock()
    button = trigger(clock, ScriptedLine(clock, [1, 3, 0, 1]), bounce_s=0.3)
    assert waited(button, clock) == PRESS
    assert waited(button, clock) is None
    clock.sleep(0.4)
    assert waited(button, clock) == PRESS


def test_a_press_during_a_cycle_is_counted_once() -> None:
    clock = ManualClock()
    button = trigger(clock, ScriptedLine(clock, [4]))
    assert waited(button, clock, 0.0) == PRESS
    clock.sleep(1.0)
    assert button.rearm() == 0
    again = trigger(clock, ScriptedLine(clock, [0, 2, 0]))
    assert waited(again, clock, 0.0) is None
    assert (again.rearm(), again.rearm()) == (1, 0)


def test_a_line_that_is_lost_is_given_back_and_asked_for_again() -> None:
    clock = ManualClock()
    gone, back = ScriptedLine(clock, [PortLost(LINE.name, "unplugged")]), ScriptedLine(clock, [1])
    button = trigger(clock, gone, back)
    with pytest.raises(PortLost):
        waited(button, clock)
    assert gone.closed
    assert waited(button, clock) == PRESS
    button.close()
    assert back.closed
    with pytest.raises(PortLost, match="closed"):
        waited(button, clock)


def test_a_chip_that_is_not_there_is_missing() -> None:
    with pytest.raises(PortMissing):
        open_gpio_input(LINE, "pull_up", 0.01)
    with pytest.raises(PortMissing):
        open_gpio_output(LINE)


def test_a_device_that_is_no_chip_is_told() -> None:
    with pytest.raises((PortMissing, PortUnsupported)):
        open_gpio_input(GpioLineOptions("/dev/null", 1), "pull_up", 0.01)


def test_without_libgpiod_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "gpiod":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PortUnsupported, match="install station with its extra gpio"):
        open_gpio_input(LINE, "pull_up", 0.01)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"chip": "gpiochip0", "line": 1}, "chip must be a path"),
        ({"chip": "/dev/gpiochip0", "line": -1}, "line must be 0 to 1023"),
    ],
)
def test_a_line_that_cannot_be_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        GpioLineOptions(**options)
