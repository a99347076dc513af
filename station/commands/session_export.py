"""``station sessions export``: a session log in a form that other programs read."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from station.errors import SessionError
from station.session.format import log_lines, read_log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``station sessions export``."""
    parser.add_argument("log", type=Path, metavar="LOG")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE.jsonl", help="must not exist yet")


def run(options: argparse.Namespace) -> int:
    """Raises SessionError for a log that cannot be read or a file that cannot be written."""
    _export(options.log, options.to)
    return 0


def _export(log: Path, to: Path) -> None:
    read_log(log)
    if to.suffix != ".jsonl":
        raise SessionError(f"{to}: the name of a plain copy ends in .jsonl")
    try:
        fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            for line in log_lines(log):
                file.write(line)
    except OSError as error:
        raise SessionError(f"{to}: {error.strerror}") from error
