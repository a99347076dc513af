"""``station ids``: the pool of DeviceIDs and SNs."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from station.desk import RefillPool
from station.model import IdKind
from station.offline import add_config_argument, carry_out, configured, reading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    status = actions.add_parser("status", help="free, reserved, named, used, retired and possibly lost ids")
    add_config_argument(status)
    status.add_argument("--json", action="store_true")
    refill = actions.add_parser("refill", help="ask the API for one batch of each kind that is low")
    add_config_argument(refill)


def run(options: argparse.Namespace) -> int:
    """0; 1 where a refill brought nothing."""
    return {"status": _status, "refill": _refill}[options.action](options)


def _status(options: argparse.Namespace) -> int:
    with reading(configured(options).station) as journal:
        levels = journal.pool_levels(count_used=True)
    if options.json:
        rows = {kind.value: asdict(counts) for kind, counts in levels.counts.items()}
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    for kind in IdKind:
        counts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(levels.counts[kind]).items())
        sys.stdout.write(f"{kind:<9}  {counts}\n")
    if levels.possibly_lost():
        sys.stdout.write(f"{levels.possibly_lost()} ids possibly lost: asked for, and the answer never came\n")
    return 0


def _refill(options: argparse.Namespace) -> int:
    done = carry_out(configured(options), RefillPool())
    sys.stdout.write(f"{done.text}\n")
    if done.problem is not None:
        sys.stderr.write(f"station: {done.problem}\n")
    return 0 if done.problem is None else 1
