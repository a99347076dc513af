"""Lamps, buzzers and relay boards on GPIO lines. A line that is given back is the kernel's again, which may leave it as it was."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from drivers.gpio_line import GpioLineOptions, GpioOutput, open_gpio_output
from drivers.signal import check_outputs


@dataclass(frozen=True, slots=True)
class GpioSignalOptions:
    """By the names of the outputs, their lines. ``active_low``, the default of a line, is what most relay boards want."""

    outputs: dict[str, GpioLineOptions]

    def __post_init__(self) -> None:
        check_outputs(self.outputs)
        if len({(line.chip, line.line) for line in self.outputs.values()}) < len(self.outputs):
            raise ValueError("outputs name one line twice")


class GpioSignals:
    """Implements ``SignalOutput``."""

    is_momentary = False

    def __init__(self, lines: dict[str, GpioOutput], name: str, release: ExitStack) -> None:
        self._lines = lines
        self._release = release
        self.name = name

    def set(self, output: str, on: bool) -> None:
        self._lines[output].set(on)

    def check(self) -> None:
        """A chip that goes shows when a line is set."""

    def close(self) -> None:
        self._release.close()


def open_gpio_signals(
    options: GpioSignalOptions, open_line: Callable[[GpioLineOptions], GpioOutput] = open_gpio_output
) -> GpioSignals:
    """Ask for every line, or none of them. Raises what ``open_line`` raises."""
    with ExitStack() as closing:
        lines: dict[str, GpioOutput] = {}
        for output, line in options.outputs.items():
            lines[output] = open_line(line)
            closing.callback(lines[output].close)
        chips = sorted({line.chip for line in options.outputs.values()})
        return GpioSignals(lines, ", ".join(chips), closing.pop_all())
