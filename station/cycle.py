"""One cycle, step by step: identify → reserve → activate → (bind beside write and verify) → label.

Every irreversible effect is journalled before it starts and when its result is known, a write's with its proof
(``station.effects``), so a cycle that is cut off anywhere goes on at the right step when the chip comes back. A unit seen before
keeps its ids for ever.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from drivers.bootloader import Bootloader, Identity, WritePlan
from drivers.errors import DriverError
from drivers.printer import Fate
from station import server_steps
from station.checks import check_app_eui, check_device_id, check_written, refuse_held
from station.effects import PRINT_STATES, Effects
from station.errors import StationError, UnitError, explain
from station.events import Event, StepEnded, StepStarted, UnitKnown
from station.model import CycleResult, EffectKind, EffectState, LabelFate, Outcome, Step, Unit
from station.ports import BoardPort, Intent, LabelData, LabelPort, Settlement
from station.server_steps import Lane, device_id_of

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Beside(Protocol):
    """Runs a function on the socket's second thread."""

    def __call__(self, work: Callable[[], None], /) -> Future[None]: ...


@dataclass(frozen=True, slots=True)
class Bench:
    """All that a cycle works with."""

    station: str
    socket: str
    main: Lane
    bind: Lane
    board: BoardPort
    label: LabelPort
    beside: Beside
    publish: Callable[[Event], None]
    claim: Callable[[str], None]
    """Takes a chipId for this cycle; whoever runs the cycle gives it back. Raises UnitError("unit.busy")."""
    aborted: Callable[[], str | None]
    """The code of the abort that was asked for, or None; asked between steps."""
    check_sn: Callable[[str], str] = str
    """A scanned SN in its canonical form. Raises UnitError("scan.invalid")."""
    repeat_unnamed: bool = False
    """Whether a lost answer to a call that lets the server choose is repeated; it may spend a second licence."""
    label_extra: dict[str, str] = field(default_factory=dict)


