"""A barcode scanner that acts as a keyboard, read as the input device it is: it needs no window, and types into none.

Such a scanner sends key presses; its layout and its end key are what it is set up for (its manual's bar codes). What is not
beyond doubt one whole scan of the configured pattern does not start, and why is told through ``rejected``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import PortLost, TransportError
from drivers.trigger import TriggerEvent
from drivers.trigger.input_device import InputDevice, InputName
from drivers.trigger.input_events import KEY_DOWN, KEY_ENTER, KEY_KPENTER, KEY_TAB, InputEvent
from drivers.trigger.key_maps import LAYOUTS, Layout, key_map
from drivers.trigger.scans import DuplicateGuard, problems_of, text_of
from drivers.trigger.typed_scan import Refusal, ScanAssembler

SOURCE = "scanner"
ENDS = {"enter": KEY_ENTER, "keypad_enter": KEY_KPENTER, "tab": KEY_TAB, "down": KEY_DOWN}
"""Keys that scanners end a scan with."""
MAX_READS = 64
"""What ``rearm`` takes away at most, in reads."""


@dataclass(frozen=True, slots=True)
class HidScannerOptions:
    """The device (see ``InputName``), and what the scanner is set up to send: ``prefix`` text ``suffix`` and one of ``ends``, on a
    keyboard of this ``layout``. Keys further apart than ``key_gap_s`` may not belong together. The other fields are those of a
    serial scanner (``drivers.trigger.scans.ScanRules``)."""

    device: str
    layout: Layout = "us"
    prefix: str = ""
    suffix: str = ""
    ends: tuple[str, ...] = ("enter", "keypad_enter")
    pattern: str = r"[!-~]{1,128}"
    max_chars: int = 128
    duplicate_window_s: float = 1.0
    key_gap_s: float = 0.5

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(problem)

    @property
    def needed_keys(self) -> tuple[int, ...]:
        """Codes of the keys that the device must have: the first of its ends."""
        return (ENDS[self.ends[0]],)

    def _problems(self) -> list[str]:
        InputName(self.device)
        problems = list(problems_of(self))
        if self.layout not in LAYOUTS:
            problems.append(f"layout must be one of {', '.join(LAYOUTS)}, not {self.layout!r}")
        if not self.ends or not all(end in ENDS for end in self.ends):
            problems.append(f"ends must name at least one of {', '.join(ENDS)}")
        if not 0.02 <= self.key_gap_s <= 60:
            problems.append(f"key_gap_s must be 0.02 to 60, not {self.key_gap_s}")
        return problems


class HidScannerTrigger:
    """Starts from a scanner's keys. Implements ``Trigger``; the device is opened and grabbed whenever it is needed and not open."""

    def __init__(self, options: HidScannerOptions, clock: Clock, rejected: Callable[[str], None]) -> None:
        self._options = options
        self._clock = clock
        self._rejected = rejected
        self._name = InputName(options.device)
        self._device: InputDevice | None = None
        self._closed = False
        framed_chars = len(options.prefix) + options.max_chars + len(options.suffix)
        ends = [ENDS[end] for end in options.ends]
        self._scans = ScanAssembler(key_map(options.layout), ends, key_gap_s=options.key_gap_s, max_chars=framed_chars)
        self._doubles = DuplicateGuard(options.duplicate_window_s)
        self._starts: deque[TriggerEvent] = deque()

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        """The next scan. Raises what ``InputDevice.open`` raises, or PortLost when the scanner is unplugged."""
        while not self._starts:
            self._take(deadline)
            if not self._starts and deadline.remaining_s() <= 0:
                return None
        return self._starts.popleft()

    def rearm(self) -> int:
        """A scan under way when a cycle ends is thrown away too, and told when it ends."""
        if self._device is not None:
            try:
                for _ in range(MAX_READS):
                    if not self._take(Deadline.after(0, self._clock)):
                        break
            except TransportError:
                pass  # the next wait opens it anew, and says what is wrong
        dropped = len(self._starts)
        self._starts.clear()
        self._scans.tear()
        return dropped

    def close(self) -> None:
        self._closed = True
        self._release()

    def _take(self, deadline: Deadline) -> bool:
        """Read what is there, waiting for it until the deadline; whether anything came."""
        device = self._opened()
        try:
            events = device.read(deadline)
        except TransportError:
            self._release()
            raise
        for event in events:
            self._feed(event)
        return bool(events)

    def _opened(self) -> InputDevice:
        if self._closed:
            raise PortLost(self._options.device, "this trigger is closed")
        if self._device is None:
            self._device = InputDevice.open(self._options.device, self._name.find(self._options.needed_keys))
        return self._device

    def _release(self) -> None:
        device, self._device = self._device, None
        self._scans.clear()
        if device is not None:
            device.close()

    def _feed(self, event: InputEvent) -> None:
        found = self._scans.feed(event)
        if found is None:
            return
        if isinstance(found, Refusal):
            self._rejected(found.reason)
            return
        try:
            text = text_of(found, self._options)
        except ValueError as problem:
            self._rejected(str(problem))
            return
        if not self._doubles.is_double(text, self._clock.monotonic_s()):
            self._starts.append(TriggerEvent(SOURCE, text))
