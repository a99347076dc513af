"""``/events``: what changes on the board, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

A full snapshot comes first, then each tile that changed. What a browser has not taken yet is a set of names, and the newest tile
of that name is sent: a slow browser misses steps in between and never makes memory grow.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Any

from station.panel.board import TOTALS, Board

HEARTBEAT_S = 15.0
"""How often a browser is told that the station lives, and the totals are sent anew: a day ends without an event."""
MAX_BROWSERS = 64
"""Streams at once; further browsers are refused."""


class Hub:
    """Hands the board's changes to every browser; made in, and used by, the server's event loop."""

    def __init__(self, board: Board, loop: asyncio.AbstractEventLoop) -> None:
        self._board = board
        self._loop = loop
        self._browsers: set[Browser] = set()
        self._closed = False
        self._leave = board.listen(self._changed)

    @property
    def is_full(self) -> bool:
        return len(self._browsers) >= MAX_BROWSERS

    def close(self) -> None:
        """End every stream. May be called from any thread."""
        self._leave()
        self._call(self._end)

    async def events(self) -> AsyncGenerator[str, None]:
        """One browser's events until it goes or the hub is closed."""
        browser = Browser()
        self._browsers.add(browser)
        try:
            yield event_of("snapshot", self._board.snapshot())
            while not self._is_over():
                names = await browser.changed()
                yield "".join(self._text_of(name) for name in names) or self._heartbeat()
        finally:
            self._browsers.discard(browser)

    def _is_over(self) -> bool:
        return self._closed

    def _changed(self, name: str) -> None:
        """In the thread of an event."""
        self._call(self._mark, name)

    def _call(self, work: Any, *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(work, *arguments)
        except RuntimeError:  # the loop has ended: nobody looks any more
            return

    def _mark(self, name: str) -> None:
        for browser in self._browsers:
            browser.mark(name)

    def _end(self) -> None:
        self._closed = True
        self._mark(TOTALS)

    def _text_of(self, name: str) -> str:
        if name == TOTALS:
            return event_of("totals", self._board.totals())
        return event_of("tile", asdict(self._board.tile(name)))

    def _heartbeat(self) -> str:
        return event_of("totals", self._board.totals())


class Browser:
    """What one browser has yet to be told, in the order in which it changed first."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._news = asyncio.Event()

    def mark(self, name: str) -> None:
        """The newest of this name is to be sent."""
        self._names[name] = None
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
