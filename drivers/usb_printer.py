"""A USB printer node, ``/dev/usb/lpN`` (the kernel's usblp driver).

usblp blocks in ``write`` while the paper is out, so the node is opened O_NONBLOCK and waited for with poll; and without
O_CREAT, since writing to a node that is gone would make a plain file and lose the label in silence.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import struct
from dataclasses import dataclass

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

LPGETSTATUS = 0x060B
"""Linux, include/uapi/linux/lp.h."""
_ERROR_BIT, _SELECTED_BIT, _PAPER_OUT_BIT = 0x08, 0x10, 0x20
"""USB Device Class Definition for Printing Devices 1.1, 4.2.2 (GET_PORT_STATUS): "not error", "select", "paper empty"."""
DISCARD_KEPT_BYTES = 4096
READ_CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class UsbPrinterOptions:
    """``path``: the node, best a stable name that a udev rule makes."""

    path: str

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError(f"path must be absolute, like /dev/usb/lp0, not {self.path!r}")


@dataclass(frozen=True, slots=True)
class PortStatus:
    """What the USB printer class tells without any printer language."""

    paper_out: bool
    selected: bool
    error: bool


class UsbPrinterPort:
    """Implements ``Transport``."""

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self._fd: int | None = fd

    @property
    def name(self) -> str:
        return self._path

    def write(self, data: bytes, deadline: Deadline) -> None:
        fd = self._open()
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                if not self._ready(fd, select.POLLOUT, deadline):
                    sent = len(data) - len(view)
                    raise DeadlineExpired(self._path, f"{sent} of {len(data)} bytes were taken in time") from None
            except OSError as error:
                raise self._lost(error) from error

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        fd = self._open()
        while True:
            if not self._ready(fd, select.POLLIN, deadline):
                raise DeadlineExpired(self._path, "no byte came in time")
            try:
                data = os.read(fd, min(max_bytes, READ_CHUNK_BYTES))
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                raise PortLost(self._path, "the printer was unplugged")
            return data

    def discard_input(self) -> bytes:
        fd = self._open()
        kept = b""
        try:
            while data := os.read(fd, READ_CHUNK_BYTES):
                kept = (kept + data)[-DISCARD_KEPT_BYTES:]
        except BlockingIOError:
            return kept
        except OSError as error:
            raise self._lost(error) from error
        return kept

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def port_status(self) -> PortStatus:
        """Ask the USB class for the status. Raises PortUnsupported where the node has none, or PortLost."""
        try:
            raw = fcntl.ioctl(self._open(), LPGETSTATUS, bytes(4))
        except OSError as error:
            if error.errno in (errno.ENOTTY, errno.EINVAL):
                raise PortUnsupported(self._path, "this node does not tell a printer's status") from error
            raise self._lost(error) from error
        bits = struct.unpack("i", raw)[0]
        return PortStatus(bool(bits & _PAPER_OUT_BIT), bool(bits & _SELECTED_BIT), not bits & _ERROR_BIT)

    def _ready(self, fd: int, wanted: int, deadline: Deadline) -> bool:
        poll = select.poll()
        poll.register(fd, wanted)
        events = poll.poll(deadline.remaining_s() * 1000)
        if events and events[0][1] & (select.POLLHUP | select.POLLERR | select.POLLNVAL) and not events[0][1] & wanted:
            raise PortLost(self._path, "the printer was unplugged")
        return bool(events)

    def _open(self) -> int:
        if self._fd is None:
            raise PortLost(self._path, "the port is closed")
        return self._fd

    def _lost(self, error: OSError) -> TransportError:
        return PortLost(self._path, error.strerror or type(error).__name__)


def open_usb_printer(options: UsbPrinterOptions, clock: Clock) -> UsbPrinterPort:  # noqa: ARG001 (one signature for all)
    """Open the node. Raises PortMissing, PortBusy, PortDenied, or PortUnsupported where the path is no character device."""
    path = options.path
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise _opening_error(path, error) from error
    if not stat.S_ISCHR(os.fstat(fd).st_mode):
        os.close(fd)
        raise PortUnsupported(path, "is no character device: the printer's node is gone and a file has its name")
    return UsbPrinterPort(path, fd)


def _opening_error(path: str, error: OSError) -> TransportError:
    match error.errno:
        case errno.EBUSY:
            return PortBusy(path, f"in use by {describe_holders(path)}")
        case errno.EACCES | errno.EPERM:
            return PortDenied(path, f"no permission; {describe_group(path)}")
        case _:
            return PortMissing(path, error.strerror or "cannot be opened")
