"""What a person at the terminal sees while cycles run: a live table where there is a terminal, plain lines elsewhere.

Everything goes to standard error; standard output belongs to ``--json``.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

from station.errors import CATALOGUE
from station.events import (
    CycleEnded,
    CycleStarted,
    Event,
    PoolChanged,
    SocketDown,
    SocketWaiting,
    StartRejected,
    StepStarted,
    UnitKnown,
)
from station.model import CycleResult, Outcome, Step
from station.text import printable

if TYPE_CHECKING:
    from rich.table import Table


class View(Protocol):
    """Something that shows events; called from any thread."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None: ...


def open_view(stream: TextIO | None = None) -> View:
    """The view that fits ``stream`` (standard error by default)."""
    stream = stream or sys.stderr
    return TerminalView(stream) if stream.isatty() else PlainView(stream)


def summary_of(result: CycleResult) -> str:
    """One line: the outcome, the unit, and where it is not PASS what happened and what to do."""
    times = f"{result.duration_s:.3f} s"
    if result.outcome is Outcome.PASS:
        again = " (seen before)" if result.resumed else ""
        return f"PASS  chip {result.chip_id}  DeviceID {result.device_id}  SN {result.sn}  label {result.label}  {times}{again}"
    row = CATALOGUE.get(result.code or "", CATALOGUE["station.defect"])
    detail = f" ({printable(result.message)})" if result.message else ""
    return (
        f"{result.outcome}  {result.code}  {row.headline}: {row.action}{detail}  chip {result.chip_id or '-'}  {times}"
    )


class PlainView:
    """One line per thing worth knowing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._pool_problem: str | None = None
        self._waiting: set[str] = set()

    def __call__(self, event: Event) -> None:
        line = line_of(event)
        with self._lock:
            if isinstance(event, SocketWaiting):
                line = None if event.socket in self._waiting else line
                self._waiting.add(event.socket)
            elif isinstance(event, SocketDown):
                self._waiting.discard(event.socket)
            if isinstance(event, PoolChanged):
                is_known, self._pool_problem = event.problem == self._pool_problem, event.problem
                line = None if is_known else line
            if line is not None:
                self._stream.write(line + "\n")
                self._stream.flush()

    def close(self) -> None:
        """Nothing is held."""


def line_of(event: Event) -> str | None:
    """One printable line for an event worth knowing, None for any other."""
    match event:
        case CycleEnded(socket, result):
            return f"[{socket}] cycle {result.cycle}: {summary_of(result)}"
        case SocketDown(socket, code, message):
            return f"[{socket}] {code}: {printable(message)}: {CATALOGUE[code].action if code in CATALOGUE else ''}"
        case SocketWaiting(socket):
            return f"[{socket}] waits for a board"
        case StartRejected(socket, reason):
            return f"[{socket}] not started: {printable(reason)}"
        case PoolChanged(_, _, str(problem)):
            return f"pool: {printable(problem)}"
        case _:
            return None


@dataclass
class _Row:
    """One socket as the terminal shows it."""

    state: str = "starting"
    style: str = ""
    step: Step | None = None
    steps_done: int = 0
    started_s: float | None = None
    unit: str = ""
    action: str = ""
    counts: dict[Outcome, int] = field(default_factory=dict)


class TerminalView:
    """A table with a line per socket, drawn in place ten times a second while something runs."""

    def __init__(self, stream: TextIO, now_s: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console
        from rich.live import Live

        self._now_s = now_s
        self._rows: dict[str, _Row] = {}
        self._pool = ""
        self._lock = threading.Lock()
        self._console = Console(file=stream)
        self._live = Live(get_renderable=self.table, console=self._console, refresh_per_second=10, transient=True)
        self._live.start()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._take(event)
        if isinstance(event, CycleEnded):
            style = _STYLES[event.result.outcome]
            self._console.print(
                f"[{event.socket}] cycle {event.result.cycle}: {summary_of(event.result)}",
                style=style,
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        elif isinstance(event, StartRejected | SocketDown):
            self._console.print(line_of(event), style="yellow", markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._live.stop()

    def table(self) -> Table:
        """The table as it is now."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(self._pool) if self._pool else None, expand=True)
        for title in ("socket", "state", "step", "s", "unit", "what to do", "PASS/FAIL/ERROR"):
            table.add_column(title)
        with self._lock:
            for name, row in sorted(self._rows.items()):
                elapsed = "" if row.started_s is None else f"{self._now_s() - row.started_s:.1f}"
                progress = "" if row.step is None else f"{row.steps_done + 1}/{len(Step)} {row.step}"
                counts = "/".join(str(row.counts.get(o, 0)) for o in (Outcome.PASS, Outcome.FAIL, Outcome.ERROR))
                state = Text(row.state, style=row.style)
                table.add_row(name, state, progress, elapsed, Text(row.unit), Text(row.action), counts)
        return table

    def _take(self, event: Event) -> None:
        match event:
            case PoolChanged(device_ids, sns, problem):
                self._pool = f"pool: {device_ids} DeviceIDs, {sns} SNs" + (
                    f" — {printable(problem)}" if problem else ""
                )
            case CycleStarted(socket):
                counts = self._row(socket).counts
                self._rows[socket] = _Row("running", "bold cyan", started_s=self._now_s(), counts=counts)
            case StepStarted(socket, step):
                row = self._row(socket)
                row.steps_done += row.step is not None
                row.step = step
            case UnitKnown(socket, chip_id, device_id, sn):
                self._row(socket).unit = printable(" ".join(part for part in (chip_id, device_id, sn) if part))
            case CycleEnded(socket, result):
                row = self._row(socket)
                row.state, row.style, row.step, row.started_s = (
                    result.outcome.value,
                    _STYLES[result.outcome],
                    None,
                    None,
                )
                row.action = CATALOGUE[result.code].action if result.code in CATALOGUE else "Take the board out."
                row.counts[result.outcome] = row.counts.get(result.outcome, 0) + 1
            case SocketWaiting(socket):
                row = self._row(socket)
                row.state, row.style = (row.state, row.style) if row.counts else ("waiting", "dim")
            case SocketDown(socket, code, message):
                row = self._row(socket)
                row.state, row.style, row.action = code, "bold red", printable(message)
            case _:
                return

    def _row(self, socket: str) -> _Row:
        return self._rows.setdefault(socket, _Row())


_STYLES = {
    Outcome.PASS: "bold green",
    Outcome.FAIL: "bold red",
    Outcome.ERROR: "bold yellow",
    Outcome.ABORTED: "bold magenta",
}
