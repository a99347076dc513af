"""``station config check FILE``: every mistake as file, line and remedy."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check a file: file:line for each mistake")
    check.add_argument("file", type=Path, metavar="FILE")


def run(options: argparse.Namespace) -> int:
    """0; mistakes end in ``describe_failure`` with 2."""
    from station.config.validate import load_configuration

    configuration = load_configuration(options.file).station
    sockets = ", ".join(socket.name for socket in configuration.sockets)
    sys.stdout.write(f"{options.file}: good: station {configuration.station}, sockets {sockets}\n")
    return 0
