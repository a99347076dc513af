"""``make crash``: search for a crash that breaks a promise.

Kills a real agent at every kind of effect boundary, in every combination of id source, server, sockets, boards and lost answers,
takes from some what they had not synced, as a loss of power does, restarts it, and compares what the server, chips, printer,
the session logs and the journal hold in the end. The last line is ``N crash points, M violations``; the exit status is 0 only where
M is 0. ``CRASH`` holds options: ``make crash CRASH=--help``.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

from tests.crash.scenarios import usual
from tests.crash.search import search, table

RUNS_PER_CPU = 2
"""A run mostly waits for a board's bootloader."""


def main() -> int:
    """0 where no violation was found."""
    options = _parse()
    scenarios = [scenario for scenario in usual() if options.only in str(scenario)]
    if options.stride:
        scenarios = [replace(scenario, stride=options.stride) for scenario in scenarios]
    started_s = time.monotonic()
    findings = []
    for finding in search(scenarios, options.jobs, options.point):
        findings.append(finding)
        for violation in finding.violations:
            print(f"VIOLATION {finding.scenario} at {finding.point}: {violation}", flush=True)
        if len(findings) % 100 == 0:
            print(f"{len(findings)} crash points, {time.monotonic() - started_s:.0f} s", flush=True)
    print(table(findings))
    violations = sum(len(finding.violations) for finding in findings)
    points = sum(finding.counts for finding in findings)
    print(f"{points} crash points, {violations} violations")
    return 0 if points and not violations else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make crash CRASH=…", description="Search for a crash that breaks a promise.")
    parser.add_argument(
        "--jobs", type=int, default=RUNS_PER_CPU * (os.cpu_count() or 1), metavar="N", help="runs at a time"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios with this text in their name")
    parser.add_argument("--point", metavar="POINT", help='one crash point, such as "journal: commit: after #3"')
    parser.add_argument("--stride", type=int, metavar="N", help="every N'th crash point of each scenario; 1 takes all")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
