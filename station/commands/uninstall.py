"""``station uninstall``: stop the service and remove what ``station install`` wrote."""

from __future__ import annotations

import argparse
import sys

from station.commands.install import add_consent, carry_out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_consent(parser)


def run(options: argparse.Namespace) -> int:
    """0; 1 where it was not done."""
    from station.installation.plan import uninstall_steps

    status = carry_out(uninstall_steps(options.root.resolve()), options)
    if status == 0:
        sys.stdout.write("kept: /var/lib/station, /etc/station and the user who owns the journal\n")
    return status
