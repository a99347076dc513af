"""The composition of a batch: the journal, the client and the recorders that a configuration names, and a few threads that take
one unit after the other."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from drivers.clock import SystemClock
from station.batch.bench import Server, head_of, list_bench
from station.batch.cycle import LIST, PROVISIONED, ListedCycle
from station.batch.listing import ListedRow
from station.batch.supply import Supply
from station.claims import Claims
from station.config.validate import Configuration
from station.errors import StationError
from station.filing import file_cut_off, file_log
from station.housekeeping import require_room
from station.journal.sqlite import OwnerLock
from station.model import CycleResult, IdSource, Outcome, Unit
from station.production_api.client import ProductionClient
from station.production_api.httpx_port import HttpxPort
from station.production_api.stopping import StoppableClock, StoppableHttp
from station.production_api.tokens import TokenSource
from station.refill import Refill
from station.restored import owned_journal
from station.session.masking import Masker
from station.session.recorder import RecordingSession
from station.session.store import path_for

ERRORS_IN_A_ROW = 3
"""So many errors in a row for each job end a batch: it is the server's or the network's fault, and every unit's would be next."""
LEFT = "cycle.shutdown"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one row. ``code`` is ``PROVISIONED`` where its unit is activated and bound, by this batch or before it
    (``cycle`` None); ``outcome`` is None where its unit was not begun."""

    row: ListedRow
    outcome: Outcome | None
    code: str
    device_id: str | None = None
    sn: str | None = None
    message: str = ""
    cycle: int | None = None
    resumed: bool = False
    session: str | None = None

    @property
    def is_provisioned(self) -> bool:
        return self.code == PROVISIONED


class Batch:
    """Provisions the units of a list. Use as a context manager, and call ``run`` once inside it."""

    def __init__(
        self,
        configuration: Configuration,
        rows: Sequence[ListedRow],
        tell: Callable[[Ended], None],
        *,
        jobs: int,
    ) -> None:
        """``tell`` is called for each row whose fate is known, by one thread at a time. No more units are in progress at once than
        ``jobs``, or than the API may be asked over connections of their own. Raises StationError where the journal cannot be
        opened or is another agent's."""
        self._configuration = configuration
        self._config = configuration.station
        self._rows = rows
        self._tell = tell
        self._clock = SystemClock()
        self._stopping = threading.Event()
        self._ending = threading.Event()
        self._reason = "the batch was stopped"
        self._lock = threading.Lock()
        self._errors = 0
        self._ended: dict[int, Ended] = {}
        self._resumed: set[int] = set()
        """Rows, by line, whose unit has its ids already."""
        self._jobs = max(1, min(jobs, len(rows), self._config.api.http.max_connections - 1))
        self._closing = ExitStack()
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)
        with ExitStack() as on_failure:
            on_failure.callback(self._closing.close)
            self._build()
            on_failure.pop_all()

    def _build(self) -> None:
        config, closing = self._config, self._closing
        config.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if config.database is not None:
            closing.enter_context(OwnerLock(config.journal_path))
        self._journal = closing.enter_context(owned_journal(config, self._clock))
        self._claims = Claims(self._journal)
        file_cut_off(self._journal, config.sessions_dir)
        options = config.api.options()
        port = HttpxPort(options, self._clock)
        closing.callback(port.close)
        self.warnings = port.warnings
        calls, pause = StoppableHttp(port, self._stopping), StoppableClock(self._clock, self._stopping)
        self._tokens = TokenSource(options, self._clock)
        client = ProductionClient(options, calls, self._tokens, pause, random.Random())
        self._world = Server(self._journal, client, calls, self._tokens, pause.sleep)
        low_water = max(config.ids.refill.low_water, 2 * self._jobs)
        self._refill = Refill(
            self._journal,
            client,
            replace(config.ids.refill, low_water=min(low_water, len(self._rows))),
            lambda _event: None,
            lost_in_a_row=self._journal.read.lost_in_a_row(config.station),
            stopping=self._stopping,
        )
        closing.callback(self._refill.stop)
        self._supply = Supply(self._journal, self._refill, low_water)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.close()

    def stop(self) -> None:
        """No further unit is begun; the calls in progress are finished, none is repeated, and no other follows them."""
        self._stopping.set()
        self._ending.set()

    def run(self) -> list[Ended]:
        """What became of every row, in the list's order. Raises StationError for a journal that cannot be read, and any program
        fault once no unit is in progress any more."""
        open_rows = [row for row in self._rows if not self._is_done(row)]
        if open_rows and self._config.ids.source is IdSource.POOL:
            self._refill.start(lambda error: self._end(f"ids cannot be fetched: {error}"))
        waiting = iter(open_rows)

        def work(number: int) -> None:
            try:
                while (row := self._next(waiting)) is not None:
                    self._serve(row, f"{LIST}-{number}")
            except Exception:
                self._end("a program fault stopped the batch")
                raise

        with ThreadPoolExecutor(max_workers=self._jobs, thread_name_prefix=LIST) as pool:
            futures = [pool.submit(work, number) for number in range(self._jobs)]
        for future in futures:
            future.result()
        for row in self._rows:
            if row.line not in self._ended:
                self._note(Ended(row, None, LEFT, message=f"not begun: {self._reason}"))
        return [self._ended[row.line] for row in self._rows]

    # -- one unit ------------------------------------------------------------------------------------------------------

    def _is_done(self, row: ListedRow) -> bool:
        """Whether the journal has the unit as provisioned already, and nothing is left to find out about it."""
        unit = self._journal.find_unit(row.unit.chip_id)
        if unit is None:
            return False
        if not _is_whole(unit) or unit.app_eui != row.unit.app_eui:
            self._resumed.add(row.line)
            return False
        message = "activated and bound before"
        self._note(Ended(row, Outcome.ABORTED, PROVISIONED, unit.device_id, unit.sn, message, resumed=True))
        return True

    def _next(self, waiting: Iterator[ListedRow]) -> ListedRow | None:
        if self._ending.is_set():
            return None
        with self._lock:
            return next(waiting, None)

    def _serve(self, row: ListedRow, holder: str) -> None:
        is_new = self._config.ids.source is IdSource.POOL and row.line not in self._resumed
        if is_new and (problem := self._supply.take()) is not None:
            self._end(f"no ids: {problem}")
            self._note(Ended(row, Outcome.ERROR, "pool.empty", message=problem))
            return
        try:
            ended = self._recorded(row, holder)
        except StationError as error:
            logger.error("chip %s: nothing more can be recorded: %s", row.unit.chip_id, error)
            self._end(f"nothing more can be recorded: {error.code}: {error}")
            ended = Ended(row, Outcome.ERROR, error.code, message=str(error))
        finally:
            if is_new:
                self._supply.give_back()
        self._note(ended)
        self._judge(ended)

    def _recorded(self, row: ListedRow, holder: str) -> Ended:
        """Once the journal has the result, nothing changes it any more: a log that cannot be finished is finished at the next
        start. Raises StationError where journal or log cannot be written."""
        config = self._config
        session: RecordingSession | None = None
        result: CycleResult | None = None
        try:
            require_room(config.state_dir)
            path = path_for(config.sessions_dir, self._clock.wall_s(), config.station, holder)
            session = RecordingSession.start(path, head_of(self._configuration, str(path)), self._clock, self._masker())
            bench = list_bench(
                self._configuration,
                self._world,
                session,
                claim=lambda chip_id: self._claims.take(chip_id, holder),
                aborted=lambda: LEFT if self._stopping.is_set() else None,
            )
            result = ListedCycle(bench, str(path), lambda: row.unit).run()
        finally:
            self._claims.release(holder)
            if session is not None:
                self._file(session, result)
        return Ended(
            row,
            result.outcome,
            result.code or PROVISIONED,
            result.device_id,
            result.sn,
            result.message,
            result.cycle,
            result.resumed,
            result.session,
        )

    def _file(self, session: RecordingSession, result: CycleResult | None) -> None:
        try:
            closed = session.close()
        except StationError as error:
            logger.error("session log %s is not finished: %s", session.path, error)
            return
        file_log(self._journal, self._config.sessions_dir, closed, None if result is None else result.cycle)

    def _masker(self) -> Masker:
        return Masker(self._tokens.texts)

    # -- the whole -----------------------------------------------------------------------------------------------------

    def _judge(self, ended: Ended) -> None:
        with self._lock:
            self._errors = self._errors + 1 if ended.outcome is Outcome.ERROR else 0
            is_over = self._errors >= ERRORS_IN_A_ROW * self._jobs
        if is_over:
            self._end(f"{self._errors} errors in a row, the last {ended.code}: {ended.message}")

    def _end(self, reason: str) -> None:
        """Begin no further unit; those in progress are finished."""
        with self._lock:
            if not self._ending.is_set():
                self._reason = reason
                self._ending.set()

    def _note(self, ended: Ended) -> None:
        with self._lock:
            self._ended[ended.row.line] = ended
            self._tell(ended)


def _is_whole(unit: Unit) -> bool:
    return bool(unit.activated and unit.bound and unit.hold is None and unit.device_id and unit.sn)
