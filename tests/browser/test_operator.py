"""What an operator does at the page, by clicks, and what the page shows of it while it happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from drivers.simulated.print_queue import PrinterManners
from station.events import Event, StepStarted
from station.model import Step
from tests.support.browser import PATIENCE_MS, PHONE, Viewer, barriers
from tests.support.panel import Served, served

expect.set_options(timeout=PATIENCE_MS)


def tile_of(page: Page, socket: str = "A") -> Locator:
    return page.locator(f'[data-socket="{socket}"]')


def shows(page: Page, state: str, socket: str = "A") -> Locator:
    """The socket's tile, once it shows that state."""
    expect(tile_of(page, socket)).to_have_attribute("data-state", state)
    return tile_of(page, socket)


def press(page: Page, name: str, socket: str = "A") -> None:
    tile_of(page, socket).get_by_role("button", name=name).click()


@contextmanager
def held_before(place: Served, step: Step) -> Iterator[None]:
    """Cycles stop before this step until the block ends."""
    go_on = threading.Event()

    def stop(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step is step:
            go_on.wait()

    before, place.rig.on_event = place.rig.on_event, stop
    try:
        yield
    finally:
        place.rig.on_event = before
        go_on.set()


def test_a_board_is_started_by_the_button_and_watched_until_its_pass(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    with served(tmp_path) as place:
        place.ready()
        page = viewer(place.url).open()
        place.put_in(place.rig.board())
        with held_before(place, Step.VERIFY):
            press(page, "Start")
            tile = shows(page, "working")
            expect(tile).to_contain_text("5")  # of 7 steps
            expect(tile.get_by_role("button", name="Start")).to_be_hidden()
            assert barriers(page) == []
        tile = shows(page, "PASS")
        result = place.ended[0].result
        expect(tile).to_contain_text("PASS")
        expect(tile).to_contain_text("✔")
        expect(tile).to_contain_text(result.sn or "?")
        expect(tile).to_contain_text(result.device_id or "?")
        expect(page.locator('[data-total="PASS"]')).to_have_text("1")
        assert len(place.rig.labels()) == 1
        assert barriers(page) == []


def test_a_fail_says_in_words_why_and_what_to_do(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    """On a phone; nobody touches the page: the socket is started by its own trigger."""
    with served(tmp_path) as place:
        place.ready()
        page = viewer(place.url, viewport=PHONE, has_touch=True).open()
        place.cycle(place.rig.board(protected=True))
        tile = shows(page, "FAIL")
        for text in ("FAIL", "✘", "board.protected", place.panel.board.tile("A").action):
            expect(tile).to_contain_text(text)
        expect(page.locator('[data-total="FAIL"]')).to_have_text("1")
        assert barriers(page) == []


def test_a_cycle_is_aborted_by_the_button(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    with served(tmp_path) as place:
        place.ready()
        page = viewer(place.url).open()
        place.put_in(place.rig.board())
        with held_before(place, Step.RESERVE):
            press(page, "Start")
            shows(page, "working")
            press(page, "Abort")
            expect(page.get_by_text("stops before its next step")).to_be_visible()
        shows(page, "ABORTED")
        assert place.rig.labels() == []
        audit = [row["action"] for row in place.rig.rows("SELECT action FROM audit ORDER BY id")]
        assert audit == ["page.start", "page.abort"]


def test_a_label_in_doubt_is_settled_and_a_torn_one_printed_again(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    """The paper runs out behind the label; the operator looks, says that it is there, and then tears it."""
    with served(tmp_path) as place:
        place.rig.printer.queue.manners = PrinterManners(paper_for=1)
        sn = place.cycle(place.rig.board()).result.sn or "?"
        place.rig.printer.queue.manners = PrinterManners()
        place.rig.printer.queue.problems.clear()
        page = viewer(place.url).open()
        tile = shows(page, "ERROR")
        expect(tile).to_contain_text("label.in_doubt")
        expect(page.locator('[data-total="labels_in_doubt"]')).to_have_text("1")
        assert barriers(page) == []
        press(page, "Yes, printed")
        expect(tile.get_by_role("button", name="Yes, printed")).to_be_hidden()
        expect(page.locator('[data-total="labels_in_doubt"]')).to_have_text("0")
        press(page, "Print label again")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(sn)
        assert barriers(page) == []
        dialog.get_by_label("Your name").fill("Ann")
        place.rig.reprints[sn] += 1
        dialog.get_by_role("button", name="Print").click()
        expect(page.get_by_text("copy 2 of the label")).to_be_visible()
        expect(dialog).to_be_hidden()
    assert [label[0] for label in place.rig.labels()] == [sn, sn]
    settled, printed = place.rig.rows("SELECT * FROM audit ORDER BY id")
    assert (settled["action"], printed["action"]) == ("label.printed", "label.reprint")
    assert printed["operator"].startswith("Ann")
    assert printed["reason"]


def test_every_browser_sees_what_happens_in_all_sockets(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    with served(tmp_path, sockets=("A", "B")) as place:
        place.ready("A", "B")
        pages = [viewer(place.url).open() for _ in range(3)]
        place.cycle(place.rig.board(), "A")
        place.cycle(place.rig.board(protected=True), "B")
        for page in pages:
            shows(page, "PASS", "A")
            shows(page, "FAIL", "B")
