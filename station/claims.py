"""Who has which unit: a chip that shows up in two sockets at once, a board moved too soon, is served in the first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from station.errors import StationError, UnitError


class OtherStations(Protocol):
    """Stations that share the journal: a unit that is worked on here is kept from them."""

    def claim(self, chip_id: str) -> None:
        """Raises UnitError("unit.busy") where one of them has the unit, JournalError."""

    def release(self, chip_id: str) -> None:
        """Raises nothing."""


class Claims:
    """The chipIds that are being worked on. All sockets' threads, and people's requests, use one."""

    def __init__(self, others: OtherStations | None = None) -> None:
        self._others = others
        self._lock = threading.Lock()
        self._holders: dict[str, str] = {}

    def take(self, chip_id: str, holder: str) -> None:
        """Give the chip to a holder, such as ``socket A``, until ``release``. Raises UnitError("unit.busy") where another has
        it, here or at another station; JournalError where those cannot be asked."""
        with self._lock:
            present = self._holders.get(chip_id)
            if present is None:
                self._holders[chip_id] = holder
        if present is None:
            self._claim_of_others(chip_id)
        elif present != holder:
            raise _busy(chip_id, present)

    def release(self, holder: str) -> None:
        """The holder's cycle has ended."""
        with self._lock:
            ended = [chip_id for chip_id, present in self._holders.items() if present == holder]
        for chip_id in ended:
            self._release(chip_id)

    @contextmanager
    def held(self, chip_id: str, holder: str) -> Iterator[None]:
        """The chip is this holder's inside the block. Raises UnitError("unit.busy") where anybody has it, JournalError."""
        with self._lock:
            if chip_id in self._holders:
                raise _busy(chip_id, self._holders[chip_id])
            self._holders[chip_id] = holder
        self._claim_of_others(chip_id)
        try:
            yield
        finally:
            self._release(chip_id)

    def _claim_of_others(self, chip_id: str) -> None:
        try:
            if self._others is not None:
                self._others.claim(chip_id)
        except StationError:
            with self._lock:
                del self._holders[chip_id]
            raise

    def _release(self, chip_id: str) -> None:
        """Others first: whoever takes it here next must find it free there."""
        if self._others is not None:
            self._others.release(chip_id)
        with self._lock:
            self._holders.pop(chip_id, None)


def _busy(chip_id: str, holder: str) -> UnitError:
    return UnitError("unit.busy", f"chip {chip_id} is being served in {holder}")
