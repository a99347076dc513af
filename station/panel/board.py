"""What the operator's page shows, kept from the station's events: one tile per socket, and the totals.

Events come from the sockets' threads and must cost them next to nothing: a frozen tile is replaced, and whoever listens is told
which one. Making text of it is the reader's work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from station.errors import CATALOGUE
from station.events import (
    ApiExchanged,
    BacklogChanged,
    CycleEnded,
    CycleStarted,
    Event,
    PoolChanged,
    SocketDown,
    SocketWaiting,
    StartRejected,
    StepEnded,
    StepStarted,
    UnitKnown,
    UnitSettled,
)
from station.model import CycleResult, EffectKind, LabelFate, Outcome, Step, Unit
from station.panel.pace import Pace
from station.text import printable

TOTALS = ""
"""Stands for the totals where a socket's name stands for its tile."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One socket as the page shows it. ``state`` is waiting, working, an outcome, down, or starting."""

    socket: str
    state: str = "starting"
    step: str | None = None
    steps_done: int = 0
    steps_total: int = len(Step)
    started_ms: int | None = None
    duration_s: float | None = None
    cycle: int | None = None
    chip_id: str | None = None
    device_id: str | None = None
    sn: str | None = None
    code: str | None = None
    headline: str = ""
    action: str = ""
    detail: str = ""
    label: str | None = None
    needs_answer: bool = False
    """Whether the station has to be told if the label in doubt is there."""
    notice: str | None = None
    """A start that was not taken, and why."""
    ready: bool = False
    """Whether a start would be taken now."""

    def to_json(self) -> dict[str, Any]:
        """The fields as they are, ready for JSON."""
        return {name: getattr(self, name) for name in _TILE_FIELDS}


_TILE_FIELDS = tuple(field.name for field in fields(Tile))


@dataclass(frozen=True, slots=True)
class Printer:
    """A printer as the last label showed it; ``text`` is what was wrong."""

    name: str
    ok: bool = True
    text: str = ""


@dataclass
class _Totals:
    device_ids: int = 0
    sns: int = 0
    pool_problem: str | None = None
    api_ok: bool = True
    api_text: str = ""
    units_held: int = 0
    labels_in_doubt: int = 0
    printers: dict[str, Printer] = field(default_factory=dict)


Explain = Callable[[str], tuple[str, str]]
"""A code's headline and action, in the language of the page."""


def in_english(code: str) -> tuple[str, str]:
    """The catalogue's own words."""
    row = CATALOGUE.get(code, CATALOGUE["station.defect"])
    return row.headline, row.action


