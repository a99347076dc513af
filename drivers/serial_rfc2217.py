"""``rfc2217://host:port``: a UART whose framing and control lines are carried over TCP (RFC 2217), through pyserial."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from drivers.clock import Deadline
from drivers.descriptor import CHUNK_BYTES, DISCARD_KEPT_BYTES, MAX_DISCARD_CHUNKS, MAX_POLL_S
from drivers.errors import DeadlineExpired, DriverMisuse, PortLost, PortMissing, PortUnsupported
from drivers.serial_local import settings_for
from drivers.transport import Framing, ModemLines

if TYPE_CHECKING:
    from serial.rfc2217 import Serial

READ_SLICE_S = 0.01
"""pyserial's time-out, set once: changing it would negotiate all settings anew. A read overruns its deadline by this at most."""
WRITE_CHUNK_BYTES = 512
"""A socket reports room only when it has more than this, doubled by escaping, so that pyserial's write cannot block."""


def open_rfc2217(url: str, framing: Framing, *, dtr: bool | None = None, rts: bool | None = None) -> Rfc2217Port:
    """Connect and negotiate, in at most some 10 s. Raises PortMissing, or PortUnsupported where the server refuses the
    framing or knows no RFC 2217. pyserial's options can stand in the URL: ``?ign_set_control`` helps with ser2net on a pty."""
    from serial import SerialException
    from serial.rfc2217 import Serial

    port = Serial(timeout=READ_SLICE_S, **settings_for(framing))
    port.port = url
    for line, state in (("dtr", dtr), ("rts", rts)):
        if state is not None:
            setattr(port, line, state)
    try:
        port.open()
    except (OSError, ValueError) as error:
        _release(port)
        # pyserial's own word is a refusal; anything of the system's, behind it or alone, is a connection that failed.
        cause = error.__context__ or error
        if isinstance(cause, OSError | UnicodeError) and not isinstance(cause, SerialException):
            raise PortMissing(url, getattr(cause, "strerror", None) or "no answer in time") from error
        raise PortUnsupported(url, str(error)) from error
    return Rfc2217Port(url, port, framing)


_GONE = "the other side closed the connection"


class Rfc2217Port:
    """Implements ``SerialTransport``."""

    degraded: str | None = None

    def __init__(self, url: str, port: Serial, framing: Framing) -> None:
        self._name = url
        self._port: Serial | None = port
        self._framing = framing

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, deadline: Deadline) -> None:
        with self._acting() as port:
            room = select.poll()
            room.register(_socket_of(port) or -1, select.POLLOUT)
            for start in range(0, len(data), WRITE_CHUNK_BYTES):
                if not room.poll(min(deadline.remaining_s(), MAX_POLL_S) * 1000):
                    raise DeadlineExpired(self._name, f"{start} of {len(data)} bytes were taken in time")
                port.write(data[start : start + WRITE_CHUNK_BYTES])

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        if max_bytes < 1:
            raise DriverMisuse(f"{self._name}: a read of {max_bytes} bytes")
        with self._acting() as port:
            while not (data := port.read(1)):
                if deadline.remaining_s() <= 0:
                    raise DeadlineExpired(self._name, "no byte came in time")
            return data + _take_waiting(port, max_bytes - 1)

    def discard_input(self) -> bytes:
        with self._acting() as port:
            return _take_waiting(port, CHUNK_BYTES * MAX_DISCARD_CHUNKS)[-DISCARD_KEPT_BYTES:]

    def close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            _release(port)

    def set_framing(self, framing: Framing) -> None:
        with self._acting() as port:
            if framing != self._framing:
                port.apply_settings(settings_for(framing))
                self._framing = framing

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """RFC 2217 carries one line in a command: the two change one right after the other."""
        with self._acting() as port:
            if dtr is not None:
                port.dtr = dtr
            if rts is not None:
                port.rts = rts

    def modem_lines(self) -> ModemLines:
        with self._acting() as port:
            return ModemLines(cts=port.cts, dsr=port.dsr, dcd=port.cd, ri=port.ri)

    @contextmanager
    def _acting(self) -> Iterator[Serial]:
        """pyserial's port, its exceptions mapped: a refusal on a connection that stands is PortUnsupported, all else PortLost."""
        if self._port is None:
            raise PortLost(self._name, "the port is closed")
        if not _is_alive(self._port):  # pyserial would go on telling the last state of the lines
            raise PortLost(self._name, _GONE)
        try:
            yield self._port
        except ValueError as error:
            raise PortUnsupported(self._name, str(error)) from error
        except OSError as error:
            if _is_alive(self._port):
                raise PortUnsupported(self._name, str(error)) from error
            raise PortLost(self._name, _GONE) from error


def _take_waiting(port: Serial, max_bytes: int) -> bytes:
    """What is in pyserial's queue already, without waiting."""
    size_bytes = min(max_bytes, port.in_waiting)
    return port.read(size_bytes) if size_bytes else b""


def _socket_of(port: Any) -> socket.socket | None:
    """pyserial gives no other way to its socket; None when it has none."""
    connection: socket.socket | None = port._socket
    return connection


def _is_alive(port: Any) -> bool:
    """Whether pyserial's reader thread runs: it ends when the connection does."""
    return port._thread is not None and port._thread.is_alive()


def _release(port: Serial) -> None:
    """Close; pyserial leaves the socket open when the peer has closed first."""
    connection = _socket_of(port)
    port.close()
    if connection is not None:
        connection.close()
