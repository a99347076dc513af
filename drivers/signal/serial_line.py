"""Lamps and buzzers between DTR or RTS of a serial adapter and ground, through a transistor or a relay: a line drives a few mA.

The kernel asserts both lines for a moment whenever the port is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from drivers.clock import Clock
from drivers.serial_port import SerialOptions, open_serial
from drivers.signal import check_outputs
from drivers.signal.relay import require_present
from drivers.transport import SerialTransport

Line = Literal["dtr", "rts"]


@dataclass(frozen=True, slots=True)
class SerialLineOptions:
    """The adapter's port and, by the names of the outputs, its lines. ``on`` says how a line stands when its output is on."""

    port: str
    outputs: dict[str, Line]
    on: Literal["asserted", "released"] = "asserted"

    def __post_init__(self) -> None:
        check_outputs(self.outputs)
        if any(line not in ("dtr", "rts") for line in self.outputs.values()):
            raise ValueError("outputs are the lines dtr and rts")
        if len(set(self.outputs.values())) < len(self.outputs):
            raise ValueError("outputs name one line twice")
        if self.on not in ("asserted", "released"):
            raise ValueError(f"on must be asserted or released, not {self.on!r}")
        if self.port.startswith("socket://"):
            raise ValueError("port: a socket:// port carries no lines: name a local port or rfc2217://host:port")
        _ = self.serial  # refuses what no port can be

    @property
    def serial(self) -> SerialOptions:
        """Opened with every output off; a line that is no output is released."""
        off = self.on == "released"
        used = self.outputs.values()
        return SerialOptions(self.port, dtr=off and "dtr" in used, rts=off and "rts" in used)


class SerialLines:
    """Implements ``SignalOutput``."""

    is_momentary = False

    def __init__(self, options: SerialLineOptions, link: SerialTransport) -> None:
        self._options = options
        self._link = link

    @property
    def name(self) -> str:
        return self._options.port

    def set(self, output: str, on: bool) -> None:
        asserted = on == (self._options.on == "asserted")
        if self._options.outputs[output] == "dtr":
            self._link.set_lines(dtr=asserted)
        else:
            self._link.set_lines(rts=asserted)

    def check(self) -> None:
        require_present(self._link)

    def close(self) -> None:
        self._link.close()


def open_serial_lines(
    options: SerialLineOptions, clock: Clock, open_link: Callable[[SerialOptions, Clock], SerialTransport] = open_serial
) -> SerialLines:
    """Raises what ``open_serial`` raises. A port without lines shows that when an output is set."""
    return SerialLines(options, open_link(options.serial, clock))
