"""What supervisors do at the page: settle units and labels, look at labels printed again, mark units as shipped by scanning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from drivers.simulated.print_queue import PrinterManners
from station.journal.records import Decision
from station.model import Effect, EffectKind, EffectState, IdKind, Outcome, Unit, UnitStatus
from station.panel.pages import supervisor
from station.panel.pages.shipping import MAX_SCANS
from station.panel.pages.supervisor import fitting
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.wire import ACTIVATE_DEVICE_ID
from tests.support.panel import LOCAL, Served, Visitor, served

SUPERVISOR = LOCAL[:-1] + ", local_role: supervisor}"


@contextmanager
def desk(folder: Path, **settings: object) -> Iterator[tuple[Served, Visitor]]:
    with served(folder, SUPERVISOR, **settings) as place, place.visitor() as visitor:
        yield place, visitor


def posted(visitor: Visitor, path: str, **form: str) -> str:
    """The page that a form without a script leads to, its text."""
    answer = visitor.post(path, data={"csrf_token": visitor.token(), **form}, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def told(page: str) -> list[tuple[str, str]]:
    """Each scan's sign and what was said of it."""
    lines = re.findall(r'<li class="(ok|bad)">(.*?)</li>', page, re.DOTALL)
    return [(kind, re.sub(r"<[^>]+>", "", text).strip()) for kind, text in lines]


# -- units held ----------------------------------------------------------------------------------------------------------


def test_a_unit_in_doubt_is_shown_with_what_can_be_decided_and_settled_with_a_reason(tmp_path: Path) -> None:
    """The server chooses the ids, so a lost answer cannot be repeated: a person has to look there."""
    with desk(tmp_path, ids="server") as (place, visitor):
        board = place.rig.board()
        chip_id = place.rig.chip_id(board)
        lose(place, FaultKind.DROP_BEFORE)
        assert place.cycle(board).result.code == "unit.in_doubt"
        page = visitor.get("/supervisor").text
        assert f'href="/units/{chip_id}"' in page
        assert re.findall(r'name="decision" value="([\w-]+)"', page) == ["not-done", "done", "scrap"]
        nameless = {"decision": "not-done", "reason": " "}
        assert visitor.send_form(f"/supervisor/units/{chip_id}/resolve", nameless).status_code == 400
        assert (
            visitor.send_form(f"/supervisor/units/{chip_id}/resolve", {"decision": "no", "reason": "x"}).status_code
            == 400
        )
        refused = visitor.send_form(f"/supervisor/units/{chip_id}/resolve", {"decision": "retry", "reason": "x"})
        assert (refused.status_code, refused.json()["code"]) == (409, "unit.doubt_unsettled")
        form = {
            "decision": "not-done",
            "reason": "the server knows nothing of it",
            "operator": "Ann",
            "device_id": "typed in vain",
        }
        after = posted(visitor, f"/supervisor/units/{chip_id}/resolve", **form)
        assert chip_id not in after
        (line,) = place.rig.rows("SELECT * FROM audit WHERE action LIKE 'resolve%'")
        assert (line["action"], line["operator"]) == ("resolve.not-done", "Ann (not logged in)")
        assert line["reason"] == "the server knows nothing of it"
        assert place.cycle(board).result.outcome is Outcome.PASS


def test_a_unit_that_was_scrapped_waits_for_nobody(tmp_path: Path) -> None:
    with desk(tmp_path, ids="server") as (place, visitor):
        board = place.rig.board()
        chip_id = place.rig.chip_id(board)
        lose(place, FaultKind.DROP_BEFORE)
        assert place.cycle(board).result.code == "unit.in_doubt"
        assert chip_id not in posted(visitor, f"/supervisor/units/{chip_id}/resolve", decision="scrap", reason="burnt")
        assert place.cycle(board).result.code == "unit.set_aside"


@pytest.mark.parametrize(
    ("calls", "decisions"),
    [
        ([], [Decision.RETRY, Decision.DONE, Decision.SCRAP]),
        ([{"device_id": "d88b"}], [Decision.RETRY, Decision.NOT_DONE, Decision.DONE, Decision.SCRAP]),
        ([{"device_id": None}], [Decision.NOT_DONE, Decision.DONE, Decision.SCRAP]),
    ],
    ids=["no open call", "a call that names its id", "a call that lets the server choose"],
)
def test_only_decisions_that_can_be_carried_out_are_offered(
    calls: list[dict[str, object]], decisions: list[Decision]
) -> None:
    effects = tuple(
        Effect(number, EffectKind.ACTIVATE, EffectState.IN_DOUBT, request) for number, request in enumerate(calls)
    )
    unit = Unit("C1", "app", None, None, UnitStatus.RESERVED, open_effects=effects)
    assert list(fitting(unit)) == decisions
    assert Decision.SCRAP not in fitting(replace(unit, shipped=True))
    assert fitting(unit, has_retired_id=True) == (Decision.DONE, Decision.SCRAP)


def lose(place: Served, kind: FaultKind) -> None:
    """The next activation's answer does not arrive."""
    place.rig.api.add_fault(Fault(kind, ACTIVATE_DEVICE_ID, times=1))


# -- labels --------------------------------------------------------------------------------------------------------------


