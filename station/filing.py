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


def file_log(index: SessionIndex, sessions_dir: Path, closed: ClosedLog, cycle: int | None = None) -> None:
    """Note a finished log under its cycle, by default the one it names itself, if any. Where the journal does not take it, that
    is logged and no more: the log is on disk under a name that says when and where it was, and the cycle's result stands."""
    number = _cycle_of(closed.path) if cycle is None else cycle
    if number is None:
        return
    path = str(closed.path.relative_to(sessions_dir))
    try:
        index.note_session(number, path, closed.sha256, closed.size_bytes)
    except StationError as error:
        logger.error("session log %s of cycle %d is not in the journal's index: %s", path, number, error)


def file_cut_off(index: SessionIndex, sessions_dir: Path) -> None:
    """Finish the logs that dead cycles left and note them under their cycles. Raises SessionUnwritable."""
    for log in finish_cut_off(sessions_dir):
        logger.warning("session log %s of a cycle that was cut off is finished", log.closed.path)
        file_log(index, sessions_dir, log.closed)


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
