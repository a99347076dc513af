"""The sub-commands of ``station``. A module offers ``add_arguments(parser)`` and ``run(options) -> exit status``."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass

from drivers.errors import DriverError
from station.arguments import USAGE_CODE
from station.config.loader import ConfigError
from station.errors import CATALOGUE, SessionError, StationError, explain
from station.text import printable

EXIT_FAILED = 1
EXIT_READER_GONE = 141
"""What a shell reports for a program that SIGPIPE ended. The signal itself stays ignored: a printer that closes its connection
must not end the agent."""
EXIT_UNUSABLE = 2
"""A configuration, a file or an argument that cannot be used."""
MAX_LINE_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Failure:
    """What a command that could not do its work says and exits with."""

    text: str
    exit_status: int


def describe_failure(error: Exception) -> Failure | None:
    """One line with code and remedy for every error that a command may end in.

    A program fault is one line too, its traceback in the log, unless ``STATION_TRACEBACK=1`` asks for it (None then).
    """
    if isinstance(error, ConfigError):
        lines = [f"station: {error.code}: {mistake}" for mistake in error.mistakes]
        return Failure("\n".join(lines), EXIT_UNUSABLE)
    if isinstance(error, OSError) and error.filename is not None:
        what = f"{os.fsdecode(error.filename)}: {error.strerror}"
        return Failure(_line("file.failed", what, CATALOGUE["file.failed"].action), EXIT_FAILED)
    if not isinstance(error, StationError | DriverError):
        if os.environ.get("STATION_TRACEBACK") == "1":
            return None
        logging.getLogger("station").debug("program fault", exc_info=error)
        what = f"{type(error).__name__}: {error}"
        return Failure(
            _line("station.defect", what, "set STATION_TRACEBACK=1 to see where, and report it"), EXIT_FAILED
        )
    is_unusable = isinstance(error, SessionError) or error.code == USAGE_CODE
    status = EXIT_UNUSABLE if is_unusable else EXIT_FAILED
    return Failure(_line(error.code, str(error), explain(error).action), status)


def _line(code: str, what: str, remedy: str) -> str:
    return printable(f"station: {code}: {what} — {remedy}", MAX_LINE_CHARS)


def forget_output() -> None:
    """Let standard output lead nowhere: whoever read it has gone, and what is still buffered would be an error at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
