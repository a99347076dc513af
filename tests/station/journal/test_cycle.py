"""The journal as one cycle uses it: every transition, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.errors import UnitError
from station.journal.errors import JournalContradiction, JournalMisuse, PoolEmpty
from station.journal.journal import Journal
from station.model import EffectKind, EffectState, Hold, IdKind, IdSource, Outcome, UnitStatus
from station.ports import Intent, Settlement
from tests.support.journal import (
    APP_EUI,
    ToldClock,
    activation,
    binding,
    do,
    done,
    ended,
    fill,
    known,
    labelled,
    opened,
    printing,
    reserve,
    writing,
)

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def journal(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        fill(journal, 10)
        yield journal


@pytest.fixture
def server_journal(tmp_path: Path):
    with opened(tmp_path / "journal.db", IdSource.SERVER) as journal:
        yield journal


def id_states(journal: Journal, kind: IdKind) -> dict[str, int]:
    counts = journal.read.pool_levels(count_used=True).counts[kind]
    named = {"free": counts.free, "reserved": counts.reserved, "named": counts.named, "used": counts.used or 0}
    return {name: number for name, number in (named | {"retired": counts.retired}).items() if number}


def test_a_unit_climbs_every_rung_and_its_ids_move_from_free_to_used(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    assert (unit.status, unit.device_id, unit.sn) == (UnitStatus.RESERVED, "d00000", "SN00000")
    assert id_states(journal, IdKind.DEVICE_ID) == {"free": 9, "reserved": 1}

    (effect,) = journal.advance(cycle, "C1", intend=[activation(unit)])
    assert id_states(journal, IdKind.DEVICE_ID) == {"free": 9, "named": 1}
    assert known(journal, "C1").open_effects[0].request["device_id"] == "d00000"
    journal.advance(cycle, "C1", settle=[done(effect, device_id="d00000")])
    assert known(journal, "C1").status is UnitStatus.ACTIVATED
    assert id_states(journal, IdKind.DEVICE_ID) == {"free": 9, "used": 1}

    unit = do(journal, cycle, unit, binding(unit), sn="SN00000")
    assert unit.status is UnitStatus.BOUND
    assert id_states(journal, IdKind.SN) == {"free": 9, "used": 1}
    unit = do(journal, cycle, unit, writing(unit))
    assert (unit.status, unit.written, unit.verified) == (UnitStatus.BOUND, True, False)
    journal.advance(cycle, "C1", verified=True)
    assert known(journal, "C1").status is UnitStatus.VERIFIED
    unit = do(journal, cycle, unit, printing(unit))
    assert (unit.status, unit.labels_printed, unit.open_effects) == (UnitStatus.LABELLED, 1, ())
    assert journal.read.integrity_check() == ()


def test_results_and_intents_of_one_call_are_one_transaction(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    (first,) = journal.advance(cycle, "C1", intend=[activation(unit)])
    with pytest.raises(JournalContradiction, match="out of turn"):
        journal.advance(cycle, "C1", settle=[done(first)], intend=[binding(unit), printing(unit)])
    assert [effect.state for effect in known(journal, "C1").open_effects] == [EffectState.INTENT]
    effects = journal.advance(cycle, "C1", settle=[done(first)], intend=[binding(unit), writing(unit)])
    assert [effect.id for effect in known(journal, "C1").open_effects] == list(effects)


def test_reserving_again_gives_the_same_unit_unchanged(journal: Journal):
    _, first = reserve(journal, "C1")
    cycle = journal.begin_cycle("B", "again")
    assert journal.reserve(cycle, "C1", "0000000000000000", scanned_sn=None) == first
    assert journal.reserve(cycle, "C1", "0000000000000000", scanned_sn=first.sn) == first
    assert id_states(journal, IdKind.SN) == {"free": 9, "reserved": 1}


@pytest.mark.parametrize("scanned", [None, "SN00007"], ids=["of the pool", "scanned, and of the pool too"])
def test_an_sn_of_the_pool_gives_way_to_no_scan(journal: Journal, scanned: str | None):
    cycle, first = reserve(journal, "C1", scanned)
    with pytest.raises(UnitError, match="scanned ELSEWHERE-1, this unit has"):
        journal.reserve(cycle, "C1", APP_EUI, scanned_sn="ELSEWHERE-1")
    assert journal.find_unit("C1") == first


def test_a_scanned_sn_gives_way_until_its_bind_may_have_happened(journal: Journal):
    cycle, _ = reserve(journal, "C1", "WRONG-1")
    assert journal.reserve(cycle, "C1", APP_EUI, scanned_sn="WRONG-2").sn == "WRONG-2"
    assert reserve(journal, "C2", "WRONG-1")[1].sn == "WRONG-1"
    with pytest.raises(UnitError, match="chip C2"):
        journal.reserve(cycle, "C1", APP_EUI, scanned_sn="WRONG-1")
    unit = do(journal, cycle, known(journal, "C1"), activation(known(journal, "C1")), device_id="d00000")
    (effect,) = journal.advance(cycle, "C1", intend=[binding(unit)])
    with pytest.raises(UnitError, match="this unit has WRONG-2"):
        journal.reserve(cycle, "C1", APP_EUI, scanned_sn="RIGHT-1")
    journal.advance(cycle, "C1", settle=[Settlement(effect, EffectState.NOT_DONE)])
    assert journal.reserve(cycle, "C1", APP_EUI, scanned_sn="RIGHT-1").sn == "RIGHT-1"


def test_an_empty_pool_leaves_nothing_behind(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        batch = journal.begin_batch(IdKind.DEVICE_ID, 1)
        journal.finish_batch(batch, ["d0"])
        cycle = journal.begin_cycle("A", "s")
        with pytest.raises(PoolEmpty, match="SN"):
            journal.reserve(cycle, "C1", APP_EUI, scanned_sn=None)
        assert journal.find_unit("C1") is None
        assert journal.pool_levels().free(IdKind.DEVICE_ID) == 1


def test_a_scanned_sn_is_taken_from_the_pool_or_taken_in(journal: Journal):
    assert reserve(journal, "C1", "SN00007")[1].sn == "SN00007"
    assert reserve(journal, "C2", "ELSEWHERE-1")[1].sn == "ELSEWHERE-1"
    assert id_states(journal, IdKind.SN) == {"free": 9, "reserved": 2}


def test_a_scanned_sn_of_another_unit_is_refused_and_its_owner_named(journal: Journal):
    reserve(journal, "C1", "SN00007")
    cycle = journal.begin_cycle("A", "s")
    with pytest.raises(UnitError, match="C1") as caught:
        journal.reserve(cycle, "C2", APP_EUI, scanned_sn="SN00007")
    assert caught.value.code == "unit.sn_taken"
    assert journal.find_unit("C2") is None


def test_where_the_server_chooses_its_ids_become_the_units(server_journal: Journal):
    cycle, unit = reserve(server_journal, "C1")
    assert (unit.device_id, unit.sn) == (None, None)
    unit = do(server_journal, cycle, unit, activation(unit), device_id="from-server")
    assert unit.device_id == "from-server"
    unit = do(server_journal, cycle, unit, binding(unit), sn="SN-from-server")
    assert (unit.sn, unit.status) == ("SN-from-server", UnitStatus.BOUND)
    assert server_journal.read.integrity_check() == ()


def test_an_id_that_the_server_gives_a_second_chip_contradicts_and_names_the_first(server_journal: Journal):
    cycle, unit = reserve(server_journal, "C1")
    do(server_journal, cycle, unit, activation(unit), device_id="D")
    cycle, other = reserve(server_journal, "C2")
    (effect,) = server_journal.advance(cycle, "C2", intend=[activation(other)])
    with pytest.raises(JournalContradiction, match="chip C1"):
        server_journal.advance(cycle, "C2", settle=[done(effect, device_id="D")])
    assert known(server_journal, "C2").open_effect(EffectKind.ACTIVATE) is not None
    assert known(server_journal, "C2").device_id is None


def test_a_server_that_gives_no_id_or_no_possible_id_contradicts(server_journal: Journal):
    cycle, unit = reserve(server_journal, "C1")
    (effect,) = server_journal.advance(cycle, "C1", intend=[activation(unit)])
    for given in (None, "", "two words", "nul\0", "x" * 129):
        with pytest.raises(JournalContradiction):
            server_journal.advance(cycle, "C1", settle=[done(effect, device_id=given)])
    assert not known(server_journal, "C1").activated


@pytest.mark.parametrize("kind", ["device_id", "sn"])
def test_an_answer_that_names_another_id_than_the_units_contradicts(journal: Journal, kind: str):
    cycle, unit = reserve(journal, "C1")
    intent = activation(unit)
    if kind == "sn":
        unit, intent = do(journal, cycle, unit, activation(unit)), binding(unit)
    (effect,) = journal.advance(cycle, "C1", intend=[intent])
    with pytest.raises(JournalContradiction, match=r"d00009|SN00009"):
        journal.advance(cycle, "C1", settle=[done(effect, **{kind: "d00009" if kind == "device_id" else "SN00009"})])


def test_an_intent_that_names_another_id_or_chip_than_the_units_contradicts(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    wrong = (
        Intent(EffectKind.ACTIVATE, {"chip_id": "C1", "device_id": "d00005"}),
        Intent(EffectKind.ACTIVATE, {"chip_id": "C2", "device_id": unit.device_id}),
        Intent(EffectKind.ACTIVATE, {"chip_id": "C1", "device_id": 7}),
    )
    for intent in wrong:
        with pytest.raises(JournalContradiction):
            journal.advance(cycle, "C1", intend=[intent])
    assert id_states(journal, IdKind.DEVICE_ID) == {"free": 9, "reserved": 1}


def test_a_settlement_must_fit_an_open_effect_of_this_chip(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    (effect,) = journal.advance(cycle, "C1", intend=[activation(unit)])
    reserve(journal, "C2")
    with pytest.raises(JournalContradiction, match="chip C1's, not chip C2's"):
        journal.advance(cycle, "C2", settle=[done(effect)])
    with pytest.raises(JournalContradiction, match="unknown"):
        journal.advance(cycle, "C1", settle=[done(effect + 99)])
    with pytest.raises(JournalContradiction, match="cannot have given"):
        journal.advance(cycle, "C1", settle=[Settlement(effect, EffectState.NOT_DONE, device_id="d00000")])
    with pytest.raises(JournalMisuse):
        journal.advance(cycle, "C1", settle=[Settlement(effect, EffectState.INTENT)])
    journal.advance(cycle, "C1", settle=[done(effect)])
    with pytest.raises(JournalContradiction, match="done already"):
        journal.advance(cycle, "C1", settle=[done(effect)])
    with pytest.raises(JournalContradiction, match="no unit with chip C9"):
        journal.advance(cycle, "C9", verified=True)


@pytest.mark.parametrize("intent", [binding, writing, printing])
def test_nothing_starts_before_the_activation(journal: Journal, intent):
    cycle, unit = reserve(journal, "C1")
    with pytest.raises(JournalContradiction, match="out of turn"):
        journal.advance(cycle, "C1", intend=[intent(unit)])


def test_no_second_activation_bind_or_first_label(journal: Journal):
    cycle, unit = labelled(journal, "C1")
    for intent in (activation, binding, printing):
        with pytest.raises(JournalContradiction, match="out of turn"):
            journal.advance(cycle, "C1", intend=[intent(unit)])


def test_at_most_one_effect_of_a_kind_is_open(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    journal.advance(cycle, "C1", intend=[activation(unit)])
    with pytest.raises(JournalContradiction, match="still open"):
        journal.advance(cycle, "C1", intend=[activation(unit)])


def test_a_lost_answer_stays_one_effect_however_often_it_is_taken_up(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    (effect,) = journal.advance(cycle, "C1", intend=[activation(unit)])
    for _ in range(3):
        journal.advance(cycle, "C1", settle=[Settlement(effect, EffectState.IN_DOUBT, "lost")])
        assert known(journal, "C1").open_effects[0].state is EffectState.IN_DOUBT
        journal.reopen(cycle, effect)
    history = journal.read.unit_history("C1")
    assert history is not None
    assert [(record.attempts, record.effect.state) for record in history.effects] == [(4, EffectState.INTENT)]
    journal.advance(cycle, "C1", settle=[done(effect)])
    with pytest.raises(JournalContradiction, match="done already"):
        journal.reopen(cycle, effect)
    with pytest.raises(JournalContradiction, match="unknown"):
        journal.reopen(cycle, 99)


def test_a_bind_may_probe_an_activation_in_doubt_and_prove_it(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    (first,) = journal.advance(cycle, "C1", intend=[activation(unit)])
    journal.advance(cycle, "C1", settle=[Settlement(first, EffectState.IN_DOUBT)])
    (probe,) = journal.advance(cycle, "C1", intend=[binding(unit)])
    with pytest.raises(JournalContradiction, match="before the activation"):
        journal.advance(cycle, "C1", settle=[done(probe)])
    proof = Settlement(first, EffectState.DONE, "the bind proved it", inferred=True)
    journal.advance(cycle, "C1", settle=[proof, done(probe)])
    unit = known(journal, "C1")
    assert (unit.activated, unit.bound, unit.inferred) == (True, True, True)


def test_a_refused_activation_leaves_its_id_named_and_with_its_unit(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    (effect,) = journal.advance(cycle, "C1", intend=[activation(unit)])
    journal.advance(cycle, "C1", settle=[Settlement(effect, EffectState.NOT_DONE)])
    assert known(journal, "C1").device_id == "d00000"
    assert reserve(journal, "C2")[1].device_id == "d00001"
    assert id_states(journal, IdKind.DEVICE_ID) == {"free": 8, "reserved": 1, "named": 1}


def test_a_new_write_takes_the_proof_back_until_the_board_is_read_again(journal: Journal):
    cycle, unit = labelled(journal, "C1")
    (effect,) = journal.advance(cycle, "C1", intend=[writing(unit)])
    assert (known(journal, "C1").verified, known(journal, "C1").status) == (False, UnitStatus.BOUND)
    with pytest.raises(JournalContradiction, match="write is still open"):
        journal.advance(cycle, "C1", verified=True)
    journal.advance(cycle, "C1", settle=[done(effect)], verified=True)
    assert known(journal, "C1").status is UnitStatus.LABELLED


def test_a_board_that_carries_its_id_already_is_verified_without_a_write(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    do(journal, cycle, unit, activation(unit))
    journal.advance(cycle, "C1", verified=True)
    assert known(journal, "C1").written
    journal.advance(cycle, "C1", verified=False)
    assert not known(journal, "C1").verified


def test_a_held_unit_starts_no_call_and_no_label(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    (effect,) = journal.advance(cycle, "C1", intend=[activation(unit)])
    journal.hold(cycle, "C1", Hold.IN_DOUBT, "unit.in_doubt", "answer lost")
    with pytest.raises(UnitError, match="answer lost") as caught:
        journal.reopen(cycle, effect)
    assert caught.value.code == "unit.in_doubt"
    journal.advance(cycle, "C1", settle=[done(effect)])
    with pytest.raises(UnitError, match="answer lost"):
        journal.advance(cycle, "C1", intend=[binding(unit)])


def test_setting_aside_outweighs_doubt_and_the_audit_keeps_both(journal: Journal):
    cycle, _ = reserve(journal, "C1")
    journal.hold(cycle, "C1", Hold.IN_DOUBT, "unit.in_doubt", "first")
    journal.hold(cycle, "C1", Hold.SET_ASIDE, "api.conflict", "second")
    journal.hold(cycle, "C1", Hold.IN_DOUBT, "unit.in_doubt", "third")
    unit = known(journal, "C1")
    assert (unit.hold, unit.hold_code, unit.hold_reason) == (Hold.SET_ASIDE, "api.conflict", "second")
    history = journal.read.unit_history("C1")
    assert history is not None
    assert [line.reason for line in history.audit] == ["first", "second", "third"]


def test_retired_ids_are_never_given_again(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    journal.advance(cycle, "C1", intend=[activation(unit)])
    retire = [(IdKind.DEVICE_ID, "d00000"), (IdKind.DEVICE_ID, "d00001"), (IdKind.DEVICE_ID, "never-seen")]
    journal.hold(cycle, "C1", Hold.SET_ASIDE, "api.answer_other", "named another", retire=retire)
    assert id_states(journal, IdKind.DEVICE_ID) == {"free": 8, "retired": 3}
    assert reserve(journal, "C2")[1].device_id == "d00002"
    report = journal.finish_batch(journal.begin_batch(IdKind.DEVICE_ID, 1), ["never-seen"])
    assert report.accepted == ()


def test_an_id_that_another_unit_uses_is_not_retired_on_a_servers_word(journal: Journal):
    labelled(journal, "C1")
    cycle, _ = reserve(journal, "C2")
    journal.hold(cycle, "C2", Hold.SET_ASIDE, "api.answer_other", "x", retire=[(IdKind.DEVICE_ID, "d00000")])
    assert id_states(journal, IdKind.DEVICE_ID)["used"] == 1
    history = journal.read.unit_history("C2")
    assert history is not None
    assert "stays with chip C1" in history.audit[0].detail


def test_a_unit_whose_reserved_id_was_retired_cannot_name_it(journal: Journal):
    reserve(journal, "C1")
    cycle, unit = reserve(journal, "C2")
    journal.hold(1, "C1", Hold.SET_ASIDE, "api.answer_other", "x", retire=[(IdKind.DEVICE_ID, "d00001")])
    with pytest.raises(JournalContradiction, match="retired"):
        journal.advance(cycle, "C2", intend=[activation(unit)])


def test_cycles_count_up_and_keep_outcome_and_steps_in_order(journal: Journal):
    numbers = [journal.begin_cycle("A", f"s{index}") for index in range(3)]
    assert numbers == [1, 2, 3]
    journal.end_cycle(ended(2, "C1", message="fine"))
    newest, middle, _ = journal.read.cycles()
    assert (newest.cycle, newest.outcome) == (3, None)
    assert (middle.outcome, middle.chip_id, middle.message) == (Outcome.PASS, "C1", "fine")
    assert middle.steps == (("identify", 0.031), ("reserve", 0.002))
    for again in (2, 77):
        with pytest.raises(JournalContradiction, match="not running"):
            journal.end_cycle(ended(again))
    with pytest.raises(JournalContradiction, match="unknown"):
        journal.reserve(77, "C1", APP_EUI, scanned_sn=None)


def test_a_session_log_is_noted_once_for_a_cycle_that_exists(journal: Journal):
    cycle = journal.begin_cycle("A", "s")
    journal.note_session(cycle, "2026/s.jsonl.gz", "a" * 64, 1234)
    record = journal.read.session(cycle)
    assert record is not None
    assert (record.path, record.sha256, record.size_bytes) == ("2026/s.jsonl.gz", "a" * 64, 1234)
    assert journal.read.session(99) is None
    for wrong in ((cycle, "a" * 64), (99, "a" * 64), (journal.begin_cycle("A", "t"), "short")):
        with pytest.raises(JournalContradiction):
            journal.note_session(wrong[0], "p", wrong[1], 1)


def test_a_wall_clock_that_steps_back_changes_no_order(tmp_path: Path):
    clock = ToldClock()
    with opened(tmp_path / "journal.db", clock=clock) as journal:
        fill(journal, 3)
        labelled(journal, "C1")
        clock.wall -= 86_400 * 400
        cycle, unit = labelled(journal, "C2")
        assert (cycle, unit.device_id) == (2, "d00001")
        history = journal.read.unit_history("C2")
        assert history is not None
        ids = [record.effect.id for record in history.effects]
        assert ids == sorted(ids)
        assert journal.read.integrity_check() == ()
