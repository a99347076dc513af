"""A supervisor with a hand scanner, which types and presses Enter, and with a keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from drivers.simulated.print_queue import PrinterManners
from tests.support.browser import PATIENCE_MS, Viewer, barriers
from tests.support.panel import LOCAL, served

expect.set_options(timeout=PATIENCE_MS)
SUPERVISOR = LOCAL[:-1] + ", local_role: supervisor}"


def test_units_are_shipped_by_a_scanner_alone(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    """The field has the focus before every scan; Enter behind a carton's name leads on to its list and ships nothing."""
    with served(tmp_path, SUPERVISOR) as place:
        units = [place.cycle(place.rig.board()).result for _ in range(4)]
        page = viewer(place.url).open("/shipping")
        for unit in units[:2]:
            expect(page.get_by_label("Scan chipId, SN or DeviceID")).to_be_focused()
            page.keyboard.type(unit.sn or "?")
            page.keyboard.press("Enter")
            expect(page.locator(".told .ok")).to_contain_text(unit.sn or "?")
        assert barriers(page) == []
        page.get_by_label("Carton", exact=True).focus()
        page.keyboard.type("box 7")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Scans, one a line")).to_be_focused()
        for unit in units[1:]:
            page.keyboard.type(unit.sn or "?")
            page.keyboard.press("Enter")
        page.get_by_role("button", name="Mark all as shipped").press("Enter")
        expect(page.get_by_role("heading", name="2 of 3 shipped")).to_be_visible()
        expect(page.locator(".told .bad")).to_contain_text("was shipped before")
        reasons = place.rig.rows("SELECT reason FROM audit WHERE action = 'shipped' ORDER BY id")
        assert [line["reason"] for line in reasons] == ["scanned", "scanned", "carton box 7", "carton box 7"]


def test_a_label_in_doubt_is_settled_by_an_answer_never_by_enter_alone(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    with served(tmp_path, SUPERVISOR) as place:
        place.rig.printer.queue.manners = PrinterManners(paper_for=1)
        place.cycle(place.rig.board())
        page = viewer(place.url).open("/supervisor")
        assert barriers(page) == []
        page.get_by_label("Why").fill("looked")
        page.keyboard.press("Enter")
        assert place.rig.rows("SELECT * FROM audit") == []
        page.get_by_label("Yes, printed").check()
        page.get_by_label("Why").press("Enter")
        expect(page.get_by_text("No label is in doubt.")).to_be_visible()
        (line,) = place.rig.rows("SELECT * FROM audit")
        assert (line["action"], line["reason"]) == ("label.printed", "looked")
