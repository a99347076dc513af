"""A cycle as the engineer's pages find it: what the journal says of it, and its session log where it is."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from station.errors import SessionError
from station.indexed_sessions import summary_of
from station.journal.session_index import CycleFound, CycleSearch
from station.panel.visit import Refused, Visit
from station.session.format import LogTooLong, SessionLog, log_lines, read_log
from station.session.store import SessionSummary
from station.text import printable

MAX_SHOWN_BYTES = 4 * 1024 * 1024
"""Unpacked; a cycle's log has some ten thousand. Longer ones can be downloaded: to show one would take the station's memory."""
MAX_WORKED_BYTES = 32 * 1024 * 1024
"""Unpacked; what is replayed and exported here. It takes about ten times that of another process's memory."""
_MAX_DIGITS = 15


def asked_cycle(visit: Visit) -> CycleFound:
    """The cycle that the path names. Raises Refused where this station has none of that number."""
    text = visit.part("cycle")
    found: tuple[CycleFound, ...] = ()
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        number, station = int(text), visit.context.configuration.station.station
        wanted = CycleSearch(station, after_cycle=number - 1, before_cycle=number + 1, limit=1)
        found = visit.context.reader.find_sessions(wanted)
    if not found:
        raise Refused(HTTPStatus.NOT_FOUND, visit.context.words.t("cycle.unknown", cycle=printable(text, 20)))
    return found[0]


def log_of(visit: Visit, cycle: CycleFound) -> SessionSummary:
    """Where the log is and what is known of it. Raises SessionError where it is not there, cannot be looked at, or lies outside
    the folder of logs: a journal that came from elsewhere may name any file."""
    summary = summary_of(visit.context.sessions, cycle)
    if summary.problem is not None:
        raise SessionError(f"{summary.path}: {summary.problem}")
    folder = visit.context.sessions.resolve()
    path = summary.path.resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise SessionError(f"{summary.path}: is no file in {folder}")
    return summary


def read_shown(path: Path) -> SessionLog:
    """The log, where it is short enough to be shown. Raises SessionError."""
    try:
        return read_log(path, MAX_SHOWN_BYTES)
    except LogTooLong as error:
        raise SessionError(
            f"{path}: longer than the {MAX_SHOWN_BYTES // 2**20} MiB that are shown here; download it instead"
        ) from error


def worked_log_of(visit: Visit, cycle: CycleFound) -> Path:
    """Where the log is, to be replayed or exported. Raises SessionError, also for one that is too long for that here."""
    path = log_of(visit, cycle).path
    try:
        for _ in log_lines(path, MAX_WORKED_BYTES):
            pass
    except LogTooLong as error:
        limit = MAX_WORKED_BYTES // 2**20
        raise SessionError(f"{path}: longer than {limit} MiB; download it and do this at a desk") from error
    return path
