"""What the page costs and how soon it shows what happened: the real agent with its page, and Chromium that looks at it."""

from __future__ import annotations

import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks.world import Child, World, world
from tests.support.browser import DESK, chromium

BROWSERS = 3
SOCKETS = 16
WARM_UP = 5
PAUSE_S = 0.3
"""How long the operator leaves a result to be seen; people take seconds."""
WATCH = """() => {
    window.seen = [];
    const now = () => performance.timeOrigin + performance.now();
    const watch = new MutationObserver((changes) => {
        const tiles = new Set(changes.map((change) => change.target));
        const shown = [...tiles].map((tile) => ({socket: tile.dataset.socket, state: tile.dataset.state}));
        requestAnimationFrame(() => {
            const painted = new MessageChannel();
            painted.port1.onmessage = () => {
                const at_ms = now();
                shown.forEach((tile) => window.seen.push({...tile, at_ms}));
                painted.port1.close();
            };
            painted.port2.postMessage(null);
        });
    });
    for (const tile of document.querySelectorAll("[data-socket]")) {
        watch.observe(tile, {attributes: true, attributeFilter: ["data-state"]});
    }
}"""
"""Notes when a tile's state had been painted: the first task behind the frame in which it changed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How long what happened took to be seen, in ms, in all browsers; and the agent's memory then."""

    delays_ms: tuple[float, ...]
    missed: int
    """What was never shown, being over before a browser was told of it."""
    rss_mib: float


def event_to_pixels(rss_mib_of: Callable[[int], float], cycles: int = 6 * SOCKETS) -> Shown:
    """From the start or end of a cycle in the agent to the painted frame that shows it, with 16 sockets and 3 browsers.
    ``rss_mib_of`` gives the memory of a process."""
    with _paged_world(SOCKETS) as (around, config), chromium() as browser:
        agent = Child("-m", "benchmarks.agent", str(config), str(10 * cycles), "--times")
        try:
            url = str(agent.hear()["page"])
            with _lookers(browser, url, BROWSERS) as pages:
                happened = _play(around, agent, cycles)
                pages[0].wait_for_timeout(500)
                seen = [page.evaluate("window.seen") for page in pages]
                rss_mib = rss_mib_of(agent.process.pid)
        finally:
            agent.stop()
    matched = [delay_ms for rows in seen for delay_ms in _delays_ms(happened, rows)]
    delays_ms = tuple(delay for delay in matched if delay is not None)
    return Shown(delays_ms, len(matched) - len(delays_ms), rss_mib)


def on_over_off(pairs: int = 40) -> float:
    """The median cycle with a page that a browser looks at, over that of a station without. Two stations take turns, cycle by
    cycle: whatever else the computer does falls on both."""
    with ExitStack() as stack:
        without, _ = stack.enter_context(_paged_world(1))
        around, config = stack.enter_context(_paged_world(1))
        off, on = _agent(stack, without.config, pairs), _agent(stack, config, pairs)
        stack.enter_context(_lookers(stack.enter_context(chromium()), str(on.hear()["page"]), 1))
        durations_s = [(_one_s(without, off), _one_s(around, on)) for _ in range(pairs + WARM_UP)][WARM_UP:]
    off_s, on_s = (statistics.median(times_s) for times_s in zip(*durations_s, strict=True))
    return float(on_s / off_s)


def _agent(stack: ExitStack, config: Path, pairs: int) -> Child:
    """It waits for one cycle more than it gets."""
    agent = Child("-m", "benchmarks.agent", str(config), str(pairs + WARM_UP + 1))
    stack.callback(agent.stop)
    return agent


def _one_s(around: World, agent: Child) -> float:
    """How long the next cycle took."""
    while "waiting" not in (heard := agent.hear()):
        pass
    around.hardware.tell({"insert": heard["waiting"], "scan": True})
    while "outcome" not in (heard := agent.hear()):
        pass
    if heard["outcome"] != "PASS":
        raise RuntimeError(f"a cycle was not PASS: {heard}")
    return float(heard["duration_s"])


@contextmanager
def _paged_world(sockets: int) -> Iterator[tuple[World, Path]]:
    """A world, and its station's configuration with a page beside the one without."""
    with (
        tempfile.TemporaryDirectory(prefix="station-bench-") as folder,
        world(Path(folder), sockets=sockets, batch=200) as around,
    ):
        config = around.folder / "with-page.yaml"
        config.write_text('panel: {listen: "127.0.0.1:0"}\n' + around.config.read_text("utf-8"), "utf-8")
        yield around, config


@contextmanager
def _lookers(browser: Browser, url: str, number: int) -> Iterator[list[Page]]:
    """So many browsers that look at the operator's page."""
    with ExitStack() as stack:
        pages = []
        for _ in range(number):
            context = browser.new_context(viewport=DESK)  # type: ignore[arg-type]
            stack.callback(context.close)
            page = context.new_page()
            page.goto(url)
            page.locator("[data-socket][data-state=waiting]").first.wait_for()
            page.evaluate(WATCH)
            pages.append(page)
        yield pages


def _play(around: World, agent: Child, cycles: int) -> list[dict[str, Any]]:
    """Let so many cycles happen; what the agent said of those after the first of each socket."""
    turn = threading.Lock()

    def put_in(socket: str) -> None:
        with turn:
            around.hardware.tell({"insert": socket, "scan": True})

    happened: list[dict[str, Any]] = []
    ended = 0
    while ended < cycles:
        heard = agent.hear()
        if "waiting" in heard:
            threading.Timer(PAUSE_S, put_in, [heard["waiting"]]).start()
        elif "happened" in heard:
            happened.append(heard)
        else:
            if heard["outcome"] != "PASS":
                raise RuntimeError(f"a cycle was not PASS: {heard}")
            ended += 1
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
    return happened[2 * SOCKETS :]


def _delays_ms(happened: list[dict[str, Any]], seen: list[dict[str, Any]]) -> Iterator[float | None]:
    """For each event, until its state was seen in its socket; None where the next one happened before."""
    by_socket: dict[str, list[dict[str, Any]]] = {}
    for row in seen:
        by_socket.setdefault(row["socket"], []).append(row)
    following: dict[str, float] = {}
    for event in reversed(happened):
        until_ms = following.get(event["socket"], float("inf"))
        following[event["socket"]] = event["at_ms"]
        times_ms = (
            row["at_ms"]
            for row in by_socket.get(event["socket"], ())
            if row["state"] == event["happened"] and event["at_ms"] <= row["at_ms"] < until_ms
        )
        first_ms = next(times_ms, None)
        yield None if first_ms is None else first_ms - event["at_ms"]
