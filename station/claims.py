"""Who has which unit: a chip that shows up in two sockets at once, a board moved too soon, is served in the first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from station.errors import UnitError


class Claims:
    """The chipIds that are being worked on. All sockets' threads, and people's requests, use one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, str] = {}

    def take(self, chip_id: str, holder: str) -> None:
        """Give the chip to a holder, such as ``socket A``, until ``release``. Raises UnitError("unit.busy") where another has
        it."""
        with self._lock:
            present = self._holders.setdefault(chip_id, holder)
        if present != holder:
            raise _busy(chip_id, present)

    def release(self, holder: str) -> None:
        """The holder's cycle has ended."""
        with self._lock:
            self._holders = {chip_id: present for chip_id, present in self._holders.items() if present != holder}

    @contextmanager
    def held(self, chip_id: str, holder: str) -> Iterator[None]:
        """The chip is this holder's inside the block. Raises UnitError("unit.busy") where anybody has it."""
        with self._lock:
            if chip_id in self._holders:
                raise _busy(chip_id, self._holders[chip_id])
            self._holders[chip_id] = holder
        try:
            yield
        finally:
            with self._lock:
                del self._holders[chip_id]


def _busy(chip_id: str, holder: str) -> UnitError:
    return UnitError("unit.busy", f"chip {chip_id} is being served in {holder}")
