"""UARTs of this machine.

pyserial opens and configures the port; the bytes then go through its file descriptor directly. Changing pyserial's
``timeout``, which each read with its own deadline would need, reconfigures the port, and a pty refuses that with even parity
(termios error 22); and one poll and one read for each turn is as fast as the wire allows.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import termios
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from drivers.descriptor import DescriptorPort
from drivers.errors import PortUnsupported, TransportError
from drivers.port_errors import configuring_error, error_number, lost, opening_error
from drivers.transport import Framing, ModemLines

if TYPE_CHECKING:
    import serial

PARITIES = {"none": "N", "even": "E", "odd": "O"}
"""Names of pyserial."""
_PTY_MAJORS = range(136, 144)
"""Unix98 pty slaves: Linux, Documentation/admin-guide/devices.txt."""
_NO_LINES = (errno.ENOTTY, errno.EINVAL, errno.ENOSYS)


def open_local(
    path: str, framing: Framing, *, exclusive: bool = True, dtr: bool | None = None, rts: bool | None = None
) -> LocalSerialPort:
    """Open a tty. Raises PortMissing, PortBusy, PortDenied, PortUnsupported or PortLost."""
    import serial

    is_pty = _is_pty(path)
    carried = _carried_by_pty(framing) if is_pty else framing
    try:
        # The kernel asserts both lines together on opening. pyserial would then set DTR, and after it RTS, and a state between
        # the two resets some boards: dsrdtr leaves DTR alone (its one effect here), and RTS stays asserted by default.
        port = serial.Serial(exclusive=exclusive or None, timeout=0, dsrdtr=True, **settings_for(carried))
        port.port = path
        port.open()
    except (OSError, ValueError, termios.error) as error:
        raise opening_error(path, error) from error
    opened = LocalSerialPort(path, port, framing, is_pty=is_pty)
    if dtr is not None or rts is not None:
        opened.hold_lines(dtr, rts)
    return opened


class LocalSerialPort(DescriptorPort):
    """Implements ``SerialTransport`` on a tty, a pty included.

    ``degraded`` says what was asked of the port that it cannot do, but that does no harm: a pty carries whole bytes, so it
    has no parity and no 7 data bits. None where there is nothing to say.
    """

    def __init__(self, path: str, port: serial.Serial, framing: Framing, *, is_pty: bool) -> None:
        super().__init__(path, port.fileno(), port.close, gone="the port was unplugged")
        self._port = port
        self._is_pty = is_pty
        self._framing = framing
        self._has_no_lines_to_hold = False
        self.degraded = self._degradation(framing)

    def set_framing(self, framing: Framing) -> None:
        self._open_fd()
        if framing == self._framing:
            return
        carried = _carried_by_pty(framing) if self._is_pty else framing
        try:
            self._port.apply_settings(settings_for(carried))
        except (OSError, ValueError, termios.error) as error:
            raise configuring_error(self._name, error) from error
        self._framing = framing
        self.degraded = self._degradation(framing)

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        fd = self._open_fd()
        try:
            state = _line_bits(fd)
            for bit, wanted in ((termios.TIOCM_DTR, dtr), (termios.TIOCM_RTS, rts)):
                if wanted is not None:
                    state = state | bit if wanted else state & ~bit
            fcntl.ioctl(fd, termios.TIOCMSET, struct.pack("I", state))
        except OSError as error:
            raise self._line_error(error) from error

    def hold_lines(self, dtr: bool | None, rts: bool | None) -> None:
        """Set the lines of a port just opened, which closes where it cannot. A pty, which has none, is ``degraded``."""
        try:
            self.set_lines(dtr=dtr, rts=rts)
        except TransportError as error:
            if not (self._is_pty and isinstance(error, PortUnsupported)):
                self.close()
                raise
            self._has_no_lines_to_hold = True
            self.degraded = self._degradation(self._framing)

    def modem_lines(self) -> ModemLines:
        try:
            state = _line_bits(self._open_fd())
        except OSError as error:
            raise self._line_error(error) from error
        return ModemLines(
            cts=bool(state & termios.TIOCM_CTS),
            dsr=bool(state & termios.TIOCM_DSR),
            dcd=bool(state & termios.TIOCM_CD),
            ri=bool(state & termios.TIOCM_RI),
        )

    def is_gone(self) -> bool:
        """Whether the device was unplugged, or the other side of a pty is closed. Neither reads nor waits."""
        hung_up = select.poll()
        hung_up.register(self._open_fd(), 0)
        return bool(hung_up.poll(0))

    def _line_error(self, error: OSError) -> TransportError:
        if error_number(error) in _NO_LINES:
            return PortUnsupported(self._name, "this port has no control lines")
        return lost(self._name, error)

    def _degradation(self, framing: Framing) -> str | None:
        missing = []
        if self._is_pty and _carried_by_pty(framing) != framing:
            missing.append(
                f"a pty carries whole bytes: {framing.data_bits} data bits and {framing.parity} parity have no effect"
            )
        if self._has_no_lines_to_hold:
            missing.append("a pty has no control lines to hold")
        return "; ".join(missing) or None


def settings_for(framing: Framing) -> dict[str, Any]:
    """A framing in the words of pyserial."""
    return {
        "baudrate": framing.baud,
        "bytesize": framing.data_bits,
        "parity": PARITIES[framing.parity],
        "stopbits": framing.stop_bits,
    }


def _carried_by_pty(framing: Framing) -> Framing:
    """The kernel's pty driver clears parity and character size; glibc then calls tcsetattr failed (EINVAL)."""
    return replace(framing, parity="none", data_bits=8)


def _is_pty(path: str) -> bool:
    try:
        return os.major(os.stat(path).st_rdev) in _PTY_MAJORS  # noqa: PTH116 (a link's target, whatever it is)
    except OSError:
        return False  # opening it says why


def _line_bits(fd: int) -> int:
    bits: int = struct.unpack("I", fcntl.ioctl(fd, termios.TIOCMGET, bytes(4)))[0]
    return bits
