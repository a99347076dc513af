"""The operator's page where things are not as usual: no station, a hidden tab, no mouse, a device that is gone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.browser import PATIENCE_MS, Viewer, barriers
from tests.support.panel import LOCAL, Served, served
from tests.support.station import station

expect.set_options(timeout=PATIENCE_MS)
HIDE = """(is_hidden) => {
    Object.defineProperty(document, "hidden", {configurable: true, get: () => is_hidden});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def is_stream(request: object) -> bool:
    return str(getattr(request, "url", "")).endswith("/events")


def test_a_lost_station_is_said_large_and_the_page_recovers_by_itself(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    """What happened meanwhile is shown when the station is back."""
    with station(tmp_path, panel=LOCAL) as rig, ExitStack() as stack:
        place = Served(rig)
        stack.enter_context(place.jig)
        with place.panel.beside(rig.configuration(), place.jig):
            url = place.url
            page = viewer(url).open()
            expect(page.locator("[data-socket=A]")).to_have_attribute("data-state", "waiting")
            expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator("#lost")).to_be_visible()
        assert barriers(page) == []
        place.cycle(rig.board())
        rig.settings = replace(rig.settings, panel=f'{{listen: "{url.removeprefix("http://")}"}}')
        stack.enter_context(place.panel.beside(rig.configuration(), place.jig))
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator("[data-socket=A]")).to_have_attribute("data-state", "PASS")


def test_a_hidden_tab_holds_no_stream_and_shows_the_newest_when_it_is_seen_again(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    """A browser has six connections to a host: hidden tabs must not use them up."""
    with served(tmp_path) as place:
        place.ready()
        page = viewer(place.url).open()
        expect(page.locator("[data-socket=A]")).to_have_attribute("data-state", "waiting")
        with page.expect_event("requestfailed", is_stream):
            page.evaluate(HIDE, True)
        place.cycle(place.rig.board())
        expect(page.locator("[data-socket=A]")).to_have_attribute("data-state", "waiting")
        with page.expect_request(is_stream):
            page.evaluate(HIDE, False)
        expect(page.locator("[data-socket=A]")).to_have_attribute("data-state", "PASS")
        expect(page.locator("#lost")).to_be_hidden()


def test_a_board_is_started_without_a_mouse(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    with served(tmp_path) as place:
        place.ready()
        place.put_in(place.rig.board())
        page = viewer(place.url).open()
        reached = _tab_to(page, "Start")
        assert reached["outline"] not in ("none", ""), "the focus cannot be seen"
        page.keyboard.press("Enter")
        expect(page.locator("[data-socket=A]")).to_have_attribute("data-state", "PASS")


def test_a_socket_whose_device_is_gone_says_so_until_it_is_back(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    with served(tmp_path) as place:
        place.ready()
        page = viewer(place.url).open()
        place.rig.places["A"].scanner.unplug()
        tile = page.locator("[data-socket=A]")
        expect(tile).to_have_attribute("data-state", "down")
        expect(tile).to_contain_text(place.panel.board.tile("A").action)
        expect(tile.get_by_role("button", name="Start")).to_be_hidden()
        assert barriers(page) == []
        place.rig.places["A"].scanner.replug()
        expect(tile).to_have_attribute("data-state", "waiting")


def _tab_to(page: Page, name: str) -> dict[str, str]:
    """Press Tab until the button has the focus; how that looks."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused: dict[str, str] = page.evaluate(
            "({text: document.activeElement.textContent.trim(), outline: getComputedStyle(document.activeElement).outlineStyle})"
        )
        if focused["text"] == name:
            return focused
    raise AssertionError(f"{name} is not reached by Tab")
