"""What a process holds, seen from outside: descriptors by what they lead to, and threads; and whether it grows."""

from __future__ import annotations

import contextlib
import re
from collections import Counter, defaultdict
from pathlib import Path

WINDOW = 3
"""Looks at one process that are compared: so many at its start, so many last."""
MORE_THREADS = 4
"""Of those that come and go: a refill, a request that is given up."""
COMES_AND_GOES = 16
"""Descriptors of one kind: a serial port that is open has four pipes (pyserial's, to end a read and a write), and there are five
ports; connections to the API are kept open for a while."""


def held_by(pid: int) -> Counter[str]:
    """Descriptors by what they lead to, numbers left out, and ``threads``."""
    process, found = Path("/proc") / str(pid), Counter[str]()
    for entry in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[re.sub(r"[0-9]+", "N", str(entry.readlink()))] += 1
    return found + Counter(threads=len(list((process / "task").iterdir())))


class Holdings:
    """Looks at processes, one after the other. While an agent reloads it holds less, so the most of a process' first looks stands
    against the least of its last."""

    def __init__(self) -> None:
        self._looks: dict[int, list[Counter[str]]] = defaultdict(list)

    def look(self, pid: int) -> list[str]:
        """What has grown by more than what comes and goes, a line each."""
        seen = self._looks[pid]
        seen.append(held_by(pid))
        if len(seen) < 2 * WINDOW:
            return []
        grown = []
        for kind in seen[-1]:
            early, late = max(held[kind] for held in seen[:WINDOW]), min(held[kind] for held in seen[-WINDOW:])
            if late > early + (MORE_THREADS if kind == "threads" else COMES_AND_GOES):
                grown.append(f"{kind} held grew from {early} to {late}")
        return grown