class Cycle:
    """One attempt on one unit. ``run`` is called once."""

    def __init__(self, bench: Bench, session_path: str, scanned_sn: str | None = None) -> None:
        self._bench = bench
        self._scanned_sn = scanned_sn
        self._session_path = session_path
        self._number = 0
        self._effects = Effects(bench.main.journal, 0, bench.repeat_unnamed)
        self._steps: dict[Step, float] = {}
        self._identity: Identity | None = None
        self._unit: Unit | None = None
        self._plan: WritePlan | None = None
        """Of a write that can be made from what the board was identified by."""
        self._resumed = False
        self._label = LabelFate.NOT_PRINTED
        self._label_job: tuple[LabelData, bytes] | None = None

    def run(self) -> CycleResult:
        """Do the cycle. Every fault, a program fault too, becomes an outcome with a code; only a journal or a session log that
        cannot be written raises, a StationError: ``unrecorded`` then says what is known."""
        clock = self._bench.main.session.clock
        started_s = clock.monotonic_s()
        self._number = self._bench.main.journal.begin_cycle(self._bench.socket, self._session_path)
        self._effects = Effects(self._bench.main.journal, self._number, self._bench.repeat_unnamed)
        error: Exception | None = None
        try:
            self._provision()
        except (StationError, DriverError) as caught:
            error = caught
        except Exception as caught:
            logger.exception("cycle %d ended in a program fault", self._number)
            error = caught
        result = self._result(error, clock.monotonic_s() - started_s)
        self._bench.main.journal.end_cycle(result)
        self._bench.main.session.end(result)
        return result

    def unrecorded(self, error: StationError, duration_s: float) -> CycleResult:
        """The result where ``run`` raised: its number, where the journal gave it one, and what the cycle knows of its unit."""
        return self._result(error, duration_s)

    def _provision(self) -> None:
        board, identity = self._step(Step.IDENTIFY, self._identify)
        unit = self._step(Step.RESERVE, lambda: self._reserve(board, identity))
        try:
            proven = self._step(Step.ACTIVATE, lambda: self._activate(unit))
            unit = server_steps.confirmed(unit, proven=proven) or self._known()
            self._bind_and_write(board, identity, unit, proven=proven)
        finally:
            self._effects.close(unit.chip_id)
        is_all_ours = proven and unit.sn is not None and not self._resumed
        bound = replace(unit, bound=True, verified=True) if is_all_ours else None
        self._step(Step.LABEL, lambda: self._print_label(bound or self._known()))

    def _bind_and_write(self, board: Bootloader, identity: Identity, unit: Unit, *, proven: bool) -> None:
        """Both at once, unless only the bind can prove the activation: then it comes first."""
        beside = self._effects.handed_over(EffectKind.BIND, self._bench.bind.journal)
        binding = self._bench.beside(lambda: self._bind(beside, unit))
        if not proven:
            binding.result()
        try:
            self._step(Step.WRITE, lambda: self._write(board, identity, unit))
            self._step(Step.VERIFY, lambda: self._verify(board, unit))
            self._draw_ahead(unit)
        finally:
            bind_error = binding.exception()
        if bind_error is not None:
            raise bind_error

    def _identify(self) -> tuple[Bootloader, Identity]:
        board = self._bench.board.connect()
        identity = self._identity = board.identify()
        self._bench.claim(identity.chip_id)
        self._unit = self._bench.main.journal.find_unit(identity.chip_id)
        self._resumed = self._unit is not None
        if self._unit is not None:
            refuse_held(self._unit)
        check_device_id(identity.device_id, self._unit, self._bench.board.may_be_cut_off)
        if self._unit is not None and identity.app_eui.value != self._unit.app_eui:
            identity = self._identity = self._made_whole(board, identity, self._unit)
        check_app_eui(identity.app_eui, self._unit)
        return board, identity

    def _made_whole(self, board: Bootloader, identity: Identity, unit: Unit) -> Identity:
        """Where a write was cut off, the page that it shares with the AppEUI may be half erased: finish that write first. A page
        that was programmed anew since then does not fit the journalled plan any more, and is left alone."""
        effect = unit.open_effect(EffectKind.WRITE)
        if effect is None or unit.device_id is None:
            return identity
        previous = WritePlan.from_json(effect.request)
        if not previous.erase_pages or board.plan_write(unit.device_id, previous) != previous:
            return identity
        board.write(previous)
        return board.identify()

    def _reserve(self, board: Bootloader, identity: Identity) -> Unit:
        scanned_sn = None if self._scanned_sn is None else self._bench.check_sn(self._scanned_sn)
        app_eui = identity.app_eui.value
        unit = server_steps.reserve(self._bench.main, self._number, self._unit, identity.chip_id, app_eui, scanned_sn)
        self._learn(unit)
        if unit.device_id is not None and not unit.activated:
            self._plan_ahead(board, identity, unit.device_id)
        return unit

    def _plan_ahead(self, board: Bootloader, identity: Identity, device_id: str) -> None:
        """No licence is spent on a board that cannot be written. A plan that holds more of the board than its field is made anew
        when it is carried out: another board may be in the socket by then."""
        self._bench.board.check_device_id(device_id)
        if identity.device_id.value != device_id:
            plan = board.plan_write(device_id)
            self._plan = None if plan.erase_pages else plan

    def _activate(self, unit: Unit) -> bool:
        write = () if self._plan is None else (Intent(EffectKind.WRITE, self._plan.to_json()),)
        then = (*write, *server_steps.named_bind(unit))
        return server_steps.activate(self._bench.main, self._effects, unit, then)

    def _bind(self, effects: Effects, unit: Unit) -> None:
        lane = self._bench.bind
        try:
            self._step(Step.BIND, lambda: server_steps.bind(lane, effects, unit), lane)
        finally:
            effects.close(unit.chip_id)

    def _write(self, board: Bootloader, identity: Identity, unit: Unit) -> None:
        device_id = device_id_of(unit)
        effect = unit.open_effect(EffectKind.WRITE)
        if effect is None and identity.device_id.value == device_id:
            return
        previous = None if effect is None else WritePlan.from_json(effect.request)
        plan = self._plan or board.plan_write(device_id, previous)
        if effect is not None and plan != previous:
            superseded = "superseded by a plan made from the board as it is now"
            self._effects.settle(effect.id, unit.chip_id, EffectState.NOT_DONE, superseded)
            unit = self._known()
        started = self._effects.start(unit, EffectKind.WRITE, plan.to_json(), named=True)
        try:
            board.write(plan)
        except DriverError as error:
            self._effects.settle(started.id, unit.chip_id, EffectState.IN_DOUBT, str(error))
            raise
        self._effects.owed.append(Settlement(started.id, EffectState.DONE, plan.steps))

    def _verify(self, board: Bootloader, unit: Unit) -> None:
        check_written(board.verify(), unit)
        self._effects.verified(unit.chip_id)

    def _print_label(self, unit: Unit) -> None:
        if not (unit.activated and unit.bound and unit.verified and unit.device_id and unit.sn):
            raise UnitError("journal.contradiction", f"no label before the unit is proven: {unit.status}")
        earlier = unit.open_effect(EffectKind.PRINT)
        if earlier is not None:
            if earlier.state is EffectState.INTENT:  # of a station that was cut off and has not come back to say so
                self._effects.settle(earlier.id, unit.chip_id, EffectState.IN_DOUBT, "its cycle was cut off")
            self._label = LabelFate.IN_DOUBT
            raise UnitError("label.in_doubt", "an earlier label of this unit may have been printed")
        if unit.labels_printed:
            self._label = LabelFate.PRINTED
            return
        job = self._drawn(unit.sn, unit.device_id, unit)
        with self._bench.label.ready() as printer:
            request: dict[str, object] = {"sn": unit.sn, "copy": 1, "bytes": len(job)}
            effect = self._effects.start(unit, EffectKind.PRINT, request, named=True)
            self._label = LabelFate.IN_DOUBT
            receipt = printer.print(job)
        self._label = LabelFate(receipt.fate.value)
        proof = f"{receipt.proof} {receipt.detail}".strip()
        self._effects.settle(effect.id, unit.chip_id, PRINT_STATES[receipt.fate], proof)
        if receipt.fate is not Fate.PRINTED:
            raise UnitError(f"label.{receipt.fate.value}", receipt.detail or receipt.proof)

    def _draw_ahead(self, unit: Unit) -> None:
        """Draw the label while the SN is being bound. One that cannot be drawn is told by its own step, which draws it again."""
        if unit.sn is not None and unit.device_id is not None and not unit.labels_printed:
            with contextlib.suppress(StationError):
                self._drawn(unit.sn, unit.device_id, unit)

    def _drawn(self, sn: str, device_id: str, unit: Unit) -> bytes:
        """The print job of the label, drawn once for the same content."""
        data = LabelData(sn, device_id, unit.chip_id, unit.app_eui, extra=self._bench.label_extra)
        if self._label_job is None or self._label_job[0] != data:
            self._label_job = data, self._bench.label.render(data)
        return self._label_job[1]

    # -- what the steps share ------------------------------------------------------------------------------------------

    def _step(self, step: Step, work: Callable[[], T], lane: Lane | None = None) -> T:
        lane = lane or self._bench.main
        aborted = lane.session.given("abort", {}, str | None, self._bench.aborted)
        if aborted is not None:
            raise UnitError(aborted, f"before {step}")
        started_s = lane.session.clock.monotonic_s()
        self._bench.publish(StepStarted(self._bench.socket, step))
        try:
            with lane.session.step(step):
                return work()
        finally:
            duration_s = lane.session.clock.monotonic_s() - started_s
            self._steps[step] = duration_s
            self._bench.publish(StepEnded(self._bench.socket, step, duration_s))

    def _known(self) -> Unit:
        """The unit as the journal has it now."""
        assert self._unit is not None, "called after reserve"
        unit = self._bench.main.journal.find_unit(self._unit.chip_id)
        if unit is None:
            raise UnitError("journal.contradiction", f"unit {self._unit.chip_id} is gone from the journal")
        self._learn(unit)
        return unit

    def _learn(self, unit: Unit) -> None:
        self._unit = unit
        self._bench.publish(UnitKnown(self._bench.socket, unit.chip_id, unit.device_id, unit.sn))

    def _result(self, error: Exception | None, duration_s: float) -> CycleResult:
        explanation = None if error is None else explain(error)
        unit, identity = self._unit, self._identity
        return CycleResult(
            cycle=self._number,
            station=self._bench.station,
            socket=self._bench.socket,
            outcome=Outcome.PASS if explanation is None else explanation.outcome,
            code=None if explanation is None else explanation.code,
            chip_id=identity.chip_id if identity else None,
            app_eui=identity.app_eui.value if identity else None,
            device_id=unit.device_id if unit else None,
            sn=unit.sn if unit else None,
            resumed=self._resumed,
            label=self._label,
            duration_s=duration_s,
            steps={step.value: self._steps[step] for step in Step if step in self._steps},
            session=self._session_path,
            message="" if error is None else describe(error),
        )


def describe(error: Exception) -> str:
    """One line for an engineer; of a program fault, which has no text for people, its kind too."""
    return str(error) if isinstance(error, StationError | DriverError) else f"{type(error).__name__}: {error}"
