"""One line of a GPIO chip, as the rest of this program sees it; behind it the kernel's character device through libgpiod 2.

libgpiod comes with the optional extra ``gpio`` and is imported only when a line is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol

from drivers.errors import PortLost, PortUnsupported
from drivers.port_errors import lost, opening_error

Bias = Literal["as_is", "pull_up", "pull_down", "disabled"]
BIASES: tuple[str, ...] = ("as_is", "pull_up", "pull_down", "disabled")
CONSUMER = "station"
"""What ``gpioinfo`` shows as the user of the line."""


@dataclass(frozen=True, slots=True)
class GpioLineOptions:
    """A line by its chip's path and its number on that chip (``gpioinfo`` lists both). ``active_low``: the line is active when it
    is low, as with a button to ground."""

    chip: str
    line: int
    active_low: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"/dev/[\w./:-]{1,200}", self.chip):
            raise ValueError(f"chip must be a path such as /dev/gpiochip0, not {self.chip!r}")
        if not 0 <= self.line <= 1023:
            raise ValueError(f"line must be 0 to 1023, not {self.line}")

    @property
    def name(self) -> str:
        return f"{self.chip} line {self.line}"


class GpioInput(Protocol):
    """An input line that has been asked for. One thread uses it."""

    def edges(self, timeout_s: float) -> int:
        """How often the line has become active since the last call; waits up to ``timeout_s`` for the first time. Raises
        PortLost."""

    def close(self) -> None:
        """Give the line back. Never raises."""


class GpioOutput(Protocol):
    """An output line that has been asked for. One thread at a time uses it."""

    def set(self, active: bool) -> None:
        """Raises PortLost."""

    def close(self) -> None:
        """Give the line back. Never raises."""


def open_gpio_input(options: GpioLineOptions, bias: Bias, debounce_s: float) -> GpioInput:
    """Ask for a line as input. Raises PortMissing, PortBusy, PortDenied, or PortUnsupported where libgpiod 2 is missing too."""
    gpiod = _gpiod(options.name)
    settings = gpiod.LineSettings(
        direction=gpiod.line.Direction.INPUT,
        edge_detection=gpiod.line.Edge.RISING,
        bias=getattr(gpiod.line.Bias, bias.upper()),
        active_low=options.active_low,
        debounce_period=timedelta(seconds=debounce_s),
    )
    return _Input(options, _requested(gpiod, options, settings))


def open_gpio_output(options: GpioLineOptions) -> GpioOutput:
    """Ask for a line as output, inactive. Raises like ``open_gpio_input``."""
    gpiod = _gpiod(options.name)
    settings = gpiod.LineSettings(
        direction=gpiod.line.Direction.OUTPUT,
        active_low=options.active_low,
        output_value=gpiod.line.Value.INACTIVE,
    )
    return _Output(options, _requested(gpiod, options, settings), gpiod)


def _gpiod(name: str) -> Any:
    try:
        import gpiod
        import gpiod.line
    except ImportError as error:
        raise PortUnsupported(name, "libgpiod is missing: install station with its extra gpio") from error
    if not hasattr(gpiod, "request_lines"):
        raise PortUnsupported(name, f"gpiod {getattr(gpiod, '__version__', '1')} is too old: version 2 is needed")
    return gpiod


def _requested(gpiod: Any, options: GpioLineOptions, settings: Any) -> Any:
    try:
        return gpiod.request_lines(options.chip, consumer=CONSUMER, config={options.line: settings})
    except OSError as error:
        raise opening_error(options.chip, error) from error
    except ValueError as error:
        raise PortUnsupported(options.name, str(error)) from error


class _Input:
    """Implements ``GpioInput``."""

    def __init__(self, options: GpioLineOptions, request: Any) -> None:
        self._options = options
        self._request = request

    def edges(self, timeout_s: float) -> int:
        if self._request is None:
            raise PortLost(self._options.name, "the line was given back")
        try:
            if not self._request.wait_edge_events(timedelta(seconds=timeout_s)):
                return 0
            return len(self._request.read_edge_events())
        except OSError as error:
            raise lost(self._options.name, error) from error

    def close(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.release()


class _Output:
    """Implements ``GpioOutput``."""

    def __init__(self, options: GpioLineOptions, request: Any, gpiod: Any) -> None:
        self._options = options
        self._request = request
        self._values = {True: gpiod.line.Value.ACTIVE, False: gpiod.line.Value.INACTIVE}

    def set(self, active: bool) -> None:
        if self._request is None:
            raise PortLost(self._options.name, "the line was given back")
        try:
            self._request.set_value(self._options.line, self._values[active])
        except OSError as error:
            raise lost(self._options.name, error) from error

    def close(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.release()
