"""The folder of session logs: what a log is called, which logs there are, and what a crash left."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from station.errors import SessionError
from station.session.format import FORMAT_VERSION, log_lines
from station.session.writer import PART_SUFFIX, ClosedLog, SessionUnwritable, finish_log, part_of
from station.text import printable

logger = logging.getLogger(__name__)

LOG_SUFFIX = ".jsonl.gz"
MAX_NAME_CHARS = 40
SMALL_BYTES = 1 << 20
SMALL_UNPACKED_BYTES = 16 << 20
_LAST_WALL_S = 253_402_300_799.0
"""The end of the year 9999, the last that a date can name."""
_SAFE_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_NAME_CHARS - 1}}}")
_JOURNAL_GIVEN = b'"k":"given"'


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One log in a few words. What is not known, since the cycle was cut off before or the file is damaged, is None."""

    path: Path
    size_bytes: int
    started_wall_s: float | None = None
    station: str | None = None
    socket: str | None = None
    outcome: str | None = None
    code: str | None = None
    chip_id: str | None = None
    device_id: str | None = None
    sn: str | None = None
    duration_s: float | None = None
    cut_off: bool = False
    """The log has no end: the cycle still runs, or crashed."""
    torn: bool = False
    """Its last line is not whole."""
    running: bool = False
    """A cycle writes it at this moment."""
    problem: str | None = None
    """Why the file cannot be read."""

    @property
    def day(self) -> date | None:
        """The day (UTC) of the start."""
        return None if self.started_wall_s is None else _moment(self.started_wall_s).date()


def path_for(directory: Path, started_wall_s: float, station: str, socket: str) -> Path:
    """A path for a new log: ``<directory>/<day>/<time>Z-<station>-<socket>.jsonl.gz``, in UTC, of safe characters only, at which
    there is no log yet. Two threads or processes that get the same path all the same are told apart by ``SessionWriter``,
    which refuses the second."""
    moment = _moment(started_wall_s)
    stem = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond:06d}Z-{_safe(station)}-{_safe(socket)}"
    folder = directory / f"{moment:%Y-%m-%d}"
    path, copy = folder / f"{stem}{LOG_SUFFIX}", 1
    while path.exists() or part_of(path).exists():
        copy += 1
        path = folder / f"{stem}-{copy}{LOG_SUFFIX}"
    return path


def find(
    directory: Path,
    *,
    chip_id: str | None = None,
    sn: str | None = None,
    device_id: str | None = None,
    socket: str | None = None,
    outcome: str | None = None,
    code: str | None = None,
    day: date | None = None,
) -> Iterator[SessionSummary]:
    """Summaries of the logs below ``directory`` that fit every criterion given, newest first; of an id its beginning is enough.
    Without criteria, damaged files are among them. Raises SessionError, here and not at the first summary, where the folder
    cannot be read."""
    exactly = _given({"socket": socket, "outcome": outcome, "code": code})
    beginning = _given({"chip_id": chip_id, "sn": sn, "device_id": device_id})

    def fits(summary: SessionSummary) -> bool:
        return (
            all(getattr(summary, name) == value for name, value in exactly.items())
            and all((getattr(summary, name) or "").startswith(value) for name, value in beginning.items())
            and (day is None or summary.day == day)
        )

    return filter(fits, map(summarise, _logs(directory, day)))


def newest_running(directory: Path, socket: str | None = None) -> Path:
    """The ``.part`` file of the cycle that runs in this socket, or in any, at this moment. Raises SessionError where none does."""
    for path in _logs(directory, None):
        if path.name.endswith(PART_SUFFIX):
            summary = summarise(path)
            if summary.running and socket in (None, summary.socket):
                return path
    where = "" if socket is None else f" in socket {printable(socket, 64)}"
    raise SessionError(f"no cycle runs{where} at this moment")


def summarise(path: Path) -> SessionSummary:
    """Head and end of one log; of one without end, what its events say of the unit. Checksums are not checked: ``read_log``
    does that. Never raises: what is wrong with the file is in ``problem``."""
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        return SessionSummary(path, 0, problem=error.strerror)
    try:
        head_line, last, journal_lines = _outline(_small(path, size_bytes) or log_lines(path))
        first = _event(head_line)
        if first.get("k") != "head" or first.get("format") != FORMAT_VERSION:
            raise SessionError(f"not a session log of format {FORMAT_VERSION}")
    except SessionError as error:
        return SessionSummary(path, size_bytes, problem=str(error))
    end = _event(last) if last.endswith(b"\n") else {}
    cut_off = end.get("k") != "end"
    result = _unit_so_far(journal_lines) if cut_off else end.get("result")
    known = result if isinstance(result, dict) else {}
    return SessionSummary(
        path,
        size_bytes,
        started_wall_s=_number(first.get("wall_s")),
        station=_text(first.get("station")),
        socket=_text(first.get("socket")),
        duration_s=_number(known.get("duration_s")),
        cut_off=cut_off,
        torn=not last.endswith(b"\n"),
        running=cut_off and is_being_written(path),
        **{name: _text(known.get(name)) for name in ("outcome", "code", "chip_id", "device_id", "sn")},
    )


