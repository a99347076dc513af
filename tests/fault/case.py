"""What one row of the fault matrix declares. ``play.py`` runs it, ``page.py`` writes it down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from station.model import Hold
from tests.fault.limits import Bound
from tests.support.station import Board, Rig

PASS = "PASS"


class Kind(StrEnum):
    """Where a fault strikes; the sections of the page, in their order."""

    API = "API"
    IDS = "Ids from the API"
    BOARD = "Board"
    WIRE = "Wire"
    PRINTER = "Printer"
    DISK = "Disk"
    CLOCK = "Clock"
    SCAN = "Scan"
    SECURITY = "Security"


class When(StrEnum):
    """When the fault is injected."""

    BEFORE_CYCLE = "the station waits for the board"
    BEFORE_STATION = "before the station starts"
    AT_START = "before the station starts, which it then refuses"


@dataclass(slots=True)
class Scene:
    """One trial of a case. ``board`` meets the fault (None: the socket stays empty); ``value`` is what varies between trials;
    ``kept`` is whatever a case keeps between injecting, mending and proving."""

    rig: Rig
    board: Board | None
    value: Any
    kept: dict[str, Any] = field(default_factory=dict)


def nothing(_scene: Scene) -> None:
    """Needs no doing."""


def new_board(rig: Rig, _value: Any) -> Board | None:
    """A fresh one."""
    return rig.board()


@dataclass(frozen=True, slots=True)
class Case:
    """One fault.

    ``ends``: PASS or the codes with which the cycle under the fault ends, each in one trial at least. ``again``: those that the
    same board's next cycle may end with, when ``mend`` and ``play.clear`` have taken the cause away. A board that is new then
    always passes.
    ``hold``: how the journal keeps the unit from going on after the fault. ``costs``: how much longer than a good cycle it may
    take. ``vary``: one trial for each value. ``restarts``: the station is started anew in between. ``proves``: looked at after the
    cycle under the fault, beyond what holds for all cases.
    """

    kind: Kind
    fault: str
    ends: tuple[str, ...]
    costs: Bound
    inject: Callable[[Scene], None] = nothing
    mend: Callable[[Scene], None] = nothing
    again: tuple[str, ...] = (PASS,)
    hold: Hold | None = None
    vary: tuple[Any, ...] = (None,)
    board: Callable[[Rig, Any], Board | None] = new_board
    station: Mapping[str, Any] = field(default_factory=dict)
    when: When = When.BEFORE_CYCLE
    restarts: bool = False
    scans: Callable[[Any], tuple[str, str, str]] = lambda _value: ("GO", "GO", "GO")
    """What the scans say that start the cycle under the fault, the same board's next one, and that of the board that is new."""
    proves: Callable[[Scene], None] = nothing

    @property
    def name(self) -> str:
        """For pytest."""
        return f"{self.kind.value}: {self.fault}"
