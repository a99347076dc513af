"""UARTs through pyserial: a device path, a by-id or by-path link, ``socket://host:port`` or ``rfc2217://host:port``.

pyserial opens and configures the port; the bytes of a local port then go through its file descriptor directly, for two
reasons: changing pyserial's ``timeout`` reconfigures the port, which a pty with even parity refuses (termios error 22), and
one ``select`` and one ``read`` for each turn is as fast as the wire allows.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivers.clock import Clock, Deadline
from drivers.errors import (
    DeadlineExpired,
    PortBusy,
    PortDenied,
    PortLost,
    PortMissing,
    PortUnsupported,
    TransportError,
)
from drivers.port_holder import describe_group, describe_holders
from drivers.transport import Framing, ModemLines, SerialTransport

if TYPE_CHECKING:
    import serial

DISCARD_KEPT_BYTES = 4096
READ_CHUNK_BYTES = 65536
REMOTE_SLICE_S = 0.02
"""pyserial's time-out on ``rfc2217://`` and ``socket://``, set once at open: a read waits in slices of it."""

_PARITIES = {"none": "N", "even": "E", "odd": "O"}


@dataclass(frozen=True, slots=True)
class SerialOptions:
    """One UART. ``dtr`` and ``rts`` are the states to hold from open on (True = asserted); None leaves the system's default,
    which asserts both and resets many boards. ``exclusive`` keeps other programs out that ask likewise (flock)."""

    port: str
    framing: Framing = Framing()
    exclusive: bool = True
    dtr: bool | None = None
    rts: bool | None = None

    def __post_init__(self) -> None:
        if not self.port or not self.port.isprintable():
            raise ValueError("port must be a device path or a URL")
        if not 50 <= self.framing.baud <= 4_000_000:
            raise ValueError(f"framing.baud must be 50 to 4000000, not {self.framing.baud}")
        if self.framing.data_bits not in (7, 8) or self.framing.stop_bits not in (1, 2):
            raise ValueError("framing takes 7 or 8 data bits and 1 or 2 stop bits")

    @property
    def is_local(self) -> bool:
        return "://" not in self.port


def open_serial(options: SerialOptions, clock: Clock) -> SerialTransport:
    """Open a port. Raises PortMissing, PortBusy, PortDenied, PortUnsupported or another TransportError."""
    import serial

    # Parity and lines are set below, where a pty's refusal can be told from a real fault.
    port = serial.serial_for_url(
        options.port,
        do_not_open=True,
        baudrate=options.framing.baud,
        bytesize=options.framing.data_bits,
        stopbits=options.framing.stop_bits,
        timeout=0 if options.is_local else REMOTE_SLICE_S,
        write_timeout=None if options.is_local else 1.0,
    )
    if options.is_local and options.exclusive:
        port.exclusive = True
    for line in ("dtr", "rts"):
        wanted = getattr(options, line)
        if wanted is not None:
            setattr(port, line, wanted)
    try:
        port.open()
    except (OSError, ValueError, termios.error) as error:
        raise _opening_error(options.port, error) from error
    opened: SerialTransport
    if options.is_local:
        opened = LocalSerialPort(options.port, port, options.framing)
    else:
        opened = RemoteSerialPort(options.port, port, options.framing, clock)
    try:
        opened.set_framing(options.framing)
        opened.discard_input()
    except BaseException:
        opened.close()
        raise
    return opened


