"""``station …``: the sub-commands, each in a module of its own that is imported only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Sequence

from station import __version__
from station.arguments import OneLineParser

COMMANDS: dict[str, str] = {
    "demo": "run the main job on embedded simulated hardware",
    "run": "run the station until it is told to stop",
    "provision": "activate and bind the units of a list, without a jig",
    "replay": "run the real code against a session log",
    "sessions": "find, show and export session logs",
    "units": "what the journal knows of units; settle one that is held",
    "ids": "the pool of DeviceIDs and SNs",
    "label": "preview a label, reprint one (counted)",
    "simulate": "one simulated part alone, for other tools",
    "doctor": "check every part of the station",
    "config": "check a configuration file",
    "init": "look what is plugged in, ask, and write a first configuration",
    "install": "install the station as a service of this computer",
    "uninstall": "remove the service",
    "panel": "who may log in at the page",
    "journal": "back up, check or move the journal",
}
"""Sub-command to its line of help; ``station.commands.<name>`` implements it with ``add_arguments`` and ``run``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Every expected error is one line with a code on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale that lacks a character is no reason to stop
    parser = OneLineParser(prog="station", description="The agent of a hardware test station at a flashing jig.")
    parser.add_argument("--version", action="version", version=f"station {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        if name == wanted:
            importlib.import_module(f"station.commands.{name}").add_arguments(command)
    options = parser.parse_args(arguments)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    from station.commands import EXIT_READER_GONE, describe_failure, forget_output

    command = importlib.import_module(f"station.commands.{options.command}")
    try:
        status: int = command.run(options)
    except BrokenPipeError:
        forget_output()
        return EXIT_READER_GONE
    except KeyboardInterrupt:
        sys.stderr.write("station: stopped\n")
        return 130
    except Exception as error:
        failure = describe_failure(error)
        if failure is None:
            raise
        sys.stderr.write(failure.text + "\n")
        return failure.exit_status
    return status


if __name__ == "__main__":
    raise SystemExit(main())
