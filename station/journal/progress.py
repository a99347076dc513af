"""A unit's way forward: results of effects first, then the intents of the next ones, folded into one change of its row.

Every function works inside its caller's transaction. Facts are what the checks of this page allow, and the database's own
constraints stand behind them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from station.errors import UnitError
from station.journal import allocation
from station.journal.errors import JournalContradiction, JournalMisuse
from station.journal.schema import effects, labels
from station.journal.statement import Statement
from station.journal.text import remark
from station.journal.units import (
    IS_OPEN,
    REQUEST_MAX_CHARS,
    Facts,
    find,
    must_be_locked,
    record_audit,
    refuse_held,
    save,
)
from station.model import EffectKind, EffectState, IdKind, LabelFate
from station.ports import Intent, Settlement

_EFFECT = Statement(sa.select(effects).where(effects.c.id == sa.bindparam("effect")).with_for_update())
_CHIP_OF = Statement(sa.select(effects.c.chip_id).where(effects.c.id == sa.bindparam("effect")))
_OPEN_KINDS = Statement(sa.select(effects.c.kind).where(effects.c.chip_id == sa.bindparam("chip"), IS_OPEN))
_SETTLE = Statement(
    sa.update(effects)
    .where(effects.c.id == sa.bindparam("effect"))
    .values(state=sa.bindparam("new_state"), detail=sa.bindparam("new_detail"), settled_at=sa.bindparam("at"))
)
_REOPEN = Statement(
    sa.update(effects)
    .where(effects.c.id == sa.bindparam("effect"))
    .values(state=EffectState.INTENT.value, attempts=effects.c.attempts + 1, station=sa.bindparam("by"))
)
_LABEL_FATE = Statement(
    sa.update(labels).where(labels.c.effect == sa.bindparam("of")).values(fate=sa.bindparam("new_fate"))
)
_COPIES = Statement(
    sa.select(sa.func.count())
    .select_from(labels)
    .where(labels.c.chip_id == sa.bindparam("chip"), labels.c.fate != LabelFate.NOT_PRINTED.value)
)
_START = Statement(sa.insert(effects))
_COPY = Statement(sa.insert(labels))

_FATES = {
    EffectState.DONE: LabelFate.PRINTED,
    EffectState.NOT_DONE: LabelFate.NOT_PRINTED,
    EffectState.IN_DOUBT: LabelFate.IN_DOUBT,
}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and when a change is made. ``cycle`` is None for what is done outside a cycle."""

    connection: sa.Connection
    now_ms: int
    station: str
    cycle: int | None


@dataclass(frozen=True, slots=True)
class PrintNote:
    """Who wanted a label that is not a unit's first, and why."""

    operator: str = ""
    reason: str = ""


def advance(
    scene: Scene, chip_id: str, settle: Sequence[Settlement], intend: Sequence[Intent], verified: bool | None
) -> tuple[int, ...]:
    """Write results, then intents; return the intents' effect ids in order. Raises JournalContradiction, UnitError."""
    before = must_be_locked(scene.connection, chip_id)
    facts = dict(before)
    for settlement in settle:
        settle_effect(scene, facts, settlement)
    if verified is not None:
        _verify(scene, facts, verified)
    for intent in intend:
        _check_intent(scene, facts, intent)
    started = tuple(start_effect(scene, facts, intent) for intent in intend)
    save(scene.connection, before, facts)
    return started


def exchange_sn(scene: Scene, before: Facts, sn: str) -> None:
    """Give a unit the SN that was scanned now. Raises UnitError("unit.sn_mismatch") unless its present one is of a scan too, and
    the API has refused it or never heard of it; UnitError("unit.sn_taken") where the new one is another unit's."""
    chip_id, old = before["chip_id"], before["sn"]
    unit = find(scene.connection, chip_id)
    assert unit is not None, "the caller holds its row"
    refuse_held(before)
    if unit.bound or unit.sn_from_pool or unit.open_effect(EffectKind.BIND) is not None:
        raise UnitError("unit.sn_mismatch", f"scanned {sn}, this unit has {old or 'none'}")
    if old is not None:
        allocation.forget_scanned(scene.connection, old, chip_id)
    allocation.claim_scanned(scene.connection, sn, chip_id)
    save(scene.connection, before, before | {"sn": sn})
    record_audit(
        scene.connection, scene.now_ms, scene.station, chip_id, "sn.exchanged", detail=f"{old or 'none'} for {sn}"
    )


