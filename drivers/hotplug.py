"""Wakes those who wait for a device: udev says so when it has finished with one that came, links and access rights included.

Listening starts with the first wait, so a station whose devices are all there neither imports pyudev nor is woken by anything.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyudev

SUBSYSTEMS = ("gpio", "input", "tty", "usbmisc")
CLOSE_S = 5.0
"""Bound of the wait for the listening thread's end."""
LEAST_PAUSE_S = 0.05
"""Between two wake-ups: a hub full of devices is plugged in with dozens of messages."""
LOST_PAUSE_S = 1.0
"""After messages that could not be received: whoever waits has been woken, and the next error is not told at once."""

logger = logging.getLogger(__name__)


class DeviceWatch:
    """Any thread may wait. Where there is no udev, waits just last until their time-out: who waits looks again anyway."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._thread: threading.Thread | None = None
        self._closed = False
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def mark(self) -> int:
        """What to hand to ``wait``: taken before the device is looked for, it makes that no message is missed."""
        with self._changed:
            return self._count

    def wait(self, mark: int, timeout_s: float) -> None:
        """Wait until a device came or changed since ``mark``, ``close`` is called, or ``timeout_s`` has passed."""
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="device-watch", daemon=True)
                self._thread.start()
            self._changed.wait_for(lambda: self._closed or self._count != mark, timeout_s)

    def wake(self) -> None:
        """End all waits."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End all waits, now and later. Never raises."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        os.write(self._wake_write, b"\0")
        if thread is not None:
            thread.join(CLOSE_S)
            if thread.is_alive():
                return  # its descriptors stay its own
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run(self) -> None:
        try:
            monitor = _monitor()
        except (ImportError, OSError) as error:
            logger.info("devices are looked for now and then only: udev does not tell of them (%s)", error)
            return
        poller = select.poll()
        poller.register(monitor.fileno(), select.POLLIN)
        poller.register(self._wake_read, select.POLLIN)
        pause = select.poll()
        pause.register(self._wake_read, select.POLLIN)
        while not self._closed:
            poller.poll()
            pause_s = LEAST_PAUSE_S
            try:
                came = _has_come(monitor)
            except OSError as error:  # ENOBUFS: more came at once than the kernel keeps; which devices, nobody knows
                logger.warning("what udev tells was lost, every device is looked for: %s", error)
                came, pause_s = True, LOST_PAUSE_S
            if came:
                self.wake()
            pause.poll(pause_s * 1000)


def _has_come(monitor: pyudev.Monitor) -> bool:
    """Whether a device came or changed, all messages read. Raises OSError."""
    came = False
    while (device := monitor.poll(timeout=0)) is not None:
        came |= device.action != "remove"
    return came


def _monitor() -> pyudev.Monitor:
    """What udev sends once it has done its work. Raises ImportError without pyudev or libudev, OSError without netlink."""
    import pyudev

    monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
    for subsystem in SUBSYSTEMS:
        monitor.filter_by(subsystem)
    monitor.start()
    return monitor
