"""What an operator does at the page: start, abort, tell a label's fate, print one more."""

from __future__ import annotations

from pathlib import Path

from station.model import LabelFate, Outcome
from tests.support.panel import served


def test_a_board_is_started_by_the_button_and_the_press_is_kept_in_the_audit(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        ended = place.cycle(place.rig.board(), start=lambda: visitor.send_form("/sockets/A/start"))
        assert (ended.result.outcome, ended.result.label) == (Outcome.PASS, LabelFate.PRINTED)
        (line,) = place.rig.rows("SELECT * FROM audit")
        assert (line["action"], line["operator"], line["detail"]) == ("page.start", "local operator", "socket A")
