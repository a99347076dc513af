"""The service manager's end of sd_notify: a datagram socket that keeps what it was told."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Self

PATIENCE_S = 40.0
"""Bounds what must come anyway; nothing passes or fails by it."""


class Manager:
    """Listens at ``path``; a context manager. ``told`` is every message taken so far."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.told: list[str] = []
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._link.bind(self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()

    def next(self) -> str:
        """The next message, waited for."""
        self._link.settimeout(PATIENCE_S)
        self.told.append(self._link.recv(65536).decode())
        return self.told[-1]

    def until(self, fits: Callable[[str], bool]) -> str:
        """The first message from now on that fits."""
        while not fits(message := self.next()):
            pass
        return message

    def rest(self) -> list[str]:
        """What is there by now."""
        self._link.setblocking(False)
        found: list[str] = []
        try:
            while True:
                found.append(self._link.recv(65536).decode())
        except BlockingIOError:
            self.told += found
            return found
