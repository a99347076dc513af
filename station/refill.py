"""Keeps the pool of DeviceIDs and SNs above its low-water mark, in the background, one small batch at a time.

A batch is on record before it is asked for, so an answer that is lost leaves "N ids possibly lost" behind, never a guess.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from station.errors import StationError
from station.events import Event, PoolChanged
from station.health import Pulse
from station.journal.pool import BatchReport, PoolLevels
from station.model import IdKind
from station.production_api.batch import IdBatch
from station.production_api.errors import ApiError

LONGEST_PAUSE_S = 600.0
"""What the pause after lost answers grows to."""

logger = logging.getLogger(__name__)


class Source(Protocol):
    """Where batches come from. Both raise ApiError."""

    def request_device_ids(self, size: int) -> IdBatch: ...

    def request_sns(self, size: int) -> IdBatch: ...


class PoolJournal(Protocol):
    """The journal as refilling uses it."""

    def pool_levels(self) -> PoolLevels: ...

    def refill_turn(self, kind: IdKind) -> AbstractContextManager[bool]: ...

    def begin_batch(self, kind: IdKind, asked: int) -> int: ...

    def finish_batch(self, batch_id: int, values: tuple[str, ...]) -> BatchReport: ...

    def lose_batch(self, batch_id: int, detail: str) -> None: ...

    def fail_batch(self, batch_id: int, detail: str) -> None: ...


@dataclass(frozen=True, slots=True)
class RefillOptions:
    """``batch``: ids asked for in one call. A refill starts when fewer than ``low_water`` of a kind are free."""

    batch: int = 50
    low_water: int = 20
    interval_s: float = 5.0
    """Pause between looks at the levels when nobody asks for one."""
    pause_after_failure_s: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= 1000:
            raise ValueError(f"batch must be 1 to 1000, not {self.batch}")
        if not 0 <= self.low_water <= 100_000:
            raise ValueError(f"low_water must be 0 to 100000, not {self.low_water}")
        if not (0.1 <= self.interval_s <= 3600 and 0.1 <= self.pause_after_failure_s <= 3600):
            raise ValueError("interval_s and pause_after_failure_s must be 0.1 to 3600")


class Refill:
    """Tops the pool up. ``top_up`` works in the caller's thread; ``start`` does it in one of its own from then on.

    After an answer that was lost, single ids are asked for until one arrives, at ever longer intervals: a server that gives
    and does not answer costs one id a try, not a batch. ``lost_in_a_row`` is how many answers were lost when the last agent
    ended, so that a restart does not forget it. Once ``stopping`` is set, no further call is made.
    """

    def __init__(
        self,
        journal: PoolJournal,
        source: Source,
        options: RefillOptions,
        publish: Callable[[Event], None],
        *,
        lost_in_a_row: Mapping[IdKind, int] | None = None,
        stopping: threading.Event | None = None,
        pulse: Pulse | None = None,
        shared: bool = False,
    ) -> None:
        """``shared``: other stations take from the pool too."""
        self._journal = journal
        self._source = source
        self._options = options
        self._publish = publish
        self._problems: dict[IdKind, str | None] = dict.fromkeys(IdKind)
        self._lost = dict.fromkeys(IdKind, 0) | dict(lost_in_a_row or {})
        self._told: Event | None = None
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._wanted = threading.Event()
        self._stopping = stopping or threading.Event()
        self._pulse = pulse or Pulse()
        self._shared = shared
        self._spare = 0
        """How many ids of each kind may be taken before one of them can be low."""
        self._thread: threading.Thread | None = None

    def start(self, failed: Callable[[Exception], None]) -> None:
        """The first look is at once, unless the last ``top_up`` failed. ``failed`` is told of a program fault that ends the
        thread."""
        self.poke()
        self._thread = threading.Thread(target=self._run, args=[failed], name="refill", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """Have the levels looked at now, or when the pause after a failure is over."""
        self._wanted.set()

    def took_one(self) -> None:
        """Say that one id of each kind at most was taken a moment ago: the levels are looked at once that can have made one low."""
        with self._counting:
            self._spare -= 1
            may_be_low = self._spare < 0
        if self._shared or may_be_low:
            self.poke()

    def stop(self) -> None:
        """End the thread after the call in progress. May be called without ``start``."""
        self._stopping.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def top_up(self) -> str | None:
        """Ask for one batch of each kind that is low; return the problem that kept one from coming, if any. A problem is logged
        when it is new, the pool published when it, or its problem, has changed. Raises JournalError. One call at a time: a
        second waits for the first."""
        with self._turn:
            return self._top_up()

    def _top_up(self) -> str | None:
        levels = self._journal.pool_levels()
        has_asked = False
        for kind in IdKind:
            if self._stopping.is_set():
                break
            if self._is_low(levels, kind):
                has_asked = True
                problem = self._request_in_turn(kind)
                if self._stopping.is_set():
                    break  # what the end of the station did to the call is no trouble of the server's
                self._note(kind, problem)
            else:
                self._note(kind, None)
        if has_asked:
            levels = self._journal.pool_levels()
        with self._counting:
            self._spare = min(levels.free(kind) for kind in IdKind) - max(self._options.low_water, 1)
        problem = next(filter(None, self._problems.values()), None)
        event = PoolChanged(levels.free(IdKind.DEVICE_ID), levels.free(IdKind.SN), problem)
        if event != self._told:
            self._told = event
            self._publish(event)
        return problem

    def _is_low(self, levels: PoolLevels, kind: IdKind) -> bool:
        return levels.free(kind) < max(self._options.low_water, 1)

    def _request_in_turn(self, kind: IdKind) -> str | None:
        """Of the stations that share a pool, one asks for a kind at a time, and not for what another has just brought."""
        with self._journal.refill_turn(kind) as is_mine:
            if not (is_mine and self._is_low(self._journal.pool_levels(), kind)):
                return None
            return self._request(kind)

    def _request(self, kind: IdKind) -> str | None:
        asked = 1 if self._lost[kind] else self._options.batch
        batch_id = self._journal.begin_batch(kind, asked)
        request = self._source.request_device_ids if kind is IdKind.DEVICE_ID else self._source.request_sns
        try:
            batch = request(asked)
        except ApiError as error:
            if error.may_have_happened:
                self._lost[kind] += 1
                self._journal.lose_batch(batch_id, str(error))
            else:
                self._journal.fail_batch(batch_id, str(error))
            return f"{error.code}: {error}"
        self._lost[kind] = 0
        report = self._journal.finish_batch(batch_id, batch.accepted)
        for rejected in batch.rejected:
            logger.warning("refill of %s: %r not taken: %s", kind, rejected.value, rejected.reason)
        return None if report.accepted else f"the server gave no usable {kind}"

    def _note(self, kind: IdKind, problem: str | None) -> None:
        if problem is not None and problem != self._problems[kind]:
            logger.warning("refill of %s: %s", kind, problem)
        self._problems[kind] = problem

    def _run(self, failed: Callable[[Exception], None]) -> None:
        """``poke`` ends a pause between looks, never the one after a failure."""
        has_failed = any(self._problems.values())
        try:
            while not self._stopping.is_set():
                pause_s = self.pause_after_failure_s() if has_failed else self._options.interval_s
                self._pulse.beat(pause_s)
                (self._stopping if has_failed else self._wanted).wait(pause_s)
                self._wanted.clear()
                self._pulse.beat()
                has_failed = not self._stopping.is_set() and self._has_problem()
        except Exception as error:
            logger.exception("the refill ends in a program fault")
            failed(error)

    def pause_after_failure_s(self) -> float:
        """Doubled with each answer that is lost after the first, since each may cost an id."""
        usual_s, lost = self._options.pause_after_failure_s, max(self._lost.values())
        return min(usual_s * 2.0 ** min(max(lost - 1, 0), 16), max(usual_s, LONGEST_PAUSE_S))

    def _has_problem(self) -> bool:
        """One look. A journal that cannot be written is the cycles' to tell; here it is one more reason to wait."""
        try:
            return self.top_up() is not None
        except StationError as error:
            logger.error("refill: %s", error)
            return True
