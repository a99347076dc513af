"""``station install``: the station as a service of this computer. ``station uninstall`` undoes it."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from station.installation.plan import Step

USER_PATTERN = r"[a-z_][a-z0-9_-]{0,30}"
"""What useradd(8) takes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the station's configuration")
    parser.add_argument("--user", default="station", type=_user, help="the service's own user (default: station)")
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="the interpreter that has station (default: this one)"
    )
    add_consent(parser)


def add_consent(parser: argparse.ArgumentParser) -> None:
    """How a command that changes the computer is told to go ahead."""
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="another system's root folder")
    consent = parser.add_mutually_exclusive_group()
    consent.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    consent.add_argument("--yes", action="store_true", help="do it without asking")


def run(options: argparse.Namespace) -> int:
    """0; 1 where it was not done."""
    from station.installation.plan import install_steps, missing
    from station.installation.references import needs_of, require_visible
    from station.installation.unit import UnitOptions, modules_present

    root = options.root.resolve()
    needs = needs_of(options.config, root)
    python = options.python.absolute()
    for path in (python, python.resolve()):
        require_visible(
            path,
            "the interpreter",
            "install station into an environment of the system's own (/usr/bin/python3 -m venv /opt/station) and name its"
            " interpreter by --python",
        )
    steps = install_steps(needs, UnitOptions(python, options.user, modules_present(root)), root)
    for warning in (*needs.warnings, *missing(needs, root)):
        sys.stderr.write(f"station: warning: {warning}\n")
    return carry_out(steps, options)


def carry_out(steps: tuple[Step, ...], options: argparse.Namespace) -> int:
    """Show the steps and, with consent, do them; the status to exit with. Raises InstallationError where one fails."""
    from station.installation.files import NoConsent

    if not steps:
        sys.stdout.write("nothing to do\n")
        return 0
    for step in steps:
        sys.stdout.write(f"{'would' if options.dry_run else 'will'} {step.what}\n")
    if options.dry_run:
        return 0
    if not options.yes:
        if not sys.stdin.isatty():
            raise NoConsent("nobody is there to ask: say --yes to do this, or --dry-run to see it only")
        sys.stdout.write("Do this? [y/N] ")
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            sys.stderr.write("station: nothing was done\n")
            return 1
    for step in steps:
        step.do()
        sys.stdout.write(f"done: {step.what}\n")
    return 0


def _user(text: str) -> str:
    if not re.fullmatch(USER_PATTERN, text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a user")
    return text
