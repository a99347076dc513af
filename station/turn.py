"""Whose turn it is to print: first come, first served. A lock serves whoever the scheduler wakes, which can be the same socket
time and again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from drivers.errors import PortBusy


class Turn:
    """The line before one printer, for all threads.

    ``usual_s`` belongs to whoever has the turn: how long the last label printed in it took by the driver's measure
    (``Receipt.unasked_s``), 0 before the first.
    """

    def __init__(self, name: str, bound_s: float) -> None:
        """``bound_s``: how long one who comes waits at most."""
        self._name, self._bound_s = name, bound_s
        self.usual_s = 0.0
        self._lock = threading.Lock()
        self._line: deque[threading.Event] = deque()
        """Who came, oldest first; the first has the turn, and is told so by its event."""

    @contextmanager
    def awaited(self) -> Iterator[bool]:
        """Wait for the turn and give it up at the end; whether it came in time."""
        mine = threading.Event()
        with self._lock:
            self._line.append(mine)
            self._line[0].set()
        try:
            yield mine.wait(self._bound_s)
        finally:
            with self._lock:
                self._line.remove(mine)
                if self._line:
                    self._line[0].set()

    @property
    def waiting(self) -> int:
        """How many are in the line, the one whose turn it is included."""
        with self._lock:
            return len(self._line)

    def missed(self) -> PortBusy:
        """What to raise where the turn did not come in time."""
        return PortBusy(self._name, f"other labels have kept the printer busy for {self._bound_s:g} s")
