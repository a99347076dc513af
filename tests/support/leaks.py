"""Finds what a test left behind: threads that still run, file descriptors that are still open."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import dataclass
from pathlib import Path

GRACE_S = 2.0
"""How long a thread that was told to stop may take to end; waited for only while something is left."""

_HARMLESS_FILES = ("/dev/urandom", "/.hypothesis/")
"""Kept open by the interpreter and by Hypothesis' own files."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The threads and the open files of this process at one moment."""

    threads: frozenset[threading.Thread]
    files: frozenset[tuple[int, str]]
    """Descriptor and what it leads to: a number that was closed and opened again on something else counts as new."""


def take_snapshot() -> Snapshot:
    """The state of this process now."""
    return Snapshot(frozenset(threading.enumerate()), frozenset(_open_files()))


def find_leaks(before: Snapshot, grace_s: float = GRACE_S) -> list[str]:
    """One line for each thread and descriptor that is there now and was not ``before``, given ``grace_s`` to go."""
    if not _difference(before, take_snapshot()):
        return []
    gc.collect()  # what only a reference cycle keeps open is not held by anything that runs
    give_up_s = time.monotonic() + grace_s
    while (leaks := _difference(before, take_snapshot())) and time.monotonic() < give_up_s:
        time.sleep(0.005)
    return leaks


def _difference(before: Snapshot, after: Snapshot) -> list[str]:
    threads = [f"thread {thread.name!r} still runs" for thread in after.threads - before.threads]
    files = [f"file descriptor {number} is still open: {target}" for number, target in after.files - before.files]
    return sorted(threads) + sorted(files)


def _open_files() -> list[tuple[int, str]]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue  # the descriptor of this very listing
        if not any(harmless in target for harmless in _HARMLESS_FILES):
            found.append((int(link.name), target))
    return found
