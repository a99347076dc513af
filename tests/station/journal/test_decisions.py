"""What people decide: each decision does what it says, is recorded with who and why, and is refused where it does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.errors import UnitError
from station.journal.errors import JournalContradiction
from station.journal.journal import Journal
from station.journal.records import Decision, UnitHistory, UnitQuery
from station.model import EffectKind, EffectState, Hold, IdKind, IdSource, LabelFate, Unit, UnitStatus
from station.ports import Settlement
from tests.support.journal import activation, binding, do, fill, known, labelled, opened, printing, reserve, writing

BY = {"operator": "ann", "reason": "looked it up"}


pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def journal(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        fill(journal, 5)
        yield journal


@pytest.fixture
def server_journal(tmp_path: Path):
    with opened(tmp_path / "journal.db", IdSource.SERVER) as journal:
        yield journal


def in_doubt(journal: Journal, chip_id: str) -> Unit:
    """A unit held because the answer to its activation was lost."""
    cycle, unit = reserve(journal, chip_id)
    (effect,) = journal.advance(cycle, chip_id, intend=[activation(unit)])
    journal.advance(cycle, chip_id, settle=[Settlement(effect, EffectState.IN_DOUBT)])
    journal.hold(cycle, chip_id, Hold.IN_DOUBT, "unit.in_doubt", "answer lost")
    return known(journal, chip_id)


def history(journal: Journal, chip_id: str) -> UnitHistory:
    found = journal.read.unit_history(chip_id)
    assert found is not None
    return found


def test_retry_lifts_the_hold_and_keeps_the_named_call_open(journal: Journal):
    in_doubt(journal, "C1")
    unit = journal.resolve("C1", Decision.RETRY, **BY)
    assert unit.hold is None
    assert unit.open_effect(EffectKind.ACTIVATE) is not None
    journal.reopen(1, unit.open_effects[0].id)
    last = history(journal, "C1").audit[-1]
    assert (last.action, last.operator, last.reason) == ("resolve.retry", "ann", "looked it up")


def test_retry_is_refused_where_the_server_chose_since_it_may_spend_a_second_licence(server_journal: Journal):
    in_doubt(server_journal, "C1")
    with pytest.raises(UnitError, match="lets the server choose") as caught:
        server_journal.resolve("C1", Decision.RETRY, **BY)
    assert caught.value.code == "unit.doubt_unsettled"
    assert known(server_journal, "C1").hold is Hold.IN_DOUBT


def test_not_done_closes_the_call_and_the_unit_keeps_its_ids(journal: Journal):
    in_doubt(journal, "C1")
    unit = journal.resolve("C1", Decision.NOT_DONE, **BY)
    assert (unit.hold, unit.open_effects, unit.device_id, unit.activated) == (None, (), "d00000", False)
    journal.advance(1, "C1", intend=[activation(unit)])


def test_done_concludes_what_the_person_names_and_says_it_was_inferred(server_journal: Journal):
    in_doubt(server_journal, "C1")
    unit = server_journal.resolve("C1", Decision.DONE, device_id="D1", sn="S1", **BY)
    assert (unit.hold, unit.device_id, unit.sn, unit.status) == (None, "D1", "S1", UnitStatus.BOUND)
    assert (unit.inferred, unit.open_effects) == (True, ())
    assert server_journal.read.integrity_check() == ()


def test_done_needs_an_id_and_only_this_units(journal: Journal):
    in_doubt(journal, "C1")
    labelled(journal, "C2")
    with pytest.raises(UnitError, match="say which"):
        journal.resolve("C1", Decision.DONE, **BY)
    with pytest.raises(JournalContradiction, match="the unit has 'd00000'"):
        journal.resolve("C1", Decision.DONE, device_id="d00001", **BY)
    with pytest.raises(JournalContradiction, match="before the activation"):
        journal.resolve("C1", Decision.DONE, sn="SN00000", **BY)
    assert known(journal, "C1").hold is Hold.IN_DOUBT


def test_done_cannot_give_a_unit_another_chips_id(server_journal: Journal):
    in_doubt(server_journal, "C1")
    server_journal.resolve("C1", Decision.DONE, device_id="D1", **BY)
    in_doubt(server_journal, "C2")
    with pytest.raises(JournalContradiction, match="chip C1"):
        server_journal.resolve("C2", Decision.DONE, device_id="D1", **BY)


def test_a_unit_with_a_retired_id_is_neither_retried_nor_called_not_done(journal: Journal):
    cycle, _ = reserve(journal, "C1")
    journal.hold(cycle, "C1", Hold.SET_ASIDE, "api.answer_other", "x", retire=[(IdKind.DEVICE_ID, "d00000")])
    for decision in (Decision.RETRY, Decision.NOT_DONE):
        with pytest.raises(UnitError, match="out of use"):
            journal.resolve("C1", decision, **BY)
    unit = journal.resolve("C1", Decision.DONE, device_id="d00000", **BY)
    assert (unit.activated, unit.hold) == (True, None)
    assert journal.read.integrity_check() == ()


def test_scrap_is_for_ever_and_retires_the_ids(journal: Journal):
    in_doubt(journal, "C1")
    unit = journal.resolve("C1", Decision.SCRAP, **BY)
    assert unit.hold is Hold.SET_ASIDE
    assert unit.hold_reason == "scrapped by ann: looked it up"
    assert journal.pool_levels().counts[IdKind.DEVICE_ID].retired == 1
    assert history(journal, "C1").times.scrapped_at_ms is not None
    for decision in Decision:
        with pytest.raises(UnitError, match="was scrapped"):
            journal.resolve("C1", decision, **BY)


def test_a_unit_that_is_not_held_can_only_be_scrapped(journal: Journal):
    reserve(journal, "C1")
    for decision in (Decision.RETRY, Decision.NOT_DONE, Decision.DONE):
        with pytest.raises(UnitError, match="not held"):
            journal.resolve("C1", decision, device_id="d00000" if decision is Decision.DONE else None, **BY)
    with pytest.raises(UnitError, match="takes no ids"):
        journal.resolve("C1", Decision.SCRAP, sn="SN00000", **BY)
    assert journal.resolve("C1", Decision.SCRAP, **BY).hold is Hold.SET_ASIDE


@pytest.mark.parametrize("by", [{"operator": "", "reason": "x"}, {"operator": "ann", "reason": "  "}])
def test_nobody_and_no_reason_decide_nothing(journal: Journal, by: dict[str, str]):
    in_doubt(journal, "C1")
    with pytest.raises(UnitError, match="who decides and why"):
        journal.resolve("C1", Decision.SCRAP, **by)


def doubtful_label(journal: Journal, chip_id: str) -> Unit:
    cycle, unit = reserve(journal, chip_id)
    for intent in (activation, binding, writing):
        unit = do(journal, cycle, unit, intent(unit))
    journal.advance(cycle, chip_id, verified=True)
    (effect,) = journal.advance(cycle, chip_id, intend=[printing(unit)])
    journal.advance(cycle, chip_id, settle=[Settlement(effect, EffectState.IN_DOUBT, "cable pulled")])
    return known(journal, chip_id)


def test_a_label_in_doubt_is_never_repeated_and_waits_for_a_person(journal: Journal):
    unit = doubtful_label(journal, "C1")
    with pytest.raises(JournalContradiction, match="settled by a person"):
        journal.reopen(1, unit.open_effects[0].id)
    with pytest.raises(JournalContradiction, match="still open"):
        journal.advance(1, "C1", intend=[printing(unit)])


def test_a_label_that_is_there_counts(journal: Journal):
    doubtful_label(journal, "C1")
    unit = journal.settle_label("C1", printed=True, **BY)
    assert (unit.labels_printed, unit.status) == (1, UnitStatus.LABELLED)
    assert [(label.copy_number, label.fate) for label in history(journal, "C1").labels] == [(1, LabelFate.PRINTED)]
    with pytest.raises(UnitError, match="no label"):
        journal.settle_label("C1", printed=True, **BY)


def test_a_label_that_is_not_there_is_printed_by_the_next_cycle(journal: Journal):
    doubtful_label(journal, "C1")
    unit = journal.settle_label("C1", printed=False, **BY)
    assert (unit.labels_printed, unit.open_effects) == (0, ())
    do(journal, journal.begin_cycle("A", "s"), unit, printing(unit))
    labels = history(journal, "C1").labels
    assert [(label.copy_number, label.fate) for label in labels] == [(1, LabelFate.NOT_PRINTED), (1, LabelFate.PRINTED)]


def test_a_label_being_printed_now_is_not_in_doubt_yet(journal: Journal):
    doubtful_label(journal, "C1")
    journal.settle_label("C1", printed=False, **BY)
    journal.advance(1, "C1", intend=[printing(known(journal, "C1"))])
    with pytest.raises(UnitError, match="no label"):
        journal.settle_label("C1", printed=True, **BY)


def test_a_label_cut_off_by_a_crash_is_in_doubt_after_it(tmp_path: Path):
    with opened(tmp_path / "j.db") as journal:
        fill(journal, 1)
        doubtful_label(journal, "C1")
        journal.settle_label("C1", printed=False, **BY)
        journal.advance(1, "C1", intend=[printing(known(journal, "C1"))])
    with opened(tmp_path / "j.db") as journal:
        assert known(journal, "C1").open_effects[0].state is EffectState.IN_DOUBT
        assert journal.settle_label("C1", printed=True, **BY).labels_printed == 1
        cut_off = journal.read.cycles()[0]
        assert cut_off.code == "cycle.cut_off"


def test_a_reprint_is_an_effect_counted_and_signed(journal: Journal):
    labelled(journal, "C1")
    reprint = journal.begin_reprint("C1", **BY)
    assert reprint.copy_number == 2
    with pytest.raises(UnitError) as caught:
        journal.begin_reprint("C1", **BY)
    assert caught.value.code == "label.in_doubt"
    assert journal.end_reprint(reprint, LabelFate.PRINTED, "~HS").labels_printed == 2
    last = history(journal, "C1").labels[-1]
    assert (last.copy_number, last.fate, last.operator, last.reason) == (2, LabelFate.PRINTED, "ann", "looked it up")
    again = journal.begin_reprint("C1", **BY)
    assert journal.end_reprint(again, LabelFate.NOT_PRINTED).labels_printed == 2
    assert journal.begin_reprint("C1", **BY).copy_number == 3
    assert journal.read.integrity_check() == ()


def test_no_reprint_of_a_held_unit_or_one_without_a_label(journal: Journal):
    reserve(journal, "C1")
    with pytest.raises(UnitError) as caught:
        journal.begin_reprint("C1", **BY)
    assert caught.value.code == "label.not_printed"
    cycle, _ = labelled(journal, "C2")
    journal.hold(cycle, "C2", Hold.SET_ASIDE, "api.conflict", "x")
    with pytest.raises(UnitError) as caught:
        journal.begin_reprint("C2", **BY)
    assert caught.value.code == "unit.set_aside"


def test_a_shipped_unit_is_labelled_and_then_left_alone(journal: Journal):
    reserve(journal, "C1")
    with pytest.raises(UnitError, match="only reserved"):
        journal.mark_shipped("C1", **BY)
    cycle, unit = labelled(journal, "C2")
    assert journal.mark_shipped("C2", **BY).status is UnitStatus.SHIPPED
    for intent in (activation, binding, printing):
        with pytest.raises(UnitError) as caught:
            journal.advance(cycle, "C2", intend=[intent(unit)])
        assert caught.value.code == "unit.shipped"
    with pytest.raises(UnitError, match="left the factory"):
        journal.mark_shipped("C2", **BY)
    with pytest.raises(UnitError, match="was shipped"):
        journal.resolve("C2", Decision.SCRAP, **BY)


def test_units_are_found_by_id_start_status_hold_and_open_effects(journal: Journal):
    in_doubt(journal, "AB1")
    labelled(journal, "AB2")
    reserve(journal, "B%")

    def found(**query: object) -> list[str]:
        return sorted(unit.chip_id for unit in journal.read.units(UnitQuery(**query)))  # type: ignore[arg-type]

    assert found() == ["AB1", "AB2", "B%"]
    assert found(text="AB") == ["AB1", "AB2"]
    assert found(text="SN00001") == found(text="d00001") == ["AB2"]
    assert found(text="%") == found(text="_") == found(text="'") == found(text="\0") == found(text="") == []
    assert found(text="B%") == ["B%"]
    assert found(status=UnitStatus.RESERVED) == ["AB1", "B%"]
    assert found(status=UnitStatus.LABELLED) == ["AB2"]
    assert found(status=UnitStatus.BOUND) == []
    assert found(held=True) == found(unsettled=True) == ["AB1"]
    assert found(held=False, unsettled=False) == ["AB2", "B%"]
    assert len(found(limit=2)) == 2
    assert journal.read.units(UnitQuery(text="AB1"))[0].open_effects != ()
    with pytest.raises(ValueError, match="limit"):
        UnitQuery(limit=1001)


def test_a_history_holds_all_of_one_unit_and_nothing_of_another(journal: Journal):
    labelled(journal, "C1")
    labelled(journal, "C2")
    found = history(journal, "C1")
    assert [record.effect.kind for record in found.effects] == list(EffectKind)
    assert [cycle.chip_id for cycle in found.cycles] == ["C1"]
    assert found.times.reserved_at_ms == found.times.verified_at_ms == 1_760_000_000_000
    assert journal.read.unit_history("nobody") is None