def test_a_label_in_doubt_is_settled_and_labels_printed_again_are_listed_by_who_and_why(tmp_path: Path) -> None:
    with desk(tmp_path) as (place, visitor):
        board = place.rig.board()
        chip_id = place.rig.chip_id(board)
        place.rig.printer.queue.manners = PrinterManners(paper_for=1)
        sn = place.cycle(board).result.sn or "?"
        place.rig.printer.queue.manners = PrinterManners()
        place.rig.printer.queue.problems.clear()
        assert chip_id in visitor.get("/supervisor").text
        after = posted(visitor, f"/supervisor/units/{chip_id}/label", printed="yes", reason="seen", operator="Ann")
        assert chip_id not in after
        assert "<table>" not in visitor.get("/supervisor/reprints").text
        place.rig.reprints[sn] += 1
        assert (
            visitor.send_form(f"/units/{chip_id}/reprint", {"reason": "torn <b>", "operator": "Bo"}).status_code == 200
        )
        page = visitor.get("/supervisor/reprints").text
        for text in (chip_id, "Bo (not logged in)", "torn &lt;b&gt;", '<td class="number">2</td>'):
            assert text in page
        assert "label.printed" not in page


def test_labels_printed_again_are_listed_page_by_page_with_what_became_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "ROWS", 2)
    with desk(tmp_path) as (place, visitor):
        result = place.cycle(place.rig.board()).result
        place.rig.reprints[result.sn or ""] += 3
        for number in range(2):
            form = {"reason": f"reason {number}", "operator": "Ann"}
            assert visitor.send_form(f"/units/{result.chip_id}/reprint", form).status_code == 200
        place.rig.printer.queue.manners = PrinterManners(paper_for=0)
        visitor.send_form(f"/units/{result.chip_id}/reprint", {"reason": "reason 2", "operator": "Ann"})
        fate = place.rig.rows("SELECT fate FROM labels ORDER BY effect DESC LIMIT 1")[0]["fate"]
        assert fate != "printed"
        first = visitor.get("/supervisor/reprints").text
        assert re.findall(r"reason (\d)", first) == ["2", "1"]
        assert re.findall(r'class="fate (\w+)"', first) == [fate, "printed"]
        older = re.search(r'href="(/supervisor/reprints\?before=\d+)"', first)
        assert older is not None
        assert re.findall(r"reason (\d)", visitor.get(older[1]).text) == ["0"]
        assert visitor.get("/supervisor/reprints?before=x").status_code == 400


def test_ids_possibly_lost_are_listed_with_when_they_were_asked_for(tmp_path: Path) -> None:
    with desk(tmp_path) as (place, visitor):
        place.ready()
        batch = place.jig.journal.begin_batch(IdKind.SN, 7)
        place.jig.journal.lose_batch(batch, "no answer")
        page = visitor.get("/supervisor").text
        assert re.search(r"<li>.*bench · 7 SN</li>", page)


# -- shipping ------------------------------------------------------------------------------------------------------------


def test_a_unit_is_shipped_by_one_scan_of_any_of_its_ids(tmp_path: Path) -> None:
    with desk(tmp_path) as (place, visitor):
        for key in ("chip_id", "sn", "device_id"):
            result = place.cycle(place.rig.board()).result
            page = posted(visitor, "/shipping", scans=getattr(result, key), operator="Ann")
            assert [kind for kind, _ in told(page)] == ["ok"]
            assert 'value="Ann"' in page  # who scans types their name once
            assert place.rig.rows("SELECT shipped_at FROM units WHERE chip_id = ?", result.chip_id)[0]["shipped_at"]
        audit = place.rig.rows("SELECT * FROM audit WHERE action = 'shipped'")
        assert {(line["operator"], line["reason"]) for line in audit} == {("Ann (not logged in)", "scanned")}


def test_a_carton_is_shipped_as_far_as_it_may_and_each_scan_is_told(tmp_path: Path) -> None:
    """What may not be shipped keeps no other unit of the carton from it."""
    with desk(tmp_path) as (place, visitor):
        first, second = (place.cycle(place.rig.board()).result for _ in range(2))
        place.rig.printer.queue.manners = PrinterManners(paper_for=0)
        unlabelled = place.cycle(place.rig.board()).result
        scans = [first.sn, "SN-never", first.device_id, unlabelled.sn, "", second.sn]
        page = posted(visitor, "/shipping", by="carton", carton="box 7 <i>", scans="\r\n".join(map(str, scans)))
        assert [kind for kind, _ in told(page)] == ["ok", "bad", "bad", "bad", "ok"]
        lines = [text for _, text in told(page)]
        assert "Board is not known" in lines[1]
        assert "scanned twice" in lines[2]
        assert "May not be shipped" in lines[3]
        assert "2 of 5 shipped" in page
        shipped = place.rig.rows("SELECT reason FROM audit WHERE action = 'shipped'")
        assert [line["reason"] for line in shipped] == ["carton box 7 <i>"] * 2
        again = posted(visitor, "/shipping", by="carton", carton="box 8", scans=str(first.sn))
        assert "was shipped before" in told(again)[0][1]


def test_a_carton_needs_a_name_and_has_an_end(tmp_path: Path) -> None:
    with desk(tmp_path) as (place, visitor):
        assert visitor.send_form("/shipping", {"by": "carton", "carton": " ", "scans": "x"}).status_code == 400
        assert visitor.send_form("/shipping", {"scans": " \n "}).status_code == 400
        many = "\n".join(str(number) for number in range(MAX_SCANS + 1))
        assert visitor.send_form("/shipping", {"scans": many}).status_code == 400
        assert place.rig.rows("SELECT * FROM audit WHERE action = 'shipped'") == []
