"""What a service tells systemd: datagrams to $NOTIFY_SOCKET (sd_notify(3)). Without systemd nothing is said.

Messages are line-wise assignments. WATCHDOG=1 is expected within $WATCHDOG_USEC, where $WATCHDOG_PID is this process or not set.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import Self

from station.text import printable

MAX_STATUS_CHARS = 200

logger = logging.getLogger(__name__)


class Notifier:
    """Speaks to the service manager. Any thread may call; nothing blocks, and a manager that does not listen stops nothing."""

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        """``address`` is $NOTIFY_SOCKET, a path or an abstract name that begins with @; None says nothing to nobody."""
        self._address = None if not address else "\0" + address[1:] if address.startswith("@") else address
        self._status = ""
        self._told_failure = False
        self.watchdog_s = watchdog_s
        """Within which time ``watchdog`` is expected again and again; None where it is not expected at all."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """As systemd tells in the environment, which stays as it is."""
        given = os.environ if environment is None else environment
        pid, usec = given.get("WATCHDOG_PID", ""), given.get("WATCHDOG_USEC", "")
        is_ours = pid in ("", str(os.getpid()))
        watchdog_s = int(usec) / 1e6 if is_ours and usec.isdecimal() and int(usec) > 0 else None
        return cls(given.get("NOTIFY_SOCKET"), watchdog_s)

    def ready(self) -> None:
        """The station has started, or goes on after ``reloading``."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read anew; systemd 253 and newer wants to know since when."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """Everything is well."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``; the same one again is not sent."""
        text = printable(text, MAX_STATUS_CHARS)
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as link:
                link.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._told_failure:
                self._told_failure = True
                logger.warning("the service manager does not listen at $NOTIFY_SOCKET: %s", error)