def settle_effect(scene: Scene, facts: Facts, settlement: Settlement) -> None:
    """Write what became of an open effect of this unit, and make true of the unit what follows from it."""
    row = _EFFECT.row(scene.connection, {"effect": settlement.effect_id})
    if row is None or row["chip_id"] != facts["chip_id"]:
        owner = "unknown" if row is None else f"chip {row['chip_id']}'s"
        raise JournalContradiction(f"effect {settlement.effect_id} is {owner}, not chip {facts['chip_id']}'s")
    if row["settled_at"] is not None:
        raise JournalContradiction(f"effect {settlement.effect_id} is {row['state']} already")
    state, kind = settlement.state, EffectKind(row["kind"])
    if state is EffectState.INTENT:
        raise JournalMisuse("an effect is settled as done, not done or in doubt")
    if state is EffectState.DONE:
        _CONSEQUENCES[kind](scene, facts, settlement)
        facts["inferred"] = int(bool(facts["inferred"]) or settlement.inferred)
    elif settlement.device_id is not None or settlement.sn is not None:
        raise JournalContradiction(f"effect {settlement.effect_id} is {state}, and cannot have given an id")
    settled = {"effect": row["id"], "new_state": state.value, "new_detail": remark(settlement.detail)}
    at = None if state is EffectState.IN_DOUBT else scene.now_ms
    _SETTLE.change(scene.connection, settled | {"at": at})
    if kind is EffectKind.PRINT:
        _LABEL_FATE.change(scene.connection, {"of": row["id"], "new_fate": _FATES[state].value})


def start_effect(scene: Scene, facts: Facts, intent: Intent, note: PrintNote | None = None) -> int:
    """Write the intent of an effect, name its ids, and return its effect id."""
    request = _request_text(intent.request)
    for kind, key in ((IdKind.DEVICE_ID, "device_id"), (IdKind.SN, "sn")):
        value = intent.request.get(key)
        if value is not None:
            if value != facts[key]:
                raise JournalContradiction(f"{intent.kind} names {key} {value!r}, the unit has {facts[key]!r}")
            allocation.name(scene.connection, kind, str(value), facts["chip_id"])
    if intent.kind is EffectKind.WRITE:
        facts["verified_at"] = None
    row = {
        "station": scene.station,
        "cycle": scene.cycle,
        "chip_id": facts["chip_id"],
        "kind": intent.kind.value,
        "state": EffectState.INTENT.value,
        "request": request,
        "intended_at": scene.now_ms,
    }
    effect_id = _START.insert(scene.connection, row)
    if intent.kind is EffectKind.PRINT:
        _count_copy(scene, facts, effect_id, note or PrintNote())
    return effect_id


def reopen(scene: Scene, effect_id: int) -> None:
    """Take up an open effect again, whichever station began it. Raises JournalContradiction, UnitError for a unit that is held."""
    chip_id = _CHIP_OF.scalar(scene.connection, {"effect": effect_id})
    if chip_id is None:
        raise JournalContradiction(f"effect {effect_id} is unknown")
    facts = must_be_locked(scene.connection, chip_id)
    row = _EFFECT.row(scene.connection, {"effect": effect_id})
    assert row is not None, "its unit is locked, and effects are never deleted"
    if row["settled_at"] is not None:
        raise JournalContradiction(f"effect {effect_id} is {row['state']} already")
    if row["kind"] == EffectKind.PRINT:
        raise JournalContradiction("a label that may have been printed is settled by a person, never repeated")
    if row["kind"] != EffectKind.WRITE:
        refuse_held(facts)
    _REOPEN.change(scene.connection, {"effect": effect_id, "by": scene.station})


def copies(connection: sa.Connection, chip_id: str) -> int:
    """How many labels of the unit exist or may exist."""
    return int(_COPIES.scalar(connection, {"chip": chip_id}))


def open_kinds(connection: sa.Connection, chip_id: str) -> set[str]:
    """The kinds of the unit's open effects."""
    return {row[0] for row in _OPEN_KINDS.tuples(connection, {"chip": chip_id})}


def _activated(scene: Scene, facts: Facts, settlement: Settlement) -> None:
    if settlement.sn is not None:
        raise JournalContradiction("an activation gives no SN")
    conclude_id(scene, facts, IdKind.DEVICE_ID, settlement.device_id)


def _bound(scene: Scene, facts: Facts, settlement: Settlement) -> None:
    if settlement.device_id is not None and settlement.device_id != facts["device_id"]:
        raise JournalContradiction(f"bound to DeviceID {settlement.device_id!r}, the unit has {facts['device_id']!r}")
    conclude_id(scene, facts, IdKind.SN, settlement.sn)


def _written(scene: Scene, facts: Facts, settlement: Settlement) -> None:
    _no_ids(settlement)
    facts["written_at"] = scene.now_ms


