"""One cycle, step by step: identify → reserve → activate → (bind beside write and verify) → label.

Every irreversible effect is journalled before it starts and when its result is known (``_Effects``), so a cycle that is cut
off anywhere goes on at the right step when the chip comes back. A unit seen before keeps its ids for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from drivers.bootloader import Bootloader, Identity, WritePlan
from drivers.errors import DriverError, WriteNotKept
from drivers.printer import Fate
from station.errors import StationError, UnitError, explain
from station.events import Event, StepEnded, StepStarted, UnitKnown
from station.model import CycleResult, Effect, EffectKind, EffectState, Hold, IdKind, LabelFate, Outcome, Step, Unit
from station.ports import BoardPort, CycleJournal, Intent, LabelData, LabelPort, ProductionApi, Settlement
from station.production_api.errors import ApiAnswerInvalid, ApiAnswerOther, ApiConflict, ApiError
from station.session import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lane:
    """One thread's strand of a cycle, with the world as that thread sees it."""

    session: Session
    api: ProductionApi
    journal: CycleJournal


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
        self._steps: dict[str, float] = {}
        self._identity: Identity | None = None
        self._unit: Unit | None = None
        self._resumed = False
        self._label = LabelFate.NOT_PRINTED

    def run(self) -> CycleResult:
        """Do the cycle. Every fault becomes an outcome with a code; only a journal or a session log that cannot be written
        raises, since then nothing may be done or said about the unit."""
        clock = self._bench.main.session.clock
        started_s = clock.monotonic_s()
        self._number = self._bench.main.journal.begin_cycle(self._bench.socket, self._session_path)
        error: Exception | None = None
        try:
            self._provision()
        except (StationError, DriverError) as caught:
            error = caught
        result = self._result(error, clock.monotonic_s() - started_s)
        self._bench.main.journal.end_cycle(result)
        self._bench.main.session.end(result)
        return result

    def _provision(self) -> None:
        board, identity = self._step(Step.IDENTIFY, self._identify)
        unit = self._step(Step.RESERVE, lambda: self._reserve(identity))
        proven = self._step(Step.ACTIVATE, lambda: self._activate(unit))
        unit = self._known()
        binding = self._bench.beside(lambda: self._step(Step.BIND, lambda: self._bind(unit), self._bench.bind))
        if not proven:
            binding.result()
        try:
            self._step(Step.WRITE, lambda: self._write(board, identity, unit))
            self._step(Step.VERIFY, lambda: self._verify(board, unit))
        finally:
            bind_error = binding.exception()
        if bind_error is not None:
            raise bind_error
        self._step(Step.LABEL, self._print_label)

    def _identify(self) -> tuple[Bootloader, Identity]:
        board = self._bench.board.connect()
        identity = board.identify()
        self._identity = identity
        self._unit = self._bench.main.journal.find_unit(identity.chip_id)
        self._resumed = self._unit is not None
        if self._unit is not None:
            _refuse_held(self._unit)
            if identity.app_eui.value != self._unit.app_eui:
                identity = self._identity = self._made_whole(board, identity, self._unit)
        _check_identity(identity, self._unit)
        return board, identity

    def _made_whole(self, board: Bootloader, identity: Identity, unit: Unit) -> Identity:
        """Where an earlier write was cut off, the page that holds the AppEUI may be half erased: finish that write first.
        A page that was programmed anew since then is kept (``plan_write``)."""
        effect = unit.open_effect(EffectKind.WRITE)
        if effect is None or unit.device_id is None:
            return identity
        board.write(board.plan_write(unit.device_id, WritePlan.from_json(effect.request)))
        return board.identify()

    def _reserve(self, identity: Identity) -> Unit:
        scanned_sn = None if self._scanned_sn is None else self._bench.check_sn(self._scanned_sn)
        unit = self._unit
        if unit is None:
            app_eui = identity.app_eui.value
            assert app_eui is not None, "checked by _check_identity"
            unit = self._bench.main.journal.reserve(self._number, identity.chip_id, app_eui, scanned_sn=scanned_sn)
        if scanned_sn is not None and unit.sn is not None and unit.sn != scanned_sn:
            raise UnitError("unit.sn_mismatch", f"scanned {scanned_sn}, this unit has {unit.sn}")
        self._learn(unit)
        if unit.device_id is not None and not unit.activated:
            self._bench.board.check_device_id(unit.device_id)
        return unit

    def _activate(self, unit: Unit) -> bool:
        """True when the activation is proven; False where only the bind can prove it (``ApiConflict.may_be_ours``)."""
        if unit.activated:
            return True
        request: dict[str, object] = {"chip_id": unit.chip_id, "app_eui": unit.app_eui, "device_id": unit.device_id}
        effect = self._start(self._bench.main, unit, EffectKind.ACTIVATE, request, named=unit.device_id is not None)
        try:
            answer = self._bench.main.api.activate(unit.chip_id, unit.app_eui, unit.device_id, repeated=effect.repeated)
        except ApiConflict as conflict:
            if conflict.may_be_ours and unit.device_id is not None:
                self._settle(self._bench.main, effect, EffectState.IN_DOUBT, str(conflict))
                return False
            self._api_failed(self._bench.main, unit, effect, conflict)
            raise
        except ApiError as error:
            self._api_failed(self._bench.main, unit, effect, error)
            raise
        self._settle(self._bench.main, effect, EffectState.DONE, device_id=answer.value)
        return True

    def _bind(self, unit: Unit) -> None:
        """Bind the SN. Where the activation is in doubt this is its proof too: binding needs an activated DeviceID, and only
        this station ever named this one, with this chip."""
        if unit.bound:
            return
        lane, device_id = self._bench.bind, _device_id(unit)
        activation = unit.open_effect(EffectKind.ACTIVATE)
        effect = self._start(
            lane, unit, EffectKind.BIND, {"device_id": device_id, "sn": unit.sn}, named=unit.sn is not None
        )
        inferred = False
        try:
            sn = lane.api.bind(device_id, unit.sn, repeated=effect.repeated).value
        except ApiConflict as conflict:
            if not (conflict.may_be_ours and unit.sn is not None):
                self._api_failed(lane, unit, effect, conflict)
                raise
            sn, inferred = unit.sn, True
        except ApiError as error:
            self._api_failed(lane, unit, effect, error)
            if activation is not None and not error.may_have_happened:
                reason = (
                    f"the activation was answered with a conflict, and the bind that could prove it ours with: {error}"
                )
                lane.journal.hold(self._number, unit.chip_id, Hold.SET_ASIDE, "api.conflict", reason)
            raise
        settled = [Settlement(effect.id, EffectState.DONE, sn=sn, inferred=inferred)]
        if activation is not None:
            proof = "the bind, which needs the activation, succeeded"
            settled.insert(0, Settlement(activation.id, EffectState.DONE, proof, device_id=device_id, inferred=True))
        lane.journal.advance(self._number, unit.chip_id, settle=settled)

    def _write(self, board: Bootloader, identity: Identity, unit: Unit) -> None:
        device_id = _device_id(unit)
        effect = unit.open_effect(EffectKind.WRITE)
        if effect is None and identity.device_id.value == device_id:
            return
        previous = None if effect is None else WritePlan.from_json(effect.request)
        plan = board.plan_write(device_id, previous)
        if effect is not None and plan != previous:
            self._supersede(effect, unit)
            unit = self._known()
        started = self._start(self._bench.main, unit, EffectKind.WRITE, plan.to_json(), named=True)
        try:
            board.write(plan)
        except DriverError as error:
            self._settle(self._bench.main, started, EffectState.IN_DOUBT, str(error))
            raise
        self._settle(self._bench.main, started, EffectState.DONE, plan.steps)

    def _supersede(self, effect: Effect, unit: Unit) -> None:
        """Close a cut-off write whose plan no longer fits what is on the board."""
        settlement = Settlement(
            effect.id, EffectState.NOT_DONE, "superseded by a plan made from the board as it is now"
        )
        self._bench.main.journal.advance(self._number, unit.chip_id, settle=[settlement])

    def _verify(self, board: Bootloader, unit: Unit) -> None:
        found = board.verify()
        if found.chip_id != unit.chip_id:
            raise UnitError("board.swapped", f"chip {unit.chip_id} before the write, {found.chip_id} after it")
        if found.device_id.value != unit.device_id:
            problem = found.device_id.problem or found.device_id.value or "blank"
            raise WriteNotKept(f"the DeviceID reads back as {problem}, not as {unit.device_id}")
        if found.app_eui.value != unit.app_eui:
            raise WriteNotKept(f"the AppEUI reads back as {found.app_eui.value}, not as {unit.app_eui}")
        self._bench.main.journal.advance(self._number, unit.chip_id, verified=True)

    def _print_label(self) -> None:
        lane, unit = self._bench.main, self._known()
        if not (unit.activated and unit.bound and unit.verified and unit.device_id and unit.sn):
            raise UnitError("journal.contradiction", f"no label before the unit is proven: {unit.status}")
        if unit.open_effect(EffectKind.PRINT) is not None:
            self._label = LabelFate.IN_DOUBT
            raise UnitError("label.in_doubt", "an earlier label of this unit may have been printed")
        if unit.labels_printed:
            self._label = LabelFate.PRINTED
            return
        data = LabelData(unit.sn, unit.device_id, unit.chip_id, unit.app_eui, extra=self._bench.label_extra)
        job = self._bench.label.render(data)
        with self._bench.label.ready() as printer:
            request: dict[str, object] = {"sn": unit.sn, "copy": 1, "bytes": len(job)}
            effect = self._start(lane, unit, EffectKind.PRINT, request, named=True)
            receipt = printer.print(job)
        self._label = LabelFate(receipt.fate.value)
        self._settle(lane, effect, _PRINT_STATES[receipt.fate], f"{receipt.proof} {receipt.detail}".strip())
        if receipt.fate is not Fate.PRINTED:
            raise UnitError(f"label.{receipt.fate.value}", receipt.detail or receipt.proof)

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
            self._steps[step.value] = self._steps.get(step.value, 0.0) + duration_s
            self._bench.publish(StepEnded(self._bench.socket, step, duration_s))

    def _start(self, lane: Lane, unit: Unit, kind: EffectKind, request: dict[str, object], *, named: bool) -> _Started:
        """Journal that an effect is about to start, or take up one whose answer was lost."""
        effect = unit.open_effect(kind)
        if effect is None:
            (effect_id,) = lane.journal.advance(self._number, unit.chip_id, intend=[Intent(kind, request)])
            return _Started(effect_id, unit.chip_id, kind, named, repeated=False)
        if not named and not self._bench.repeat_unnamed:
            reason = f"{kind} was sent without naming an id and its answer was lost: the server may have spent one"
            lane.journal.hold(self._number, unit.chip_id, Hold.IN_DOUBT, "unit.in_doubt", reason)
            raise UnitError("unit.in_doubt", reason)
        lane.journal.reopen(self._number, effect.id)
        return _Started(effect.id, unit.chip_id, kind, named, repeated=True)

    def _settle(
        self, lane: Lane, effect: _Started, state: EffectState, detail: str = "", device_id: str | None = None
    ) -> None:
        settlement = Settlement(effect.id, state, detail, device_id=device_id)
        lane.journal.advance(self._number, effect.chip_id, settle=[settlement])

    def _api_failed(self, lane: Lane, unit: Unit, effect: _Started, error: ApiError) -> None:
        """Journal what a failed call leaves behind: nothing done, in doubt, or a unit set aside."""
        may_have_happened = error.may_have_happened or effect.repeated
        self._settle(lane, effect, EffectState.IN_DOUBT if may_have_happened else EffectState.NOT_DONE, str(error))
        if isinstance(error, ApiAnswerOther):
            kind = IdKind.DEVICE_ID if effect.kind is EffectKind.ACTIVATE else IdKind.SN
            retire = [(kind, error.named), (kind, error.answered)]
            lane.journal.hold(self._number, unit.chip_id, Hold.SET_ASIDE, error.code, str(error), retire=retire)
        elif isinstance(error, ApiConflict | ApiAnswerInvalid):
            lane.journal.hold(self._number, unit.chip_id, Hold.SET_ASIDE, error.code, str(error))
        elif may_have_happened and not effect.named and not self._bench.repeat_unnamed:
            lane.journal.hold(self._number, unit.chip_id, Hold.IN_DOUBT, "unit.in_doubt", str(error))

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
            steps=dict(self._steps),
            session=self._session_path,
            message="" if error is None else str(error),
        )


