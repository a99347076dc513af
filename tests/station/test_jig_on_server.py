"""A whole station whose journal is on PostgreSQL: its cycles, the loss of the database, and a unit that two stations meet."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from drivers.clock import SystemClock
from station.events import CycleEnded, Event, SocketDown, SocketWaiting, StepStarted
from station.journal.opening import open_journal
from station.model import IdSource, LabelFate, Outcome, Step
from tests.support.postgresql import DatabaseServer
from tests.support.station import PATIENCE_S, Start, station


def test_boards_are_provisioned_on_a_journal_that_is_on_a_server(tmp_path: Path, database: str) -> None:
    with station(tmp_path, database=database, sockets=("A", "B")) as rig:
        first = rig.board()
        results = rig.run(Start(first), Start(rig.board(), socket="B"), Start(rig.board()))
        assert [result.outcome for result in results] == [Outcome.PASS] * 3
        again = rig.one(first)
        assert (again.outcome, again.resumed, again.label) == (Outcome.PASS, True, LabelFate.PRINTED)
        assert not (tmp_path / "state" / "journal.sqlite").exists()
        assert len(rig.labels()) == 3
        assert [row["n"] for row in rig.rows("SELECT count(*) AS n FROM sessions")] == [4]


def test_a_unit_that_another_station_serves_is_refused_until_it_is_done_there(tmp_path: Path, database: str) -> None:
    with station(tmp_path, database=database) as rig:
        board = rig.board()
        with open_journal(database, SystemClock(), IdSource.POOL, "jig-9") as other:
            other.claim(rig.chip_id(board))
            refused = rig.one(board)
            assert (refused.outcome, refused.code) == (Outcome.ERROR, "unit.busy")
            assert rig.rows("SELECT * FROM units") == []
            other.release(rig.chip_id(board))
            assert rig.one(board).outcome is Outcome.PASS
        (cycle,) = rig.rows("SELECT message FROM cycles WHERE code = 'unit.busy'")
        assert "served by station jig-9 " in cycle["message"]


def test_without_its_database_a_station_says_so_takes_no_start_and_goes_on_when_it_is_back(
    tmp_path: Path, mortal_server: DatabaseServer
) -> None:
    """The server ends between two cycles; the socket is told down, then ready again, and its next start is a cycle."""
    seen: list[Event] = []
    is_down, ended = threading.Event(), threading.Event()
    with station(tmp_path, database=mortal_server.url(mortal_server.new_journal())) as rig:

        def watch(event: Event) -> None:
            if isinstance(event, CycleEnded) and not ended.is_set():
                ended.set()
                mortal_server.stop()
            elif isinstance(event, SocketDown):
                seen.append(event)
                is_down.set()
            elif isinstance(event, SocketWaiting) and is_down.is_set():
                seen.append(event)

        def bring_back() -> None:
            assert is_down.wait(PATIENCE_S)
            mortal_server.start()

        rig.on_event = watch
        helper = threading.Thread(target=bring_back)
        helper.start()
        results = rig.run(rig.board(), rig.board())
        helper.join(PATIENCE_S)
        assert [result.outcome for result in results] == [Outcome.PASS] * 2
        assert [type(event) for event in seen] == [SocketDown, SocketWaiting]
        assert isinstance(seen[0], SocketDown)
        assert seen[0].code == "journal.unreachable"


@pytest.mark.parametrize("step", [Step.ACTIVATE, Step.LABEL])
def test_a_cycle_that_loses_its_database_is_an_error_and_its_unit_goes_on_in_the_next(
    tmp_path: Path, mortal_server: DatabaseServer, step: Step
) -> None:
    """The server crashes when the step begins; what was open then is in doubt when it is back, as after a crash of the agent."""
    lost = threading.Event()
    with station(tmp_path, database=mortal_server.url(mortal_server.new_journal())) as rig:
        board = rig.board()

        def watch(event: Event) -> None:
            if isinstance(event, StepStarted) and event.step is step and not lost.is_set():
                mortal_server.crash()
                lost.set()
            elif isinstance(event, SocketDown):
                mortal_server.start()

        rig.on_event = watch
        failed, passed = rig.run(board, board)
        assert (failed.outcome, failed.code) == (Outcome.ERROR, "journal.unreachable")
        assert (passed.outcome, passed.resumed) == (Outcome.PASS, True)
        rig.results.remove(failed)
        cut_off, _ = rig.rows("SELECT outcome, code FROM cycles ORDER BY cycle")
        assert (cut_off["outcome"], cut_off["code"]) == ("ABORTED", "cycle.cut_off")
