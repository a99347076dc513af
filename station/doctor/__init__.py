"""Self-checks of a station, one per file: what is wrong, why, and what to do. They look and ask; they change nothing.

    configuration    the file itself, and who may read its secrets      printers       each printer answers and is ready
    state_folder     there, writable, private, room on the disk        api            reachable, token, scope
    journal          whole, of this version, whose it is               pool           ids left, ids possibly lost
    serial_ports     each socket's and scanner's port opens            wall_clock     sane, and as the server's
    latency          FTDI adapters answer at once                      versions       program, libraries
    modem_manager    nobody else talks to the boards               start_devices  pedals and scanners seen, and ours to use
    disk_speed       commits are soon on the disk                  time_service   NTP keeps the clock
    signals          lamps and sounds can be used                page           address, certificate, users

While a station runs, its devices are looked at from outside only: opening a port could disturb the board in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from drivers.clock import Clock
from station.config.loader import Location
from station.config.validate import Configuration


class Grade(StrEnum):
    """How a finding stands."""

    GOOD = "good"
    ADVICE = "advice"
    """Works, and could be better."""
    BAD = "bad"
    """The station does not work like this, or will not for long."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found: ``what`` it is and why, in one line, and what to do where it is not good."""

    grade: Grade
    what: str
    remedy: str = ""


def good(what: str) -> Finding:
    """A finding that needs nothing done."""
    return Finding(Grade.GOOD, what)


def advice(what: str, remedy: str) -> Finding:
    """A finding that can wait."""
    return Finding(Grade.ADVICE, what, remedy)


def bad(what: str, remedy: str) -> Finding:
    """A finding that cannot."""
    return Finding(Grade.BAD, what, remedy)


@dataclass(frozen=True, slots=True)
class Survey:
    """What the checks look at. ``agent_pid`` is the running station's, where one owns this journal; ``root`` is where /proc, /sys
    and /run are found."""

    configuration: Configuration
    clock: Clock
    agent_pid: int | None = None
    root: Path = Path("/")

    def line_of(self, location: Location) -> str:
        """``file:line`` of a part of the configuration."""
        document = self.configuration.document
        return f"{document.file}:{document.mark_of(location)[0]}"


class Check(Protocol):
    """One self-check. Its waits are bounded by the time-outs of what it asks; ``examination`` bounds the whole of it besides."""

    @property
    def name(self) -> str:
        """What is checked, such as ``port of socket A``."""

    def look(self) -> Iterator[Finding]:
        """What there is to say, one finding at least. Raises nothing but StationError and DriverError."""
