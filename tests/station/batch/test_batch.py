"""A list of units on the simulated API: the same promises as a cycle's, judged by the same judge, every log replayed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from station.anonymise import anonymised
from station.batch.cycle import PROVISIONED
from station.batch.runner import LEFT, Batch, Ended
from station.model import Outcome
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.settings import SimulatorSettings, Temper
from station.production_api.wire import ACTIVATE_DEVICE_ID, BIND_SN
from station.session.format import read_log
from tests.support.listed import chip, list_rig


def codes(ended: list[Ended]) -> set[str]:
    return {each.code for each in ended}


def test_a_list_is_provisioned_in_its_order_with_ids_fetched_as_needed(tmp_path: Path) -> None:
    with list_rig(tmp_path, 30) as listed:
        ended = listed.run()
        assert codes(ended) == {PROVISIONED}
        assert [each.row.unit.chip_id for each in ended] == [chip(number) for number in range(1, 31)]
        assert len({each.device_id for each in ended}) == len({each.sn for each in ended}) == 30
        assert len(listed.rig.logs()) == 30
        assert {row["outcome"] for row in listed.rig.rows("SELECT outcome FROM cycles")} == {"ABORTED"}


def test_a_unit_provisioned_so_goes_on_at_a_jig_with_write_verify_and_label(tmp_path: Path) -> None:
    with list_rig(tmp_path, 1) as listed:
        (listed_unit,) = listed.run()
        calls = len(listed.rig.api.seen())
        result = listed.rig.one(listed.rig.board())
        assert (result.outcome, result.resumed, result.label) == (Outcome.PASS, True, "printed")
        assert (result.device_id, result.sn) == (listed_unit.device_id, listed_unit.sn)
        named = [each.method for each in listed.rig.api.seen()[calls:]]
        assert ACTIVATE_DEVICE_ID not in named
        assert BIND_SN not in named


def test_a_second_run_asks_the_server_for_nothing(tmp_path: Path) -> None:
    with list_rig(tmp_path, 5) as listed:
        first = listed.run()
        calls = len(listed.rig.api.seen())
        second = listed.run()
        assert codes(second) == {PROVISIONED}
        assert [(each.device_id, each.sn) for each in second] == [(each.device_id, each.sn) for each in first]
        assert (
            len([each for each in listed.rig.api.seen()[calls:] if each.method in (ACTIVATE_DEVICE_ID, BIND_SN)]) == 0
        )
        assert len(listed.rig.logs()) == 5


def test_a_unit_that_a_jig_has_labelled_is_provisioned_already(tmp_path: Path) -> None:
    with list_rig(tmp_path, 2) as listed:
        passed = listed.rig.one(listed.rig.board())
        ended = listed.run()
        assert codes(ended) == {PROVISIONED}
        assert (ended[0].device_id, ended[0].sn, ended[0].cycle) == (passed.device_id, passed.sn, None)


@pytest.mark.parametrize("temper", Temper)
@pytest.mark.parametrize("call", [ACTIVATE_DEVICE_ID, BIND_SN])
def test_answers_lost_for_good_are_settled_by_the_next_run_with_the_same_call(
    tmp_path: Path, temper: Temper, call: str
) -> None:
    with list_rig(tmp_path, 6, api=SimulatorSettings(seed=7, temper=temper)) as listed:
        listed.rig.api.add_fault(Fault(FaultKind.ANSWER_LOST, call, times=4))
        first = listed.run(jobs=1)
        lost = [each for each in first if not each.is_provisioned]
        assert {each.code for each in lost} == {"api.answer_lost"}
        assert len(lost) == 2
        second = listed.run(jobs=2)
        assert codes(second) == {PROVISIONED}
        assert [(each.device_id, each.sn) for each in second] == [(each.device_id, each.sn) for each in first]
        assert listed.licences() == 6


def test_a_lost_answer_where_the_server_allocates_is_in_doubt_and_never_repeated(tmp_path: Path) -> None:
    with list_rig(tmp_path, 3, ids="server", api=SimulatorSettings(seed=7, temper=Temper.WORST)) as listed:
        listed.rig.api.add_fault(Fault(FaultKind.ANSWER_LOST, ACTIVATE_DEVICE_ID, times=1))
        assert sorted(each.code for each in listed.run(jobs=1)) == [PROVISIONED, PROVISIONED, "unit.in_doubt"]
        assert sorted(each.code for each in listed.run(jobs=1)) == [PROVISIONED, PROVISIONED, "unit.in_doubt"]
        assert listed.licences() == 3


def test_a_unit_of_somebody_else_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    with list_rig(tmp_path, 4) as listed:
        listed.rig.api.add_fault(Fault(FaultKind.CODE, ACTIVATE_DEVICE_ID, times=1, code="020100"))
        first = listed.run(jobs=1)
        assert [each.code for each in first] == ["api.conflict", *[PROVISIONED] * 3]
        assert [each.code for each in listed.run(jobs=1)] == ["unit.set_aside", *[PROVISIONED] * 3]


def test_an_app_eui_that_is_not_the_journals_is_refused(tmp_path: Path) -> None:
    with list_rig(tmp_path, 2) as listed:
        listed.run()
        listed.chips.write_text(f"chipId,appEui\n{chip(1)},70B3D57ED0099999\n", "utf-8")
        assert codes(listed.run()) == {"unit.app_eui_changed"}


def test_licences_that_run_out_end_the_batch_and_nothing_is_reserved_for_the_rest(tmp_path: Path) -> None:
    with list_rig(tmp_path, 30, api=SimulatorSettings(seed=7, licences=8)) as listed:
        ended = listed.run()
        provisioned = [each for each in ended if each.is_provisioned]
        assert len(provisioned) == 8
        assert codes(ended) == {PROVISIONED, "pool.empty", LEFT}
        assert listed.rig.rows("SELECT COUNT(*) AS n FROM units") == [{"n": 8}]


def test_a_server_that_is_not_there_ends_the_batch_after_a_few_units(tmp_path: Path) -> None:
    with list_rig(tmp_path, 40, batch=50) as listed:
        whole = listed.chips.read_text("utf-8")
        listed.chips.write_text("".join(whole.splitlines(keepends=True)[:3]), "utf-8")
        assert codes(listed.run()) == {PROVISIONED}
        listed.chips.write_text(whole, "utf-8")
        listed.rig.api_down()
        ended = listed.run(jobs=2)
        listed.rig.api_up()
        assert codes(ended) == {PROVISIONED, "api.unreachable", LEFT}
        assert sum(each.code == "api.unreachable" for each in ended) <= 8
        assert codes(listed.run()) == {PROVISIONED}


def test_a_stop_begins_no_unit_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with list_rig(tmp_path, 20) as listed:
        stopped = threading.Event()

        def stop_at_the_third(batch: Batch, ended: Ended) -> None:
            if ended.is_provisioned and not stopped.is_set():
                stopped.set()
                batch.stop()

        first = listed.run(jobs=2, on_ended=stop_at_the_third)
        left = [each for each in first if each.outcome is None]
        assert 17 <= len(left) <= 19
        assert {each.code for each in left} == {LEFT}
        assert codes(listed.run()) == {PROVISIONED}


def test_a_log_leaves_the_factory_without_the_units_names(tmp_path: Path) -> None:
    with list_rig(tmp_path, 1) as listed:
        (ended,) = listed.run()
        copy = anonymised(read_log(listed.rig.logs()[0]))
        text = repr(copy.events)
        for name in (ended.row.unit.chip_id, ended.device_id, ended.sn, "70B3D57ED0012345", "bench"):
            assert name is not None
            assert name not in text
