"""A journal file that is older than what was done: a backup put back in its place. Nothing may be spent or printed from it before
a person says so, since it knows neither the ids that were given, nor the labels printed, after it was made.

It is known by two signs: a backup carries a mark (``mark_copy``), and a copy made by other means holds fewer cycles than the
session logs beside it tell of. ``accept`` makes it safe to go on from. A journal that is gone altogether, while there are logs of
its cycles, is refused too: an empty one would know none of the boards done before.

A database on a server is known by the cycle of the newest log, which must be in it as that log's (``forgotten_problem``); while the
station runs, by the newest cycle that it began itself (``Journal``).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.clock import Clock
from station.config.models import StationConfig
from station.errors import SessionError, UnitError
from station.journal.errors import JournalCorrupt, JournalError, JournalRestored
from station.journal.journal import Journal
from station.journal.opening import open_journal
from station.journal.pool import BatchState, IdState
from station.journal.reading import JournalReader
from station.journal.session_index import CycleSearch
from station.journal.sqlite import OwnerLock, sync_directory
from station.journal.store import RESTORE
from station.journal.text import id_problem, remark
from station.model import Hold, IdKind
from station.session.format import SessionLog, read_log

COPY_MARK = 0x436F7079
"""SQLite's ``user_version`` of a copy ("Copy" in ASCII); the journal itself leaves it at 0."""
NEWEST_LOGS = 8
"""How many of the newest logs are asked for their cycle: more than sockets that can be cut off before they have one."""
LOCK_TIMEOUT_S = 5.0

RESTORED = JournalRestored.code
_WHY = "the journal was restored from a copy: what was done to this unit since then is not on record"
_IDS = ((IdKind.DEVICE_ID, "device_id"), (IdKind.SN, "sn"))


class JournalMissing(JournalError):
    """Raised where there is no journal, but session logs of cycles that one has known; nothing was made."""

    code = "journal.missing"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was made of a restored journal: units in doubt, units learnt from session logs, free ids not to be used."""

    in_doubt: int
    learnt: tuple[str, ...]
    retired: int


@dataclass(frozen=True, slots=True)
class _Logged:
    """What a session log tells of its cycle: on what journal it was, and how it ended; ``result`` is empty where it was cut off."""

    name: str
    station: str
    was_on_server: bool
    cycle: int
    result: dict[str, Any]


def make_marked(target: Path, backup: Callable[[Path], None]) -> None:
    """Have ``backup`` write a copy, and give it the name ``target`` only when it is marked as one. Raises JournalError."""
    if target.exists():
        raise JournalError(f"{target}: is there already; a backup never replaces a file")
    partial = target.with_name(f".{target.name}.{os.getpid()}.unmarked")
    try:
        partial.unlink(missing_ok=True)
        backup(partial)
        _mark(partial, COPY_MARK)
        target.hardlink_to(partial)
        sync_directory(target.parent)
    except OSError as error:
        raise JournalError(f"{target}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def refuse_restored(journal: Path, sessions_dir: Path) -> None:
    """To be called before the journal file is opened to be written. Raises JournalRestored, JournalMissing, and what
    ``restored_problem`` raises. A file that cannot be read is told by whoever opens it."""
    if not journal.exists() and (logged := _last_logged(sessions_dir)):
        raise JournalMissing(
            f"{journal}: is not there, but there is a session log of cycle {logged}: put the last backup in its place; "
            f"to begin with an empty journal, which knows none of the boards done before, move {sessions_dir} aside"
        )
    problem = restored_problem(journal, sessions_dir)
    if problem is not None:
        raise JournalRestored(f"{journal}: {problem}; to go on from it: station journal accept")


@contextmanager
def owned_journal(config: StationConfig, clock: Clock) -> Iterator[Journal]:
    """The station's journal, to be written. Raises JournalRestored, JournalMissing, and what ``open_journal`` raises."""
    if config.database is None:
        refuse_restored(config.journal_path, config.sessions_dir)
    with open_journal(config.journal_place, clock, config.ids.source, config.station) as journal:
        if config.database is not None:
            problem = forgotten_problem(journal.read, config.sessions_dir)
            if problem is not None:
                raise JournalRestored(f"{problem}; what to do: docs/operation.md, Restoring a backup")
        yield journal


def forgotten_problem(reader: JournalReader, sessions_dir: Path) -> str | None:
    """Why a journal on a server is taken for an earlier one, or for another; None where it is neither. Logs of a station that had
    its journal in a file then tell nothing of it. Raises JournalError."""
    logs = (log for log in _newest(sessions_dir) if log.was_on_server)
    newest = max(logs, key=lambda log: log.cycle, default=None)
    if newest is None:
        return None
    around = CycleSearch(newest.station, after_cycle=newest.cycle - 1, before_cycle=newest.cycle + 1)
    if any(_stem(Path(found.session).name) == _stem(newest.name) for found in reader.find_sessions(around)):
        return None
    where = f"the session log {newest.name} of cycle {newest.cycle}"
    return f"the database does not know {where}: an earlier one was put back, or it is another"


