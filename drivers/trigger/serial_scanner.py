"""A barcode scanner on a serial port: each line it sends is a scan, and a scan starts.

Scans arrive in pieces, doubled, with a symbology prefix, or torn by a cable that wobbles; what is not beyond doubt one whole
scan of the configured pattern does not start, and why is told through ``rejected``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import DeadlineExpired, PortLost, TransportError
from drivers.lines import Line, LineSplitter, printable
from drivers.serial_port import SerialOptions
from drivers.transport import Transport
from drivers.trigger import TriggerEvent
from drivers.trigger.scans import DuplicateGuard, problems_of, text_of

SOURCE = "scanner"
READ_BYTES = 512


@dataclass(frozen=True, slots=True)
class ScannerOptions:
    """The port, and what the scanner is set up to send: ``prefix`` text ``suffix`` and one of ``terminators``.

    ``pattern`` must match all of the text; GS passes only where it admits it. The same text again within
    ``duplicate_window_s`` of the last time is the same scan and is ignored in silence. Pieces further apart than
    ``idle_reset_s`` may not belong together: all up to the next terminator are thrown away, since the rest of one SN could
    pass for another.
    """

    serial: SerialOptions
    prefix: str = ""
    suffix: str = ""
    terminators: tuple[str, ...] = ("\r\n", "\r", "\n")
    pattern: str = r"[!-~]{1,128}"
    max_chars: int = 128
    duplicate_window_s: float = 1.0
    idle_reset_s: float = 0.5

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> list[str]:
        problems: list[str] = []
        if not self.terminators or not all(text and text.isascii() and len(text) <= 4 for text in self.terminators):
            problems.append("terminators must be 1 to 4 ASCII characters each, and at least one must be given")
        problems += problems_of(self)
        if not 0.02 <= self.idle_reset_s <= 60:
            problems.append(f"idle_reset_s must be 0.02 to 60, not {self.idle_reset_s}")
        return problems


class SerialScannerTrigger:
    """Starts from a scanner's lines. ``open_link`` opens its port anew whenever it is needed and not open.

    ``rejected`` is told, in one printable line, why something scanned did not start.
    """

    def __init__(
        self,
        options: ScannerOptions,
        clock: Clock,
        open_link: Callable[[SerialOptions, Clock], Transport],
        rejected: Callable[[str], None],
    ) -> None:
        self._options = options
        self._clock = clock
        self._open_link = open_link
        self._rejected = rejected
        self._link: Transport | None = None
        self._closed = False
        framed_chars = len(options.prefix) + options.max_chars + len(options.suffix)
        self._splitter = LineSplitter(tuple(text.encode("ascii") for text in options.terminators), framed_chars)
        self._starts: deque[TriggerEvent] = deque()
        self._last_piece_s = clock.monotonic_s()
        self._is_torn = False
        """The line under way began before ``rearm`` or a long pause: whole or not, it must not pass for a scan."""
        self._doubles = DuplicateGuard(options.duplicate_window_s)

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        """The next scan. Raises what ``open_link`` raises, or PortLost when the port vanishes."""
        while not self._starts:
            link = self._opened()
            try:
                self._take(link.read(READ_BYTES, deadline))
            except DeadlineExpired:
                return None
            except TransportError:
                self._release()
                raise
        return self._starts.popleft()

    def rearm(self) -> int:
        """Drops whole scans, which it counts, and one under way, whose rest is dropped when it comes. A port that has vanished
        shows at the next ``wait``."""
        if self._link is not None:
            try:
                self._take(self._link.discard_input())
            except TransportError:
                self._release()
        dropped = len(self._starts)
        self._starts.clear()
        self._is_torn = bool(self._splitter.pending)
        return dropped

    def close(self) -> None:
        self._closed = True
        self._release()

    def _opened(self) -> Transport:
        if self._closed:
            raise PortLost(self._options.serial.port, "this trigger is closed")
        if self._link is None:
            self._link = self._open_link(self._options.serial, self._clock)
        return self._link

    def _release(self) -> None:
        link, self._link = self._link, None
        self._splitter.clear()
        self._is_torn = False
        if link is not None:
            link.close()

    def _take(self, data: bytes) -> None:
        """Add a piece; put the scans that it finishes among the starts."""
        if not data:
            return
        now_s = self._clock.monotonic_s()
        if now_s - self._last_piece_s > self._options.idle_reset_s and self._splitter.pending:
            self._is_torn = True
        self._last_piece_s = now_s
        for line in self._splitter.feed(data):
            is_torn, self._is_torn = self._is_torn, False
            if is_torn:
                self._rejected(f"a scan in pieces that may not belong together: {printable(line.data)}")
            elif line.data:
                self._judge(line, now_s)

    def _judge(self, line: Line, now_s: float) -> None:
        try:
            text = self._text_of(line)
        except ValueError as problem:
            self._rejected(str(problem))
            return
        if not self._doubles.is_double(text, now_s):
            self._starts.append(TriggerEvent(SOURCE, text))

    def _text_of(self, line: Line) -> str:
        """The text between prefix and suffix. Raises ValueError, one printable line, where it is no scan."""
        shown = printable(line.data)
        if line.overlong:
            raise ValueError(f"a scan of more than {self._options.max_chars} characters: {shown}")
        if not line.data.isascii():
            raise ValueError(f"a scan that is not ASCII (check the baud rate): {shown}")
        return text_of(line.data.decode("ascii"), self._options)