def _printed(_scene: Scene, facts: Facts, settlement: Settlement) -> None:
    _no_ids(settlement)
    facts["labels_printed"] += 1


_CONSEQUENCES: dict[EffectKind, Callable[[Scene, Facts, Settlement], None]] = {
    EffectKind.ACTIVATE: _activated,
    EffectKind.BIND: _bound,
    EffectKind.WRITE: _written,
    EffectKind.PRINT: _printed,
}
"""What a DONE of each kind makes true of the unit."""


def conclude_id(scene: Scene, facts: Facts, kind: IdKind, value: str | None, *, even_retired: bool = False) -> None:
    """Make the unit activated with a DeviceID, or bound with an SN: the one given, which must be the unit's where it has
    one, or else the unit's own. Raises JournalContradiction."""
    column, moment = _CONCLUDED[kind]
    label, own = allocation.NAMES[kind], facts[column]
    chosen = own if value is None else value
    if chosen is None:
        raise JournalContradiction(f"done, but with which {label}? none is on record")
    if own is not None and chosen != own:
        raise JournalContradiction(f"answered with {label} {remark(chosen)!r}, the unit has {own!r}")
    if kind is IdKind.SN and facts["activated_at"] is None:
        raise JournalContradiction("a bind cannot be done before the activation is")
    allocation.use(scene.connection, kind, chosen, facts["chip_id"], even_retired=even_retired)
    facts[column] = chosen
    if facts[moment] is None:
        facts[moment] = scene.now_ms


_CONCLUDED = {IdKind.DEVICE_ID: ("device_id", "activated_at"), IdKind.SN: ("sn", "bound_at")}


def _no_ids(settlement: Settlement) -> None:
    if settlement.device_id is not None or settlement.sn is not None:
        raise JournalContradiction("neither a write nor a print gives an id")


def _verify(scene: Scene, facts: Facts, verified: bool) -> None:
    """Read back from the board; what reads back has been written, by whatever cycle."""
    if not verified:
        facts["verified_at"] = None
        return
    if facts["activated_at"] is None or EffectKind.WRITE.value in open_kinds(scene.connection, facts["chip_id"]):
        raise JournalContradiction("verified, but the unit is not activated or its write is still open")
    if facts["written_at"] is None:
        facts["written_at"] = scene.now_ms
    facts["verified_at"] = scene.now_ms


def _check_intent(scene: Scene, facts: Facts, intent: Intent) -> None:
    """Raises UnitError for a held or shipped unit and JournalContradiction for an effect that is out of turn.

    A write may still start on a unit that was held a moment ago by the bind beside it: it harms nobody.
    """
    kind, chip_id = intent.kind, facts["chip_id"]
    if kind is not EffectKind.WRITE:
        refuse_held(facts)
    if intent.request.get("chip_id", chip_id) != chip_id:
        raise JournalContradiction(f"{kind} of another chip: {remark(repr(intent.request.get('chip_id')), 200)}")
    open_now = open_kinds(scene.connection, chip_id)
    if kind.value in open_now:
        raise JournalContradiction(f"an earlier {kind} of chip {chip_id} is still open")
    activated, bound = facts["activated_at"] is not None, facts["bound_at"] is not None
    in_turn = {
        EffectKind.ACTIVATE: not activated,
        EffectKind.BIND: not bound and (activated or EffectKind.ACTIVATE.value in open_now),
        EffectKind.WRITE: activated,
        EffectKind.PRINT: activated and bound and facts["verified_at"] is not None and facts["labels_printed"] == 0,
    }
    if not in_turn[kind]:
        raise JournalContradiction(f"{kind} of chip {chip_id} is out of turn")


def _count_copy(scene: Scene, facts: Facts, effect_id: int, note: PrintNote) -> None:
    """A label is in doubt from before it is sent until its fate is known."""
    row = {
        "effect": effect_id,
        "chip_id": facts["chip_id"],
        "sn": facts["sn"],
        "copy_number": copies(scene.connection, facts["chip_id"]) + 1,
        "fate": LabelFate.IN_DOUBT.value,
        "reason": remark(note.reason),
        "operator": remark(note.operator),
        "at": scene.now_ms,
    }
    _COPY.change(scene.connection, row)


def _request_text(request: dict[str, Any]) -> str:
    try:
        text = json.dumps(request, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise JournalMisuse(f"a request that is not JSON: {error}") from error
    if len(text) > REQUEST_MAX_CHARS:
        raise JournalMisuse(f"a request of {len(text)} characters; the journal takes {REQUEST_MAX_CHARS}")
    return text
