"""``station journal``: back it up and check it, beside a running agent."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from station.offline import add_config_argument, configured, reading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    backup = actions.add_parser("backup", help="copy the journal as it is at this moment")
    add_config_argument(backup)
    backup.add_argument("--to", required=True, type=Path, metavar="FILE")
    add_config_argument(actions.add_parser("check", help="check the journal's integrity"))


def run(options: argparse.Namespace) -> int:
    """0; ``check`` 1 where the journal is damaged."""
    with reading(configured(options).station) as journal:
        if options.action == "backup":
            journal.backup(options.to)
            sys.stdout.write(f"{options.to}\n")
            return 0
        problems = journal.integrity_check()
    for problem in problems:
        sys.stderr.write(f"station: journal.corrupt: {problem}\n")
    sys.stdout.write("damaged: restore the last backup\n" if problems else "good\n")
    return 1 if problems else 0
