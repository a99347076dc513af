"""USB relay boards that are a CH340 serial port: LCUS-1 and its kin of up to 16 channels, 9600 baud, 8N1.

A command is four bytes: A0, the channel from 1, 01 for on or 00 for off, and the sum of these three ("A0 01 01 A2" switches the
first on), from the protocol that the boards are sold with. A board answers none of them, so nothing proves that it obeyed; what
it may send all the same is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import PortLost
from drivers.serial_local import LocalSerialPort
from drivers.serial_port import SerialOptions, open_serial
from drivers.signal import check_outputs
from drivers.transport import Framing, SerialTransport

START = 0xA0
COMMAND_BYTES = 4
MAX_CHANNELS = 16
WRITE_S = 1.0
"""Bound of the wait for room for four bytes, which take 4.2 ms at 9600 baud."""


@dataclass(frozen=True, slots=True)
class RelayCommand:
    """One command on the wire."""

    channel: int
    on: bool

    @classmethod
    def from_bytes(cls, data: bytes) -> RelayCommand:
        """Raises ValueError for what is no command."""
        if len(data) != COMMAND_BYTES or data[0] != START or data[3] != sum(data[:3]) & 0xFF or data[2] > 1:
            raise ValueError(f"no relay command: {data[: COMMAND_BYTES + 1].hex(' ')}")
        return cls(data[1], bool(data[2]))

    def to_bytes(self) -> bytes:
        head = bytes((START, self.channel, int(self.on)))
        return head + bytes((sum(head) & 0xFF,))


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """The board's port and, by the names of the outputs, its channels (from 1)."""

    port: str
    outputs: dict[str, int]

    def __post_init__(self) -> None:
        check_outputs(self.outputs)
        for channel in self.outputs.values():
            if not 1 <= channel <= MAX_CHANNELS:
                raise ValueError(f"outputs are channels from 1 to {MAX_CHANNELS}, not {channel}")
        if len(set(self.outputs.values())) < len(self.outputs):
            raise ValueError("outputs name one channel twice")
        _ = self.serial  # refuses what no port can be

    @property
    def serial(self) -> SerialOptions:
        return SerialOptions(self.port, Framing(9600))


class RelayBoard:
    """Implements ``SignalOutput``."""

    is_momentary = False

    def __init__(self, options: RelayOptions, clock: Clock, link: SerialTransport) -> None:
        self._options = options
        self._clock = clock
        self._link = link

    @property
    def name(self) -> str:
        return self._options.port

    def set(self, output: str, on: bool) -> None:
        self._link.discard_input()
        command = RelayCommand(self._options.outputs[output], on)
        self._link.write(command.to_bytes(), Deadline.after(WRITE_S, self._clock))

    def check(self) -> None:
        require_present(self._link)

    def close(self) -> None:
        self._link.close()


def open_relay(
    options: RelayOptions, clock: Clock, open_link: Callable[[SerialOptions, Clock], SerialTransport] = open_serial
) -> RelayBoard:
    """Raises what ``open_serial`` raises. No relay moves."""
    return RelayBoard(options, clock, open_link(options.serial, clock))


def require_present(link: SerialTransport) -> None:
    """Raises PortLost where a local port's device was unplugged; one on the network shows that when it is used."""
    if isinstance(link, LocalSerialPort) and link.is_gone():
        raise PortLost(link.name, "the port was unplugged")
