"""``station journal``: back it up and check it, beside a running agent; move it to a database that stations share."""

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
    move = actions.add_parser("move", help="move the journal from its file to PostgreSQL; the station must not run")
    add_config_argument(move)
    move.add_argument(
        "--to",
        required=True,
        metavar="URL",
        help="postgresql://user@host/database, empty; its password, or the whole of it, as ${env:NAME} or ${file:PATH}",
    )


def run(options: argparse.Namespace) -> int:
    """0; ``check`` 1 where the journal is damaged."""
    if options.action == "move":
        return _move(options)
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


def _move(options: argparse.Namespace) -> int:
    from drivers.clock import SystemClock
    from station.config.references import database_url, resolve_secret
    from station.errors import UnitError
    from station.journal.place import require_driver

    require_driver()
    from station.journal.moving import move

    config = configured(options).station
    try:
        target = database_url(options.to, lambda reference: resolve_secret(reference, Path.cwd()))
    except ValueError as error:
        raise UnitError("usage.invalid", f"--to: {error}") from error
    for table, count in move(config.journal_path, target, config.station, SystemClock()).items():
        sys.stdout.write(f"{table:<12}{count:>10}\n")
    sys.stdout.write("moved: name the database as database.url in the configuration, then start the station\n")
    return 0
