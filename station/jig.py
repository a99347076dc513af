"""The composition root: builds the drivers, ports, threads and recorders that a configuration names, and runs them."""

from __future__ import annotations

import logging
import platform
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from drivers.clock import SystemClock
from drivers.serial_port import open_serial
from drivers.trigger import TriggerEvent
from station import __version__
from station.bench import Policy, World, assemble
from station.config.models import SocketConfig
from station.config.validate import Configuration
from station.cycle import Cycle
from station.errors import StationError, explain
from station.events import CycleEnded, Event, StartRejected
from station.journal.opening import open_journal
from station.model import CycleResult, LabelFate
from station.parts import HeldPort, bootloader_driver, build_trigger, open_connection, policy_for
from station.pictures import LabelPictures
from station.production_api.client import ProductionClient
from station.production_api.httpx_port import HttpxPort
from station.production_api.tokens import TokenSource
from station.refill import Refill
from station.session.masking import Masker
from station.session.recorder import RecordingSession
from station.session.store import path_for
from station.worker import SocketWorker

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 60.0
"""Longest wait for the cycles in progress when the station stops; a cycle's own waits are all bounded below it."""


class Jig:
    """A running station. Use as a context manager: leaving it ends the cycles in progress and releases every device."""

    def __init__(
        self, configuration: Configuration, publish: Callable[[Event], None], *, cycles: int | None = None
    ) -> None:
        """``cycles``: stop by itself after so many cycles; None runs until ``stop``. Raises StationError where the journal
        cannot be opened; devices that are missing are not an error here."""
        self._configuration = configuration
        self._config = configuration.station
        self._publish_to = publish
        self._wanted_cycles = cycles
        self._clock = SystemClock()
        self._stopping = threading.Event()
        self._count_lock = threading.Lock()
        self._started_cycles = 0
        self.results: list[CycleResult] = []
        self._config.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.journal = open_journal(
            self._config.journal_path, self._clock, ids=self._config.ids.source, station=self._config.station
        )
        options = self._config.api.options()
        self._http = HttpxPort(options, self._clock)
        self._tokens = TokenSource(options, self._clock)
        self.client = ProductionClient(options, self._http, self._tokens, self._clock, random.Random())
        self.refill = Refill(self.journal, self.client, self._config.ids.refill, self._publish)
        self._pictures = LabelPictures(self._config.labels_dir, configuration.label, dict(self._config.label_extra))
        self._pool = ThreadPoolExecutor(max_workers=len(self._config.sockets), thread_name_prefix="bind")
        self._turns = {printer.name: threading.Lock() for printer in self._config.printers}
        self._ports: list[HeldPort] = []
        self._workers = [self._worker(socket) for socket in self._config.sockets]

    def __enter__(self) -> Self:
        if self._config.ids.source == "pool":
            self.refill.top_up()
            self.refill.start()
        for worker in self._workers:
            worker.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        for worker in self._workers:
            worker.thread.join(STOP_TIMEOUT_S)
        self.refill.stop()
        self._pool.shutdown()
        self._pictures.close()
        for port in self._ports:
            port.drop()
        self._http.close()
        self.journal.close()

    def stop(self) -> None:
        """Ask for the end: no new cycle starts, a cycle in progress ends before its next step. May be called from a signal."""
        self._stopping.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until ``stop`` was called or the wanted number of cycles has ended; whether that is so."""
        return self._stopping.wait(timeout_s)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people must be told of how this station is configured."""
        return self._http.warnings

    # -- composition -----------------------------------------------------------------------------------------------

    def _worker(self, socket: SocketConfig) -> SocketWorker:
        port = HeldPort(lambda: open_serial(socket.serial, self._clock))
        self._ports.append(port)
        driver = bootloader_driver(self._config.board, socket.serial.framing)
        printer = self._config.printer_of(socket)
        policy = policy_for(self._configuration, socket, driver)
        world = World(
            journal=self.journal,
            client=self.client,
            http=self._http,
            tokens=self._tokens,
            open_uart=port.get,
            open_printer=lambda: open_connection(printer.connection, self._clock),
            printer_turn=self._turns[printer.name],
            aborted=lambda: "cycle.shutdown" if self._stopping.is_set() and not self._wanted_reached() else None,
            beside=self._pool.submit,
            publish=self._publish,
        )

        def run_cycle(event: TriggerEvent) -> CycleResult:
            result = self._recorded_cycle(policy, world, socket, event)
            if result.code is not None and result.code.startswith("port."):
                port.drop()
            self.refill.poke()
            self._pictures.keep(result)
            return result

        trigger = build_trigger(socket, port, driver, self._clock, self._rejected(socket.name))
        return SocketWorker(
            socket.name, trigger, run_cycle, self._may_start, self._publish, self._clock, self._stopping
        )

    def _recorded_cycle(self, policy: Policy, world: World, socket: SocketConfig, event: TriggerEvent) -> CycleResult:
        started_s = self._clock.monotonic_s()
        path = path_for(self._config.sessions_dir, self._clock.wall_s(), policy.station, policy.socket)
        try:
            session = RecordingSession.start(
                path, session_head(self._configuration, policy, event, str(path)), self._clock, self._masker()
            )
            scanned_sn = event.text if self._config.scan.means == "sn" else None
            try:
                result = Cycle(assemble(policy, world, session), str(path), scanned_sn).run()
            finally:
                closed = session.close()
            self.journal.note_session(result.cycle, str(closed.path), closed.sha256, closed.size_bytes)
        except Exception as error:
            logger.exception("socket %s: the cycle could not be recorded", socket.name)
            return failed_result(policy, error, self._clock.monotonic_s() - started_s)
        return result

    def _masker(self) -> Masker:
        return Masker(lambda: [secret.reveal() for secret in self._tokens.secrets()])

    def _rejected(self, socket: str) -> Callable[[str], None]:
        return lambda reason: self._publish(StartRejected(socket, reason))

    # -- counting --------------------------------------------------------------------------------------------------

    def _may_start(self) -> bool:
        with self._count_lock:
            if self._wanted_cycles is not None and self._started_cycles >= self._wanted_cycles:
                return False
            self._started_cycles += 1
            return True

    def _wanted_reached(self) -> bool:
        return self._wanted_cycles is not None and self._started_cycles >= self._wanted_cycles

    def _publish(self, event: Event) -> None:
        if isinstance(event, CycleEnded):
            with self._count_lock:
                self.results.append(event.result)
                ended = self._wanted_cycles is not None and len(self.results) >= self._wanted_cycles
        else:
            ended = False
        self._publish_to(event)
        if ended:
            self._stopping.set()


def session_head(
    configuration: Configuration, policy: Policy, event: TriggerEvent, session_path: str
) -> dict[str, Any]:
    """What a session log says before its first event: enough to build the same bench again at a desk. Holds no secret, since
    a configuration holds only references to them."""
    return {
        "agent": __version__,
        "python": platform.python_version(),
        "driver": policy.driver.label,
        "station": policy.station,
        "socket": policy.socket,
        "session": session_path,
        "start": {"source": event.source, "text": event.text},
        "configuration": configuration.document.values,
        "files": configuration.files,
    }


def failed_result(policy: Policy, error: Exception, duration_s: float) -> CycleResult:
    """The result of a cycle whose record could not be kept: nothing is known of the unit but what the journal already holds."""
    row = explain(error)
    return CycleResult(
        cycle=0,
        station=policy.station,
        socket=policy.socket,
        outcome=row.outcome,
        code=row.code,
        chip_id=None,
        app_eui=None,
        device_id=None,
        sn=None,
        resumed=False,
        label=LabelFate.NOT_PRINTED,
        duration_s=duration_s,
        message=str(error) if isinstance(error, StationError) else f"{type(error).__name__}: {error}",
    )
