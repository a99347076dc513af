"""What people decide about units: settling a doubt, a label's fate, a reprint, shipping. Each leaves a line in the audit.

Every function works inside its caller's transaction, and raises UnitError("unit.doubt_unsettled") where the decision does not
fit the unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from station.errors import UnitError
from station.journal import allocation, units
from station.journal.errors import JournalContradiction
from station.journal.progress import PrintNote, Scene, conclude_id, copies, settle_effect, start_effect
from station.journal.records import Decision, Reprint
from station.journal.text import remark
from station.journal.units import Facts
from station.model import Effect, EffectKind, EffectState, Hold, IdKind, LabelFate, Unit, UnitStatus
from station.ports import Intent, Settlement

_CALLS = {EffectKind.ACTIVATE: "device_id", EffectKind.BIND: "sn"}
"""The effects that are API calls, and the id each names or gets."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, and why; both are kept."""

    operator: str
    reason: str

    def __post_init__(self) -> None:
        if not self.operator.strip() or not self.reason.strip():
            raise UnitError("unit.doubt_unsettled", "say who decides and why")


def resolve(
    scene: Scene, chip_id: str, decision: Decision, person: Person, device_id: str | None, sn: str | None
) -> Unit:
    """Settle a held unit (``SCRAP`` also one that is not held) and return it as it is then."""
    before = units.must_be_locked(scene.connection, chip_id)
    facts = dict(before)
    if facts["scrapped_at"] is not None:
        raise _unfit(f"chip {chip_id} was scrapped")
    if (device_id or sn) and decision is not Decision.DONE:
        raise _unfit(f"{decision} takes no ids")
    if decision is Decision.SCRAP:
        _scrap(scene, facts, person)
    else:
        if facts["hold"] is None:
            raise _unfit(f"chip {chip_id} is not held")
        calls = [effect for effect in units.open_effects(scene.connection, chip_id) if effect.kind in _CALLS]
        if decision is Decision.DONE:
            _conclude(scene, facts, calls, device_id, sn)
        else:
            _refuse_retired(scene, facts)
            _close_or_keep(scene, facts, calls, decision)
        facts["hold"] = facts["hold_code"] = facts["hold_reason"] = None
    units.save(scene.connection, before, facts)
    detail = f"was {before['hold'] or 'not held'} ({before['hold_code'] or '-'}); device_id={device_id}, sn={sn}"
    _audit(scene, chip_id, f"resolve.{decision}", person, detail)
    return _found(scene, chip_id)


def settle_label(scene: Scene, chip_id: str, person: Person, *, printed: bool) -> Unit:
    """A person looked at the printer: the label in doubt is there, or is not."""
    before = units.must_be_locked(scene.connection, chip_id)
    facts = dict(before)
    doubtful = [
        effect
        for effect in units.open_effects(scene.connection, chip_id)
        if effect.kind is EffectKind.PRINT and effect.state is EffectState.IN_DOUBT
    ]
    if not doubtful:
        raise _unfit(f"no label of chip {chip_id} is in doubt")
    state = EffectState.DONE if printed else EffectState.NOT_DONE
    settle_effect(scene, facts, Settlement(doubtful[0].id, state, f"{person.operator}: {person.reason}"))
    units.save(scene.connection, before, facts)
    _audit(scene, chip_id, "label.printed" if printed else "label.not_printed", person, f"effect {doubtful[0].id}")
    return _found(scene, chip_id)


def begin_reprint(scene: Scene, chip_id: str, person: Person) -> Reprint:
    """Journal the intent of one more label of a unit that has one. Raises UnitError for a unit that is held or has none."""
    facts = units.must_be_locked(scene.connection, chip_id)
    if facts["hold"] is not None:
        units.refuse_held(facts)
    if facts["labels_printed"] == 0 or facts["sn"] is None:
        raise UnitError("label.not_printed", f"chip {chip_id} has no label yet: its cycle prints the first")
    if any(effect.kind is EffectKind.PRINT for effect in units.open_effects(scene.connection, chip_id)):
        raise UnitError("label.in_doubt", f"an earlier label of chip {chip_id} may have been printed")
    copy_number = copies(scene.connection, chip_id) + 1
    intent = Intent(EffectKind.PRINT, {"sn": facts["sn"], "copy": copy_number})
    effect_id = start_effect(scene, facts, intent, PrintNote(person.operator, person.reason))
    _audit(scene, chip_id, "label.reprint", person, f"copy {copy_number}, effect {effect_id}")
    return Reprint(effect_id, copy_number, _found(scene, chip_id))


