"""Session logs of a station found through its journal, without opening one: as fast with a hundred thousand as with one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.session.store import SessionSummary, summarise
from station.session.writer import part_of

if TYPE_CHECKING:
    from station.config.models import StationConfig
    from station.journal.session_index import CycleFound

_CUT_OFF = "cycle.cut_off"
_NOT_THERE = "the file is not there"


def find_indexed(
    config: StationConfig, criteria: dict[str, str | None], day: date | None, limit: int
) -> Iterator[SessionSummary]:
    """Summaries of the logs of this station's cycles that fit ``criteria`` (``find``'s; the DeviceID and SN are those that the
    unit has now), newest first. Logs of cycles that ended before the journal knew of them are not among them. Raises
    JournalError at once, and StationError for what ``open_journal_readonly`` refuses."""
    from station.journal.session_index import CycleSearch
    from station.offline import reading

    since_ms = before_ms = None
    if day is not None:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        since_ms = int(start.timestamp() * 1000)
        before_ms = since_ms + int(timedelta(days=1).total_seconds() * 1000)
    wanted = CycleSearch(config.station, since_ms=since_ms, before_ms=before_ms, limit=limit, **_spelt(criteria))
    with reading(config) as journal:
        found = journal.find_sessions(wanted)
    return (summary_of(config.sessions_dir, cycle) for cycle in found)


def _spelt(criteria: dict[str, str | None]) -> dict[str, Any]:
    return {name: value for name, value in criteria.items() if value is not None}


def summary_of(sessions_dir: Path, cycle: CycleFound) -> SessionSummary:
    """What the journal says of a cycle's log, and where it is now: a cycle that was cut off leaves it under another name."""
    path = Path(cycle.session) if cycle.path is None else sessions_dir / cycle.path
    size_bytes, problem = cycle.size_bytes, None
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        problem = _NOT_THERE if isinstance(error, FileNotFoundError) else error.strerror
    torn = running = False
    cut_off = cycle.outcome is None or cycle.code == _CUT_OFF
    if cut_off:
        on_disk = summarise(part_of(path) if problem == _NOT_THERE else path)
        if on_disk.problem is None:
            path, size_bytes, problem = on_disk.path, on_disk.size_bytes, None
            torn, running = on_disk.torn, on_disk.running
    return SessionSummary(
        path,
        size_bytes or 0,
        started_wall_s=cycle.started_at_ms / 1000,
        station=cycle.station,
        socket=cycle.socket,
        outcome=cycle.outcome,
        code=cycle.code,
        chip_id=cycle.chip_id,
        device_id=cycle.device_id,
        sn=cycle.sn,
        duration_s=cycle.duration_s,
        cut_off=cut_off,
        torn=torn,
        running=running,
        problem=problem,
    )
