"""Raw TCP: a pipe of bytes to a network printer (port 9100) or a serial device server."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

from drivers.clock import Clock
from drivers.descriptor import DescriptorPort
from drivers.errors import PortMissing


@dataclass(frozen=True, slots=True)
class TcpOptions:
    """Where to connect. Port 9100 is the raw port of nearly all label printers ("JetDirect"). ``connect_timeout_s`` is for
    each address that the host's name stands for."""

    host: str
    port: int = 9100
    connect_timeout_s: float = 3.0

    def __post_init__(self) -> None:
        if not self.host or not self.host.isprintable():
            raise ValueError("host must be a name or an address")
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port must be 1 to 65535, not {self.port}")
        if not 0.05 <= self.connect_timeout_s <= 60:
            raise ValueError(f"connect_timeout_s must be 0.05 to 60, not {self.connect_timeout_s:g}")

    @property
    def address(self) -> str:
        """``host:port``, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TcpPort(DescriptorPort):
    """Implements ``Transport`` on a connected socket."""

    def __init__(self, name: str, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        super().__init__(
            name, connection.fileno(), self._hang_up, gone="the other side closed the connection", empty_is_end=True
        )

    def _hang_up(self) -> None:
        """Closing with unread input makes TCP reset the connection, and the peer may then drop what it was sent."""
        with contextlib.suppress(OSError), self._connection:
            self._connection.shutdown(socket.SHUT_WR)
            while self._connection.recv(65536):
                pass


def open_tcp(options: TcpOptions, clock: Clock) -> TcpPort:
    """Connect. Raises PortMissing: name not known, refused, unreachable, or no answer in time."""
    return TcpPort(options.address, connect(options, options.address, clock))


def connect(options: TcpOptions, name: str, clock: Clock) -> socket.socket:  # noqa: ARG001 (one signature for all openers)
    """A connected socket; ``name`` stands in the errors. Raises PortMissing."""
    try:
        return socket.create_connection((options.host, options.port), options.connect_timeout_s)
    except (socket.gaierror, UnicodeError) as error:
        raise PortMissing(name, f"the name {options.host} is not known") from error
    except OSError as error:
        raise PortMissing(name, error.strerror or "no answer in time") from error
