"""A pedal or button on a GPIO line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import PortLost, TransportError
from drivers.gpio_line import BIASES, Bias, GpioInput, GpioLineOptions, open_gpio_input
from drivers.trigger import TriggerEvent

SOURCE = "pedal"


@dataclass(frozen=True, slots=True)
class GpioTriggerOptions:
    """The line, what holds it when the button is up, and the time for which it must be still to count (the kernel's own filter). A
    press within ``bounce_s`` of the last one is the same press."""

    line: GpioLineOptions
    bias: Bias = "pull_up"
    debounce_s: float = 0.01
    bounce_s: float = 0.3

    def __post_init__(self) -> None:
        if self.bias not in BIASES:
            raise ValueError(f"bias must be one of {', '.join(BIASES)}, not {self.bias!r}")
        if not 0 <= self.debounce_s <= 1:
            raise ValueError(f"debounce_s must be 0 to 1, not {self.debounce_s}")
        if not 0 <= self.bounce_s <= 60:
            raise ValueError(f"bounce_s must be 0 to 60, not {self.bounce_s}")


class GpioTrigger:
    """Implements ``Trigger``. ``open_line`` asks for the line anew whenever it is needed and not held."""

    def __init__(
        self,
        options: GpioTriggerOptions,
        clock: Clock,
        open_line: Callable[[GpioLineOptions, Bias, float], GpioInput] = open_gpio_input,
    ) -> None:
        self._options = options
        self._clock = clock
        self._open_line = open_line
        self._line: GpioInput | None = None
        self._closed = False
        self._last_s: float | None = None

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        """The next press. Raises what ``open_line`` raises, or PortLost."""
        while True:
            if self._presses(deadline.remaining_s()):
                return TriggerEvent(SOURCE)
            if deadline.remaining_s() <= 0:
                return None

    def rearm(self) -> int:
        """Presses that the kernel has kept are one at most: it is one pedal."""
        if self._line is None:
            return 0
        try:
            return int(self._presses(0.0))
        except TransportError:
            return 0  # the next wait asks for the line anew, and says what is wrong

    def close(self) -> None:
        self._closed = True
        self._release()

    def _presses(self, timeout_s: float) -> bool:
        """Whether the line became active, the bounces of the last time left out."""
        if self._closed:
            raise PortLost(self._options.line.name, "this trigger is closed")
        if self._line is None:
            self._line = self._open_line(self._options.line, self._options.bias, self._options.debounce_s)
        try:
            edges = self._line.edges(timeout_s)
        except TransportError:
            self._release()
            raise
        if not edges:
            return False
        now_s = self._clock.monotonic_s()
        is_bounce = self._last_s is not None and now_s - self._last_s < self._options.bounce_s
        self._last_s = now_s
        return not is_bounce

    def _release(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()
