"""A USB printer node, ``/dev/usb/lpN`` (the kernel's usblp driver).

Three traps of usblp (Linux, drivers/usb/class/usblp.c): it blocks in ``write`` while the paper is out, so the node is opened
O_NONBLOCK and waited for with poll; it then answers a ``write`` before the printer has taken the last block and throws that
block away on ``close``, so each write waits for the block to be taken; and the node may be gone, so it is opened without
O_CREAT, which would make a plain file and lose the label in silence.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from dataclasses import dataclass

from drivers.clock import Clock
from drivers.descriptor import DescriptorPort
from drivers.errors import PortUnsupported
from drivers.port_errors import lost, opening_error

LPGETSTATUS = 0x060B
"""Linux, include/uapi/linux/lp.h."""
_NO_ERROR_BIT, _SELECTED_BIT, _PAPER_OUT_BIT = 0x08, 0x10, 0x20
"""USB Device Class Definition for Printing Devices 1.1, 4.2.2 (GET_PORT_STATUS)."""


@dataclass(frozen=True, slots=True)
class UsbPrinterOptions:
    """``path``: the node, best a stable name that a udev rule makes."""

    path: str

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or not self.path.isprintable():
            raise ValueError(f"path must be absolute, like /dev/usb/lp0, not {self.path!r}")


@dataclass(frozen=True, slots=True)
class PortStatus:
    """What the USB printer class tells without any printer language."""

    paper_out: bool
    selected: bool
    error: bool

    @classmethod
    def from_bits(cls, bits: int) -> PortStatus:
        """Decode the byte of GET_PORT_STATUS; its error bit is 0 for an error."""
        return cls(
            paper_out=bool(bits & _PAPER_OUT_BIT),
            selected=bool(bits & _SELECTED_BIT),
            error=not bits & _NO_ERROR_BIT,
        )


class UsbPrinterPort(DescriptorPort):
    """Implements ``Transport``."""

    def __init__(self, path: str, fd: int) -> None:
        super().__init__(path, fd, lambda: os.close(fd), gone="the printer was unplugged", confirm_taken=True)

    def port_status(self) -> PortStatus:
        """Ask the USB class for the status. Raises PortUnsupported where the node has none, or PortLost."""
        try:
            raw = fcntl.ioctl(self._open_fd(), LPGETSTATUS, bytes(4))
        except OSError as error:
            if error.errno in (errno.ENOTTY, errno.EINVAL):
                raise PortUnsupported(self._name, "this node does not tell a printer's status") from error
            raise lost(self._name, error) from error
        return PortStatus.from_bits(struct.unpack("i", raw)[0])


def open_usb_printer(options: UsbPrinterOptions, clock: Clock) -> UsbPrinterPort:  # noqa: ARG001 (one signature for all)
    """Open the node. Raises PortMissing, PortBusy, PortDenied, or PortUnsupported where the path is no character device."""
    path = options.path
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise opening_error(path, error) from error
    if not stat.S_ISCHR(os.fstat(fd).st_mode):
        os.close(fd)
        raise PortUnsupported(path, "is no character device: the printer's node is gone and a file has its name")
    return UsbPrinterPort(path, fd)
