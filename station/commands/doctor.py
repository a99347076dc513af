"""``station doctor``: checks every part of the station: what is wrong, why, what to do."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from station.text import printable

MAX_LINE_CHARS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Check every part of the station and say what is wrong, why, and what to do. Nothing is printed, spent or kept. Devices "
        "are opened only while no station runs on this journal. Ends with 0 where nothing is bad, 1 otherwise, 2 where the "
        "configuration cannot be used."
    )
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the station's configuration")
    parser.add_argument("--json", action="store_true", help="one JSON line per finding on standard output")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="where /proc, /sys and /run of the computer are (default: /)",
    )


def run(options: argparse.Namespace) -> int:
    """0 where no finding is bad, else 1; 2 for a configuration that cannot be used (``describe_failure``)."""
    from station.config.validate import load_configuration
    from station.doctor import Grade
    from station.doctor.examination import checks_of, examine, survey_of

    survey = survey_of(load_configuration(options.config), options.root)
    grades = []
    for name, finding in examine(checks_of(survey), survey.clock):
        grades.append(finding.grade)
        if options.json:
            row = {"check": name, "grade": finding.grade.value, "what": finding.what, "remedy": finding.remedy or None}
            sys.stdout.write(json.dumps(row) + "\n")
        else:
            remedy = f" — {finding.remedy}" if finding.remedy else ""
            line = printable(f"{finding.grade:<6}  {name}: {finding.what}{remedy}", MAX_LINE_CHARS)
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    counts = ", ".join(f"{grades.count(grade)} {grade}" for grade in Grade)
    sys.stderr.write(f"station: {counts}\n")
    return 1 if Grade.BAD in grades else 0
