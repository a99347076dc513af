"""Input devices of the kernel (evdev): found, opened, grabbed and read with the standard library.

A grabbed device hands its events to this program alone, so a scan never types into a console. Requests: Linux,
include/uapi/linux/input.h.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import Deadline
from drivers.errors import PortBusy, PortLost, PortMissing, PortUnsupported, TransportError
from drivers.port_errors import configuring_error, lost, opening_error
from drivers.port_holder import describe_holders
from drivers.trigger.input_events import EVENT, InputEvent, keys_of

EVIOCGRAB = 0x40044590
"""_IOW('E', 0x90, int)"""
EVIOCSCLOCKID = 0x400445A0
"""_IOW('E', 0xa0, int)"""
NAME_BYTES = 256
EVIOCGNAME = 0x80000000 | NAME_BYTES << 16 | ord("E") << 8 | 0x06
"""_IOC(_IOC_READ, 'E', 0x06, NAME_BYTES)"""

READ_EVENTS = 64
"""The kernel's queue holds no more (EVDEV_MIN_BUFFER_SIZE; Linux, drivers/input/evdev.c)."""
SETTLING_S = 2.0
"""How long after a node was made udev may still be about to set its rights."""
MAX_POLL_S = 60.0
_USB_ID = re.compile(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class InputName:
    """What a configuration calls an input device: a path, best a link below /dev/input/by-id or by-path, or
    ``vendor:product``, four hexadecimal digits each. Raises ValueError for anything else."""

    text: str

    def __post_init__(self) -> None:
        if not (self.text.isprintable() and (self.text.startswith("/") or _USB_ID.fullmatch(self.text))):
            raise ValueError(
                "device must be a path such as /dev/input/by-id/…-event-kbd, or vendor:product such as 05e0:1200"
            )

    @property
    def is_path(self) -> bool:
        return self.text.startswith("/")

    def find(self, keys: Sequence[int], classes: Path = Path("/sys/class/input")) -> str:
        """The path of its node now: of the devices of these ids, the one that has all of ``keys``. Raises PortMissing where
        there is none, PortUnsupported where there are several."""
        if self.is_path:
            return self.text
        found = sorted(event.name for event in classes.glob("event*") if self._is(event / "device", keys))
        if not found:
            raise PortMissing(self.text, "no input device with these ids and the keys that it is to send is plugged in")
        if len(found) > 1:
            raise PortUnsupported(
                self.text, f"{len(found)} devices are of this kind ({', '.join(found)}): name one by its path"
            )
        return f"/dev/input/{found[0]}"

    def _is(self, device: Path, keys: Sequence[int]) -> bool:
        match = _USB_ID.fullmatch(self.text)
        try:
            ids = [(device / "id" / name).read_text("ascii").strip().lower() for name in ("vendor", "product")]
            present = keys_of((device / "capabilities" / "key").read_text("ascii"))
        except (OSError, ValueError):
            return False  # unplugged in this moment, or nothing with keys
        return (
            match is not None
            and ids == [part.lower() for part in match.groups()]
            and all(present >> key & 1 for key in keys)
        )


class InputDevice:
    """An open and grabbed input device. One thread uses it."""

    def __init__(self, name: str, fd: int, device_name: str) -> None:
        self.name = name
        self.device_name = device_name
        """What the device calls itself."""
        self._fd = fd
        self._poller = select.poll()
        self._poller.register(fd, select.POLLIN)
        self._partial = b""

    @classmethod
    def open(cls, name: str, path: str) -> InputDevice:
        """Open and grab; ``name`` stands in errors. Raises PortMissing (also while udev has not set the rights of a node that has
        just come), PortBusy, which names the program that has grabbed it, PortDenied or PortUnsupported."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM) and _is_settling(path):
                raise PortMissing(name, "plugged in just now: its access rights are not set yet") from error
            raise opening_error(name if os.path.exists(name) else path, error) from error  # noqa: PTH110
        try:
            device_name = _grab(name, path, fd)
        except TransportError:
            os.close(fd)
            raise
        return cls(name, fd, device_name)

    def read(self, deadline: Deadline) -> list[InputEvent]:
        """The events that are there, or an empty list when the deadline passes without one. Raises PortLost."""
        events = self._poller.poll(min(deadline.remaining_s(), MAX_POLL_S) * 1000)
        if not events:
            return []
        try:
            data = os.read(self._fd, READ_EVENTS * EVENT.size)
        except BlockingIOError:
            data = b""
        except OSError as error:
            raise lost(self.name, error) from error
        if not data and events[0][1] & ~select.POLLIN:
            raise PortLost(self.name, "it was unplugged")
        # The kernel hands out whole events; what stands in for it in a test may not.
        data = self._partial + data
        whole = len(data) - len(data) % EVENT.size
        self._partial = data[whole:]
        return [InputEvent.from_bytes(data[at : at + EVENT.size]) for at in range(0, whole, EVENT.size)]

    def close(self) -> None:
        """Release the device. Never raises."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError:
                return  # unplugged: the system has released it all the same


def _grab(name: str, path: str, fd: int) -> str:
    """The device's own name, once it is this program's alone."""
    buffer = bytearray(NAME_BYTES)
    try:
        length = fcntl.ioctl(fd, EVIOCGNAME, buffer)
        fcntl.ioctl(fd, EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))
        fcntl.ioctl(fd, EVIOCGRAB, 1)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise PortBusy(name, f"grabbed by {describe_holders(path)}") from error
        if error.errno in (errno.ENOTTY, errno.EINVAL):
            raise PortUnsupported(name, "this is no input device of the kernel (evdev)") from error
        raise configuring_error(name, error) from error
    text = bytes(buffer[: max(0, length)]).split(b"\0")[0].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in text)


def _is_settling(path: str) -> bool:
    try:
        age_s = time.time() - os.stat(path).st_ctime  # noqa: PTH116 (a link's target)
    except OSError:
        return True  # gone again
    return -SETTLING_S <= age_s <= SETTLING_S
