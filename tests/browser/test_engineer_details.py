"""What an engineer looks at closely: the events behind a mark of the timeline, and the tables behind the charts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from drivers.simulated.stm32_faults import ChipFaults
from tests.support.browser import PHONE, Viewer, barriers
from tests.support.panel import served

ENGINEER = '{listen: "127.0.0.1:0", local_role: engineer}'


def test_a_scan_leads_to_the_unit_and_a_mark_of_the_timeline_to_its_event(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    with served(tmp_path, panel=ENGINEER) as place:
        result = place.cycle(place.rig.board()).result
        page = viewer(place.url).open("/search")
        expect(page.get_by_label("chipId, SN or DeviceID")).to_be_focused()
        page.keyboard.type(result.sn or "")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Unit {result.chip_id}")
        page.goto("/cycles/1")
        page.locator("figure svg a[aria-label='POST activateDeviceId: 200']").click()
        call = page.locator("tr:target")
        expect(call).to_contain_text("POST activateDeviceId")
        call.get_by_text("headers").click()
        expect(call.locator("pre").first).to_contain_text("Authorization: ****")
        expect(page.locator("tr.tx", has_text="WRITE MEMORY").first).to_contain_text("→ 31 ce")
        assert page.get_by_alt_text("label", exact=True).evaluate("image => image.naturalWidth") > 100
        assert barriers(page) == []


def test_reports_open_their_tables_and_lead_from_a_code_to_its_cycles(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    with served(tmp_path, panel=ENGINEER) as place:
        place.cycle(place.rig.board())
        place.cycle(place.rig.board(faults=ChipFaults(unstored_writes=frozenset({1, 2}))))
        page = viewer(place.url, viewport=PHONE).open("/reports")
        expect(page.get_by_role("img", name="Yield over time")).to_be_visible()
        for closed in page.locator("details").all()[:2]:
            closed.locator("summary").click()
            expect(closed.locator("table")).to_be_visible()
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("link", name="board.write_not_kept").click()
        expect(page.get_by_label("Code")).to_have_value("board.write_not_kept")
        expect(page.locator(".cycles tbody tr")).to_have_count(1)