class Board:
    """Takes the station's events from any thread; ``snapshot`` shows all of them. ``listen`` is told the name of each tile that
    changed, ``TOTALS`` for the totals, in the thread of the event and under no lock."""

    def __init__(self, wall_s: Callable[[], float] = time.time) -> None:
        self._wall_s = wall_s
        self._lock = threading.Lock()
        self._tiles: dict[str, Tile] = {}
        self._totals = _Totals()
        self._printer_of: dict[str, str] = {}
        self._explain: Explain = in_english
        self._listeners: tuple[Callable[[str], None], ...] = ()
        self.station = ""
        self.language = "en"
        self.pace = Pace(wall_s)

    def describe(self, station: str, language: str, printers: Mapping[str, str], explain: Explain = in_english) -> None:
        """What the configuration says: ``printers`` maps each socket to its printer's name. Sockets that are gone are dropped."""
        with self._lock:
            self.station, self.language, self._explain = station, language, explain
            self._printer_of = dict(printers)
            self._tiles = {name: self._tiles.get(name, Tile(name)) for name in printers}
            known = self._totals.printers
            self._totals.printers = {name: known.get(name, Printer(name)) for name in dict.fromkeys(printers.values())}

    def listen(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Tell ``listener`` of every change, which must not block, until what is returned is called."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def leave() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return leave

    def __call__(self, event: Event) -> None:
        with self._lock:
            changed = self._take(event)
            listeners = self._listeners
        for name in changed:
            for listener in listeners:
                listener(name)

    def tile(self, socket: str) -> Tile:
        """Raises KeyError for a socket that there is not."""
        with self._lock:
            return self._tiles[socket]

    def tiles(self) -> tuple[Tile, ...]:
        """All of them, in the configuration's order."""
        with self._lock:
            return tuple(self._tiles.values())

    def totals(self) -> dict[str, Any]:
        """All but the tiles, ready for JSON."""
        with self._lock:
            now = replace(self._totals)
            printers = [asdict(printer) for printer in self._totals.printers.values()]
        return {
            "today": self.pace.today(),
            "yield": self.pace.yield_today(),
            "units_per_hour": self.pace.units_per_hour(),
            "pool": {"device_ids": now.device_ids, "sns": now.sns, "problem": now.pool_problem},
            "api": {"ok": now.api_ok, "text": now.api_text},
            "printers": printers,
            "units_held": now.units_held,
            "labels_in_doubt": now.labels_in_doubt,
        }

    def snapshot(self) -> dict[str, Any]:
        """All that the page shows, ready for JSON."""
        tiles = [tile.to_json() for tile in self.tiles()]
        shown = {"station": self.station, "language": self.language, "now_ms": self._now_ms()}
        return {**shown, "tiles": tiles, "totals": self.totals()}

    # -- one event -----------------------------------------------------------------------------------------------------

    def _take(self, event: Event) -> tuple[str, ...]:
        """The names of what changed."""
        match event:
            case StepStarted(socket, step):
                self._change(socket, step=step.value)
            case StepEnded(socket, _, _):
                self._change(socket, steps_done=self._of(socket).steps_done + 1)
            case UnitKnown(socket, chip_id, device_id, sn):
                self._change(socket, chip_id=chip_id, device_id=device_id, sn=sn)
            case CycleStarted(socket):
                self._tiles[socket] = Tile(socket, "working", started_ms=self._now_ms())
            case CycleEnded(socket, result):
                self._tiles[socket] = self._ended(result)
                self._judge_printer(result)
                self.pace.count(result.outcome)
                return socket, TOTALS
            case SocketWaiting(socket):
                tile = self._of(socket)
                showing_result = tile.state in Outcome.__members__
                self._change(socket, state=tile.state if showing_result else "waiting", ready=True)
                if not showing_result:
                    self._change(socket, code=None, headline="", action="", detail="")
            case SocketDown(socket, code, message):
                headline, action = self._explain(code)
                said = {"code": code, "headline": headline, "action": action, "detail": printable(message)}
                self._tiles[socket] = replace(Tile(socket, "down"), **said)  # type: ignore[arg-type]
            case StartRejected(socket, reason):
                self._change(socket, notice=printable(reason))
            case UnitSettled(unit):
                return self._settled(unit)
            case _:
                return self._take_totals(event)
        return (event.socket,)

    def _take_totals(self, event: Event) -> tuple[str, ...]:
        totals = self._totals
        before = replace(totals)
        match event:
            case PoolChanged(device_ids, sns, problem):
                totals.device_ids, totals.sns, totals.pool_problem = device_ids, sns, problem and printable(problem)
            case BacklogChanged(units_held, _, labels_in_doubt):
                totals.units_held, totals.labels_in_doubt = units_held, labels_in_doubt
            case ApiExchanged(answer, _):
                totals.api_ok = answer == "2xx"
                totals.api_text = "" if totals.api_ok else answer
        return (TOTALS,) if totals != before else ()

    def _ended(self, result: CycleResult) -> Tile:
        headline, action = self._explain(result.code) if result.code else ("", "")
        done = self._of(result.socket)
        return Tile(
            result.socket,
            result.outcome.value,
            steps_done=len(result.steps),
            started_ms=done.started_ms,
            duration_s=round(result.duration_s, 4),
            cycle=result.cycle,
            chip_id=result.chip_id,
            device_id=result.device_id,
            sn=result.sn,
            code=result.code,
            headline=headline,
            action=action,
            detail=printable(result.message),
            label=result.label.value,
            needs_answer=result.code == "label.in_doubt",
            notice=done.notice,
        )

    def _settled(self, unit: Unit) -> tuple[str, ...]:
        """Tiles that still ask about the unit's label do so no more."""
        if unit.open_effect(EffectKind.PRINT) is not None:
            return ()
        label = LabelFate.PRINTED if unit.labels_printed else LabelFate.NOT_PRINTED
        asking = [tile for tile in self._tiles.values() if tile.chip_id == unit.chip_id and tile.needs_answer]
        for tile in asking:
            self._change(tile.socket, needs_answer=False, label=label.value)
        return tuple(tile.socket for tile in asking)

    def _judge_printer(self, result: CycleResult) -> None:
        name = self._printer_of.get(result.socket, "")
        code = result.code or ""
        if code.startswith("printer."):
            self._totals.printers[name] = Printer(name, ok=False, text=self._explain(code)[0])
        elif result.outcome is Outcome.PASS:
            self._totals.printers[name] = Printer(name)

    def _of(self, socket: str) -> Tile:
        return self._tiles.get(socket) or Tile(socket)

    def _change(self, socket: str, **changes: Any) -> None:
        self._tiles[socket] = replace(self._of(socket), **changes)

    def _now_ms(self) -> int:
        return int(self._wall_s() * 1000)
