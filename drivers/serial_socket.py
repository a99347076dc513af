"""``socket://host:port``: a UART behind a raw TCP server, as ser2net and many device servers offer it.

The URL is pyserial's. Its implementation is not used: it invents modem lines, takes 0.3 s to close, and leaks the socket of a
peer that closed first.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from drivers.clock import Clock
from drivers.errors import PortUnsupported
from drivers.tcp_port import TcpOptions, TcpPort, connect
from drivers.transport import Framing, ModemLines


def open_socket(
    url: str, framing: Framing, clock: Clock, *, dtr: bool | None = None, rts: bool | None = None
) -> SocketSerialPort:
    """Connect. Raises PortMissing, or PortUnsupported where states of the control lines are asked for."""
    if dtr is not None or rts is not None:
        raise PortUnsupported(url, _NO_LINES)
    parts = urlsplit(url)
    connection = connect(TcpOptions(parts.hostname or "", parts.port or 0), url, clock)
    return SocketSerialPort(url, connection, framing)


class SocketSerialPort(TcpPort):
    """Implements ``SerialTransport``. ``degraded`` says that the framing is the server's business."""

    def __init__(self, url: str, connection: socket.socket, framing: Framing) -> None:
        super().__init__(url, connection)
        self.degraded = self._degradation(framing)

    def set_framing(self, framing: Framing) -> None:
        """Takes any framing and sets none: there is nothing that could carry it."""
        self._open_fd()
        self.degraded = self._degradation(framing)

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:  # noqa: ARG002 (the protocol's)
        self._open_fd()
        raise PortUnsupported(self._name, _NO_LINES)

    def modem_lines(self) -> ModemLines:
        self._open_fd()
        raise PortUnsupported(self._name, _NO_LINES)

    def _degradation(self, framing: Framing) -> str:
        return (
            f"a socket:// port carries no framing: the server must be set to {framing.baud} baud, {framing.data_bits} data "
            f"bits, {framing.parity} parity, {framing.stop_bits} stop bits"
        )


_NO_LINES = "a socket:// port has no control lines; rfc2217:// has"
