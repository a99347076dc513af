"""``station replay LOG``: the real code against a session log."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import SessionError
from station.text import printable

if TYPE_CHECKING:
    from station.rerun import ReplayReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", type=Path, metavar="LOG", help="a session log, or a folder of them")
    parser.add_argument("--json", action="store_true", help="one JSON line per log")


def run(options: argparse.Namespace) -> int:
    """0 the same, 1 diverged, 2 unreadable (``describe_failure``)."""
    from station.rerun import replay

    same = True
    for path in _logs(options.log):
        report = replay(path)
        sys.stdout.write((json.dumps(report.to_json()) if options.json else _in_words(report)) + "\n")
        same = same and report.is_same
    return 0 if same else 1


def _logs(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    logs = sorted(log for pattern in ("*.jsonl", "*.jsonl.gz", "*.jsonl.part") for log in path.rglob(pattern))
    if not logs:
        raise SessionError(f"{path}: no session logs in this folder")
    return logs


def _in_words(report: ReplayReport) -> str:
    from station.session.report import report_lines

    difference = report.difference
    if difference is None:
        ended = f"cut off ({printable(report.cut_off)})" if report.cut_off else f"ends {_outcome(report)}"
        return f"{report.path}: the same, {report.events} events, {ended}"
    assert report.reading is not None, "made with the difference"
    first, *rest = report_lines(difference, report.reading, report.versions)
    return "\n".join((f"{report.path}: {first}", *rest))


def _outcome(report: ReplayReport) -> str:
    result = report.result
    return "" if result is None else f"{result.outcome}{' ' + result.code if result.code else ''}"
