"""The station's events as numbers. Labels come from the configuration, the catalogue of codes and our own words: their number is
bounded, whatever a board, a printer or the server says, and no chipId, DeviceID or SN is among them."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Mapping

from station import __version__
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
)
from station.metrics.exposition import Histogram, Metric
from station.model import CycleResult, EffectKind, IdKind, LabelFate, Outcome

STEP_BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
API_BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STATES = ("waiting", "working", "down")


class Collector:
    """Takes events from any thread; ``text`` is what is served. Counts from the agent's start, over every reload."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._printers: Mapping[str, str] = {}
        self.cycles = Metric(
            "station_cycles_total", "counter", "Cycles that ended, by outcome and code.", ("socket", "outcome", "code")
        )
        self.cycle_s = Histogram("station_cycle_seconds", "Time of a whole cycle.", STEP_BOUNDS_S, ("outcome",))
        self.step_s = Histogram("station_step_seconds", "Time of one step of a cycle.", STEP_BOUNDS_S, ("step",))
        self.labels = Metric("station_labels_total", "counter", "Cycles by their label's fate.", ("printer", "fate"))
        self.rejected = Metric(
            "station_starts_rejected_total", "counter", "Scans and presses that started no cycle.", ("socket",)
        )
        self.sockets = Metric(
            "station_socket_state", "gauge", "1 for the state that a socket is in.", ("socket", "state")
        )
        self.printer_ready = Metric(
            "station_printer_ready", "gauge", "0 where the last cycle found the printer not ready.", ("printer",)
        )
        self.pool = Metric("station_pool_free", "gauge", "Ids fetched ahead and not yet given to a unit.", ("kind",))
        self.refill_fails = Metric("station_refill_failing", "gauge", "1 while the pool cannot be refilled.")
        self.held = Metric("station_units_held", "gauge", "Units set aside or in doubt: a person settles them.")
        self.open_effects = Metric(
            "station_effects_open", "gauge", "Effects begun and not settled; print: labels not confirmed.", ("kind",)
        )
        self.api_s = Histogram(
            "station_api_exchange_seconds", "Time of one request to the API.", API_BOUNDS_S, ("answer",)
        )
        self.build = Metric(
            "station_build_info", "gauge", "Always 1: which agent this is.", ("station", "version", "python")
        )
        self.started = Metric("station_start_time_seconds", "gauge", "When the agent started, since 1970.")
        self.started.set(to=time.time())
        for kind in EffectKind:
            self.open_effects.set(kind.value, to=0)
        self.held.set(to=0)

    def describe(self, station: str, printer_of_socket: Mapping[str, str]) -> None:
        """What the configuration names; told anew at each reload, so that what it names no more is gone."""
        with self._lock:
            self._printers = dict(printer_of_socket)
            self.build.values = {(station, __version__, platform.python_version()): 1.0}
            self.sockets.values = {(socket, state): 0.0 for socket in printer_of_socket for state in STATES}
            ready = {(printer,): 1.0 for printer in printer_of_socket.values()}
            self.printer_ready.values = {key: self.printer_ready.values.get(key, value) for key, value in ready.items()}

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._take(event)

    def text(self) -> str:
        """All of it, in the text format."""
        with self._lock:
            return "".join(f"{line}\n" for metric in self._all() for line in metric.lines())

    def _all(self) -> tuple[Metric | Histogram, ...]:
        return tuple(value for value in vars(self).values() if isinstance(value, Metric | Histogram))

    def _take(self, event: Event) -> None:
        match event:
            case SocketWaiting(socket):
                self._state(socket, "waiting")
            case CycleStarted(socket):
                self._state(socket, "working")
            case SocketDown(socket, _, _):
                self._state(socket, "down")
            case StartRejected(socket, _):
                self.rejected.add(socket)
            case StepEnded(_, step, duration_s):
                self.step_s.observe(step.value, value=duration_s)
            case CycleEnded(socket, result):
                self._cycle(socket, result)
            case PoolChanged(device_ids, sns, problem):
                self.pool.set(IdKind.DEVICE_ID.value, to=device_ids)
                self.pool.set(IdKind.SN.value, to=sns)
                self.refill_fails.set(to=0 if problem is None else 1)
            case BacklogChanged(units_held, effects_open):
                self.held.set(to=units_held)
                for kind, number in effects_open.items():
                    self.open_effects.set(kind.value, to=number)
            case ApiExchanged(answer, duration_s):
                self.api_s.observe(answer, value=duration_s)
            case _:
                return

    def _state(self, socket: str, state: str) -> None:
        for each in STATES:
            self.sockets.set(socket, each, to=each == state)

    def _cycle(self, socket: str, result: CycleResult) -> None:
        code = result.code or ""
        self.cycles.add(socket, result.outcome.value, code if code in CATALOGUE or not code else "other")
        self.cycle_s.observe(result.outcome.value, value=result.duration_s)
        printer = self._printers.get(socket)
        if printer is None:
            return
        self.labels.add(printer, result.label.value)
        if code.startswith("printer."):
            self.printer_ready.set(printer, to=0)
        elif result.outcome is Outcome.PASS and result.label is LabelFate.PRINTED:
            self.printer_ready.set(printer, to=1)
