"""What may be concluded from a conflict after a lost answer: our own success only where nothing else can be meant."""

from __future__ import annotations

from pathlib import Path

from station.model import Outcome
from station.production_api.simulator.faults import Fault, FaultKind
from tests.support.station import Rig, Start, station

SN = "0123456789ABCDEF0123456789ABCDEF"


def lose_then_refuse(rig: Rig, method: str) -> None:
    """The first call of ``method`` is answered 503 and not carried out; its repeat is told that somebody else has the id."""
    rig.api.add_fault(Fault(FaultKind.STATUS, method=method, nth=1))
    rig.api.add_fault(Fault(FaultKind.CODE, method=method, nth=2, code="020100"))


def lose_done_then_refuse(rig: Rig, method: str) -> None:
    """The first call is carried out and its answer lost; a strict server refuses the repeat."""
    rig.api.add_fault(Fault(FaultKind.ANSWER_LOST, method=method, nth=1))
    rig.api.add_fault(Fault(FaultKind.CODE, method=method, nth=2, code="020100"))


def test_two_conflicts_do_not_prove_each_other(tmp_path: Path) -> None:
    """Somebody else may have both the DeviceID and the SN: the server replayed a list of ids, say."""
    with station(tmp_path) as rig:
        board = rig.board()
        lose_then_refuse(rig, "activateDeviceId")
        lose_then_refuse(rig, "bindSN")
        result = rig.one(board)
        assert (result.outcome, result.code) == (Outcome.ERROR, "unit.in_doubt")
        assert rig.held_by(board) is None
        assert rig.labels() == []
        assert rig.unit(board)["hold"] == "in_doubt"
        assert rig.unit(board)["activated_at"] is None
        calls = len(rig.api.seen("activateDeviceId"))
        assert rig.one(board).code == "unit.in_doubt"
        assert len(rig.api.seen("activateDeviceId")) == calls


def test_a_conflict_on_an_sn_of_the_pool_is_our_own_bind_where_the_activation_is_proven(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        lose_done_then_refuse(rig, "bindSN")
        assert rig.one(board).outcome is Outcome.PASS
        assert rig.unit(board)["inferred"] == 1


def test_a_conflict_on_a_scanned_sn_may_be_another_boards(tmp_path: Path) -> None:
    with station(tmp_path, scan="sn") as rig:
        rig.api.seed(sns=(SN,))
        board = rig.board()
        lose_then_refuse(rig, "bindSN")
        (result,) = rig.run(Start(board, text=SN))
        assert (result.outcome, result.code) == (Outcome.ERROR, "unit.in_doubt")
        assert rig.labels() == []
        assert rig.unit(board)["bound_at"] is None


def test_a_bind_that_succeeds_proves_the_activation_whose_answer_was_lost(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        lose_done_then_refuse(rig, "activateDeviceId")
        assert rig.one(board).outcome is Outcome.PASS
        assert rig.unit(board)["inferred"] == 1