def restored_problem(journal: Path, sessions_dir: Path) -> str | None:
    """Why the journal is taken for a restored copy; None where it is none, or cannot be read. Raises JournalCorrupt where it lies
    beside the write-ahead log of another."""
    try:
        if not journal.is_file() or journal.stat().st_size == 0:
            return None
        _refuse_strange_wal(journal)
    except OSError:
        return None
    try:
        with closing(_reader(journal)) as connection:
            marked = connection.execute("PRAGMA user_version").fetchone()[0] == COPY_MARK
            known = _last_cycle(connection)
    except sqlite3.Error:
        return None
    if marked:
        return "a backup that was put back: what was done after it was made is not in it"
    logged = _last_logged(sessions_dir)
    if logged > known:
        return f"its last cycle is {known}, but there is a session log of cycle {logged}: an older copy was put back"
    return None


def accept(journal: Path, sessions_dir: Path, *, station: str, operator: str, reason: str, now_ms: int) -> Accepted:
    """Make a restored journal safe to go on from, in one transaction: no id that was free is ever given to a unit (each counts as
    possibly lost), each unit without a label is in doubt, and what the session logs tell of later cycles is learnt: their units are
    set aside. Raises JournalLocked, JournalError; UnitError where the journal is no restored copy."""
    problem = restored_problem(journal, sessions_dir)
    if problem is None:
        raise UnitError("usage.invalid", f"{journal} is no restored backup, or cannot be read: nothing to accept")
    try:
        with OwnerLock(journal), closing(sqlite3.connect(journal, timeout=LOCK_TIMEOUT_S, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("BEGIN IMMEDIATE")
            later = list(_later(sessions_dir, _last_cycle(db)))
            hold = (Hold.IN_DOUBT.value, RESTORED, _WHY)
            in_doubt = db.execute(
                "UPDATE units SET hold = ?, hold_code = ?, hold_reason = ?"
                " WHERE hold IS NULL AND shipped_at IS NULL AND labels_printed = 0",
                hold,
            ).rowcount
            learnt = tuple(dict.fromkeys(chip for log in later if (chip := _learn(db, log, station, now_ms))))
            dropped = {kind: _drop_free(db, kind, station, now_ms) for kind in IdKind}
            newest = max((log.cycle for log in later), default=0)
            db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'cycles'", (newest,))
            if newest and not db.execute("SELECT 1 FROM sqlite_sequence WHERE name = 'cycles'").fetchone():
                db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('cycles', ?)", (newest,))
            detail = "; ".join([problem, *(f"free {kind}: {' '.join(ids)}" for kind, ids in dropped.items() if ids)])
            db.execute(
                "INSERT INTO audit (at, station, operator, action, reason, detail) VALUES (?, ?, ?, ?, ?, ?)",
                (now_ms, station, operator, "journal.accept", reason, detail),
            )
            db.execute("PRAGMA user_version = 0")
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise JournalError(f"{journal}: {error}") from error
    return Accepted(in_doubt, learnt, sum(map(len, dropped.values())))


def _drop_free(db: sqlite3.Connection, kind: IdKind, station: str, now_ms: int) -> list[str]:
    """Take the free ids of a kind out of the pool, and leave their number behind as possibly lost."""
    free = [
        row[0] for row in db.execute("SELECT value FROM ids WHERE kind = ? AND state = 'free' ORDER BY value", (kind,))
    ]
    if free:
        db.execute("DELETE FROM ids WHERE kind = ? AND state = 'free'", (kind,))
        db.execute(
            "INSERT INTO id_batches (kind, station, asked, state, detail, requested_at, answered_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (kind, station, len(free), BatchState.LOST, "free in a restored copy: given since, or not", now_ms, now_ms),
        )
    return free


def _learn(db: sqlite3.Connection, log: _Logged, station: str, now_ms: int) -> str | None:
    """Set aside the unit of a cycle that the journal has forgotten; return its chipId. One that the journal knows keeps its ids."""
    chip_id, app_eui = log.result.get("chip_id"), log.result.get("app_eui")
    if not (isinstance(chip_id, str) and isinstance(app_eui, str)) or id_problem(chip_id) or id_problem(app_eui):
        return None
    given = {
        column: value
        for _, column in _IDS
        if isinstance(value := log.result.get(column), str) and not id_problem(value)
    }
    had = ", ".join(
        f"{name} {given[column]}" for column, name in (("device_id", "DeviceID"), ("sn", "SN")) if column in given
    )
    reason = remark(f"{_WHY}; the session log of cycle {log.cycle} has {had or 'no ids'}")
    hold = (Hold.SET_ASIDE.value, RESTORED, reason)
    db.execute(
        "INSERT INTO units (chip_id, app_eui, station, reserved_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (chip_id, app_eui, station, now_ms),
    )
    db.execute(
        "UPDATE units SET hold = ?, hold_code = ?, hold_reason = ? WHERE chip_id = ? AND scrapped_at IS NULL",
        (*hold, chip_id),
    )
    for kind, column in _IDS:
        value = given.get(column)
        if value is None or not _claim(db, kind, value, chip_id):
            continue
        db.execute(f"UPDATE units SET {column} = ? WHERE chip_id = ? AND {column} IS NULL", (value, chip_id))
    return chip_id


def _claim(db: sqlite3.Connection, kind: IdKind, value: str, chip_id: str) -> bool:
    """Whether the id is, from now on at the latest, this unit's."""
    unit_column = dict(_IDS)[kind]
    own = db.execute(f"SELECT {unit_column} FROM units WHERE chip_id = ?", (chip_id,)).fetchone()[0]
    if own not in (None, value):
        return False
    row = db.execute("SELECT state, chip_id FROM ids WHERE kind = ? AND value = ?", (kind, value)).fetchone()
    if row is None:
        new = (kind, value, IdState.NAMED, chip_id)
        db.execute("INSERT INTO ids (kind, value, state, chip_id) VALUES (?, ?, ?, ?)", new)
    elif row[0] == IdState.FREE:
        db.execute("UPDATE ids SET state = 'named', chip_id = ? WHERE kind = ? AND value = ?", (chip_id, kind, value))
    else:
        return bool(row[1] == chip_id)
    return True


def _refuse_strange_wal(journal: Path) -> None:
    """A backup needs no write-ahead log, so that one beside it is that of the journal it replaced: SQLite would write the pages of
    the one over those of the other (https://sqlite.org/howtocorrupt.html, 1.4)."""
    wal = journal.with_name(journal.name + "-wal")
    with journal.open("rb") as file:
        versions = file.read(20)[18:20]
    if versions == b"\1\1" and wal.exists() and wal.stat().st_size > 0:
        raise JournalCorrupt(f"{journal}: {wal.name} beside it is of another journal; to restore: {RESTORE}")


def _reader(journal: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_TIMEOUT_S)


def _mark(path: Path, mark: int) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA user_version = {mark}")
            connection.commit()
    except sqlite3.Error as error:
        raise JournalError(f"{path}: {error}") from error


def _last_cycle(connection: sqlite3.Connection) -> int:
    """The highest number that a cycle ever had."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'cycles'").fetchone()
    return 0 if row is None else int(row[0])


def _last_logged(sessions_dir: Path) -> int:
    """The highest number of a cycle in the newest logs, 0 without any."""
    return max((log.cycle for log in _newest(sessions_dir)), default=0)


def _newest(sessions_dir: Path) -> Iterator[_Logged]:
    """Of the newest day's newest logs, those that can be read and got as far as a number."""
    days = sorted((day for day in sessions_dir.glob("????-??-??") if day.is_dir()), reverse=True)
    yield from filter(None, map(_logged, _named(days[0])[:NEWEST_LOGS] if days else ()))


def _later(sessions_dir: Path, cycle: int) -> Iterator[_Logged]:
    """The logs of later cycles, oldest first. Days are looked at from the newest until one has none of them."""
    found: list[_Logged] = []
    for day in sorted((day for day in sessions_dir.glob("????-??-??") if day.is_dir()), reverse=True):
        later = [log for log in map(_logged, _named(day)) if log is not None and log.cycle > cycle]
        if not later:
            break
        found += later
    return iter(sorted(found, key=lambda log: log.cycle))


def _named(day: Path) -> list[Path]:
    return sorted((path for path in day.iterdir() if path.name.endswith((".jsonl", ".jsonl.gz"))), reverse=True)


def _stem(name: str) -> str:
    return name.partition(".jsonl")[0]


def _logged(path: Path) -> _Logged | None:
    try:
        return _told(read_log(path))
    except SessionError:
        return None


def _told(log: SessionLog) -> _Logged | None:
    number, result = None, {}
    for event in log.events:
        if event.kind == "given" and event.fields.get("name") == "journal.begin_cycle":
            number = event.fields.get("value")
        elif event.kind == "end" and isinstance(event.fields.get("result"), dict):
            result = event.fields["result"]
    if not isinstance(number, int):
        return None
    configuration = log.head.get("configuration")
    was_on_server = isinstance(configuration, dict) and configuration.get("database") is not None
    return _Logged(log.path.name, str(log.head.get("station")), was_on_server, number, result)
