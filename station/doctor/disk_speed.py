"""Does the disk take what is committed quickly enough? Each effect of a cycle is on the disk before it starts."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from station.doctor import Check, Finding, Survey, advice, good

WRITES = 7
PAGE_BYTES = 4096
"""SQLite's page (https://www.sqlite.org/pragma.html#pragma_page_size)."""
SLOW_S = 0.05
"""A cycle waits for about ten such writes: half a second at this."""


@dataclass(frozen=True, slots=True)
class DiskSpeedCheck:
    """See ``Check``. What it writes is in a file without a name, which is gone when it is closed."""

    folder: Path
    name: str = "disk speed"

    def look(self) -> Iterator[Finding]:
        there = next(place for place in (self.folder, *self.folder.parents) if place.exists())
        try:
            median_s = _median_s(there)
        except OSError as error:
            yield advice(f"{there} cannot be measured: {error.strerror}", "see what is said of the state folder")
            return
        what = f"a write is safe on the disk of {there} after {median_s * 1000:.1f} ms"
        if median_s > SLOW_S:
            yield advice(what, "name a state_dir on an SSD: memory cards and shares of a network are slow and wear out")
        else:
            yield good(what)


def checks(survey: Survey) -> list[Check]:
    return [DiskSpeedCheck(survey.configuration.station.state_dir)]


def _median_s(folder: Path) -> float:
    took_s = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(WRITES):
            started_s = time.monotonic()
            file.write(bytes(PAGE_BYTES))
            os.fsync(file.fileno())
            took_s.append(time.monotonic() - started_s)
    return statistics.median(took_s)
