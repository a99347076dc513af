"""``/events``: what changes on the board, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

A full snapshot comes first, then each tile that changed. What a browser has not taken yet is a set of names, and the newest tile
of that name is sent: a slow browser misses steps in between and never makes memory grow.

The sockets' threads only note a name. The first change goes out at once, those that follow within ``PACE_S`` together, within
``STEPS_PACE_S`` where no tile has another state: however fast cycles are, the page costs them no more than that many wake-ups.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable

from station.panel.board import TOTALS, Board, Tile

PACE_S = 0.02
"""Shortest time between two batches; a screen shows some 60 pictures a second."""
STEPS_PACE_S = 0.1
"""The same while steps go on and nothing begins or ends: nobody reads faster, and each batch takes from the cycles."""
HEARTBEAT_S = 15.0
"""How often a browser is told that the station lives, and the totals are sent anew: a day ends without an event. As often it is
asked whether the browser's person may still look."""
MAX_BROWSERS = 64
"""Streams at once; further browsers are refused."""


class Hub:
    """Hands the board's changes to every browser; made in, and used by, the server's event loop."""

    def __init__(self, board: Board, loop: asyncio.AbstractEventLoop) -> None:
        self._board = board
        self._loop = loop
        self._browsers: set[Browser] = set()
        self._closed = False
        self._lock = threading.Lock()
        self._changed: dict[str, None] = {}
        """Names that no browser has been told of, in the order in which they changed first."""
        self._is_urgent = False
        """Whether a tile among them has another state."""
        self._states: dict[str, str] = {}
        """The state of each tile as it was noted last."""
        self._flushed_s = 0.0
        self._texts: dict[str, tuple[Tile, str]] = {}
        """What was last sent of each tile: made once for all browsers."""
        self._leave = board.listen(self._note)

    @property
    def is_full(self) -> bool:
        return len(self._browsers) >= MAX_BROWSERS

    def close(self) -> None:
        """End every stream. May be called from any thread."""
        self._leave()
        self._call(self._end)

    async def events(self, is_welcome: Callable[[], bool] = lambda: True) -> AsyncGenerator[str, None]:
        """One browser's events until it goes, is no longer welcome, or the hub is closed."""
        browser = Browser()
        self._browsers.add(browser)
        looked_s = self._loop.time()
        try:
            yield event_of("snapshot", self._board.snapshot())
            while not self._is_over():
                names = await browser.changed()
                if self._loop.time() - looked_s >= HEARTBEAT_S:
                    looked_s = self._loop.time()
                    if not is_welcome():
                        return
                yield "".join(self._text_of(name) for name in names or (TOTALS,))
        finally:
            self._browsers.discard(browser)

    def _is_over(self) -> bool:
        return self._closed

    def _note(self, name: str) -> None:
        """In the thread of an event: wakes the loop where it has nothing to do yet. Whoever comes later gets a snapshot with it."""
        if not self._browsers:
            return
        state = None if name == TOTALS else self._board.tile(name).state
        with self._lock:
            is_first, was_urgent = not self._changed, self._is_urgent
            self._changed[name] = None
            if state is not None and self._states.get(name) != state:
                self._states[name] = state
                self._is_urgent = True
            wakes = is_first or self._is_urgent is not was_urgent
        if wakes:
            self._call(self._soon)

    def _call(self, work: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(work)
        except RuntimeError:  # the loop has ended: nobody looks any more
            return

    def _soon(self) -> None:
        pace_s = PACE_S if self._is_urgent else STEPS_PACE_S
        self._loop.call_at(max(self._loop.time(), self._flushed_s + pace_s), self._flush)

    def _flush(self) -> None:
        with self._lock:
            changed, self._changed = self._changed, {}
            self._is_urgent = False
        if not changed:  # told already, with what was more urgent
            return
        self._flushed_s = self._loop.time()
        for browser in self._browsers:
            browser.mark(changed)

    def _end(self) -> None:
        self._closed = True
        for browser in self._browsers:
            browser.mark({TOTALS: None})

    def _text_of(self, name: str) -> str:
        if name == TOTALS:
            return event_of("totals", self._board.totals())
        tile = self._board.tile(name)
        known = self._texts.get(name)
        if known is None or known[0] is not tile:
            known = self._texts[name] = tile, event_of("tile", tile.to_json())
        return known[1]


class Browser:
    """What one browser has yet to be told, in the order in which it changed first."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._news = asyncio.Event()

    def mark(self, names: dict[str, None]) -> None:
        """The newest of these names is to be sent."""
        self._names.update(names)
        self._news.set()

    async def changed(self) -> tuple[str, ...]:
        """The names that changed; none where nothing does for a heartbeat's time."""
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await self._news.wait()
        except TimeoutError:
            return ()
        self._news.clear()
        names, self._names = tuple(self._names), {}
        return names


def event_of(kind: str, value: object) -> str:
    """One event as it goes over the wire."""
    return f"event: {kind}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n"
