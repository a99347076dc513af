"""What an engineer does at the page, by clicks: from a failed board to its bytes, and away with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from station.rerun import replay
from tests.support.browser import PATIENCE_MS, Viewer, barriers
from tests.support.panel import served

expect.set_options(timeout=PATIENCE_MS)


def test_a_unit_is_found_its_cycle_looked_at_replayed_and_taken_away(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    with served(tmp_path, '{listen: "127.0.0.1:0", local_role: engineer}') as place:
        result = place.cycle(place.rig.board()).result
        place.cycle(place.rig.board(protected=True))
        page = viewer(place.url, accept_downloads=True).open()
        page.get_by_role("link", name="Search").click()
        page.get_by_label("chipId").fill((result.sn or "?")[:12])
        page.get_by_role("button", name="Find").click()
        page.wait_for_url("**/search?*")
        assert barriers(page) == []
        page.get_by_role("link", name=result.chip_id or "?").first.click()
        for text in (result.sn, result.device_id, "labelled"):
            expect(page.locator("main")).to_contain_text(text or "?")
        page.get_by_role("link", name=str(result.cycle), exact=True).click()
        expect(page.get_by_role("heading", name=f"{result.cycle}").first).to_contain_text("PASS")
        expect(page.locator("main")).to_contain_text("activateDeviceId")
        expect(page.locator("main")).to_contain_text("verify")
        assert page.locator("main svg, main figure, main img").count() > 0
        with page.expect_download() as started:
            page.locator(f'a[href="/cycles/{result.cycle}/log"]').click()
        kept = tmp_path / started.value.suggested_filename
        started.value.save_as(kept)
        assert replay(kept).is_same
        page.get_by_role("button", name="Replay").click()
        expect(page.locator(".verdict.same")).to_contain_text("PASS")
        assert barriers(page) == []


def test_cycles_are_found_by_their_code(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    with served(tmp_path, '{listen: "127.0.0.1:0", local_role: engineer}') as place:
        place.cycle(place.rig.board())
        failed = place.cycle(place.rig.board(protected=True)).result
        page = viewer(place.url).open("/search")
        page.locator("[name=code]").fill("board.protected")
        page.keyboard.press("Enter")
        rows = page.locator("table.cycles tbody tr")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("FAIL")
        expect(rows.get_by_role("link").first).to_have_text(str(failed.cycle))
