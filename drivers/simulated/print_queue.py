"""What is common to simulated printers: a buffer in RAM, paper that takes time, and the faults of a label printer's day."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Speech = str
"""How a printer answers a status request: ``honest``, ``silent`` or ``garbage``."""


@dataclass(frozen=True, slots=True)
class PrinterManners:
    """``print_s``: what one label takes. ``speech``: how status requests are answered. ``dies_after_bytes``: power is lost when
    so many bytes have come in: nothing is answered or printed any more, and what was in RAM is gone. ``paper_for``: so many
    labels come out, then the paper is out."""

    print_s: float = 0.0
    speech: Speech = "honest"
    dies_after_bytes: int | None = None
    paper_for: int | None = None


class PrintQueue:
    """Jobs in the printer's RAM, and the labels that came out of it. Thread-safe.

    ``problems`` are names such as ``paper_out``; while there are any, nothing is printed and jobs wait.
    """

    def __init__(
        self,
        manners: PrinterManners,
        directory: Path | None,
        suffix: str,
        picture: Callable[[bytes], bytes] = bytes,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.manners = manners
        self.problems: set[str] = set()
        self._lock = threading.RLock()
        self._waiting: deque[bytes] = deque()
        self._free_s = 0.0
        self._labels: list[bytes] = []
        self._directory = directory
        self._suffix = suffix
        self._picture = picture
        self._now_s = now_s
        self._bytes_in = 0
        self.is_dead = False

    @property
    def labels(self) -> list[bytes]:
        """The jobs that came out as labels, oldest first."""
        with self._lock:
            self.advance()
            return list(self._labels)

    @property
    def waiting(self) -> int:
        """Jobs in RAM, the one being printed included."""
        with self._lock:
            self.advance()
            return len(self._waiting)

    def receive(self, size_bytes: int) -> int:
        """Count bytes coming in; how many of them the printer lives to see."""
        with self._lock:
            if self.is_dead:
                return 0
            before, self._bytes_in = self._bytes_in, self._bytes_in + size_bytes
            limit = self.manners.dies_after_bytes
            if limit is None or self._bytes_in < limit:
                return size_bytes
            return max(0, limit - before)

    def check_power(self) -> None:
        """Lose power where it is due, once the bytes before that moment have been worked through."""
        with self._lock:
            limit = self.manners.dies_after_bytes
            if limit is not None and self._bytes_in >= limit:
                self.advance()
                self.is_dead = True
                self._waiting.clear()

    def add(self, job: bytes) -> None:
        """A whole label has come in."""
        with self._lock:
            self.advance()
            if not self._waiting:
                self._free_s = self._now_s() + self.manners.print_s
            self._waiting.append(job)
            self.advance()

    def drop(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._waiting.clear()

    def advance(self) -> None:
        """Print what is due."""
        with self._lock:
            while self._waiting and not self.problems and not self.is_dead and self._now_s() >= self._free_s:
                self._print(self._waiting.popleft())
                self._free_s += self.manners.print_s

    def _print(self, job: bytes) -> None:
        self._labels.append(job)
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
            (self._directory / f"label-{len(self._labels):06d}{self._suffix}").write_bytes(self._picture(job))
        if self.manners.paper_for is not None and len(self._labels) >= self.manners.paper_for:
            self.problems.add("paper_out")
