"""The composition root: builds the drivers, ports, threads and recorders that a configuration names, and runs them."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from drivers.clock import Deadline, SystemClock
from drivers.printer import Receipt
from drivers.serial_port import open_serial
from drivers.trigger import TriggerEvent
from station.bench import World
from station.buttons import Buttons
from station.claims import Claims
from station.config.models import PrinterConfig, SocketConfig
from station.config.validate import Configuration
from station.control import ControlServer
from station.cycle import describe
from station.errors import StationError
from station.events import (
    ApiExchanged,
    BacklogChanged,
    CycleEnded,
    Event,
    StartRejected,
    StepEnded,
    StepStarted,
    UnitSettled,
)
from station.filing import file_cut_off, file_unnoted
from station.health import STOP_TIMEOUT_S, Pulse, call_bound_s, overdue, step_bound_s, turn_bound_s
from station.housekeeping import Housekeeper
from station.journal.journal import Journal
from station.journal.opening import LOCK_TIMEOUT_S
from station.journal.pool import PoolLevels
from station.journal.records import Reprint
from station.journal.sqlite import OwnerLock
from station.model import CycleResult, IdKind, IdSource, Step, Unit
from station.parts import HeldPort, bootloader_driver, label_printer, open_connection, policy_for
from station.pictures import LabelPictures
from station.production_api.client import ProductionClient
from station.production_api.httpx_port import HttpxPort
from station.production_api.observed import ObservedHttp
from station.production_api.stopping import AbortableHttp, StoppableClock, StoppableHttp
from station.production_api.tokens import TokenSource
from station.recording import RecordedCycles
from station.refill import Refill
from station.reprint import Reprinter
from station.restored import owned_journal
from station.triggers import Triggers
from station.turn import Turn
from station.worker import SocketWorker

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Jig:
    """A running station. Use as a context manager: leaving it ends the cycles in progress and releases every device, and raises
    StationError where a program fault had stopped the station."""

    def __init__(
        self, configuration: Configuration, publish: Callable[[Event], None], *, cycles: int | None = None
    ) -> None:
        """``cycles``: stop by itself after so many cycles; None runs until ``stop``. Raises StationError where the journal
        cannot be opened or a session log not be written; devices that are missing are not an error here."""
        self._configuration = configuration
        self._config = configuration.station
        self._publish_to = publish
        self._is_watched = self._config.metrics is not None or self._config.panel is not None
        self._wanted_cycles = cycles
        self._clock = SystemClock()
        self._stopping = threading.Event()
        self._ending = threading.Event()
        self._stop_by: Deadline | None = None
        self._failure: Exception | None = None
        self._lock = threading.Lock()
        self._started_cycles = 0
        self._buttons = Buttons(tuple(socket.name for socket in self._config.sockets), self._stopping)
        self.results: list[CycleResult] = []
        """Those of a wanted number of cycles; a station that runs for months keeps none."""
        self._closing = ExitStack()
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)
        with ExitStack() as on_failure:
            on_failure.callback(self._closing.close)
            self._build()
            on_failure.pop_all()

    def _build(self) -> None:
        """Everything that has to be released again is put on ``_closing``, what is needed longest first."""
        config, closing = self._config, self._closing
        config.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if config.database is not None:  # a file has its own; and the doctor sees by it that a station runs
            closing.enter_context(OwnerLock(config.journal_path))
        self.journal = closing.enter_context(owned_journal(config, self._clock))
        self._claims = Claims(self.journal)
        file_cut_off(self.journal, config.sessions_dir)
        file_unnoted(self.journal, self.journal.read, config.sessions_dir, config.station)
        options = config.api.options()
        self._http = HttpxPort(options, self._clock)
        closing.callback(self._http.close)
        self._tokens = TokenSource(options, self._clock)
        self._cycles = RecordedCycles(self._configuration, self.journal, self._claims, self._tokens, self._clock)
        self._calls = StoppableHttp(ObservedHttp(self._http, self._clock, self._exchanged), self._stopping)
        self._pause = StoppableClock(self._clock, self._stopping)
        self.client = ProductionClient(options, self._calls, self._tokens, self._pause, random.Random())
        self._pictures: LabelPictures | None = None
        if config.label_pictures:
            self._pictures = LabelPictures(config.labels_dir, self._configuration.label, dict(config.label_extra))
            closing.callback(self._pictures.close)
        self._pool = ThreadPoolExecutor(max_workers=len(config.sockets), thread_name_prefix="bind")
        closing.callback(self._pool.shutdown)
        self._pulses = {socket.name: Pulse(self._step_bound_s(socket)) for socket in config.sockets}
        self._refill_pulse = Pulse(2 * call_bound_s(options) + 4 * LOCK_TIMEOUT_S)
        self.refill = Refill(
            self.journal,
            self.client,
            config.ids.refill,
            self._publish,
            lost_in_a_row=self.journal.read.lost_in_a_row(config.station),
            stopping=self._stopping,
            pulse=self._refill_pulse,
            shared=config.database is not None,
        )
        closing.callback(self.refill.stop)
        self._housekeeper = Housekeeper(config.sessions_dir, config.sessions, self._clock, self.needed_logs)
        closing.callback(self._housekeeper.stop)
        self._turns = {
            printer.name: Turn(printer.name, turn_bound_s(self._sharing(printer))) for printer in config.printers
        }
        self._triggers = Triggers(config, self._clock, self._rejected)
        closing.callback(self._triggers.close)
        self._workers = [self._worker(socket) for socket in config.sockets]

    def __enter__(self) -> Self:
        with ExitStack() as on_failure:
            on_failure.callback(self._close)
            if self._config.ids.source is IdSource.POOL:
                self._start_refilling()
            self._tell_backlog()
            self._housekeeper.start()
            for worker in self._workers:
                worker.thread.start()
            self._closing.enter_context(ControlServer(self._config.state_dir, self))
            on_failure.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()
        if self._failure is not None and error is None:
            raise StationError(f"the station was stopped by {describe(self._failure)}") from self._failure

    def stop(self) -> None:
        """Ask for the end: no new cycle starts, a cycle in progress ends before its next step, a call of the API is not
        repeated."""
        self._stop_by = self._stop_by or Deadline.after(STOP_TIMEOUT_S, self._clock)
        self._stopping.set()
        self._buttons.wake()
        self._ending.set()

    def drain(self) -> None:
        """Ask for the end between cycles: no new cycle starts, those in progress are finished."""
        self._ending.set()

    def start(self, socket: str, text: str | None = None) -> None:
        """The operator's button, with what a scan would have brought. Raises KeyError for a socket that there is not, or where the
        configuration has no page; UnitError("start.busy") during a cycle, which is told and not kept for later;
        UnitError("start.not_ready") while the socket takes no start; JournalError while the journal is out of reach."""
        obstacle = self.journal.obstacle()
        if obstacle is not None:
            raise obstacle
        self._buttons.start(socket, text)

    def abort(self, socket: str) -> bool:
        """The operator's stop: the cycle in progress in this socket ends before its next step; whether there is one. Raises
        KeyError for a socket that there is not."""
        return self._buttons.abort(socket)

    def note(self, action: str, *, operator: str, reason: str = "", detail: str = "") -> None:
        """Keep what a person did, beside decisions about units, in the journal's audit. Raises JournalError."""
        self.journal.note(action, operator=operator, reason=reason, detail=detail)

    def reprint(
        self, chip_id: str, *, reason: str, operator: str, printer: str | None = None
    ) -> tuple[Reprint, Receipt]:
        """One more label of a unit, on the printer of this name or the first; waits for the printer's turn among the sockets.
        Raises UnitError("usage.invalid") for a printer that there is not, UnitError("unit.busy") while a cycle works on the
        unit, and what ``Reprinter.reprint`` raises."""
        chosen = self._config.printer_named(printer)
        reprinter = Reprinter(
            label_printer(chosen),
            self._configuration.label,
            lambda: open_connection(chosen.connection, self._clock),
            self._turns[chosen.name],
            self._clock,
            dict(self._config.label_extra),
        )
        with self._claims.held(chip_id, f"printer {chosen.name}"):
            done = reprinter.reprint(self.journal, chip_id, reason=reason, operator=operator)
        self._tell_backlog()
        return done

    def settle(self, chip_id: str, decide: Callable[[Journal], T]) -> T:
        """Carry a person's decision about a unit to the journal. Raises UnitError("unit.busy") while a cycle works on it."""
        with self._claims.held(chip_id, "a decision about it"):
            decided = decide(self.journal)
        if isinstance(decided, Unit):
            self._publish(UnitSettled(decided))
        self._tell_backlog()
        return decided

    def top_up(self) -> tuple[PoolLevels, str | None]:
        """Ask the API now for the ids that are low; the levels then, and the problem that kept some from coming."""
        problem = self.refill.top_up()
        return self.journal.pool_levels(), problem

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the station ends: ``stop`` or ``drain`` was called, the wanted number of cycles has ended, or a program fault
        has stopped it; whether that is so."""
        return self._ending.wait(timeout_s)

    def wait_for_cycles(self, timeout_s: float) -> bool:
        """Once the station ends: wait until no cycle is in progress; whether that is so."""
        deadline = Deadline.after(timeout_s, self._clock)
        for worker in self._workers:
            if worker.thread.is_alive():
                worker.thread.join(deadline.remaining_s())
        return not any(worker.thread.is_alive() for worker in self._workers)

    def is_late(self) -> bool:
        """Whether ``stop`` was called so long ago that a cycle still in progress is given up."""
        return self._stop_by is not None and self._stop_by.remaining_s() == 0

    def overdue(self) -> tuple[str, ...]:
        """The workers that hang: those that made no progress within their own bounds (``station.health``)."""
        return overdue(
            {f"socket {name}": pulse for name, pulse in self._pulses.items()} | {"refill": self._refill_pulse}
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people must be told of how this station is configured."""
        return self._http.warnings

    def _close(self) -> None:
        self.stop()
        assert self._stop_by is not None, "set by stop"
        if not self.wait_for_cycles(self._stop_by.remaining_s()):
            logger.error("a cycle has not ended within %g s: it is cut off", STOP_TIMEOUT_S)
        self._closing.close()

    def _start_refilling(self) -> None:
        """Wait for the first ids where there are none at all; everything else is done in the background."""
        levels = self.journal.pool_levels()
        if not all(levels.free(kind) for kind in IdKind):
            self.refill.top_up()
        self.refill.start(self._fail)

    # -- composition -----------------------------------------------------------------------------------------------

    def _worker(self, socket: SocketConfig) -> SocketWorker:
        port = HeldPort(lambda: open_serial(socket.serial, self._clock))
        self._closing.callback(port.drop)
        driver = bootloader_driver(self._config.board, socket.serial.framing)
        printer = self._config.printer_of(socket)
        policy = policy_for(self._configuration, socket, driver)
        world = World(
            journal=self.journal,
            client=self.client,
            http=AbortableHttp(self._calls, lambda: self._buttons.is_aborted(socket.name)),
            tokens=self._tokens,
            open_uart=port.get,
            open_printer=lambda: open_connection(printer.connection, self._clock),
            printer_turn=self._turns[printer.name],
            claim=lambda chip_id: self._claims.take(chip_id, f"socket {socket.name}"),
            aborted=lambda: self._buttons.end_of(socket.name),
            pause=lambda duration_s: self._buttons.pause(socket.name, duration_s),
            beside=self._pool.submit,
            publish=self._publish,
        )

        def run_cycle(event: TriggerEvent) -> CycleResult:
            self._buttons.begun(socket.name)
            try:
                result = self._cycles.run(policy, world, event)
            finally:
                self._buttons.ended(socket.name)
            if result.code is not None and result.code.startswith("port."):
                port.drop()
            if self._pictures is not None:
                self._pictures.keep(result)
            return result

        trigger = self._triggers.of(socket, port, driver)
        if self._config.panel is not None:
            trigger = self._buttons.beside(socket.name, trigger, self._clock, self._rejected(socket.name))
        return SocketWorker(
            socket.name,
            trigger,
            run_cycle,
            self._may_start,
            self._publish,
            self._clock,
            self._ending,
            self._fail,
            self._pulses[socket.name],
            self.journal.obstacle,
            port.drop_if_gone,
        )

    def needed_logs(self) -> frozenset[Path]:
        """The session logs that retention leaves alone: those of units that wait for a person, or have an effect not settled."""
        folder = self._config.sessions_dir
        return frozenset(folder / path for path in self.journal.read.sessions_of_open_units())

    def _step_bound_s(self, socket: SocketConfig) -> float:
        return step_bound_s(self._config.api.options(), self._sharing(self._config.printer_of(socket)))

    def _sharing(self, printer: PrinterConfig) -> int:
        """How many sockets print on it."""
        return sum(self._config.printer_of(socket) is printer for socket in self._config.sockets)

    def _rejected(self, socket: str) -> Callable[[str], None]:
        return lambda reason: self._publish(StartRejected(socket, reason))

    # -- starting and stopping -----------------------------------------------------------------------------------------

    def _may_start(self) -> bool:
        with self._lock:
            if self._wanted_cycles is not None and self._started_cycles >= self._wanted_cycles:
                return False
            self._started_cycles += 1
            return True

    def _fail(self, error: Exception) -> None:
        """A program fault: the station ends, and says why."""
        with self._lock:
            self._failure = self._failure or error
        self.stop()

    def _publish(self, event: Event) -> None:
        """A view that fails stops the station and never reaches into a cycle."""
        ended = False
        if isinstance(event, StepStarted | StepEnded):
            self._pulses[event.socket].beat()
        if isinstance(event, StepEnded) and event.step is Step.RESERVE:
            self.refill.took_one()
        if isinstance(event, CycleEnded) and self._wanted_cycles is not None:
            with self._lock:
                self.results.append(event.result)
                ended = len(self.results) >= self._wanted_cycles
        try:
            self._publish_to(event)
        except Exception as error:
            logger.exception("what happens cannot be shown")
            self._fail(error)
        if isinstance(event, CycleEnded):
            self._tell_backlog()
        if ended:
            self.stop()

    def _exchanged(self, answer: str, duration_s: float) -> None:
        self._publish(ApiExchanged(answer, duration_s))

    def _tell_backlog(self) -> None:
        """Where somebody looks. A journal that cannot be read is the cycles' to tell."""
        if not self._is_watched:
            return
        try:
            self._publish(BacklogChanged(*self.journal.read.backlog()))
        except StationError as error:
            logger.warning("the backlog is not known: %s", error)
