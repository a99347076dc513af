"""The cycle from end to end on simulated hardware: what a good one leaves, and how a unit that was seen before goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from station.events import CycleEnded, Event, StepEnded, StepStarted
from station.model import CycleResult, LabelFate, Outcome, Step
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.wire import ACTIVATE_DEVICE_ID, BIND_SN
from tests.support.station import SHARED_SLOT_AT, Board, Rig, Start, station

PASSED = [("activate", "done", 1), ("bind", "done", 1), ("write", "done", 1), ("print", "done", 1)]


def ends(result: CycleResult) -> tuple[Outcome, str | None]:
    return result.outcome, result.code


def abort_before(rig: Rig, step: Step, stop: Callable[[], None]) -> None:
    """Call ``stop`` once, when the step before ``step`` in the main lane has ended."""
    before = {Step.RESERVE: Step.IDENTIFY, Step.ACTIVATE: Step.RESERVE, Step.WRITE: Step.ACTIVATE}
    before |= {Step.VERIFY: Step.WRITE, Step.LABEL: Step.VERIFY}
    pending = [stop]

    def on_event(event: Event) -> None:
        if isinstance(event, StepEnded) and event.step is before[step] and pending:
            pending.pop()()

    rig.on_event = on_event


@pytest.mark.parametrize("ids", ["pool", "server"])
@pytest.mark.parametrize("kind", ["stm32", "text"])
def test_a_new_board_passes_with_one_id_one_sn_and_one_label(tmp_path: Path, ids: str, kind: str) -> None:
    with station(tmp_path, ids=ids, kind=kind) as rig:
        board = rig.board()
        result = rig.one(board)
        assert ends(result) == (Outcome.PASS, None)
        assert (result.resumed, result.label) == (False, LabelFate.PRINTED)
        assert rig.held_by(board) == result.device_id
        assert rig.labels() == [(result.sn, result.device_id, rig.chip_id(board))]
        assert sorted(rig.effects(board)) == sorted(PASSED)
        assert rig.unit(board)["inferred"] == 0


def test_the_steps_are_told_in_their_order(tmp_path: Path) -> None:
    """Whichever of write and bind ends first: the result lists them as they stand in the cycle."""
    with station(tmp_path) as rig:
        result = rig.one(rig.board())
        assert list(result.steps) == [step.value for step in Step]
        started = [event.step for event in rig.events if isinstance(event, StepStarted)]
        assert started[:3] == [Step.IDENTIFY, Step.RESERVE, Step.ACTIVATE]
        assert started[-1] is Step.LABEL


def test_the_session_log_is_in_the_journals_index(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        result = rig.one(rig.board())
        (row,) = rig.rows("SELECT * FROM sessions")
        assert row["cycle"] == result.cycle
        assert tmp_path / "state" / "sessions" / row["path"] == Path(result.session or "") == rig.logs()[0]


@pytest.mark.parametrize("restart", [False, True], ids=["same agent", "agent restarted"])
@pytest.mark.parametrize("ids", ["pool", "server"])
def test_a_board_seen_before_passes_without_new_ids_or_a_second_label(tmp_path: Path, restart: bool, ids: str) -> None:
    with station(tmp_path, ids=ids) as rig:
        board = rig.board()
        first, second = [rig.one(board), rig.one(board)] if restart else rig.run(board, board)
        assert ends(second) == (Outcome.PASS, None)
        assert second.resumed
        assert (second.device_id, second.sn, second.label) == (first.device_id, first.sn, LabelFate.PRINTED)
        assert len(rig.effects(board)) == 4
        assert len(rig.labels()) == len(rig.api.seen(ACTIVATE_DEVICE_ID)) == len(rig.api.seen(BIND_SN)) == 1


def test_ids_of_an_older_batch_are_used_up_first(tmp_path: Path) -> None:
    with station(tmp_path, batch=2, low_water=1) as rig:
        results = rig.run(rig.board(), rig.board())
        issued: Any = rig.api.ledger()
        assert {r.device_id for r in results} == set(issued["device_ids"][:2])
        assert {r.sn for r in results} == set(issued["sns"][:2])


# -- scans ---------------------------------------------------------------------------------------------------------------


def test_a_scanned_sn_is_bound(tmp_path: Path) -> None:
    with station(tmp_path, scan="sn") as rig:
        rig.api.seed(sns=("SN-0001",))
        result = rig.one(rig.board(), text="SN-0001")
        assert (ends(result), result.sn) == ((Outcome.PASS, None), "SN-0001")


def test_a_scanned_sn_of_another_board_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    with station(tmp_path, scan="sn") as rig:
        rig.api.seed(sns=("SN-0001", "SN-0002"))
        first, other = rig.board(), rig.board()
        taken, mismatch, again = rig.run(
            Start(first, text="SN-0001"), Start(other, text="SN-0001"), Start(other, text="SN-0002")
        )
        assert taken.outcome is Outcome.PASS
        assert ends(mismatch) == (Outcome.FAIL, "unit.sn_taken")
        assert ends(again) == (Outcome.PASS, None)
        wrong = rig.one(first, text="SN-0002")
        assert ends(wrong) == (Outcome.FAIL, "unit.sn_mismatch")


def test_a_wrong_sn_that_the_server_refuses_gives_way_to_the_right_one(tmp_path: Path) -> None:
    """The board that the wrong label belongs to gets it afterwards."""
    with station(tmp_path, scan="sn") as rig:
        rig.api.seed(sns=("SN-0001", "SN-0002"))
        rig.api.add_fault(Fault(FaultKind.CODE, method="bindSN", code="030101"))
        board, other = rig.board(), rig.board()
        refused, passed, others = rig.run(
            Start(board, text="SN-0002"), Start(board, text="SN-0001"), Start(other, text="SN-0002")
        )
        assert ends(refused) == (Outcome.FAIL, "api.unit_refused")
        assert (ends(passed), passed.sn, passed.device_id) == ((Outcome.PASS, None), "SN-0001", refused.device_id)
        assert (ends(others), others.sn) == ((Outcome.PASS, None), "SN-0002")
        (audit,) = rig.rows("SELECT * FROM audit WHERE action = 'sn.exchanged'")
        assert (audit["chip_id"], audit["detail"]) == (passed.chip_id, "SN-0002 for SN-0001")


def test_an_sn_whose_bind_may_have_happened_is_kept(tmp_path: Path) -> None:
    with station(tmp_path, scan="sn") as rig:
        rig.api.seed(sns=("SN-0001",))
        rig.api.add_fault(Fault(FaultKind.ANSWER_LOST, method="bindSN", times=9))
        board = rig.board()
        lost, wrong = rig.run(Start(board, text="SN-0001"), Start(board, text="SN-0002"))
        assert ends(lost) == (Outcome.ERROR, "api.answer_lost")
        assert ends(wrong) == (Outcome.FAIL, "unit.sn_mismatch")
        rig.api.clear_faults()
        assert ends(rig.one(board, text="SN-0001")) == (Outcome.PASS, None)


@pytest.mark.parametrize("text", ["A/B", "^XZ^XA", "x" * 65, "~JA"])
def test_a_scan_that_is_no_sn_takes_nothing(tmp_path: Path, text: str) -> None:
    with station(tmp_path, scan="sn") as rig:
        board = rig.board()
        assert ends(rig.one(board, text=text)) == (Outcome.FAIL, "scan.invalid")
        assert rig.rows("SELECT * FROM units") == []


# -- stopping ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [Step.RESERVE, Step.ACTIVATE, Step.WRITE, Step.VERIFY, Step.LABEL])
def test_the_operators_stop_ends_a_cycle_before_its_next_step_and_the_next_goes_on_there(
    tmp_path: Path, step: Step
) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        abort_before(rig, step, lambda: rig.jig.abort("A"))  # type: ignore[union-attr]
        aborted, passed = rig.run(board, board)
        assert ends(aborted) == (Outcome.ABORTED, "cycle.aborted")
        assert step.value not in aborted.steps
        assert aborted.label is LabelFate.NOT_PRINTED
        assert ends(passed) == (Outcome.PASS, None)
        assert passed.resumed == (step is not Step.RESERVE)
        effects = rig.effects(board)
        assert sorted(effect for effect in effects if effect[1] != "not_done") == sorted(PASSED)
        # What was journalled with the activation's answer, and then never started.
        withdrawn = {kind for kind, state, _ in effects if state == "not_done"}
        assert withdrawn == ({"write", "bind"} if step is Step.WRITE else set())


@pytest.mark.parametrize("step", [Step.ACTIVATE, Step.LABEL])
def test_a_station_that_shuts_down_ends_the_cycle_before_its_next_step(tmp_path: Path, step: Step) -> None:
    """Also the last of a wanted number of cycles."""
    with station(tmp_path) as rig:
        board = rig.board()
        abort_before(rig, step, lambda: rig.jig.stop())  # type: ignore[union-attr]
        assert ends(rig.one(board)) == (Outcome.ABORTED, "cycle.shutdown")
        assert ends(rig.one(board)) == (Outcome.PASS, None)


def test_an_abort_asked_for_between_cycles_harms_nobody(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.on_event = lambda event: rig.jig.abort("A") if isinstance(event, CycleEnded) else None  # type: ignore[union-attr]
        assert [result.outcome for result in rig.run(rig.board(), rig.board())] == [Outcome.PASS, Outcome.PASS]


# -- boards that are not as they should be -------------------------------------------------------------------------------


def test_a_board_that_holds_a_foreign_device_id_gets_nothing(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board(device_id="1122334455667788")
        assert ends(rig.one(board)) == (Outcome.FAIL, "unit.foreign_device_id")
        assert rig.held_by(board) == "1122334455667788"
        assert rig.rows("SELECT * FROM units") == []


def test_a_known_board_whose_device_id_was_changed_elsewhere_is_refused(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board: Any = rig.board()
        passed = rig.one(board)
        board.memory.poke(rig.settings.slot, bytes.fromhex("1122334455667788"))
        result = rig.one(board)
        assert ends(result) == (Outcome.FAIL, "unit.foreign_device_id")
        board.memory.poke(rig.settings.slot, bytes.fromhex(passed.device_id or ""))


def test_a_known_board_that_was_erased_is_written_and_verified_again(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board: Any = rig.board()
        first = rig.one(board)
        board.memory.poke(rig.settings.slot, b"\xff" * 8)
        again = rig.one(board)
        assert (ends(again), again.device_id) == ((Outcome.PASS, None), first.device_id)
        assert rig.effects(board).count(("write", "done", 1)) == 2
        assert len(rig.labels()) == 1


@pytest.mark.parametrize(
    ("app_eui", "code"),
    [(b"\xff" * 8, "unit.app_eui_missing"), (b"\x01" + bytes(7), "unit.app_eui_invalid")],
    ids=["blank", "group address"],
)
def test_a_board_without_a_good_app_eui_gets_nothing(tmp_path: Path, app_eui: bytes, code: str) -> None:
    with station(tmp_path) as rig:
        board = rig.board(contents={0x0803F800: app_eui})
        assert ends(rig.one(board)) == (Outcome.FAIL, code)
        assert rig.rows("SELECT * FROM units") == []


def test_a_known_board_whose_app_eui_has_changed_is_refused(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board: Any = rig.board()
        rig.one(board)
        board.memory.poke(0x0803F800, bytes.fromhex("70b3d57ed0ffffff"))
        assert ends(rig.one(board)) == (Outcome.FAIL, "unit.app_eui_changed")


def test_a_unit_that_was_shipped_is_not_touched_again(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()

        def ship(event: Event) -> None:
            if isinstance(event, CycleEnded) and event.result.outcome is Outcome.PASS:
                rig.jig.journal.mark_shipped(rig.chip_id(board), reason="sent", operator="tester")  # type: ignore[union-attr]

        rig.on_event = ship
        assert [ends(result) for result in rig.run(board, board)][1] == (Outcome.FAIL, "unit.shipped")


def test_a_slot_in_the_page_of_the_app_eui_keeps_the_app_eui(tmp_path: Path) -> None:
    with station(tmp_path, slot=SHARED_SLOT_AT) as rig:
        board: Any = rig.board()
        board.memory.poke(0x0803F800 + 64, b"calibration data")
        assert ends(rig.one(board)) == (Outcome.PASS, None)
        assert board.memory.read(0x0803F800 + 64, 16) == b"calibration data"


def test_boards_one_after_the_other_never_share_anything(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        boards: list[Board] = [rig.board() for _ in range(12)]
        results = rig.run(*boards)
        assert {result.outcome for result in results} == {Outcome.PASS}
        assert len({result.device_id for result in results}) == len({result.sn for result in results}) == 12
