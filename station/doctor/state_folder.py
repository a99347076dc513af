"""The folder that keeps journal and session logs: there, ours to write, nobody else's to read, on a disk with room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from station.doctor import Check, Finding, Survey, advice, bad, good

FULL_BYTES = 100 * 1024 * 1024
LOW_BYTES = 1024 * 1024 * 1024
"""A cycle leaves about 10 KiB of session log, so these are some ten and a hundred thousand cycles."""
_OTHERS = 0o077
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StateFolderCheck:
    """See ``Check``. ``low_bytes`` and ``full_bytes``: with less room than this it is advised about, or bad."""

    folder: Path
    low_bytes: int = LOW_BYTES
    full_bytes: int = FULL_BYTES
    name: str = "state folder"

    def look(self) -> Iterator[Finding]:
        there = next(place for place in (self.folder, *self.folder.parents) if place.exists())
        if not there.is_dir():
            yield bad(f"{self.folder}: {there} is no folder", "name another state_dir")
            return
        if not os.access(there, os.W_OK | os.X_OK):
            yield bad(f"{there} cannot be written by this user", f"give {there} to the station's user")
        elif there == self.folder:
            yield good(f"{self.folder} is there and can be written")
        else:
            yield good(f"{self.folder} is not there yet; the first start makes it in {there}")
        if there == self.folder and there.stat().st_mode & _OTHERS:
            yield advice(f"{self.folder}: other users may look into it", f"chmod 700 {self.folder}")
        yield self._room(there)

    def _room(self, there: Path) -> Finding:
        free_bytes = shutil.disk_usage(there).free
        what = f"{free_bytes // _MIB} MiB are free"
        if free_bytes < self.full_bytes:
            return bad(f"the disk is full: {what}", "make room, or name a state_dir on another disk")
        if free_bytes < self.low_bytes:
            return advice(f"the disk fills: {what}", "make room: old session logs can be moved away")
        return good(what)


def checks(survey: Survey) -> list[Check]:
    return [StateFolderCheck(survey.configuration.station.state_dir)]
