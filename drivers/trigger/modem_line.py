"""A pedal or button between an input line of a serial adapter (CTS, DSR, DCD, RI) and one that the adapter holds asserted, such
as RTS.

The line is polled: a wait in the kernel (TIOCMIWAIT) cannot be bounded. A press counts when the line was seen at rest since the
port was opened, and is still pressed after ``debounce_s``; whatever a port says that has just come or is just going is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivers.clock import Clock, Deadline
from drivers.errors import PortLost, PortUnsupported, TransportError
from drivers.serial_port import SerialOptions
from drivers.transport import SerialTransport
from drivers.trigger import TriggerEvent

SOURCE = "pedal"
InputLine = Literal["cts", "dsr", "dcd", "ri"]
LINES: tuple[str, ...] = ("cts", "dsr", "dcd", "ri")


@dataclass(frozen=True, slots=True)
class ModemLineOptions:
    """The adapter's port and line. ``pressed`` says how the line stands when the pedal is down. Two looks are ``poll_s`` apart: a
    press must last longer. A release shorter than ``debounce_s`` is none."""

    serial: SerialOptions
    line: InputLine = "cts"
    pressed: Literal["asserted", "released"] = "asserted"
    poll_s: float = 0.04
    debounce_s: float = 0.02

    def __post_init__(self) -> None:
        if self.line not in LINES:
            raise ValueError(f"line must be one of {', '.join(LINES)}, not {self.line!r}")
        if self.pressed not in ("asserted", "released"):
            raise ValueError(f"pressed must be asserted or released, not {self.pressed!r}")
        if self.serial.port.startswith("socket://"):
            raise ValueError("a socket:// port carries no lines: name a local port or rfc2217://host:port")
        if not 0.005 <= self.poll_s <= 1:
            raise ValueError(f"poll_s must be 0.005 to 1, not {self.poll_s}")
        if not 0 <= self.debounce_s <= 1:
            raise ValueError(f"debounce_s must be 0 to 1, not {self.debounce_s}")


class ModemLineTrigger:
    """Implements ``Trigger``. ``open_link`` opens the port anew whenever it is needed and not open."""

    def __init__(
        self,
        options: ModemLineOptions,
        clock: Clock,
        open_link: Callable[[SerialOptions, Clock], SerialTransport],
        drivers: Path = Path("/sys/class/tty"),
    ) -> None:
        """``drivers``: where the kernel says which driver a port has."""
        self._options = options
        self._clock = clock
        self._open_link = open_link
        self._drivers = drivers
        self._link: SerialTransport | None = None
        self._closed = False
        self._is_down = True
        """The pedal as far as known; it must be seen up first."""

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        """The next press. Raises what ``open_link`` raises, PortUnsupported for a port without the line, or PortLost."""
        while True:
            link = self._opened()
            try:
                if self._has_been_pressed(link):
                    return TriggerEvent(SOURCE)
            except TransportError:
                self._release()
                raise
            remaining_s = deadline.remaining_s()
            if remaining_s <= 0:
                return None
            self._clock.sleep(min(self._options.poll_s, remaining_s))

    def rearm(self) -> int:
        """A pedal still down must be seen up first. Always 0: presses that nobody waited for leave no trace."""
        self._is_down = True
        return 0

    def close(self) -> None:
        self._closed = True
        self._release()

    def _opened(self) -> SerialTransport:
        port = self._options.serial.port
        if self._closed:
            raise PortLost(port, "this trigger is closed")
        if self._link is None:
            self._is_down = True
            link = self._open_link(self._options.serial, self._clock)
            if self._options.line == "cts" and is_cdc_acm(port, self._drivers):
                link.close()
                raise PortUnsupported(
                    port, "a CDC-ACM device has no CTS line: use an FTDI or CP210x adapter, or another line"
                )
            self._link = link
        return self._link

    def _has_been_pressed(self, link: SerialTransport) -> bool:
        if self._reads_down(link) == self._is_down:
            return False
        self._clock.sleep(self._options.debounce_s)
        if self._reads_down(link) == self._is_down:
            return False
        self._is_down = not self._is_down
        return self._is_down

    def _reads_down(self, link: SerialTransport) -> bool:
        asserted: bool = getattr(link.modem_lines(), self._options.line)
        return asserted == (self._options.pressed == "asserted")

    def _release(self) -> None:
        link, self._link = self._link, None
        self._is_down = True
        if link is not None:
            link.close()


def is_cdc_acm(port: str, drivers: Path = Path("/sys/class/tty")) -> bool:
    """Whether a port is one of a USB device of the CDC-ACM class, in which no message tells of CTS (USB CDC PSTN 1.2, 6.5.4)."""
    try:
        return (drivers / Path(port).resolve().name / "device" / "driver").resolve().name == "cdc_acm"
    except OSError:
        return False
