"""Which socket has which unit: a chip that shows up in two sockets at once, a board moved too soon, is served in the first."""

from __future__ import annotations

import threading

from station.errors import UnitError


class Claims:
    """The chipIds that cycles in progress work on. All sockets' threads use one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: dict[str, str] = {}

    def take(self, chip_id: str, socket: str) -> None:
        """Give the chip to a socket until ``release``. Raises UnitError("unit.busy") where another has it."""
        with self._lock:
            holder = self._sockets.setdefault(chip_id, socket)
        if holder != socket:
            raise UnitError("unit.busy", f"chip {chip_id} is being served in socket {holder}")

    def release(self, socket: str) -> None:
        """The socket's cycle has ended."""
        with self._lock:
            self._sockets = {chip_id: holder for chip_id, holder in self._sockets.items() if holder != socket}
