"""The sub-commands of ``station``. A module offers ``add_arguments(parser)`` and ``run(options) -> exit status``."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from drivers.errors import DriverError
from station.config.loader import ConfigError
from station.errors import SessionError, StationError, explain

EXIT_FAILED = 1
EXIT_UNUSABLE = 2
"""A configuration, a file or an argument that cannot be used."""


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
    if not isinstance(error, StationError | DriverError):
        if os.environ.get("STATION_TRACEBACK") == "1":
            return None
        logging.getLogger("station").debug("program fault", exc_info=error)
        text = f"station: station.defect: {type(error).__name__}: {error}"
        return Failure(f"{text} — set STATION_TRACEBACK=1 to see where, and report it", EXIT_FAILED)
    row = explain(error)
    status = EXIT_UNUSABLE if isinstance(error, SessionError) else EXIT_FAILED
    return Failure(f"station: {error.code}: {error} — {row.action}", status)
