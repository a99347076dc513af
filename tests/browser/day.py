"""``python -m tests.browser.day [--hours N]``: a page that lives through a day's events in minutes must not grow, neither in the
station nor in the browser; last line ``N events, M violations, station grew X MiB, browser Y KiB``.

The events are those that cycles publish, made up: a station of 16 sockets with a cycle each 15 s in each. They come so fast that
the browser is told, and paints, a few states of each cycle.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from station.demo import socket_names
from station.events import (
    ApiExchanged,
    BacklogChanged,
    CycleEnded,
    CycleStarted,
    Event,
    PoolChanged,
    SocketWaiting,
    StartRejected,
    StepEnded,
    StepStarted,
    UnitKnown,
)
from station.model import CycleResult, EffectKind, LabelFate, Outcome, Step
from station.panel.stream import PACE_S
from tests.support.browser import Viewer, chromium
from tests.support.panel import Served, served

SOCKETS = 16
CYCLES_PER_HOUR = SOCKETS * 3600 // 15
WARM_UP_SHARE = 0.1
MAX_STATION_MIB = 5.0
MAX_BROWSER_KIB = 512.0
ROWS_TOLD = 9
"""After so many events of each socket the browser is given the time to be told of them."""
ENDINGS = (
    (Outcome.PASS, None, LabelFate.PRINTED),
    (Outcome.FAIL, "board.silent", LabelFate.NOT_PRINTED),
    (Outcome.ERROR, "printer.not_ready", LabelFate.NOT_PRINTED),
    (Outcome.ERROR, "label.in_doubt", LabelFate.IN_DOUBT),
    (Outcome.ABORTED, "cycle.aborted", LabelFate.NOT_PRINTED),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What may not grow: the station's memory, the script's heap, nodes and listeners of the document."""

    station_mib: float
    browser_kib: float
    nodes: int
    listeners: int


@dataclass(frozen=True, slots=True)
class Day:
    """What a day came to."""

    events: int
    before: Sizes
    after: Sizes

    @property
    def station_mib(self) -> float:
        return self.after.station_mib - self.before.station_mib

    @property
    def browser_kib(self) -> float:
        return self.after.browser_kib - self.before.browser_kib

    def violations(self) -> list[str]:
        """What grew, in words. A tile may show a few nodes more or less, by what ended in it last."""
        found = []
        if self.station_mib > MAX_STATION_MIB:
            found.append(f"the station grew by {self.station_mib:.1f} MiB")
        if self.browser_kib > MAX_BROWSER_KIB:
            found.append(f"the script's heap grew by {self.browser_kib:.0f} KiB")
        if self.after.nodes > self.before.nodes + 20 * SOCKETS:
            found.append(f"the document grew from {self.before.nodes} to {self.after.nodes} nodes")
        if self.after.listeners > self.before.listeners:
            found.append(f"the document grew from {self.before.listeners} to {self.after.listeners} listeners")
        return found


def events_of_cycle(number: int, socket: str) -> Iterator[Event]:
    """All that one cycle publishes."""
    outcome, code, label = ENDINGS[number % len(ENDINGS)]
    chip_id, device_id, sn = f"{number:024X}", f"{number:016x}", f"{number:032X}"
    yield CycleStarted(socket)
    for step in Step:
        yield StepStarted(socket, step)
        yield UnitKnown(socket, chip_id, device_id, sn if step is not Step.IDENTIFY else None)
        yield StepEnded(socket, step, 0.05)
    yield ApiExchanged("2xx", 0.05)
    yield StartRejected(socket, f"a press during cycle {number}")
    yield PoolChanged(number % 50, number % 40, f"refill {number} failed" if number % 7 == 0 else None)
    yield BacklogChanged(number % 3, {EffectKind.PRINT: number % 2})
    steps = dict.fromkeys(map(str, Step), 0.05)
    yield CycleEnded(
        socket,
        CycleResult(
            number, "bench", socket, outcome, code, chip_id, "70B3D57ED0012345", device_id, sn,
            resumed=False, label=label, duration_s=0.4, steps=steps, message=f"cycle {number}",
        ),
    )  # fmt: skip
    yield SocketWaiting(socket)


def live(place: Served, page: Page, cycles: int) -> Day:
    """Let so many cycles happen before the page's eyes."""
    names = itertools.cycle(socket_names(SOCKETS))
    warm_up = max(SOCKETS * len(ENDINGS), int(cycles * WARM_UP_SHARE))
    _happen(place, page, range(1, warm_up + 1), names)
    before = _sizes(page)
    events = _happen(place, page, range(warm_up + 1, warm_up + cycles + 1), names)
    return Day(events, before, _sizes(page))


def _happen(place: Served, page: Page, numbers: range, names: Iterator[str]) -> int:
    """All sockets at once, a step of each in turn; then the browser shows what is true in the end."""
    events = 0
    for first in range(numbers.start, numbers.stop, SOCKETS):
        running = [events_of_cycle(first + index, next(names)) for index in range(SOCKETS)]
        for row, now in enumerate(zip(*running, strict=True)):
            for event in now:
                place.panel(event)
                events += 1
            if row % ROWS_TOLD == 0:
                time.sleep(PACE_S)
    for tile in place.panel.board.tiles():
        page.locator(f'[data-socket="{tile.socket}"][data-state="{tile.state}"]').wait_for()
    return events


def _sizes(page: Page) -> Sizes:
    gc.collect()
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    found = {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    status = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines() if ":" in line
    )
    return Sizes(
        int(status["VmRSS"].split()[0]) / 1024,
        found["JSHeapUsedSize"] / 1024,
        int(found["Nodes"]),
        int(found["JSEventListeners"]),
    )


def main(arguments: list[str] | None = None) -> int:
    """0 where nothing grew."""
    parser = argparse.ArgumentParser(prog="make day", description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24.0)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="station-day-") as folder,
        chromium() as browser,
        served(Path(folder), sockets=tuple(socket_names(SOCKETS))) as place,
        Viewer(browser, place.url) as viewer,
    ):
        day = live(place, viewer.open(), int(options.hours * CYCLES_PER_HOUR))
    violations = day.violations()
    for violation in violations:
        print(violation)
    print(
        f"{day.events} events, {len(violations)} violations, station grew {day.station_mib:.1f} MiB,"
        f" browser {day.browser_kib:.0f} KiB"
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
