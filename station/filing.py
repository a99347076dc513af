"""Finished session logs into the journal's index: each cycle's when it ends, and at start those that a crash kept from it."""

from __future__ import annotations

import hashlib
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


class Unnoted(Protocol):
    """The journal's reader as filing uses it."""

    def unnoted_sessions(self, station: str) -> tuple[tuple[int, str], ...]: ...


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
    """Finish the logs that dead cycles left, as far as that can be done, and note them under their cycles."""
    for log in finish_cut_off(sessions_dir):
        logger.warning("session log %s of a cycle that was cut off is finished", log.closed.path)
        file_log(index, sessions_dir, log.closed)


def file_unnoted(index: SessionIndex, reader: Unnoted, sessions_dir: Path, station: str) -> None:
    """Note the finished logs that are on disk and were not noted: the agent died between the two, or the journal failed. To be
    called after ``file_cut_off``. A file that cannot be read is logged, and left to the next start. Raises JournalError where
    the journal cannot be asked."""
    for cycle, session in reader.unnoted_sessions(station):
        given = Path(session)
        path = given if given.is_relative_to(sessions_dir) else sessions_dir / given.parent.name / given.name
        try:
            packed = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            logger.error("session log %s of cycle %d cannot be read: %s", path, cycle, error.strerror)
            continue
        logger.warning("session log %s of cycle %d was not in the journal's index", path, cycle)
        file_log(index, sessions_dir, ClosedLog(path, hashlib.sha256(packed).hexdigest(), len(packed)), cycle)


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
