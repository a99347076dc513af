"""``station sessions``: find session logs, show one as a timeline, export one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

from drivers.clock import SystemClock
from station.arguments import USAGE_CODE
from station.commands import session_export
from station.errors import StationError, UnitError
from station.session.following import Following
from station.session.format import SessionLog, read_log
from station.session.store import SessionSummary, find, newest_running
from station.session.timeline import Timeline, timeline
from station.session.wire_words import decoders_for
from station.session.writer import PART_SUFFIX, part_of
from station.text import printable

_CRITERIA = ("chip_id", "sn", "device_id", "socket", "outcome", "code")
_IDS = ("chip_id", "sn", "device_id")
_ROW = "{started:<23}  {socket:<10} {outcome:<8} {chip_id:<26} {device_id:<18} {sn:<32} {code:<20} {path}\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``station sessions``."""
    commands = parser.add_subparsers(dest="sessions_command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="find session logs, newest first")
    where = listing.add_mutually_exclusive_group(required=True)
    where.add_argument("--dir", type=Path, metavar="DIR", help="folder of session logs, each of which is read")
    where.add_argument("--config", type=Path, metavar="FILE", help="the station's configuration: its journal is asked")
    for name in _CRITERIA:
        what = "only logs of a unit with this, or one that begins so" if name in _IDS else "only logs with exactly this"
        listing.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="TEXT", help=what)
    listing.add_argument("--day", type=_day, metavar="YYYY-MM-DD", help="only cycles that started on this day (UTC)")
    listing.add_argument("--limit", type=_count, default=1000, metavar="N", help="at most this many (default 1000)")
    listing.add_argument("--json", action="store_true", help="one JSON line per log")
    show = commands.add_parser("show", help="print a log as a timeline in words")
    show.add_argument("log", type=Path, nargs="?", metavar="LOG")
    show.add_argument("--hex", action="store_true", help="every byte, header and body")
    show.add_argument("--follow", action="store_true", help="go on with what a cycle that still runs writes")
    show.add_argument("--config", type=Path, metavar="FILE", help="with --follow: the cycle that this station runs")
    show.add_argument("--socket", metavar="NAME", help="with --config: the cycle in this socket (default: the newest)")
    session_export.add_arguments(
        commands.add_parser("export", help="write a log as an HTML page, HAR, pcapng or plain JSON lines")
    )


def run(options: argparse.Namespace) -> int:
    """Raises SessionError for a log or folder that cannot be read, or a file that cannot be written."""
    if options.sessions_command == "export":
        return session_export.run(options)
    if options.sessions_command == "list":
        _list(options)
    else:
        _show(options)
    return 0


def _show(options: argparse.Namespace) -> None:
    path = _shown(options)
    if options.follow and path.name.endswith(PART_SUFFIX):
        _follow(path, hex_dump=options.hex)
        return
    log = read_log(path)
    _write(timeline(log, decoders_for(log), hex_dump=options.hex))


def _shown(options: argparse.Namespace) -> Path:
    """The log that is meant. A cycle's log has another name while the cycle runs: with ``--follow`` either is understood."""
    if (options.log is None) == (options.config is None):
        raise UnitError(USAGE_CODE, "name a LOG, or with --follow a station: --config FILE")
    if options.config is not None:
        if not options.follow:
            raise UnitError(USAGE_CODE, "--config is for --follow; sessions list finds the other logs")
        from station.offline import configured

        log = newest_running(configured(options).station.sessions_dir, options.socket)
    else:
        log = options.log
    if not options.follow or log.exists():
        return log
    final = log.with_name(log.name.removesuffix(PART_SUFFIX) + ".gz")
    return final if log.name.endswith(PART_SUFFIX) and final.exists() else part_of(log)


def _follow(path: Path, *, hex_dump: bool) -> None:
    following = Following(path, SystemClock())
    told: Timeline | None = None
    for event in following.events():
        if event is None:
            _write(told.flush() if told else ())
        elif told is None:
            told = Timeline(decoders_for(SessionLog(path, (event,))), hex_dump=hex_dump)
            _write(told.head(path, event))
        else:
            _write(told.event(event))
    _write(told.end(following.torn) if told else ())


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _list(options: argparse.Namespace) -> None:
    summaries = _found(options)
    if not options.json:
        titles = {name: name.replace("_id", "Id") for name in (*_CRITERIA, "started", "path")}
        sys.stdout.write(_ROW.format(**titles))
    for _, summary in zip(range(options.limit), summaries, strict=False):
        sys.stdout.write(_json_line(summary) if options.json else _row(summary))


def _found(options: argparse.Namespace) -> Iterator[SessionSummary]:
    """What a folder holds, or what the journal knows; where the journal cannot be read, what its station's folder holds."""
    criteria = {name: getattr(options, name) for name in _CRITERIA}
    if options.dir is not None:
        return find(options.dir, day=options.day, **criteria)
    from station.indexed_sessions import find_indexed
    from station.offline import configured

    config = configured(options).station
    try:
        return find_indexed(config, criteria, options.day, options.limit)
    except StationError as error:
        sys.stderr.write(printable(f"station: {error.code}: {error} — reading each log instead", 2000) + "\n")
        return find(config.sessions_dir, day=options.day, **criteria)


def _row(summary: SessionSummary) -> str:
    started = "unknown"
    if summary.day is not None and summary.started_wall_s is not None:
        started = datetime.fromtimestamp(summary.started_wall_s, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:23]
    state = next((word for word, true in _states(summary) if true), "-")
    cells = {name: printable(getattr(summary, name) or "-", 64) for name in _CRITERIA}
    if not summary.outcome:
        cells["outcome"] = state
    what = summary.problem or ("torn" if summary.torn and summary.outcome else None)
    remark = f"  ({printable(what, 200)})" if what else ""
    return _ROW.format(started=started, path=f"{printable(str(summary.path))}{remark}", **cells)


def _states(summary: SessionSummary) -> tuple[tuple[str, bool], ...]:
    """What stands in the outcome's place where a cycle has none."""
    return (
        ("RUNNING", summary.running),
        ("DAMAGED", summary.problem is not None),
        ("TORN", summary.torn),
        ("CUT OFF", summary.cut_off),
    )


def _json_line(summary: SessionSummary) -> str:
    return json.dumps({**asdict(summary), "path": str(summary.path)}) + "\n"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2025-03-31") from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000000")
    return int(text)
