"""``station journal``: back it up and check it, beside a running agent; go on from a backup; move it to a database that stations
share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from station.errors import UnitError
from station.offline import add_config_argument, add_reason_arguments, configured, reading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    backup = actions.add_parser("backup", help="copy the journal as it is at this moment")
    add_config_argument(backup)
    backup.add_argument("--to", required=True, type=Path, metavar="FILE")
    add_config_argument(actions.add_parser("check", help="check the journal's integrity"))
    accept = actions.add_parser("accept", help="go on from a backup that was put back; the station must not run")
    add_config_argument(accept)
    add_reason_arguments(accept)
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
    if options.action == "accept":
        return _accept(options)
    config = configured(options).station
    with reading(config) as journal:
        if options.action == "backup":
            from station.restored import make_marked

            if config.database is not None:
                journal.backup(options.to)  # raises: the server's own tool does it
            make_marked(options.to, journal.backup)
            sys.stdout.write(f"{options.to}\n")
            return 0
        problems = journal.integrity_check()
    for problem in problems:
        sys.stderr.write(f"station: journal.corrupt: {problem}\n")
    sys.stdout.write("damaged: restore the last backup\n" if problems else "good\n")
    return 1 if problems else 0


def _accept(options: argparse.Namespace) -> int:
    from drivers.clock import SystemClock
    from station.restored import accept

    config = configured(options).station
    if config.database is not None:
        raise UnitError("journal.on_server", "restore it with the server's own tools, as docs/postgresql.md says")
    done = accept(
        config.journal_path,
        config.sessions_dir,
        station=config.station,
        operator=options.operator,
        reason=options.reason,
        now_ms=int(SystemClock().wall_s() * 1000),
    )
    sys.stdout.write(f"{done.retired} free ids are out of use, and count as possibly lost\n")
    sys.stdout.write(f"{done.in_doubt} units without a label are in doubt: station units list --held\n")
    sys.stdout.write(f"{len(done.learnt)} units of later session logs are set aside\n")
    return 0


def _move(options: argparse.Namespace) -> int:
    from drivers.clock import SystemClock
    from station.config.references import database_url, resolve_secret
    from station.journal.place import require_driver
    from station.restored import refuse_restored

    require_driver()
    from station.journal.moving import move

    config = configured(options).station
    refuse_restored(config.journal_path, config.sessions_dir)
    try:
        target = database_url(options.to, lambda reference: resolve_secret(reference, Path.cwd()))
    except ValueError as error:
        raise UnitError("usage.invalid", f"--to: {error}") from error
    for table, count in move(config.journal_path, target, config.station, SystemClock()).items():
        sys.stdout.write(f"{table:<12}{count:>10}\n")
    sys.stdout.write("moved: name the database as database.url in the configuration, then start the station\n")
    return 0
