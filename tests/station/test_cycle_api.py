"""The cycle against an API that loses answers, refuses, contradicts or is not there, of every temper: what the journal holds, and
that the next cycle of the same chip goes on at the right step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from station.model import CycleResult, Outcome
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.settings import SimulatorSettings, Temper
from station.production_api.wire import ACTIVATE_DEVICE_ID, BIND_SN, REQUEST_DEVICE_ID, REQUEST_SN
from tests.support.station import Rig, Start, station

TEMPERS = list(Temper)
METHODS = {"activate": ACTIVATE_DEVICE_ID, "bind": BIND_SN}


def ends(result: CycleResult) -> tuple[Outcome, str | None]:
    return result.outcome, result.code


def server(temper: Temper = Temper.LENIENT, **settings: object) -> SimulatorSettings:
    return SimulatorSettings(seed=7, temper=temper, **settings)  # type: ignore[arg-type]


def fault(rig: Rig, kind: FaultKind, call: str, times: int | None = 1, **more: object) -> None:
    rig.api.add_fault(Fault(kind, METHODS[call], times=times, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("temper", TEMPERS)
@pytest.mark.parametrize("call", METHODS)
@pytest.mark.parametrize(
    "kind", [FaultKind.ANSWER_LOST, FaultKind.DROP_BEFORE, FaultKind.TRUNCATED, FaultKind.NOT_JSON]
)
def test_one_lost_answer_to_a_call_that_names_its_ids_does_no_harm(
    tmp_path: Path, temper: Temper, call: str, kind: FaultKind
) -> None:
    """The identical call is sent again within the cycle. A strict server's 020100 to it is our own success: proven by the bind
    where it was the activation, inferred where it was the bind."""
    with station(tmp_path, api=server(temper)) as rig:
        board = rig.board()
        fault(rig, kind, call)
        assert ends(rig.one(board)) == (Outcome.PASS, None)
        committed = kind is not FaultKind.DROP_BEFORE
        assert rig.unit(board)["inferred"] == int(committed and temper is not Temper.LENIENT)


@pytest.mark.parametrize("temper", TEMPERS)
@pytest.mark.parametrize("call", METHODS)
@pytest.mark.parametrize("kind", [FaultKind.ANSWER_LOST, FaultKind.DROP_BEFORE])
@pytest.mark.parametrize("restart", [False, True], ids=["same agent", "agent restarted"])
def test_an_answer_lost_for_good_is_in_doubt_and_the_next_cycle_settles_it(
    tmp_path: Path, temper: Temper, call: str, kind: FaultKind, restart: bool
) -> None:
    with station(tmp_path, api=server(temper)) as rig:
        board = rig.board()
        fault(rig, kind, call, times=2)
        if restart:
            lost, again = rig.one(board), rig.one(board)
        else:
            lost, again = rig.run(board, board)
        assert ends(lost) == (Outcome.ERROR, "api.answer_lost")
        assert rig.rows("SELECT hold FROM units") == [{"hold": None}]
        assert ends(again) == (Outcome.PASS, None)
        assert (again.device_id, again.sn, again.resumed) == (lost.device_id, lost.sn, True)
        attempts = {name: count for name, _, count in rig.effects(board)}
        assert attempts[call] == 2


def test_a_strict_servers_conflict_after_a_lost_activation_is_proven_by_the_bind_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with station(tmp_path, api=server(Temper.STRICT)) as rig:
        board = rig.board()
        fault(rig, FaultKind.ANSWER_LOST, "activate")
        result = rig.one(board)
        assert ends(result) == (Outcome.PASS, None)
        kinds = [kind for kind, _, _ in rig.effects(board)]
        assert kinds.index("bind") < kinds.index("write")
        assert rig.unit(board)["inferred"] == 1


def test_a_lost_activation_that_the_bind_disproves_sets_the_unit_aside(tmp_path: Path) -> None:
    """020100, then 020101 to the bind: the conflict was somebody else's. Nothing is written."""
    with station(tmp_path, api=server(Temper.STRICT)) as rig:
        board = rig.board()
        fault(rig, FaultKind.DROP_BEFORE, "activate")
        fault(rig, FaultKind.CODE, "activate", times=None, code="020100")
        assert ends(rig.one(board)) == (Outcome.FAIL, "api.unit_refused")
        unit = rig.unit(board)
        assert (unit["hold"], unit["hold_code"]) == ("set_aside", "api.conflict")
        assert rig.held_by(board) is None
        rig.api.clear_faults()
        assert ends(rig.one(board)) == (Outcome.FAIL, "unit.set_aside")


