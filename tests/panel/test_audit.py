"""The audit at the page: who did what, newest first, page by page."""

from __future__ import annotations

import re
from pathlib import Path

from station.journal.audit_log import AuditQuery
from station.panel.pages.audit import ROWS
from tests.support.panel import LOCAL, served

SUPERVISOR = LOCAL[:-1] + ", local_role: supervisor}"


def test_what_people_did_is_listed_newest_first_and_page_by_page(tmp_path: Path) -> None:
    with served(tmp_path, SUPERVISOR) as place, place.visitor() as visitor:
        assert "<table>" not in visitor.get("/audit").text
        for number in range(ROWS + 5):
            place.jig.note("page.login", operator=f"user {number}", detail="from <b>nowhere</b>")
        first = visitor.get("/audit").text
        assert re.findall(r"user (\d+)", first) == [str(number) for number in range(ROWS + 4, 4, -1)]
        assert "from &lt;b&gt;nowhere&lt;/b&gt;" in first
        older = re.search(r'href="(/audit\?before=\d+)"', first)
        assert older is not None
        second = visitor.get(older[1]).text
        assert re.findall(r"user (\d+)", second) == ["4", "3", "2", "1", "0"]
        assert "?before=" not in second
        assert visitor.get("/audit?before=x").status_code == 400


def test_a_unit_leads_to_its_page_and_other_stations_lines_are_theirs(tmp_path: Path) -> None:
    with served(tmp_path, SUPERVISOR) as place, place.visitor() as visitor:
        board = place.rig.board()
        place.cycle(board)
        chip_id = place.rig.chip_id(board)
        place.rig.reprints[place.ended[0].result.sn or ""] += 1
        assert visitor.send_form(f"/units/{chip_id}/reprint", {"reason": "torn", "operator": "Ann"}).status_code == 200
        page = visitor.get("/audit").text
        assert f'href="/units/{chip_id}"' in page
        assert "Ann (not logged in)" in page
        assert place.jig.journal.read.audit_lines(AuditQuery("another station")) == ()
