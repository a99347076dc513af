"""A local stream socket as a transport: the door of a service on this computer, such as a print service."""

from __future__ import annotations

import contextlib
import socket

from drivers.clock import Clock
from drivers.descriptor import DescriptorPort
from drivers.errors import PortMissing
from drivers.port_errors import opening_error

CONNECT_TIMEOUT_S = 3.0


class UnixPort(DescriptorPort):
    """Implements ``Transport``."""

    def __init__(self, name: str, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        super().__init__(
            name, connection.fileno(), self._hang_up, gone="the other side closed the connection", empty_is_end=True
        )

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.close()


def open_unix(path: str, name: str, clock: Clock) -> UnixPort:  # noqa: ARG001 (one signature for all openers)
    """Connect to the socket at ``path``; ``name`` stands in the errors. Raises PortMissing or PortDenied."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_TIMEOUT_S)
        connection.connect(path)
    except (ConnectionError, TimeoutError) as error:
        connection.close()
        raise PortMissing(path, f"nobody answers: {error.strerror or 'no answer in time'}") from error
    except OSError as error:
        connection.close()
        raise opening_error(path, error) from error
    return UnixPort(name, connection)
