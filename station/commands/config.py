"""``station config check FILE``: every mistake as file, line and remedy."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from station.text import printable

MAX_LINE_CHARS = 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check a file: file:line for each mistake")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument(
        "--without-ports",
        action="store_true",
        help="a file for another computer: do not look whether its ports are here",
    )


def run(options: argparse.Namespace) -> int:
    """0; mistakes end in ``describe_failure`` with 2."""
    from station.config.devices import require_devices
    from station.config.validate import load_configuration

    checked = load_configuration(options.file)
    if not options.without_ports:
        require_devices(checked)
    configuration = checked.station
    sockets = ", ".join(socket.name for socket in configuration.sockets)
    good = f"{options.file}: good: station {configuration.station}, sockets {sockets}"
    sys.stdout.write(printable(good, MAX_LINE_CHARS) + "\n")
    return 0