@dataclass(frozen=True, slots=True)
class _Started:
    """An effect whose intent is on disk."""

    id: int
    chip_id: str
    kind: EffectKind
    named: bool
    repeated: bool


_PRINT_STATES = {
    Fate.PRINTED: EffectState.DONE,
    Fate.NOT_PRINTED: EffectState.NOT_DONE,
    Fate.IN_DOUBT: EffectState.IN_DOUBT,
}


def _device_id(unit: Unit) -> str:
    if unit.device_id is None:
        raise UnitError("journal.contradiction", "the unit is activated but the journal holds no DeviceID for it")
    return unit.device_id


def _refuse_held(unit: Unit) -> None:
    if unit.hold is not None:
        code = "unit.in_doubt" if unit.hold is Hold.IN_DOUBT else "unit.set_aside"
        raise UnitError(code, f"{unit.hold_code}: {unit.hold_reason}")
    if unit.shipped:
        raise UnitError("unit.shipped", f"{unit.chip_id} left the factory")


def _check_identity(identity: Identity, unit: Unit | None) -> None:
    """Refuse a board whose memory contradicts what is known, before anything is spent on it."""
    app_eui, device_id = identity.app_eui, identity.device_id
    if app_eui.problem is not None:
        raise UnitError("unit.app_eui_invalid", app_eui.problem)
    if app_eui.value is None:
        raise UnitError("unit.app_eui_missing", "the AppEUI field is blank")
    if unit is not None and app_eui.value != unit.app_eui:
        raise UnitError("unit.app_eui_changed", f"journal {unit.app_eui}, board {app_eui.value}")
    if device_id.is_blank or (unit is not None and device_id.value == unit.device_id):
        return
    if unit is not None and device_id.problem and unit.open_effect(EffectKind.WRITE) is not None:
        return
    found = device_id.value or device_id.problem
    expected = "none" if unit is None else unit.device_id
    raise UnitError("unit.foreign_device_id", f"the board holds {found}, the journal {expected}")
