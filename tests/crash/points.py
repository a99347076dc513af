"""Crash points: the moments at which an agent may be killed, how they are counted, and the switch that kills."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """The ``nth`` (from 1) time that a run comes to ``where``, such as ``journal: commit: after``.

    Places are counted one by one and not all together, since the threads of a cycle come to theirs in no fixed order.
    """

    where: str
    nth: int

    @property
    def seam(self) -> str:
        """The first word: journal, http, uart, print or log."""
        return self.where.partition(":")[0]

    def __str__(self) -> str:
        return f"{self.where} #{self.nth}"

    @classmethod
    def parse(cls, text: str) -> Point:
        """From what ``str`` gives. Raises ValueError."""
        where, mark, nth = text.rpartition(" #")
        if not mark:
            raise ValueError(f"{text!r} is no crash point: it must be like 'journal: commit: after #3'")
        return cls(where, int(nth))


def all_points(counts: Mapping[str, int]) -> Iterator[Point]:
    """Every point that a run with these counts came to."""
    return (Point(where, nth) for where, count in counts.items() for nth in range(1, count + 1))


class Switch:
    """Counts the places that this process comes to, and ends it with SIGKILL at one point. All threads may use it."""

    def __init__(self, target: Point | None) -> None:
        self._target = target
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def reach(self, where: str) -> None:
        """Count the place; does not return where it is the point to die at."""
        if self.is_due(where):
            self.kill()

    def is_due(self, where: str) -> bool:
        """Count the place; True where the caller has to ``kill``, once it has done half of what it was about to do."""
        with self._lock:
            self._counts[where] += 1
            return self._target == Point(where, self._counts[where])

    def kill(self) -> None:
        """End this process with nothing flushed, closed or said. What it wrote stays; ``tests.crash.power`` takes the rest."""
        os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()  # until the signal arrives, nothing more may be done