class LocalSerialPort:
    """Implements ``SerialTransport`` on a terminal of this machine.

    ``degraded`` says what the port was asked for and cannot do, without harm: a pty has no parity.
    """

    def __init__(self, name: str, port: serial.Serial, framing: Framing) -> None:
        self._name = name
        self._port: serial.Serial | None = port
        self._framing = Framing(framing.baud, framing.data_bits, "none", framing.stop_bits)
        self.degraded: str | None = None

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, deadline: Deadline) -> None:
        fd = self._fd()
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                if not select.select([], [fd], [], deadline.remaining_s())[1]:
                    sent = len(data) - len(view)
                    raise DeadlineExpired(self._name, f"{sent} of {len(data)} bytes were taken in time") from None
            except OSError as error:
                raise self._lost(error) from error

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        fd = self._fd()
        try:
            if not select.select([fd], [], [], deadline.remaining_s())[0]:
                raise DeadlineExpired(self._name, "no byte came in time")
            data = os.read(fd, min(max_bytes, READ_CHUNK_BYTES))
        except OSError as error:
            raise self._lost(error) from error
        if not data:
            raise PortLost(self._name, "the device reports bytes to read and has none: it was unplugged")
        return data

    def discard_input(self) -> bytes:
        fd = self._fd()
        kept = b""
        try:
            while select.select([fd], [], [], 0)[0]:
                data = os.read(fd, READ_CHUNK_BYTES)
                if not data:
                    break
                kept = (kept + data)[-DISCARD_KEPT_BYTES:]
        except OSError as error:
            raise self._lost(error) from error
        return kept

    def close(self) -> None:
        port, self._port = self._port, None
        _close_quietly(port)

    def set_framing(self, framing: Framing) -> None:
        if framing == self._framing:
            return
        self._fd()
        assert self._port is not None
        try:
            self._port.apply_settings(
                {
                    "baudrate": framing.baud,
                    "bytesize": framing.data_bits,
                    "parity": _PARITIES[framing.parity],
                    "stopbits": framing.stop_bits,
                }
            )
        except (OSError, ValueError, termios.error) as error:
            if framing.parity == "none" or not _is_pty(self._name):
                raise _configuring_error(self._name, error) from error
            self._port.parity = "N"
            self.degraded = f"a pty has no parity; {framing.parity} was asked for"
            framing_now = Framing(framing.baud, framing.data_bits, "none", framing.stop_bits)
            self._framing = self._framing if framing_now == self._framing else framing_now
            return
        self._framing = framing

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        fd = self._fd()
        wanted = ((termios.TIOCM_DTR, dtr), (termios.TIOCM_RTS, rts))
        try:
            before = struct.unpack("I", fcntl.ioctl(fd, termios.TIOCMGET, bytes(4)))[0]
            after = before
            for bit, state in wanted:
                if state is not None:
                    after = after | bit if state else after & ~bit
            fcntl.ioctl(fd, termios.TIOCMSET, struct.pack("I", after))
        except OSError as error:
            raise self._no_lines(error) from error

    def modem_lines(self) -> ModemLines:
        fd = self._fd()
        try:
            state = struct.unpack("I", fcntl.ioctl(fd, termios.TIOCMGET, bytes(4)))[0]
        except OSError as error:
            raise self._no_lines(error) from error
        return ModemLines(
            cts=bool(state & termios.TIOCM_CTS),
            dsr=bool(state & termios.TIOCM_DSR),
            dcd=bool(state & termios.TIOCM_CD),
            ri=bool(state & termios.TIOCM_RI),
        )

    def _fd(self) -> int:
        if self._port is None:
            raise PortLost(self._name, "the port is closed")
        fd: int = self._port.fileno()
        return fd

    def _lost(self, error: OSError) -> TransportError:
        return PortLost(self._name, error.strerror or type(error).__name__)

    def _no_lines(self, error: OSError) -> TransportError:
        if error.errno in (errno.ENOTTY, errno.EINVAL, errno.ENOSYS):
            return PortUnsupported(self._name, "this port has no control lines")
        return self._lost(error)


