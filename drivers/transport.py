"""The pipe of bytes below every driver, and the one seam where bytes, lines, time-outs and errors can be recorded.

A driver is handed a ``Transport`` (or a ``SerialTransport``) and talks through nothing else, so whatever wraps one, a
recorder or a replay for instance, sees all that passes. Three rules make recordings replayable:

1. Transports alone look at the clock. A driver makes a ``Deadline``, passes it down and counts its attempts; it never
   branches on the time left.
2. ``read`` returns at least one byte or raises; there is no empty result to interpret.
3. Every failure is a ``TransportError``; no exception of a third-party library passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from drivers.clock import Deadline
from drivers.errors import DeadlineExpired

Parity = Literal["none", "even", "odd"]


@dataclass(frozen=True, slots=True)
class Framing:
    """How a UART frames a byte. ``baud`` is bits per second, start, parity and stop bits included."""

    baud: int = 115200
    data_bits: int = 8
    parity: Parity = "none"
    stop_bits: int = 1

    @property
    def bits_per_byte(self) -> int:
        """Bits on the wire for one byte: start, data, parity, stop."""
        return 1 + self.data_bits + (self.parity != "none") + self.stop_bits


@dataclass(frozen=True, slots=True)
class ModemLines:
    """Input lines as the adapter reports them; True = asserted."""

    cts: bool
    dsr: bool
    dcd: bool
    ri: bool


@runtime_checkable
class Transport(Protocol):
    """A two-way pipe of bytes with deadlines. One thread at a time uses it."""

    @property
    def name(self) -> str:
        """What the configuration calls it: a path, ``host:port`` or URL. Stands in every error."""

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send all of ``data``. Raises DeadlineExpired (an unknown part was sent) or PortLost."""

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        """Return 1 to ``max_bytes`` bytes as soon as any are there. Raises DeadlineExpired (none came) or PortLost."""

    def discard_input(self) -> bytes:
        """Take, without waiting, what has arrived and was not read; returns at most the last 4096 bytes of it for the record."""

    def close(self) -> None:
        """Release the port. Never raises; further calls are no-ops. Using a closed transport raises PortLost."""


@runtime_checkable
class SerialTransport(Transport, Protocol):
    """A UART: a pipe with framing and control lines."""

    def set_framing(self, framing: Framing) -> None:
        """Change the framing. Raises PortUnsupported or PortLost."""

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Assert (True) or release (False) control lines; None leaves one as it is. Both change in one system call where the
        port allows. Raises PortUnsupported where there are no lines, or PortLost."""

    def modem_lines(self) -> ModemLines:
        """The input lines now. Raises PortUnsupported or PortLost."""


class IncompleteRead(DeadlineExpired):
    """Raised by ``read_exactly`` when the deadline passed with fewer bytes than asked; ``received`` holds those."""

    def __init__(self, port: str, wanted_bytes: int, received: bytes) -> None:
        super().__init__(port, f"{len(received)} of {wanted_bytes} bytes came in time")
        self.received = received


def read_exactly(transport: Transport, size_bytes: int, deadline: Deadline) -> bytes:
    """Return exactly ``size_bytes`` bytes. Raises IncompleteRead when fewer come in time, or PortLost."""
    received = b""
    while len(received) < size_bytes:
        try:
            received += transport.read(size_bytes - len(received), deadline)
        except DeadlineExpired as expired:
            raise IncompleteRead(transport.name, size_bytes, received) from expired
    return received
