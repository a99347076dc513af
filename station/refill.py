"""Keeps the pool of DeviceIDs and SNs above its low-water mark, in the background, one small batch at a time.

A batch is on record before it is asked for, so an answer that is lost leaves "N ids possibly lost" behind, never a guess.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from station.errors import StationError
from station.events import Event, PoolChanged
from station.journal.pool import PoolLevels
from station.model import IdKind
from station.production_api.batch import IdBatch
from station.production_api.errors import ApiError

logger = logging.getLogger(__name__)


class Source(Protocol):
    """Where batches come from. Both raise ApiError."""

    def request_device_ids(self, size: int) -> IdBatch: ...

    def request_sns(self, size: int) -> IdBatch: ...


class PoolJournal(Protocol):
    """The journal as refilling uses it."""

    def pool_levels(self) -> PoolLevels: ...

    def begin_batch(self, kind: IdKind, asked: int) -> int: ...

    def finish_batch(self, batch_id: int, values: tuple[str, ...]) -> object: ...

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
    """Tops the pool up. ``top_up`` works in the caller's thread; ``start`` does it in one of its own from then on."""

    def __init__(
        self, journal: PoolJournal, source: Source, options: RefillOptions, publish: Callable[[Event], None]
    ) -> None:
        self._journal = journal
        self._source = source
        self._options = options
        self._publish = publish
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refill", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def poke(self) -> None:
        """Say that ids were taken: the levels are looked at now."""
        self._wanted.set()

    def stop(self) -> None:
        """End the thread after the call in progress. May be called without ``start``."""
        self._stopping.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def top_up(self) -> str | None:
        """Ask for one batch of each kind that is low; return the problem that kept one from coming, if any."""
        problem = None
        for kind in IdKind:
            if self._journal.pool_levels().free(kind) < max(self._options.low_water, 1):
                problem = self._request(kind) or problem
        levels = self._journal.pool_levels()
        self._publish(PoolChanged(levels.free(IdKind.DEVICE_ID), levels.free(IdKind.SN), problem))
        return problem

    def _request(self, kind: IdKind) -> str | None:
        asked = self._options.batch
        batch_id = self._journal.begin_batch(kind, asked)
        request = self._source.request_device_ids if kind is IdKind.DEVICE_ID else self._source.request_sns
        try:
            batch = request(asked)
        except ApiError as error:
            record = self._journal.lose_batch if error.may_have_happened else self._journal.fail_batch
            record(batch_id, str(error))
            logger.warning("refill of %s: %s", kind, error)
            return f"{error.code}: {error}"
        self._journal.finish_batch(batch_id, batch.accepted)
        for rejected in batch.rejected:
            logger.warning("refill of %s: %r not taken: %s", kind, rejected.value, rejected.reason)
        return None if batch.accepted else "the server gave no usable id"

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                problem = self.top_up()
            except StationError as error:
                logger.error("refill: %s", error)
                problem = str(error)
            if problem is not None:
                self._stopping.wait(self._options.pause_after_failure_s)
            self._wanted.wait(self._options.interval_s)
            self._wanted.clear()