class RemoteSerialPort:
    """Implements ``SerialTransport`` on ``rfc2217://`` and ``socket://``, which pyserial carries over TCP."""

    degraded: str | None = None

    def __init__(self, name: str, port: serial.Serial, framing: Framing, clock: Clock) -> None:
        self._name = name
        self._port: serial.Serial | None = port
        self._framing = Framing(framing.baud, framing.data_bits, "none", framing.stop_bits)
        self._clock = clock

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, deadline: Deadline) -> None:
        if deadline.remaining_s() <= 0:
            raise DeadlineExpired(self._name, f"0 of {len(data)} bytes were taken in time")
        self._do(lambda port: port.write(data))

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        while True:
            data: bytes = self._do(lambda port: port.read(1))
            if data:
                more = min(max_bytes - 1, self._do(lambda port: port.in_waiting))
                return data + (self._do(lambda port, size=more: port.read(size)) if more else b"")
            if deadline.remaining_s() <= 0:
                raise DeadlineExpired(self._name, "no byte came in time")

    def discard_input(self) -> bytes:
        kept = b""
        while waiting := self._do(lambda port: port.in_waiting):
            data = self._do(lambda port, size=waiting: port.read(size))
            if not data:
                break
            kept = (kept + data)[-DISCARD_KEPT_BYTES:]
        return kept

    def close(self) -> None:
        port, self._port = self._port, None
        _close_quietly(port)

    def set_framing(self, framing: Framing) -> None:
        if framing == self._framing:
            return
        settings = {"parity": _PARITIES[framing.parity], "baudrate": framing.baud}
        settings |= {"bytesize": framing.data_bits, "stopbits": framing.stop_bits}
        self._do(lambda port: port.apply_settings(settings))
        self._framing = framing

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """RFC 2217 carries one line a command: the two change one right after the other."""
        self._needs_lines()
        for name, state in (("dtr", dtr), ("rts", rts)):
            if state is not None:
                self._do(lambda port, name=name, state=state: setattr(port, name, state))

    def modem_lines(self) -> ModemLines:
        self._needs_lines()
        return ModemLines(**{name: bool(self._do(lambda port, at=at: getattr(port, at))) for name, at in _LINES})

    def _needs_lines(self) -> None:
        if self._name.startswith("socket:"):
            raise PortUnsupported(self._name, "a socket:// port has no control lines; pyserial invents them")

    def _do(self, action: Any) -> Any:
        if self._port is None:
            raise PortLost(self._name, "the port is closed")
        try:
            return action(self._port)
        except (OSError, ValueError, AttributeError) as error:
            raise PortLost(self._name, str(error) or type(error).__name__) from error


_LINES = (("cts", "cts"), ("dsr", "dsr"), ("dcd", "cd"), ("ri", "ri"))


def _close_quietly(port: serial.Serial | None) -> None:
    """Close a port that may be gone already: whatever the system says then, the descriptor is released."""
    if port is not None:
        try:
            port.close()
        except (OSError, termios.error):
            return


def _is_pty(path: str) -> bool:
    return os.path.realpath(path).startswith("/dev/pts/")


_OPENING = {
    errno.ENOENT: PortMissing,
    errno.ENODEV: PortMissing,
    errno.ENXIO: PortMissing,
    errno.EIO: PortMissing,
    errno.ECONNREFUSED: PortMissing,
    errno.EHOSTUNREACH: PortMissing,
    errno.ENETUNREACH: PortMissing,
    errno.EACCES: PortDenied,
    errno.EPERM: PortDenied,
    errno.EBUSY: PortBusy,
    errno.EAGAIN: PortBusy,
    errno.ENOTTY: PortUnsupported,
    errno.EINVAL: PortUnsupported,
}


def _opening_error(name: str, error: Exception) -> TransportError:
    """pyserial wraps the system's error and keeps its number, in ``errno`` or only in the text's chain."""
    cause: BaseException | None = error
    number = getattr(error, "errno", None)
    while number is None and cause is not None:
        number = getattr(cause, "errno", None)
        cause = cause.__cause__ or cause.__context__
    kind = _OPENING.get(number or 0, PortMissing if "://" in name else PortUnsupported)
    detail = os.strerror(number) if number else str(error)
    if kind is PortBusy:
        detail = f"in use by {describe_holders(name)}"
    elif kind is PortDenied:
        detail = f"no permission; {describe_group(name)}"
    return kind(name, detail)


def _configuring_error(name: str, error: Exception) -> TransportError:
    number = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    if number in (errno.EIO, errno.ENODEV, errno.ENXIO):
        return PortLost(name, os.strerror(number))
    return PortUnsupported(name, f"cannot take this framing: {error}")
