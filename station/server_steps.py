"""The server's part in a cycle: reserve, activate and bind, for one unit and whatever brings it, a board or a list.

Each call is journalled before it starts and when its result is known (``station.effects``), so that one that is cut off anywhere
goes on as the same call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from station.effects import Effects
from station.errors import UnitError
from station.model import EffectKind, EffectState, Hold, Unit
from station.ports import CycleJournal, Intent, ProductionApi, Settlement
from station.production_api.codes import NO_DEVICE
from station.production_api.errors import ApiConflict, ApiError
from station.session import Session


@dataclass(frozen=True, slots=True)
class Lane:
    """One thread's strand of a cycle, with the world as that thread sees it."""

    session: Session
    api: ProductionApi
    journal: CycleJournal


def reserve(
    lane: Lane, cycle: int, known: Unit | None, chip_id: str, app_eui: str | None, scanned_sn: str | None = None
) -> Unit:
    """The unit with its ids set aside on disk. ``known`` is what the journal has of the chip: it keeps its ids, but for a scanned
    SN that is not its own. Raises JournalError, PoolEmpty, and UnitError for an SN that cannot be this unit's."""
    if known is not None and (scanned_sn is None or known.sn == scanned_sn):
        return known
    assert app_eui is not None, "checked by check_app_eui"
    return lane.journal.reserve(cycle, chip_id, app_eui, scanned_sn=scanned_sn)


def activate(lane: Lane, effects: Effects, unit: Unit, then: Sequence[Intent] = ()) -> bool:
    """True when the activation is proven; False where only the bind can prove it (``ApiConflict.may_be_ours``). ``then`` is what
    begins with the answer, journalled in the same change. Raises ApiError, UnitError, JournalError."""
    if unit.activated:
        return True
    request: dict[str, object] = {"chip_id": unit.chip_id, "app_eui": unit.app_eui, "device_id": unit.device_id}
    effect = effects.start(unit, EffectKind.ACTIVATE, request, named=unit.device_id is not None)
    try:
        answer = lane.api.activate(unit.chip_id, unit.app_eui, unit.device_id, repeated=effect.repeated)
    except ApiConflict as conflict:
        if conflict.may_be_ours and unit.device_id is not None:
            effects.settle(effect.id, unit.chip_id, EffectState.IN_DOUBT, str(conflict))
            return False
        effects.failed(effect, conflict)
        raise
    except ApiError as error:
        effects.failed(effect, error)
        raise
    effects.conclude(unit.chip_id, [Settlement(effect.id, EffectState.DONE, device_id=answer.value)], then)
    return True


def confirmed(unit: Unit, *, proven: bool) -> Unit | None:
    """The unit after ``activate``, where the journal has nothing to add: the call named its ids and the answer is journalled.
    None where the journal has to be asked."""
    return replace(unit, activated=True) if proven and unit.device_id and not unit.open_effects else None


def bind_intent(unit: Unit) -> Intent:
    """What ``bind`` is about to do. Raises UnitError."""
    return Intent(EffectKind.BIND, {"device_id": device_id_of(unit), "sn": unit.sn})


def named_bind(unit: Unit) -> tuple[Intent, ...]:
    """The same for what may begin with the activation's answer: a first bind that names both ids, or nothing."""
    is_first = not unit.bound and unit.open_effect(EffectKind.BIND) is None
    return (bind_intent(unit),) if is_first and unit.device_id is not None and unit.sn is not None else ()


def bind(lane: Lane, effects: Effects, unit: Unit) -> None:
    """Bind the SN. Where the activation is in doubt a success is its proof too: binding needs an activated DeviceID, and only
    this station ever named this one, with this chip. A conflict proves nothing but where all else is proven. Raises ApiError,
    UnitError, JournalError."""
    if unit.bound:
        return
    device_id = device_id_of(unit)
    activation = unit.open_effect(EffectKind.ACTIVATE)
    effect = effects.start(unit, EffectKind.BIND, bind_intent(unit).request, named=unit.sn is not None)
    inferred = False
    try:
        sn = lane.api.bind(device_id, unit.sn, repeated=effect.repeated).value
    except ApiConflict as conflict:
        if not (conflict.may_be_ours and unit.sn is not None):
            effects.failed(effect, conflict)
            raise
        if activation is not None or not unit.sn_from_pool:
            raise effects.doubted(effect, conflict) from conflict
        sn, inferred = unit.sn, True
    except ApiError as error:
        effects.failed(effect, error)
        if activation is not None and error.api_code == NO_DEVICE:
            reason = f"the activation was answered with a conflict, and the bind that could prove it ours with: {error}"
            effects.hold(unit.chip_id, Hold.SET_ASIDE, "api.conflict", reason)
        raise
    answers = [Settlement(effect.id, EffectState.DONE, sn=sn, inferred=inferred)]
    if activation is not None:
        proof = "the bind, which needs the activation, succeeded"
        answers.insert(0, Settlement(activation.id, EffectState.DONE, proof, device_id=device_id, inferred=True))
    effects.conclude(unit.chip_id, answers)


def device_id_of(unit: Unit) -> str:
    """Raises UnitError for a unit that is activated and has none."""
    if unit.device_id is None:
        raise UnitError("journal.contradiction", "the unit is activated but the journal holds no DeviceID for it")
    return unit.device_id
