"""What is known and what comes next, journalled together: neither may cost the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from station.effects import Effects, Started
from station.errors import UnitError
from station.journal.errors import JournalContradiction
from station.journal.journal import Journal
from station.model import EffectKind, EffectState, Hold, Unit
from station.ports import Intent, Settlement
from tests.support.journal import activation, binding, fill, known, opened, reserve, writing


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with opened(tmp_path / "journal.db") as journal:
        fill(journal, 4)
        yield journal


def activated(journal: Journal) -> tuple[Effects, Unit, Started]:
    """A unit whose activation is on its way."""
    cycle, unit = reserve(journal, "C1")
    effects = Effects(journal, cycle, repeat_unnamed=False)
    return effects, unit, effects.start(unit, EffectKind.ACTIVATE, activation(unit).request, named=True)


def next_ones(unit: Unit) -> tuple[Intent, Intent]:
    return writing(unit), binding(unit)


def open_kinds(journal: Journal, unit: Unit) -> list[EffectKind]:
    return [effect.kind for effect in known(journal, unit.chip_id).open_effects]


def test_what_begins_with_an_answer_is_taken_up_once_by_the_thread_that_does_it(journal: Journal) -> None:
    effects, unit, started = activated(journal)
    effects.conclude(unit.chip_id, [Settlement(started.id, EffectState.DONE)], next_ones(unit))
    assert known(journal, unit.chip_id).activated
    assert open_kinds(journal, unit) == [EffectKind.WRITE, EffectKind.BIND]
    beside = effects.handed_over(EffectKind.BIND, journal)
    write = effects.start(unit, EffectKind.WRITE, writing(unit).request, named=True)
    bind = beside.start(unit, EffectKind.BIND, binding(unit).request, named=True)
    assert [write.id, bind.id] == [effect.id for effect in known(journal, unit.chip_id).open_effects]
    effects.close(unit.chip_id)
    beside.close(unit.chip_id)
    assert open_kinds(journal, unit) == [EffectKind.WRITE, EffectKind.BIND]
    with pytest.raises(JournalContradiction, match="still open"):
        beside.start(unit, EffectKind.BIND, binding(unit).request, named=True)


def test_a_unit_held_while_its_activation_was_under_way_keeps_the_answer_and_begins_nothing(journal: Journal) -> None:
    effects, unit, started = activated(journal)
    journal.hold(effects.cycle, unit.chip_id, Hold.SET_ASIDE, "unit.set_aside", "a person wants it")
    effects.conclude(unit.chip_id, [Settlement(started.id, EffectState.DONE)], next_ones(unit))
    assert known(journal, unit.chip_id).activated
    assert open_kinds(journal, unit) == []
    with pytest.raises(UnitError, match="a person wants it"):
        effects.start(unit, EffectKind.BIND, binding(unit).request, named=True)


def test_an_answer_that_contradicts_the_journal_sets_the_unit_aside_and_begins_nothing(journal: Journal) -> None:
    effects, unit, started = activated(journal)
    foreign = Settlement(started.id, EffectState.DONE, device_id="d99999")
    with pytest.raises(JournalContradiction, match="d99999"):
        effects.conclude(unit.chip_id, [foreign], next_ones(unit))
    left = known(journal, unit.chip_id)
    assert (left.hold, left.activated) == (Hold.SET_ASIDE, False)
    assert open_kinds(journal, unit) == [EffectKind.ACTIVATE]


def test_what_was_begun_and_never_started_is_journalled_as_not_done_and_can_be_started_again(journal: Journal) -> None:
    effects, unit, started = activated(journal)
    effects.conclude(unit.chip_id, [Settlement(started.id, EffectState.DONE)], next_ones(unit))
    effects.close(unit.chip_id)
    assert open_kinds(journal, unit) == []
    again = effects.start(unit, EffectKind.BIND, binding(unit).request, named=True)
    assert (again.repeated, open_kinds(journal, unit)) == (False, [EffectKind.BIND])


def test_a_result_that_is_owed_is_journalled_with_the_proof_or_at_the_end(journal: Journal) -> None:
    effects, unit, started = activated(journal)
    effects.conclude(unit.chip_id, [Settlement(started.id, EffectState.DONE)])
    for is_proven in (True, False):
        write = effects.start(unit, EffectKind.WRITE, writing(unit).request, named=True)
        effects.owed.append(Settlement(write.id, EffectState.DONE, "written"))
        assert open_kinds(journal, unit) == [EffectKind.WRITE]
        if is_proven:
            effects.verified(unit.chip_id)
        effects.close(unit.chip_id)
        assert open_kinds(journal, unit) == []
        assert known(journal, unit.chip_id).verified is is_proven
