"""A USB foot pedal, or any one button, read as the input device it is: it needs no window, and types into none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import PortLost, TransportError
from drivers.trigger import TriggerEvent
from drivers.trigger.input_device import InputDevice, InputName
from drivers.trigger.input_events import EV_KEY, KEY_NAMES, PRESSED

SOURCE = "pedal"
MAX_READS = 64
"""What ``rearm`` takes away at most, in reads."""


@dataclass(frozen=True, slots=True)
class PedalOptions:
    """The device (see ``InputName``). ``keys``: names of the keys that start, any of the device's where none is named. A press
    within ``bounce_s`` of the last one is the same press."""

    device: str
    keys: tuple[str, ...] = ()
    bounce_s: float = 0.3

    def __post_init__(self) -> None:
        InputName(self.device)
        if unknown := [key for key in self.keys if key not in KEY_NAMES]:
            raise ValueError(f"keys has no key {unknown[0]!r}; there are {', '.join(KEY_NAMES)}")
        if not 0 <= self.bounce_s <= 60:
            raise ValueError(f"bounce_s must be 0 to 60, not {self.bounce_s}")

    @property
    def needed_keys(self) -> tuple[int, ...]:
        """Codes of the keys that the device must have."""
        return tuple(KEY_NAMES[key] for key in self.keys)


class PedalTrigger:
    """Starts from presses; a pedal held down is one press. Implements ``Trigger``; the device is opened and grabbed whenever it is
    needed and not open. ``rejected`` is told of presses that the system lost."""

    def __init__(self, options: PedalOptions, clock: Clock, rejected: Callable[[str], None]) -> None:
        self._options = options
        self._clock = clock
        self._rejected = rejected
        self._name = InputName(options.device)
        self._codes = options.needed_keys
        self._device: InputDevice | None = None
        self._closed = False
        self._presses = 0
        self._last_s: float | None = None

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        """The next press. Raises what ``InputDevice.open`` raises, or PortLost when the pedal is unplugged."""
        while not self._presses:
            self._take(deadline)
            if not self._presses and deadline.remaining_s() <= 0:
                return None
        self._presses -= 1
        return TriggerEvent(SOURCE)

    def rearm(self) -> int:
        if self._device is not None:
            try:
                for _ in range(MAX_READS):
                    if not self._take(Deadline.after(0, self._clock)):
                        break
            except TransportError:
                pass  # the next wait opens it anew, and says what is wrong
        dropped, self._presses = self._presses, 0
        return dropped

    def close(self) -> None:
        self._closed = True
        self._release()

    def _take(self, deadline: Deadline) -> bool:
        """Read what is there, waiting for it until the deadline; whether anything came."""
        if self._closed:
            raise PortLost(self._options.device, "this trigger is closed")
        if self._device is None:
            self._device = InputDevice.open(self._options.device, self._name.find(self._codes))
        try:
            events = self._device.read(deadline)
        except TransportError:
            self._release()
            raise
        for event in events:
            if event.is_loss:
                self._rejected("presses of the pedal were lost: the computer was too busy")
            elif event.type == EV_KEY and event.value == PRESSED and (not self._codes or event.code in self._codes):
                self._press(event.at_s)
        return bool(events)

    def _press(self, at_s: float) -> None:
        is_bounce = self._last_s is not None and 0 <= at_s - self._last_s < self._options.bounce_s
        self._last_s = at_s
        if not is_bounce:
            self._presses += 1

    def _release(self) -> None:
        device, self._device = self._device, None
        self._last_s = None
        if device is not None:
            device.close()
