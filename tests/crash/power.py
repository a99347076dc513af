"""The power fails: of what the agent wrote, only what it had synced is there afterwards.

A killed process leaves all that it wrote. So an agent that is to lose its power keeps a copy of the journal at each synced commit,
and of each session log at each sync, beside its state; the explorer puts them in the place of what a killed agent left. That is
the worst a disk may do without lying: none of the writes after the last sync came to it. The boards, the printer and the server go
on, as those of a station of which only the computer failed.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from station.journal.one_writer import OneWriterStore
from station.session.writer import PART_SUFFIX, SessionWriter, part_of

_WAL = "-wal"
_SHM = "-shm"
_BEGAN = "began"


def keep_what_is_synced(folder: Path) -> None:
    """Wrap the agent's two kinds of sync. ``folder`` is made for the copies of this life. Once per process."""
    folder.mkdir()
    (folder / _BEGAN).touch()
    together, sync = OneWriterStore._together, SessionWriter.sync
    one_at_a_time = threading.Lock()
    number = 0

    def kept_together(self: OneWriterStore, group: Sequence[Any]) -> None:
        nonlocal number
        _, connection = self._opened()
        before = connection.total_changes
        together(self, group)
        if self._syncs and connection.total_changes != before:  # a commit of nothing syncs nothing
            journal = Path(connection.execute("PRAGMA database_list").fetchone()[2])
            with one_at_a_time:
                number += 1
                copy = folder / f"journal-{number}"
                copy.mkdir()
                _copy([journal, journal.with_name(journal.name + _WAL)], copy)
                _publish(copy, folder / "journal")

    def kept_sync(self: SessionWriter) -> None:
        sync(self)
        part = part_of(self.path)
        with one_at_a_time:
            _copy([part], folder / "log")
            (folder / "log").replace(folder / part.name)

    OneWriterStore._together = kept_together  # type: ignore[method-assign]
    SessionWriter.sync = kept_sync  # type: ignore[method-assign]


def fail(state: Path, folder: Path) -> None:
    """Take from a dead agent's ``state`` what it had not synced. Where it had synced nothing in this life, its journal is as the
    life before left it, but for what was committed since."""
    kept = folder / "journal"
    if kept.exists():
        (journal,) = (path for path in kept.iterdir() if not path.name.endswith(_WAL))
        for suffix in ("", _WAL, _SHM):
            (state / f"{journal.name}{suffix}").unlink(missing_ok=True)
        for path in kept.iterdir():
            shutil.copy(path, state / path.name)
    began_ns = (folder / _BEGAN).stat().st_mtime_ns
    for part in state.rglob(f"*{PART_SUFFIX}"):
        synced = folder / part.name
        if part.stat().st_mtime_ns >= began_ns:  # an older one is what an earlier life left on the disk
            part.write_bytes(synced.read_bytes() if synced.exists() else b"")


def _copy(files: list[Path], target: Path) -> None:
    """By another process: one that closes a file gives up every lock that it has on it, SQLite's too."""
    subprocess.run(["cp", *(str(file) for file in files if file.exists()), str(target)], check=True)


def _publish(copy: Path, name: Path) -> None:
    """Under ``name`` there is always a whole copy: the process may be killed at any moment."""
    link = name.with_suffix(".next")
    link.symlink_to(copy)
    link.replace(name)