@pytest.mark.parametrize(
    ("kind", "more", "code"),
    [
        (FaultKind.CODE, {"code": "010000", "times": 2}, "api.unavailable"),
        (FaultKind.CODE, {"code": "010101"}, "api.auth"),
        (FaultKind.STATUS, {"status": 503, "times": 2}, "api.answer_lost"),
        (FaultKind.DROP_BEFORE, {"times": 2}, "api.answer_lost"),
    ],
)
def test_a_probe_that_says_nothing_leaves_the_activation_in_doubt_and_the_next_cycle_proves_it(
    tmp_path: Path, kind: FaultKind, more: dict[str, Any], code: str
) -> None:
    """A server that is merely busy when the bind should prove the activation has not said that it is not ours."""
    with station(tmp_path, api=server(Temper.STRICT)) as rig:
        board = rig.board()
        fault(rig, FaultKind.ANSWER_LOST, "activate")
        fault(rig, kind, "bind", **more)
        assert ends(rig.one(board)) == (Outcome.ERROR, code)
        assert rig.unit(board)["hold"] is None
        assert rig.held_by(board) is None
        assert ends(rig.one(board)) == (Outcome.PASS, None)


@pytest.mark.parametrize("call", METHODS)
def test_a_conflict_to_a_first_call_sets_the_unit_aside_and_burns_no_second_id(tmp_path: Path, call: str) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        fault(rig, FaultKind.CODE, call, code="020100")
        first, second = rig.run(board, board)
        assert ends(first) == (Outcome.FAIL, "api.conflict")
        assert ends(second) == (Outcome.FAIL, "unit.set_aside")
        assert len(rig.api.seen(METHODS[call])) == 1
        states = rig.rows("SELECT state FROM ids WHERE chip_id = ?", rig.chip_id(board))
        assert "free" not in {row["state"] for row in states}


def test_a_chip_that_is_activated_elsewhere_is_set_aside_with_both_ids_out_of_use(tmp_path: Path) -> None:
    """A lenient server answers with the id the chip already has: another than the one named."""
    with station(tmp_path) as rig:
        board = rig.board()
        fault(rig, FaultKind.WRONG_ID, "activate")
        result = rig.one(board)
        assert ends(result) == (Outcome.ERROR, "api.answer_other")
        assert rig.unit(board)["hold"] == "set_aside"
        retired = rig.rows("SELECT value FROM ids WHERE kind = 'device_id' AND state = 'retired'")
        assert {result.device_id} < {row["value"] for row in retired}
        assert rig.held_by(board) is None
        assert ends(rig.one(board)) == (Outcome.FAIL, "unit.set_aside")


