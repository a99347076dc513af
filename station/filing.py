"""Finished session logs into the journal's index: each cycle's when it ends, and at start those of cycles that were cut off."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

from station.errors import SessionError, StationError
from station.session.format import SessionLog, read_log
from station.session.store import finish_cut_off
from station.session.writer import ClosedLog

logger = logging.getLogger(__name__)


class SessionIndex(Protocol):
    """The journal as filing uses it."""

    def note_session(self, cycle: int, path: str, sha256: str, size_bytes: int) -> None: ...


def file_log(index: SessionIndex, sessions_dir: Path, cycle: int, closed: ClosedLog) -> None:
    """Note a finished log under its cycle. Where the journal does not take it, that is logged and no more: the log is on disk
    under a name that says when and where it was, and the cycle's result stands."""
    path = str(closed.path.relative_to(sessions_dir))
    try:
        index.note_session(cycle, path, closed.sha256, closed.size_bytes)
    except StationError as error:
        logger.error("session log %s of cycle %d is not in the journal's index: %s", path, cycle, error)


def file_cut_off(index: SessionIndex, sessions_dir: Path) -> int:
    """Finish the logs that dead cycles left and note them under their cycles, where they say which that was; how many there
    were. Raises SessionUnwritable."""
    found = finish_cut_off(sessions_dir)
    for log in found:
        cycle = _cycle_of(log.closed.path)
        logger.warning("session log %s of a cycle that was cut off is finished", log.closed.path)
        if cycle is not None:
            file_log(index, sessions_dir, cycle, log.closed)
    return len(found)


def _cycle_of(path: Path) -> int | None:
    """The number of the cycle that a log is of; None where the cycle was cut off before it got one, or the file is damaged."""
    try:
        log = read_log(path)
    except SessionError as error:
        logger.warning("%s", error)
        return None
    return _number_in(log)


def _number_in(log: SessionLog) -> int | None:
    for event in log.events:
        if event.kind == "given" and event.fields.get("name") == "journal.begin_cycle":
            value = event.fields.get("value")
            return value if isinstance(value, int) else None
    return None
