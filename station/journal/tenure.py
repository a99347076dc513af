"""What makes one agent the owner of its station's part of the journal, and of the units it works on.

In a file of SQLite a lock file does all of it (``sqlite.OwnerLock``): nobody else writes at all. On PostgreSQL many stations share
one journal; there ``postgresql.SessionTenure`` holds advisory locks in a session of its own, which the server frees when that
session ends, however it ends.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Tenure(Protocol):
    """The ownership of one station. Safe to share between threads."""

    def current(self) -> int:
        """The number of the ownership, which changes each time it was lost and taken anew. Asks nobody while it is held. Raises
        JournalUnreachable while it is lost, JournalLocked where another agent has become this station, JournalVersion."""

    def forfeit(self) -> None:
        """Give it up, since a change may have been lost: the next ``current`` takes it anew."""

    def claim(self, chip_id: str) -> None:
        """Keep every other station from serving this unit. Raises UnitError("unit.busy") where one does, JournalError."""

    def release(self, chip_id: str) -> None:
        """Let others serve it. Raises nothing: a claim that cannot be given back ends with its session."""

    def turn(self, name: str) -> AbstractContextManager[bool]:
        """Whether this station has the named turn among all stations, and keeps it inside the context. Raises JournalError."""

    def close(self) -> None:
        """End the ownership."""


class FileTenure:
    """Implements ``Tenure`` for a journal that one process owns as a whole."""

    def current(self) -> int:
        return 1

    def forfeit(self) -> None:
        """The lock file is held as long as the process lives."""

    def claim(self, chip_id: str) -> None:
        """Nobody else writes: the sockets' own claims (``station.claims``) do."""

    def release(self, chip_id: str) -> None:
        """Nothing was claimed."""

    def turn(self, name: str) -> AbstractContextManager[bool]:  # noqa: ARG002 (there is no other station)
        return nullcontext(True)

    def close(self) -> None:
        """The lock file is let go where it was taken."""
