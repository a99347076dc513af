"""What an operator does at the page: start, abort, tell a label's fate, print one more."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from station.errors import CATALOGUE
from station.events import Event, StepStarted
from station.model import LabelFate, Outcome, Step
from station.production_api.simulator import Fault, FaultKind
from tests.support.panel import served


def test_a_board_is_started_by_the_button_and_the_press_is_kept_in_the_audit(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        ended = place.cycle(place.rig.board(), start=lambda: visitor.send_form("/sockets/A/start"))
        assert (ended.result.outcome, ended.result.label) == (Outcome.PASS, LabelFate.PRINTED)
        (line,) = place.rig.rows("SELECT * FROM audit")
        assert (line["action"], line["operator"], line["detail"]) == ("page.start", "local operator", "socket A")


def test_an_abort_ends_a_cycle_that_waits_for_the_server_and_the_next_goes_on_where_it_was(tmp_path: Path) -> None:
    """The pauses between all attempts would last the better part of an hour."""
    patient = "{attempts: 20, base_s: 300, cap_s: 300}"
    with served(tmp_path, api_retry=patient) as place, place.visitor() as visitor:
        board = place.rig.board()
        place.ready()
        place.rig.api.add_fault(Fault(FaultKind.ANSWER_LOST, "activateDeviceId", times=None))
        place.put_in(board)
        place.jig.start("A")
        place.until(lambda: not place.panel.board.totals()["api"]["ok"])
        asked = visitor.send_form("/sockets/A/abort", {"operator": "Ann"})
        assert (asked.status_code, asked.json()["text"]) == (200, "Socket A stops before its next step")
        place.until(lambda: place.ended)
        aborted = place.ended[0].result
        assert (aborted.outcome, aborted.code) == (Outcome.ABORTED, "cycle.aborted")
        assert len(place.rig.logs()) == 1
        place.rig.api.clear_faults()
        assert place.cycle(board).result.outcome is Outcome.PASS
        (line,) = place.rig.rows("SELECT * FROM audit WHERE action = 'page.abort'")
        assert (line["operator"], line["detail"]) == ("Ann (not logged in)", "socket A")


def test_an_abort_where_no_cycle_runs_says_so(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        place.ready()
        assert visitor.send_form("/sockets/A/abort").json()["text"] == "No cycle runs in socket A"
        assert place.cycle(place.rig.board()).result.outcome is Outcome.PASS


def test_a_press_during_a_cycle_is_told_and_starts_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        answers: list[httpx.Response] = []
        place.ready()

        def press_again(event: Event) -> None:
            if isinstance(event, StepStarted) and event.step is Step.RESERVE:
                answers.append(visitor.send_form("/sockets/A/start"))

        place.rig.on_event = press_again
        place.cycle(place.rig.board())
        place.ready()
        (answer,) = answers
        assert (answer.status_code, answer.json()["code"]) == (409, "start.busy")
        assert answer.json()["headline"] == CATALOGUE["start.busy"].headline
        assert len(place.ended) == 1


def test_a_press_while_the_socket_is_down_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        place.ready()
        place.rig.places["A"].scanner.unplug()
        place.until(lambda: place.panel.board.tile("A").state == "down")
        answer = visitor.send_form("/sockets/A/start")
        assert (answer.status_code, answer.json()["code"]) == (409, "start.not_ready")
        assert (place.panel.board.tile("A").code or "").startswith("port.")


@pytest.mark.parametrize("text", ["x" * 129, "SN\u0007"])
def test_a_scan_from_the_page_is_bounded_and_printable(tmp_path: Path, text: str) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        place.ready()
        assert visitor.send_form("/sockets/A/start", {"text": text}).status_code == 400
        assert visitor.send_form("/sockets/B/start").status_code == 400
        assert place.rig.rows("SELECT * FROM audit") == []


def test_a_scan_from_the_page_is_the_sn_where_scans_mean_that(tmp_path: Path) -> None:
    with served(tmp_path, scan="sn") as place, place.visitor() as visitor:
        place.rig.api.seed(sns=("SN-0001",))
        form = {"text": "SN-0001"}
        result = place.cycle(place.rig.board(), start=lambda: visitor.send_form("/sockets/A/start", form)).result
        assert (result.outcome, result.sn) == (Outcome.PASS, "SN-0001")
