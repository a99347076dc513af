"""What an operator does at the page: start, abort, tell a label's fate, print one more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx

from station.desk import MarkShipped, perform
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


def test_a_scan_from_the_page_is_bounded_and_printable(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        place.ready()
        for text in ("x" * 129, "SN\u0007"):
            assert visitor.send_form("/sockets/A/start", {"text": text}).status_code == 400
        assert visitor.send_form("/sockets/B/start").status_code == 400
        assert place.rig.rows("SELECT * FROM audit") == []


def test_a_scan_from_the_page_is_the_sn_where_scans_mean_that(tmp_path: Path) -> None:
    with served(tmp_path, scan="sn") as place, place.visitor() as visitor:
        place.rig.api.seed(sns=("SN-0001",))
        form = {"text": "SN-0001"}
        result = place.cycle(place.rig.board(), start=lambda: visitor.send_form("/sockets/A/start", form)).result
        assert (result.outcome, result.sn) == (Outcome.PASS, "SN-0001")


# -- labels --------------------------------------------------------------------------------------------------------------


def test_a_label_in_doubt_is_asked_about_on_its_tile_until_somebody_answers(tmp_path: Path) -> None:
    """The printer dies in the middle of the job; who answers is kept with the answer."""
    with served(tmp_path) as place, place.visitor() as visitor:
        board = place.rig.board()
        chip_id = place.rig.chip_id(board)
        honest = place.rig.printer.queue.manners
        place.rig.printer.queue.manners = replace(honest, dies_after_bytes=60)
        assert place.cycle(board).result.code == "label.in_doubt"
        place.rig.printer.queue.is_dead, place.rig.printer.queue.manners = False, honest
        tile = place.panel.board.tile("A")
        assert (tile.state, tile.label, tile.needs_answer) == ("ERROR", "in_doubt", True)
        place.until(lambda: place.panel.board.totals()["labels_in_doubt"] == 1)
        form = {"printed": "no", "reason": "looked at the printer", "operator": "Ann"}
        assert visitor.send_form(f"/units/{chip_id}/label", form).status_code == 200
        tile = place.panel.board.tile("A")
        assert (tile.label, tile.needs_answer) == ("not_printed", False)
        assert place.panel.board.totals()["labels_in_doubt"] == 0
        (line,) = place.rig.rows("SELECT * FROM audit WHERE chip_id = ?", chip_id)
        assert (line["operator"], line["reason"]) == ("Ann (not logged in)", "looked at the printer")
        again = visitor.send_form(f"/units/{chip_id}/label", form)
        assert (again.status_code, again.json()["code"]) == (409, "unit.doubt_unsettled")
        assert place.cycle(board).result.outcome is Outcome.PASS


def test_an_answer_that_is_neither_yes_nor_no_settles_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        for form in ({}, {"printed": "perhaps"}, {"reason": "x"}):
            assert visitor.send_form("/units/0001/label", form).status_code == 400
        unknown = visitor.send_form("/units/0001/label", {"printed": "no"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unit.unknown")


def test_a_reprint_asks_why_and_is_counted(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        board = place.rig.board()
        result = place.cycle(board).result
        chip_id = place.rig.chip_id(board)
        assert visitor.send_form(f"/units/{chip_id}/reprint").status_code == 400
        wrong = visitor.send_form(f"/units/{chip_id}/reprint", {"reason": "torn", "printer": "other"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "usage.invalid")
        assert len(place.rig.labels()) == 1
        place.rig.reprints[result.sn or ""] += 1
        done = visitor.send_form(f"/units/{chip_id}/reprint", {"reason": "torn"})
        assert (done.status_code, done.json()["text"].startswith("copy 2 of the label")) == (200, True)
        assert len(place.rig.labels()) == 2
        (line,) = place.rig.rows("SELECT * FROM audit WHERE action = 'label.reprint'")
        assert (line["chip_id"], line["reason"]) == (chip_id, "torn")


def test_a_unit_that_is_marked_as_shipped_is_served_no_more(tmp_path: Path) -> None:
    with served(tmp_path) as place:
        board = place.rig.board()
        place.cycle(board)
        chip_id = place.rig.chip_id(board)
        assert perform(MarkShipped(chip_id, reason="carton 7", operator="Ann"), place.jig).text.startswith(chip_id)
        assert place.cycle(board).result.code == "unit.shipped"


def test_a_socket_that_only_the_button_starts_waits_for_it(tmp_path: Path) -> None:
    with served(tmp_path, triggers={"A": "{button: {}}"}) as place, place.visitor() as visitor:
        ended = place.cycle(place.rig.board(), start=lambda: visitor.send_form("/sockets/A/start"))
        assert ended.result.outcome is Outcome.PASS
        assert place.cycle(place.rig.board()).result.outcome is Outcome.PASS
