"""How the operator's page looks, alone and crowded: one to sixteen sockets, three sizes, in each language; sound; calm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from station.errors import CATALOGUE
from station.events import CycleEnded, CycleStarted, Event, SocketDown, SocketWaiting, StepStarted, UnitKnown
from station.model import LabelFate, Outcome, Step
from station.panel.words import words_for
from tests.support.browser import DESK, PATIENCE_MS, PHONE, Viewer
from tests.support.panel import Served, served
from tests.support.sessions import result_of

expect.set_options(timeout=PATIENCE_MS)
LARGE = {"width": 1920, "height": 1080}
SOCKETS = "ABCDEFGHIJKLMNOP"
LONGEST = ("unit.sn_mismatch", "board.swapped", "unit.device_id_unfit", "board.silent", "api.defect")
"""Codes with much to say, FAIL and ERROR."""

FLAWS = """() => {
    const flaws = [];
    if (document.documentElement.scrollWidth > innerWidth) flaws.push("the page is wider than the screen");
    for (const key of document.querySelectorAll("button, input:not([type=hidden]), .bar a")) {
        const {width, height} = key.getBoundingClientRect();
        const name = key.textContent.trim() || key.name;
        if (key.checkVisibility() && Math.min(width, height) < 44) flaws.push(`${name} is ${width} x ${height}`);
    }
    for (const tile of document.querySelectorAll(".tile")) {
        const box = tile.getBoundingClientRect(), name = `${tile.dataset.socket} ${tile.dataset.state}`;
        for (const part of tile.querySelectorAll(".verdict, .verdict span, .headline, .action, .question, button")) {
            if (!part.checkVisibility()) continue;
            const within = part.closest(".rest")?.getBoundingClientRect() ?? box;
            const {left, right, top, bottom} = part.getBoundingClientRect();
            if (left < within.left - 1 || right > within.right + 1 || top < within.top - 1 || bottom > within.bottom + 1)
                flaws.push(`${name}: ${part.className || part.tagName} is cut off: ${part.textContent.trim()}`);
        }
        const lines = new Set([...tile.querySelectorAll(".verdict span")].filter((part) => part.textContent)
            .map((part) => Math.round(part.getBoundingClientRect().bottom / 8)));
        if (["PASS", "FAIL", "ERROR", "ABORTED"].includes(tile.dataset.state) && lines.size > 1)
            flaws.push(`${name}: sign and word stand on two lines`);
    }
    return flaws;
}"""


def ended(socket: str, outcome: Outcome, code: str | None, label: LabelFate = LabelFate.NOT_PRINTED) -> Event:
    return CycleEnded(socket, replace(result_of(socket=socket), outcome=outcome, code=code, label=label))


def happenings(socket: str, kind: int) -> Iterator[Event]:
    """What brings a socket into one of its states, each of them in turn."""
    yield SocketWaiting(socket)
    failure = LONGEST[kind // 8 % len(LONGEST)]
    match kind % 8:
        case 0:
            yield ended(socket, Outcome.PASS, None, LabelFate.PRINTED)
        case 1:
            yield CycleStarted(socket)
            yield UnitKnown(socket, "0011223344556677", "70b3d57ed0051234", "SN26-00004711")
            yield StepStarted(socket, Step.ACTIVATE)
        case 2:
            yield ended(socket, Outcome.ERROR, "label.in_doubt", LabelFate.IN_DOUBT)
        case 3:
            yield SocketDown(socket, "port.missing", "the port is gone")
        case 4:
            yield ended(socket, Outcome.ABORTED, "cycle.aborted")
        case 5:
            yield ended(socket, CATALOGUE[failure].outcome, failure)
        case 6:
            code = LONGEST[(kind + 1) % len(LONGEST)]
            yield ended(socket, CATALOGUE[code].outcome, code)
        case _:
            pass


def crowd(place: Served, number: int, language: str) -> None:
    """Let the page show so many sockets, in every state."""
    board = place.panel.board
    board.describe("jig-1", language, dict.fromkeys(SOCKETS[:number], "line-1"), words_for(language).of_code)
    for kind, socket in enumerate(SOCKETS[:number]):
        for event in happenings(socket, kind):
            board(event)


@pytest.mark.parametrize("language", ["en", "zh", "es"])
def test_nothing_is_cut_off_however_many_sockets_there_are(
    tmp_path: Path, viewer: Callable[..., Viewer], language: str
) -> None:
    """Result with its sign, reason, action and keys; every key is large enough for a finger in a glove."""
    with served(tmp_path, panel=f'{{listen: "127.0.0.1:0", language: {language}}}') as place:
        person = viewer(place.url)
        for number in (1, 8, 16):
            crowd(place, number, language)
            page = person.open()
            assert page.get_attribute("html", "lang") == language
            expect(page.locator(".tile")).to_have_count(number)
            for size in (DESK, LARGE, PHONE):
                page.set_viewport_size(size)  # type: ignore[arg-type]
                settled(page)
                assert page.evaluate(FLAWS) == [], (number, size)
            if number == 16:
                page.set_viewport_size(DESK)  # type: ignore[arg-type]
                assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "sixteen do not fit"
            page.close()


def test_a_result_is_told_by_colour_word_and_sign(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    with served(tmp_path) as place:
        crowd(place, 8, "en")
        page = viewer(place.url).open()
        seen = {
            state: (
                tile.evaluate("tile => getComputedStyle(tile).backgroundColor"),
                tile.locator(".verdict").inner_text(),
            )
            for state in ("PASS", "FAIL", "ERROR", "ABORTED", "down")
            for tile in [page.locator(f".tile[data-state={state}]").first]
        }
    said = {state: text.split(maxsplit=1) for state, (_, text) in seen.items()}
    assert said["PASS"] == ["✔", "PASS"]
    assert said["FAIL"] == ["✘", "FAIL"]
    assert said["ERROR"] == ["⚠", "ERROR"]
    assert len({colour for colour, _ in seen.values()}) == len(seen)


def test_a_result_is_heard_once_the_sound_is_switched_on(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    """Not before: a browser plays nothing until somebody has touched the page, and a line has many stations."""
    with served(tmp_path) as place:
        place.ready()
        page = viewer(place.url).open()
        page.evaluate("""() => {
            window.tones = [];
            const start = OscillatorNode.prototype.start;
            OscillatorNode.prototype.start = function (at) { tones.push(this.frequency.value); return start.call(this, at); };
        }""")
        switch = page.locator("#sound")
        expect(switch).to_have_attribute("aria-pressed", "false")
        expect(switch).to_have_text("Sound off")
        place.cycle(place.rig.board())
        expect(page.locator("[data-socket=A]")).to_have_attribute("data-state", "PASS")
        assert tones(page) == []
        switch.click()
        expect(switch).to_have_attribute("aria-pressed", "true")
        assert len(tones(page)) == 2  # what a PASS sounds like, as an answer
        place.cycle(place.rig.board(protected=True))
        expect(page.locator("[data-socket=A]")).to_have_attribute("data-state", "FAIL")
        assert len(tones(page)) == 3
        assert tones(page)[2] < min(tones(page)[:2])
        switch.click()
        place.cycle(place.rig.board())
        expect(page.locator("[data-socket=A]")).to_have_attribute("data-state", "PASS")
        assert len(tones(page)) == 3


@pytest.mark.parametrize(("wish", "moving"), [("reduce", "none"), ("no-preference", "along")])
def test_nothing_moves_for_who_wants_it_calm(
    tmp_path: Path, viewer: Callable[..., Viewer], wish: str, moving: str
) -> None:
    with served(tmp_path) as place:
        crowd(place, 2, "en")
        page = viewer(place.url, reduced_motion=wish).open()
        now = page.locator("[data-socket=B] .now")
        expect(now).to_have_count(1)
        assert now.evaluate("mark => getComputedStyle(mark).animationName") == moving


def tones(page: Page) -> list[float]:
    """The pitch of each tone that was played."""
    heard: list[float] = page.evaluate("tones")
    return heard


def settled(page: Page) -> None:
    """Wait until the page has fitted its tiles into their new size."""
    waiting: Any = (
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0))))"
    )
    for _ in range(2):
        page.evaluate(waiting)