def test_a_bind_that_names_another_sn_sets_the_unit_aside_and_prints_nothing(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        fault(rig, FaultKind.WRONG_ID, "bind")
        assert ends(rig.one(board)) == (Outcome.ERROR, "api.answer_other")
        assert (rig.unit(board)["hold"], rig.labels()) == ("set_aside", [])


@pytest.mark.parametrize("call", METHODS)
@pytest.mark.parametrize("body", ['{"code": "000000"}', '{"code": "000000", "data": {}}', "[]"])
def test_an_answer_that_makes_no_sense_sets_the_unit_aside(tmp_path: Path, call: str, body: str) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        fault(rig, FaultKind.RAW, call, times=None, body=body, done=True)
        assert ends(rig.one(board)) == (Outcome.ERROR, "api.answer_invalid")
        assert rig.unit(board)["hold"] == "set_aside"
        assert ends(rig.one(board)) == (Outcome.FAIL, "unit.set_aside")


@pytest.mark.parametrize("call", METHODS)
@pytest.mark.parametrize(
    ("kind", "more", "ending"),
    [
        (FaultKind.CODE, {"code": "010000"}, (Outcome.ERROR, "api.unavailable")),
        (FaultKind.CODE, {"code": "010301"}, (Outcome.ERROR, "api.unavailable")),
        (FaultKind.CODE, {"code": "020103"}, (Outcome.FAIL, "api.unit_refused")),
        (FaultKind.CODE, {"code": "010300"}, (Outcome.ERROR, "api.scope")),
        (FaultKind.CODE, {"code": "010203"}, (Outcome.ERROR, "api.config")),
        (FaultKind.CODE, {"code": "010202"}, (Outcome.ERROR, "api.defect")),
        (FaultKind.STATUS, {"status": 503}, (Outcome.ERROR, "api.answer_lost")),
        (FaultKind.STATUS, {"status": 404}, (Outcome.ERROR, "api.config")),
        (FaultKind.STATUS, {"status": 503, "done": True}, (Outcome.ERROR, "api.answer_lost")),
        (FaultKind.REDIRECT, {}, (Outcome.ERROR, "api.redirected")),
    ],
)
def test_a_refusal_is_told_by_its_code_and_the_next_cycle_passes_with_the_same_ids(
    tmp_path: Path, call: str, kind: FaultKind, more: dict[str, object], ending: tuple[Outcome, str]
) -> None:
    with station(tmp_path, api=server(Temper.STRICT)) as rig:
        board = rig.board()
        fault(rig, kind, call, times=None, **more)
        first, second = rig.run(Start(board), Start(board, before=rig.api.clear_faults))
        assert ends(first) == ending
        assert first.label == "not_printed"
        assert ends(second) == (Outcome.PASS, None)
        assert (second.device_id, second.sn) == (first.device_id, first.sn)


def test_a_token_that_ends_early_is_renewed_within_the_cycle(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.run(rig.board())
        rig.api.add_fault(Fault(FaultKind.EXPIRE_TOKENS, ACTIVATE_DEVICE_ID))
        assert ends(rig.one(rig.board())) == (Outcome.PASS, None)


def test_an_unreachable_server_does_nothing_and_the_next_cycle_passes(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.one(rig.board())
        board = rig.board()
        first, second = rig.run(Start(board, before=rig.api_down), Start(board, before=rig.api_up))
        assert ends(first) == (Outcome.ERROR, "api.unreachable")
        assert ends(second) == (Outcome.PASS, None)


def test_a_server_that_changed_its_temper_over_night_still_finds_the_activation_ours(tmp_path: Path) -> None:
    """The answer is lost for good, the server goes away, comes back strict: proven by the bind."""
    with station(tmp_path) as rig:
        board = rig.board()
        fault(rig, FaultKind.ANSWER_LOST, "activate", times=2)
        assert ends(rig.one(board)) == (Outcome.ERROR, "api.answer_lost")
        rig.api_down()
        rig.api_up(temper=Temper.STRICT)
        assert ends(rig.one(board)) == (Outcome.PASS, None)


# -- where the server allocates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temper", TEMPERS)
@pytest.mark.parametrize("call", METHODS)
@pytest.mark.parametrize("kind", [FaultKind.ANSWER_LOST, FaultKind.DROP_BEFORE])
def test_a_lost_answer_where_the_server_allocates_is_in_doubt_and_never_repeated(
    tmp_path: Path, temper: Temper, call: str, kind: FaultKind
) -> None:
    with station(tmp_path, ids="server", api=server(temper)) as rig:
        board = rig.board()
        fault(rig, kind, call)
        first, second = rig.run(board, board)
        assert ends(first) == ends(second) == (Outcome.ERROR, "unit.in_doubt")
        assert len(rig.api.seen(METHODS[call])) == 1
        assert rig.unit(board)["hold"] == "in_doubt"
        assert ends(rig.one(board)) == (Outcome.ERROR, "unit.in_doubt")


def test_repeating_where_the_server_allocates_has_to_be_asked_for(tmp_path: Path) -> None:
    """With ``repeat_unnamed`` a lenient server's repeat brings the same id, and the unit passes."""
    with station(tmp_path, ids="server", repeat_unnamed=True) as rig:
        board = rig.board()
        fault(rig, FaultKind.ANSWER_LOST, "activate")
        first, second = rig.run(board, board)
        assert ends(first) == (Outcome.ERROR, "api.answer_lost")
        assert ends(second) == (Outcome.PASS, None)


@pytest.mark.parametrize("call", METHODS)
def test_a_server_that_allocates_another_units_id_sets_the_unit_aside(tmp_path: Path, call: str) -> None:
    """The journal knows whose it is; an answer that contradicts it is never smoothed over."""
    with station(tmp_path, ids="server") as rig:
        first = rig.one(rig.board())
        board = rig.board()
        name, value = {"activate": ("deviceId", first.device_id), "bind": ("sn", first.sn)}[call]
        fault(rig, FaultKind.RAW, call, body=f'{{"code": "000000", "data": {{"{name}": "{value}"}}}}')
        result, again = rig.run(board, board)
        assert ends(result) == (Outcome.ERROR, "journal.contradiction")
        assert (rig.unit(board)["hold"], rig.unit(board)["hold_code"]) == ("set_aside", "journal.contradiction")
        assert ends(again) == (Outcome.FAIL, "unit.set_aside")


# -- the pool ------------------------------------------------------------------------------------------------------------


def test_an_empty_pool_is_told_and_reserves_nothing(tmp_path: Path) -> None:
    with station(tmp_path, api=server(licences=1), batch=1, low_water=0) as rig:
        first, second = rig.run(rig.board(), rig.board())
        assert ends(first) == (Outcome.PASS, None)
        assert ends(second) == (Outcome.ERROR, "pool.empty")
        assert len(rig.rows("SELECT * FROM units")) == 1


@pytest.mark.parametrize("method", [REQUEST_DEVICE_ID, REQUEST_SN])
def test_a_lost_batch_is_on_record_and_the_station_goes_on_when_it_starts_again(tmp_path: Path, method: str) -> None:
    with station(tmp_path) as rig:
        rig.api.add_fault(Fault(FaultKind.ANSWER_LOST, method))
        first = rig.one(rig.board())
        assert ends(first) == (Outcome.ERROR, "pool.empty")
        assert rig.rows("SELECT asked, state FROM id_batches WHERE state = 'lost'") == [{"asked": 4, "state": "lost"}]
        assert ends(rig.one(rig.board())) == (Outcome.PASS, None)


@pytest.mark.parametrize("kind", [FaultKind.DUPLICATES, FaultKind.FEWER])
def test_a_batch_with_ids_missing_is_used_as_far_as_it_goes(tmp_path: Path, kind: FaultKind) -> None:
    with station(tmp_path) as rig:
        rig.api.add_fault(Fault(kind, REQUEST_DEVICE_ID))
        assert {r.outcome for r in rig.run(rig.board(), rig.board(), rig.board())} == {Outcome.PASS}
