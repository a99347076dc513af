"""Enter on the keyboard starts; a line typed before it counts as a scan (a scanner that types does just that)."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Deadline
from drivers.errors import PortLost
from drivers.lines import Line, LineSplitter, printable
from drivers.trigger import TriggerEvent

SOURCE = "keyboard"
READ_BYTES = 4096
MAX_READS = 64
"""What ``rearm`` takes away at most, in reads: a file that never ends is no keyboard."""


@dataclass(frozen=True, slots=True)
class KeyboardOptions:
    """``max_chars``: a longer line is no start."""

    max_chars: int = 256

    def __post_init__(self) -> None:
        if not 1 <= self.max_chars <= 4096:
            raise ValueError(f"max_chars must be 1 to 4096, not {self.max_chars}")


class KeyboardTrigger:
    """Starts from lines on a file descriptor, a terminal in line mode usually. The descriptor stays its owner's to close.

    ``rejected`` is told, in one printable line, why something typed did not start.
    """

    def __init__(
        self, options: KeyboardOptions, rejected: Callable[[str], None], fd: int = 0, name: str = "stdin"
    ) -> None:
        self._options = options
        self._rejected = rejected
        self._fd = fd
        self._name = name
        # A character is up to 4 bytes of UTF-8.
        self._splitter = LineSplitter((b"\r\n", b"\n"), options.max_chars * 4)
        self._starts: deque[TriggerEvent] = deque()
        self._closed = False

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        """The next line. Raises PortLost at the end of input, now and on every later call."""
        while not self._starts:
            if self._closed:
                raise PortLost(self._name, "this trigger is closed")
            if not self._readable(deadline.remaining_s()):
                return None
            if not self._take():
                raise PortLost(self._name, "end of input: no start can come from here any more")
        return self._starts.popleft()

    def rearm(self) -> int:
        """Drops lines and a half-typed one; only whole lines that would have started are counted."""
        for _ in range(MAX_READS):
            if not (self._readable(0) and self._take()):
                break
        dropped = len(self._starts)
        self._starts.clear()
        self._splitter.clear()
        return dropped

    def close(self) -> None:
        self._closed = True

    def _readable(self, timeout_s: float) -> bool:
        try:
            return bool(select.select([self._fd], [], [], timeout_s)[0])
        except (OSError, ValueError) as error:
            raise PortLost(self._name, str(error)) from error

    def _take(self) -> bool:
        """Read what is there into starts; False at the end of input."""
        try:
            data = os.read(self._fd, READ_BYTES)
        except OSError as error:
            raise PortLost(self._name, error.strerror or str(error)) from error
        for line in self._splitter.feed(data):
            if (event := self._event_of(line)) is not None:
                self._starts.append(event)
        return bool(data)

    def _event_of(self, line: Line) -> TriggerEvent | None:
        try:
            text = line.data.decode("utf-8").strip()
        except UnicodeDecodeError:
            self._rejected(f"what was typed is not text: {printable(line.data)}")
            return None
        if line.overlong or len(text) > self._options.max_chars:
            self._rejected(
                f"what was typed is longer than {self._options.max_chars} characters: {printable(line.data)}"
            )
            return None
        if not text.isprintable():
            self._rejected(f"what was typed holds control characters: {printable(line.data)}")
            return None
        return TriggerEvent(SOURCE, text or None)