@dataclass(frozen=True, slots=True)
class CutOffLog:
    """The log of a cycle that was cut off: the finished file, for the journal's index, and what it says."""

    closed: ClosedLog
    summary: SessionSummary


def finish_cut_off(directory: Path) -> tuple[CutOffLog, ...]:
    """Bring the ``.part`` files that dead cycles left below ``directory`` into their final form; those that a running process
    still writes are left alone. A file without a single byte is removed. One that cannot be finished, of another user or on a full
    disk, is logged and left to the next start: it keeps no station from its work."""
    found = []
    for part in sorted(directory.rglob("*.jsonl" + PART_SUFFIX)):
        try:
            if not part.is_file() or is_being_written(part):
                continue
            if part.stat().st_size == 0:
                part.unlink()
                continue
            closed = finish_log(part)
        except (OSError, SessionUnwritable) as error:
            logger.error("session log %s, which was cut off, is not finished: %s", part, error)
            continue
        found.append(CutOffLog(closed, summarise(closed.path)))
    return tuple(found)


def _given(criteria: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in criteria.items() if value is not None}


def _logs(directory: Path, day: date | None) -> list[Path]:
    try:
        if not directory.is_dir():
            raise SessionError(f"{directory}: no such folder")
        paths = [
            path for path in directory.rglob("*.jsonl*") if path.name.endswith((LOG_SUFFIX, ".jsonl", PART_SUFFIX))
        ]
    except OSError as error:
        raise SessionError(f"{directory}: {error.strerror}") from error
    if day is not None:
        # The head's moment may be a little later than the name's, and so on the next day.
        folders = {day.isoformat(), (day - timedelta(days=1)).isoformat()} if day > date.min else {day.isoformat()}
        paths = [path for path in paths if path.parent.name in folders or not _is_day(path.parent.name)]
    return sorted(paths, key=lambda path: path.name, reverse=True)


def _is_day(name: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", name) is not None


def is_being_written(path: Path) -> bool:
    """Whether a process holds the lock of a ``.part`` file. Asked of one with a whole line in it, this disturbs nobody: its writer
    took the lock before the first. False for a file of any other kind, and for one that is gone."""
    if not path.name.endswith(PART_SUFFIX) or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _outline(lines: Iterable[bytes]) -> tuple[bytes, bytes, list[bytes]]:
    """The first and the last line, and those of what the journal gave."""
    first = last = b""
    journal_lines: list[bytes] = []
    for line in lines:
        first = first or line
        if _JOURNAL_GIVEN in line and b'"journal.' in line:
            journal_lines.append(line)
        last = line
    return first, last, journal_lines


def _small(path: Path, size_bytes: int) -> list[bytes] | None:
    """The lines of a whole compressed log of common size, of one with an end just the first and the last: in a quarter of the time
    that ``log_lines`` takes. None for any other file: that is for ``log_lines``, which says what is wrong with it."""
    if path.suffix != ".gz" or size_bytes > SMALL_BYTES or not path.is_file():
        return None
    unpacking = zlib.decompressobj(wbits=31)
    try:
        content = unpacking.decompress(path.read_bytes(), SMALL_UNPACKED_BYTES)
    except (OSError, zlib.error):
        return None
    if not unpacking.eof or unpacking.unused_data:
        return None
    last = content[content.rfind(b"\n", 0, -1) + 1 :]
    if b'"k":"end"' in last:
        return [content[: content.find(b"\n") + 1], last]
    return io.BytesIO(content).readlines()


def _unit_so_far(lines: list[bytes]) -> dict[str, Any]:
    """What the journal answered about the unit, the last answer last."""
    known: dict[str, Any] = {}
    for event in map(_event, lines):
        for source in (event.get("args"), event.get("value")):
            if isinstance(source, dict):
                known |= {name: source[name] for name in ("chip_id", "device_id", "sn") if source.get(name)}
    return known


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _moment(wall_s: float) -> datetime:
    """A wall clock that is not set, or set to nonsense, must not keep a cycle from being recorded."""
    sane_s = min(max(wall_s, 0.0), _LAST_WALL_S) if wall_s == wall_s else 0.0
    return datetime.fromtimestamp(sane_s, UTC)


def _safe(name: str) -> str:
    """``name`` where it is safe in a path; else what is safe of it, and a checksum that keeps two names apart."""
    if _SAFE_NAME.fullmatch(name):
        return name
    kept = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[: MAX_NAME_CHARS - 10].strip("_-")
    return f"{kept or 'unnamed'}_{zlib.crc32(name.encode('utf-8', 'surrogatepass')):08x}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) <= _LAST_WALL_S else None
