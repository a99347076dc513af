"""Room on the disk: session logs that are old, or too many, make way for new ones, and no cycle starts on a disk that is full.

A log goes by what its name says of its time, oldest first. Kept in any case are the newest logs, so that a clock that is wrong by
years costs nothing that was just written, and every log of a unit that waits for a person or has an effect not settled.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drivers.clock import Clock
from station.errors import StationError
from station.session.store import LOG_SUFFIX

INTERVAL_S = 3600.0
NEWEST_KEPT = 1000
"""Some 10 MiB of logs, a day's or more: what an engineer asks for first."""
NEEDED_BYTES = 32 << 20
"""A cycle's log, the journal's write-ahead log and its checkpoint need some of it; the rest lets what runs beside end well."""
_MIB = 1 << 20

logger = logging.getLogger(__name__)


class DiskFull(StationError):
    """Raised before a cycle for which there would be no room to keep a record."""

    code = "disk.full"


@dataclass(frozen=True, slots=True)
class RetentionOptions:
    """How long and how much session logs are kept: at most ``keep_days`` days and ``keep_mib`` MiB, and fewer where less than
    ``free_mib`` MiB would be left on the disk."""

    keep_days: int = 730
    keep_mib: int = 20_000
    free_mib: int = 500

    def __post_init__(self) -> None:
        for name, lowest, highest in (
            ("keep_days", 1, 36_500),
            ("keep_mib", 10, 10_000_000),
            ("free_mib", 50, 1_000_000),
        ):
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f"{name} must be {lowest} to {highest}, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class _Log:
    path: Path
    size_bytes: int

    @property
    def moment(self) -> str:
        """The start, as the name has it: such texts sort like times."""
        return self.path.name[:15]


def tidy(
    folder: Path, options: RetentionOptions, wall_s: float, needed: frozenset[Path], newest_kept: int = NEWEST_KEPT
) -> int:
    """Remove the logs below ``folder`` that need not be kept any more; how many. ``needed`` are not among them. A log that cannot
    be removed is logged."""
    logs = _logs_below(folder)
    total_bytes = sum(log.size_bytes for log in logs)
    too_old = _name_of(wall_s - timedelta(days=options.keep_days).total_seconds())
    removed = 0
    for log in logs[: max(0, len(logs) - newest_kept)]:
        free_mib = shutil.disk_usage(folder).free // _MIB
        if not (log.moment < too_old or total_bytes > options.keep_mib * _MIB or free_mib < options.free_mib):
            break
        if log.path in needed:
            continue
        try:
            log.path.unlink()
        except OSError as error:
            logger.error("session log %s cannot be removed: %s", log.path, error.strerror)
            continue
        total_bytes -= log.size_bytes
        removed += 1
        if not any(log.path.parent.iterdir()):
            log.path.parent.rmdir()
    if removed:
        logger.info("%d old session logs removed", removed)
    return removed


def require_room(folder: Path, needed_bytes: int = NEEDED_BYTES) -> None:
    """Raises DiskFull where the disk of ``folder`` has no room for the record of one more cycle."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise DiskFull(
            f"{folder}: {free_bytes // _MIB} MiB are left, and a cycle is not begun with less than {needed_bytes // _MIB}"
        )


class Housekeeper:
    """Tidies at once and then every hour, in a thread of its own. ``needed`` says which logs must be kept; it raises StationError
    where nobody knows, and nothing is removed then."""

    def __init__(
        self, folder: Path, options: RetentionOptions, clock: Clock, needed: Callable[[], frozenset[Path]]
    ) -> None:
        self._folder = folder
        self._options = options
        self._clock = clock
        self._needed = needed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the file in hand. May be called without ``start``."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._folder.is_dir():
                    tidy(self._folder, self._options, self._clock.wall_s(), self._needed())
            except (StationError, OSError) as error:
                logger.error("old session logs cannot be looked through: %s", error)
            except Exception:
                # Production goes on: the disk is watched before each cycle all the same.
                logger.exception("tidying failed")
            self._stopping.wait(INTERVAL_S)


def _logs_below(folder: Path) -> list[_Log]:
    """Finished logs, oldest first; one that vanishes meanwhile is passed over."""
    found = []
    for path in folder.rglob(f"*{LOG_SUFFIX}"):
        try:
            found.append(_Log(path, path.stat().st_size))
        except OSError:
            continue
    return sorted(found, key=lambda log: log.path.name)


def _name_of(wall_s: float) -> str:
    moment = datetime.fromtimestamp(min(max(wall_s, 0.0), 253_402_300_799.0), UTC)
    return f"{moment:%Y%m%dT%H%M%S}"
