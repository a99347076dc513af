"""What the pages may use of the station."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from station.desk import Desk, RefillPool, perform
from station.errors import UnitError
from station.panel.workshop import Workshop
from station.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment

    from drivers.clock import Clock
    from station.config.validate import Configuration
    from station.desk import Done, Request
    from station.journal.reading import JournalReader
    from station.panel.board import Board
    from station.panel.guard import Guard
    from station.panel.people import Person
    from station.panel.words import Words


MAX_SHOWN = 64


class Station(Protocol):
    """The running station as the page sees it: what people ask of it, and nothing else (``station.jig.Jig``)."""

    def start(self, socket: str, text: str | None = None) -> None:
        """Start a cycle. Raises KeyError for a socket that there is not, UnitError where none can start now."""

    def abort(self, socket: str) -> bool:
        """End the cycle in progress before its next step; whether there is one. Raises KeyError."""

    def note(self, action: str, *, operator: str, reason: str = "", detail: str = "") -> None:
        """One line in the journal's audit. Raises JournalError."""


class Attended(Station, Desk, Protocol):
    """All that a page asks of the station."""


@dataclass(frozen=True, slots=True)
class Context:
    """Shared by all requests; ``reader`` is the page's own connection, which no listing takes from the cycles."""

    configuration: Configuration
    board: Board
    reader: JournalReader
    sessions: Path
    """Where session logs are."""
    station: Attended
    guard: Guard
    templates: Environment
    words: Words
    clock: Clock
    workshop: Workshop = field(default_factory=Workshop)

    def act(self, request: Request) -> Done:
        """Carry a person's request out, as a command would. Raises UnitError("unit.unknown"), StationError, DriverError."""
        if not isinstance(request, RefillPool) and self.reader.find_unit(request.chip_id) is None:
            raise UnitError("unit.unknown", f"no unit has chipId {printable(request.chip_id, MAX_SHOWN)}")
        return perform(request, self.station)

    def audit(self, person: Person, action: str, *, reason: str = "", detail: str = "") -> None:
        """Keep what a person did that is no decision about a unit. Raises JournalError."""
        self.station.note(action, operator=person.name, reason=reason, detail=detail)