def end_reprint(scene: Scene, reprint: Reprint, fate: LabelFate, detail: str) -> Unit:
    """Journal what became of a reprint."""
    states = {
        LabelFate.PRINTED: EffectState.DONE,
        LabelFate.NOT_PRINTED: EffectState.NOT_DONE,
        LabelFate.IN_DOUBT: EffectState.IN_DOUBT,
    }
    before = units.must_be_locked(scene.connection, reprint.unit.chip_id)
    facts = dict(before)
    settle_effect(scene, facts, Settlement(reprint.effect_id, states[fate], detail))
    units.save(scene.connection, before, facts)
    return _found(scene, reprint.unit.chip_id)


def mark_shipped(scene: Scene, chip_id: str, person: Person) -> Unit:
    """The unit has left the factory: no cycle touches it again. Raises UnitError unless it is labelled and nothing is open."""
    before = units.must_be_locked(scene.connection, chip_id)
    units.refuse_held(before)
    if units.status_of(before) is not UnitStatus.LABELLED or units.open_effects(scene.connection, chip_id):
        raise _unfit(
            f"chip {chip_id} is only {units.status_of(before)}, or something of it is open: it cannot be shipped"
        )
    units.save(scene.connection, before, before | {"shipped_at": scene.now_ms})
    _audit(scene, chip_id, "shipped", person)
    return _found(scene, chip_id)


def _conclude(scene: Scene, facts: Facts, calls: list[Effect], device_id: str | None, sn: str | None) -> None:
    """A person knows from the API's side that an id is activated or bound."""
    if device_id is None and sn is None:
        raise _unfit("say which DeviceID is known to be activated, or which SN bound")
    given = {EffectKind.ACTIVATE: (IdKind.DEVICE_ID, device_id), EffectKind.BIND: (IdKind.SN, sn)}
    for kind, (id_kind, value) in given.items():
        if value is None:
            continue
        conclude_id(scene, facts, id_kind, value, even_retired=True)
        facts["inferred"] = 1
        for effect in calls:
            if effect.kind is kind:
                settle_effect(scene, facts, Settlement(effect.id, EffectState.DONE, "a person said so", inferred=True))


def _close_or_keep(scene: Scene, facts: Facts, calls: list[Effect], decision: Decision) -> None:
    for effect in calls:
        if decision is Decision.NOT_DONE:
            settle_effect(scene, facts, Settlement(effect.id, EffectState.NOT_DONE, "a person said so"))
        elif effect.request.get(_CALLS[effect.kind]) is None:
            raise _unfit(f"the open {effect.kind} lets the server choose: say {Decision.DONE} or {Decision.NOT_DONE}")


def _refuse_retired(scene: Scene, facts: Facts) -> None:
    for kind, column in ((IdKind.DEVICE_ID, "device_id"), (IdKind.SN, "sn")):
        if facts[column] is not None and allocation.is_retired(scene.connection, kind, facts[column]):
            label = allocation.NAMES[kind]
            raise _unfit(
                f"its {label} {facts[column]} is out of use: say {Decision.DONE} with ids, or {Decision.SCRAP}"
            )


def _scrap(scene: Scene, facts: Facts, person: Person) -> None:
    if facts["shipped_at"] is not None:
        raise _unfit(f"chip {facts['chip_id']} was shipped")
    for kind, column in ((IdKind.DEVICE_ID, "device_id"), (IdKind.SN, "sn")):
        if facts[column] is not None:
            allocation.retire(scene.connection, kind, facts[column], facts["chip_id"])
    facts["scrapped_at"] = scene.now_ms
    facts["hold"] = Hold.SET_ASIDE.value
    facts["hold_code"] = "unit.set_aside"
    facts["hold_reason"] = remark(f"scrapped by {person.operator}: {person.reason}")


def _audit(scene: Scene, chip_id: str, action: str, person: Person, detail: str = "") -> None:
    units.record_audit(
        scene.connection,
        scene.now_ms,
        scene.station,
        chip_id,
        action,
        operator=person.operator,
        reason=person.reason,
        detail=detail,
    )


def _found(scene: Scene, chip_id: str) -> Unit:
    unit = units.find(scene.connection, chip_id)
    if unit is None:
        raise JournalContradiction(f"unit {chip_id} is gone from the journal")
    return unit


def _unfit(message: str) -> UnitError:
    return UnitError("unit.doubt_unsettled", message)
