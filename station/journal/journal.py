"""The journal of one agent: what the cycle writes, the pool it draws from, and what people decide.

``Journal`` implements ``station.ports.CycleJournal``. Every method that writes is one transaction: when it raises, none of it is
there; when it returns, it survives the death of the process, and the loss of power too unless the method says otherwise.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import TypeVar

import sqlalchemy as sa

from drivers.clock import Clock
from station.journal import allocation, cycle_rows, decisions, progress, units, versions
from station.journal.decisions import Person
from station.journal.errors import JournalContradiction, JournalError, JournalRestored, JournalUnreachable
from station.journal.pool import BatchReport, BatchState, PoolLevels
from station.journal.progress import Scene
from station.journal.reading import JournalReader
from station.journal.records import Decision, Reprint
from station.journal.running import Running, may_ride
from station.journal.schema import cycles, effects, id_batches
from station.journal.schema import units as units_table
from station.journal.statement import Statement
from station.journal.store import Store
from station.journal.tenure import Tenure
from station.journal.text import checked_id, remark
from station.model import CycleResult, EffectState, Hold, IdKind, IdSource, LabelFate, Outcome, Unit
from station.ports import Intent, Settlement

T = TypeVar("T")

_UNIT = Statement(sa.insert(units_table))
_GIVE = Statement(
    sa.update(units_table)
    .where(units_table.c.chip_id == sa.bindparam("chip"))
    .values(device_id=sa.bindparam("new_device_id"), sn=sa.bindparam("new_sn"))
)

CUT_OFF = "the agent ended before the result was known"

logger = logging.getLogger(__name__)


class Journal:
    """Made by ``station.journal.opening.open_journal``; safe to share between threads. ``read`` answers people's questions.

    Where the database can be lost and come back, a cycle that it was lost under ends: each later call for it raises
    JournalUnreachable, and what it left open is in doubt as after a crash. The next cycle begins when the database is back.
    """

    def __init__(
        self,
        store: Store,
        reader: JournalReader,
        clock: Clock,
        ids: IdSource,
        station: str,
        closing: ExitStack,
        tenure: Tenure,
    ) -> None:
        self.read = reader
        self._store = store
        self._clock = clock
        self._ids = ids
        self._station = checked_id("station", station)
        self._closing = closing
        self._tenure = tenure
        self._taking_over = threading.Lock()
        self._recovered = 0
        """The tenure of which the leavings of all before it are written down."""
        self._newest = 0
        """The newest cycle that was begun here."""
        self._running: dict[int, Running] = {}
        """By the cycle's number."""

    def close(self) -> None:
        """Close the connections and let another agent own the journal."""
        self._closing.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- one cycle -----------------------------------------------------------------------------------------------------

    def begin_cycle(self, socket: str, session: str) -> int:
        """See ``CycleJournal``."""
        tenure = self._owned()
        cycle = self._write(None, lambda scene: cycle_rows.begin(scene, socket, session))
        self._running[cycle] = Running(tenure)
        self._newest = max(self._newest, cycle)
        return cycle

    def find_unit(self, chip_id: str) -> Unit | None:
        """See ``CycleJournal``."""
        return self._store.run(lambda connection: units.find(connection, chip_id), is_lasting=False)

    def reserve(self, cycle: int, chip_id: str, app_eui: str, *, scanned_sn: str | None) -> Unit:
        """See ``CycleJournal``. An id reserved for a chip stays that chip's for ever, even if it is never named; but a scanned SN
        that is not the unit's takes the place of one that the API never bound to it. What a power failure takes back before the
        first intent was not yet told to anybody."""
        checked_id("chip_id", chip_id)
        checked_id("app_eui", app_eui)
        if scanned_sn is not None:
            checked_id("sn", scanned_sn)

        def work(scene: Scene) -> Unit:
            cycle_rows.name_chip(scene, cycle, chip_id)
            facts = units.locked(scene.connection, chip_id)
            if facts is None:
                self._create_unit(scene, chip_id, app_eui, scanned_sn)
            elif scanned_sn is not None and facts["sn"] != scanned_sn:
                progress.exchange_sn(scene, facts, scanned_sn)
            return self._found(scene, chip_id)

        return self._write(cycle, work, is_lasting=False)

    def advance(
        self,
        cycle: int,
        chip_id: str,
        *,
        settle: Sequence[Settlement] = (),
        intend: Sequence[Intent] = (),
        verified: bool | None = None,
    ) -> tuple[int, ...]:
        """See ``CycleJournal``. Raises JournalContradiction for what is out of turn or contradicts the record, and UnitError
        for intents (but a write's) on a unit that is held or shipped. That a unit is verified may be lost with the power, since
        the board is read again then, and so may some results (``may_ride``), but no intent."""
        running = self._running.get(cycle)
        riding = set[int]() if running is None else running.riding
        settled = {settlement.effect_id for settlement in settle}
        is_lasting = bool(intend) or verified is False or not settled <= riding
        started = self._write(
            cycle, lambda scene: progress.advance(scene, chip_id, settle, intend, verified), is_lasting=is_lasting
        )
        riding -= settled
        riding |= {effect_id for effect_id, intent in zip(started, intend, strict=True) if may_ride(intent)}
        return started

    def reopen(self, cycle: int, effect_id: int) -> None:
        """See ``CycleJournal``. A print is never reopened."""
        self._write(cycle, lambda scene: progress.reopen(scene, effect_id))

    def hold(
        self, cycle: int, chip_id: str, hold: Hold, code: str, reason: str, *, retire: Sequence[tuple[IdKind, str]] = ()
    ) -> None:
        """See ``CycleJournal``. A unit held already keeps its first reason, except that ``SET_ASIDE`` replaces ``IN_DOUBT``;
        the audit keeps them all. An id that another unit has named or uses is not retired."""

        def work(scene: Scene) -> None:
            before = units.must_be_locked(scene.connection, chip_id)
            retired = [allocation.retire(scene.connection, kind, value, chip_id) for kind, value in retire]
            after = dict(before)
            if before["hold"] is None or (before["hold"] == Hold.IN_DOUBT and hold is Hold.SET_ASIDE):
                after |= {"hold": hold.value, "hold_code": remark(code), "hold_reason": remark(reason)}
            units.save(scene.connection, before, after)
            detail = "; ".join([f"{hold} {code}", f"cycle {cycle}", *retired])
            units.record_audit(
                scene.connection, scene.now_ms, self._station, chip_id, "hold", reason=reason, detail=detail
            )

        self._write(cycle, work)

    def end_cycle(self, result: CycleResult) -> None:
        """See ``CycleJournal``."""

        try:
            self._write(result.cycle, lambda scene: cycle_rows.end(scene, result))
        except JournalUnreachable:
            self._cut_off(result.cycle)
            raise
        finally:
            self._running.pop(result.cycle, None)

    def note_session(self, cycle: int, path: str, sha256: str, size_bytes: int) -> None:
        """Note the finished session log of a cycle: where it is (relative to the session directory), the SHA-256 of the file
        in hex, its size. Raises JournalContradiction for an unknown cycle or one that has its log already. A note that is lost with
        the power is made at the next start."""
        self._write(
            cycle, lambda scene: cycle_rows.note_session(scene, cycle, path, sha256, size_bytes), is_lasting=False
        )

    # -- the pool ------------------------------------------------------------------------------------------------------

    def begin_batch(self, kind: IdKind, asked: int) -> int:
        """Note, before the API is asked, that ``asked`` ids are being asked for; return the batch's id."""
        return self._write(
            None, lambda scene: allocation.begin_batch(scene.connection, scene.now_ms, self._station, kind, asked)
        )

    def finish_batch(self, batch_id: int, values: Sequence[str]) -> BatchReport:
        """Take in an answer: ids that are well formed, unique and never seen before become free; the rest is reported, kept
        with the batch and logged. Raises JournalContradiction for a batch that is not waiting for its answer."""
        report = self._write(
            None, lambda scene: allocation.finish_batch(scene.connection, scene.now_ms, batch_id, values)
        )
        for value, reason in report.rejected[:20]:
            logger.warning("batch %d: %s %r not taken: %s", batch_id, report.kind, value, reason)
        return report

    def lose_batch(self, batch_id: int, detail: str) -> None:
        """Note that the answer to a batch was lost: as many ids as were asked for may be gone."""
        self._end_batch(batch_id, BatchState.LOST, detail)

    def fail_batch(self, batch_id: int, detail: str) -> None:
        """Note that the API refused a batch: no id was given."""
        self._end_batch(batch_id, BatchState.REFUSED, detail)

    def pool_levels(self) -> PoolLevels:
        """The pool by kind and state, without the ids used; costs the same whatever the journal's size."""
        return self.read.pool_levels()

    # -- people --------------------------------------------------------------------------------------------------------

    def resolve(
        self,
        chip_id: str,
        decision: Decision,
        *,
        reason: str,
        operator: str,
        device_id: str | None = None,
        sn: str | None = None,
    ) -> Unit:
        """Settle a held unit as ``Decision`` says; recorded in the audit. Raises UnitError("unit.doubt_unsettled") where the
        decision does not fit, JournalContradiction where the ids are another unit's."""
        person = Person(operator, reason)
        return self._write(None, lambda scene: decisions.resolve(scene, chip_id, decision, person, device_id, sn))

    def settle_label(self, chip_id: str, *, printed: bool, reason: str, operator: str) -> Unit:
        """A person says whether the label in doubt is there. Raises UnitError where none is in doubt."""
        person = Person(operator, reason)
        return self._write(None, lambda scene: decisions.settle_label(scene, chip_id, person, printed=printed))

    def begin_reprint(self, chip_id: str, *, reason: str, operator: str) -> Reprint:
        """Journal one more label of a labelled unit before it is sent. Raises UnitError where a label is in doubt, the unit
        is held, or has no label yet."""
        person = Person(operator, reason)
        return self._write(None, lambda scene: decisions.begin_reprint(scene, chip_id, person))

    def end_reprint(self, reprint: Reprint, fate: LabelFate, detail: str = "") -> Unit:
        """Journal what became of it; a reprint in doubt waits for ``settle_label``."""
        return self._write(None, lambda scene: decisions.end_reprint(scene, reprint, fate, detail))

    def mark_shipped(self, chip_id: str, *, reason: str, operator: str) -> Unit:
        """The unit has left the factory. Raises UnitError unless it is labelled, not held and nothing of it is open."""
        person = Person(operator, reason)
        return self._write(None, lambda scene: decisions.mark_shipped(scene, chip_id, person))

    def note(self, action: str, *, operator: str, reason: str = "", detail: str = "") -> None:
        """One line in the audit about something that is no decision about a unit."""
        note = {"operator": operator, "reason": reason, "detail": detail}
        self._write(None, lambda s: units.record_audit(s.connection, s.now_ms, self._station, None, action, **note))

    # -- what an earlier agent left ------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Write down what this station's last agent left open when it ended: effects whose result nobody will bring become in
        doubt, batches possibly lost, its cycles cut off. Called once, before the first cycle; done anew whenever the database
        was lost."""
        self._owned()

    def obstacle(self) -> JournalError | None:
        """Why no cycle can start now, or None. Tries to reach a database that was lost."""
        try:
            self._owned()
        except JournalError as error:
            return error
        return None

    # -- other stations of one journal ---------------------------------------------------------------------------------

    def claim(self, chip_id: str) -> None:
        """Keep every other station from serving this unit until ``release``. Raises UnitError("unit.busy") where one does,
        JournalError."""
        self._owned()
        self._tenure.claim(checked_id("chip_id", chip_id))

    def release(self, chip_id: str) -> None:
        """Let others serve it. Raises nothing."""
        self._tenure.release(chip_id)

    def refill_turn(self, kind: IdKind) -> AbstractContextManager[bool]:
        """Whether it is this station's turn to ask the API for ids of a kind, and nobody else's inside the context: stations
        that share a pool must not all fetch a batch because it is low."""
        return self._tenure.turn(kind.value)

    # -- what the methods share ----------------------------------------------------------------------------------------

    def _owned(self) -> int:
        """The number of the tenure, once all that was left by those before it is written down. Raises JournalError."""
        tenure = self._tenure.current()
        if tenure > self._recovered:
            with self._taking_over:
                if tenure > self._recovered:
                    self._store.run(versions.check)
                    self._store.run(self._check_remembered)
                    self._recover()
                    self._recovered = tenure
        return tenure

    def _check_remembered(self, connection: sa.Connection) -> None:
        """Raises JournalRestored where the database was lost and came back as an earlier one."""
        if self._newest and not cycle_rows.is_of(connection, self._newest, self._station):
            raise JournalRestored(
                f"the database does not know cycle {self._newest} of this station: it was put back to before"
            )

    def _recover(self) -> None:
        now_ms = int(self._clock.wall_s() * 1000)

        def work(connection: sa.Connection) -> tuple[int, int, int]:
            run = connection.execute
            mine = effects.c.station == self._station
            doubts = run(
                sa.update(effects)
                .where(mine, effects.c.settled_at.is_(None), effects.c.state == EffectState.INTENT.value)
                .values(state=EffectState.IN_DOUBT.value, detail=CUT_OFF)
            )
            lost = run(
                sa.update(id_batches)
                .where(id_batches.c.station == self._station, id_batches.c.state == BatchState.REQUESTED.value)
                .values(state=BatchState.LOST.value, detail=CUT_OFF, answered_at=now_ms)
            )
            cut = {"outcome": Outcome.ABORTED.value, "code": "cycle.cut_off", "message": CUT_OFF}
            ended = run(
                sa.update(cycles)
                .where(cycles.c.station == self._station, cycles.c.ended_at.is_(None))
                .values(**cut, ended_at=now_ms)
            )
            return doubts.rowcount, lost.rowcount, ended.rowcount

        found = self._store.run(work)
        if any(found):
            logger.warning(
                "the last agent left %d effects in doubt, %d batches without answer, %d cycles cut off", *found
            )

    def _cut_off(self, cycle: int) -> None:
        """What a change of a lost cycle that was still under way left open after ``_recover``. Where the database is lost again,
        the next ``_recover`` finds it."""
        left = sa.and_(effects.c.cycle == cycle, effects.c.state == EffectState.INTENT.value)
        doubted = sa.update(effects).where(left).values(state=EffectState.IN_DOUBT.value, detail=CUT_OFF)
        try:
            self._write(None, lambda scene: scene.connection.execute(doubted))
        except JournalError as error:
            logger.warning("cycle %d ended without the journal: %s", cycle, error)

    def _write(self, cycle: int | None, work: Callable[[Scene], T], *, is_lasting: bool = True) -> T:
        tenure = self._owned()
        running = None if cycle is None else self._running.get(cycle)
        if running is not None and running.tenure != tenure:
            raise JournalUnreachable("the database was lost during this cycle")
        now_ms = int(self._clock.wall_s() * 1000)
        try:
            return self._store.run(
                lambda connection: work(Scene(connection, now_ms, self._station, cycle)), is_lasting=is_lasting
            )
        except JournalUnreachable:
            self._tenure.forfeit()
            raise

    def _create_unit(self, scene: Scene, chip_id: str, app_eui: str, scanned_sn: str | None) -> None:
        """The unit's row first: its key is what two stations that meet the same chip meet on."""
        connection = scene.connection
        row = {"chip_id": chip_id, "app_eui": app_eui, "station": self._station, "reserved_at": scene.now_ms}
        _UNIT.change(connection, row)
        pool = self._ids is IdSource.POOL
        device_id = allocation.take(connection, IdKind.DEVICE_ID, chip_id) if pool else None
        sn = scanned_sn
        if scanned_sn is not None:
            allocation.claim_scanned(connection, scanned_sn, chip_id)
        elif pool:
            sn = allocation.take(connection, IdKind.SN, chip_id)
        _GIVE.change(connection, {"chip": chip_id, "new_device_id": device_id, "new_sn": sn})

    def _found(self, scene: Scene, chip_id: str) -> Unit:
        unit = units.find(scene.connection, chip_id)
        if unit is None:
            raise JournalContradiction(f"unit {chip_id} is gone from the journal")
        return unit

    def _end_batch(self, batch_id: int, state: BatchState, detail: str) -> None:
        self._write(None, lambda scene: allocation.end_batch(scene.connection, scene.now_ms, batch_id, state, detail))
