"""Raw TCP: a pipe of bytes to a network printer (port 9100) or a serial device server."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import DeadlineExpired, PortLost, PortMissing, TransportError

DISCARD_KEPT_BYTES = 4096
RECEIVE_CHUNK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class TcpOptions:
    """Where to connect. Port 9100 is the raw port of nearly all label printers ("JetDirect")."""

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


class TcpPort:
    """Implements ``Transport`` on a connected socket."""

    def __init__(self, name: str, connection: socket.socket) -> None:
        self._name = name
        self._socket: socket.socket | None = connection

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, deadline: Deadline) -> None:
        connection = self._open()
        view = memoryview(data)
        while view:
            connection.settimeout(max(deadline.remaining_s(), 1e-6))
            try:
                view = view[connection.send(view) :]
            except TimeoutError as error:
                sent = len(data) - len(view)
                raise DeadlineExpired(self._name, f"{sent} of {len(data)} bytes were taken in time") from error
            except OSError as error:
                raise self._lost(error) from error

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        connection = self._open()
        connection.settimeout(max(deadline.remaining_s(), 1e-6))
        try:
            data = connection.recv(min(max_bytes, RECEIVE_CHUNK_BYTES))
        except TimeoutError as error:
            raise DeadlineExpired(self._name, "no byte came in time") from error
        except OSError as error:
            raise self._lost(error) from error
        if not data:
            raise PortLost(self._name, "the other side closed the connection")
        return data

    def discard_input(self) -> bytes:
        connection = self._open()
        connection.settimeout(0)
        kept = b""
        while True:
            try:
                data = connection.recv(RECEIVE_CHUNK_BYTES)
            except BlockingIOError:
                return kept
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                return kept
            kept = (kept + data)[-DISCARD_KEPT_BYTES:]

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise PortLost(self._name, "the connection is closed")
        return self._socket

    def _lost(self, error: OSError) -> TransportError:
        return PortLost(self._name, error.strerror or type(error).__name__)


def open_tcp(options: TcpOptions, clock: Clock) -> TcpPort:  # noqa: ARG001 (one signature for all openers)
    """Connect. Raises PortMissing: name not known, refused, unreachable, or no answer in time."""
    name = f"{options.host}:{options.port}"
    try:
        connection = socket.create_connection((options.host, options.port), options.connect_timeout_s)
    except socket.gaierror as error:
        raise PortMissing(name, f"the name {options.host} is not known ({error.strerror})") from error
    except OSError as error:
        raise PortMissing(name, error.strerror or "no answer in time") from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return TcpPort(name, connection)
