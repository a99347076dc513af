"""``/api/v1/events``: what changes on the board, as the page is told it, and every cycle that has ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from station.panel.api import told
from station.panel.api.asked import MAX_CYCLE_DIGITS
from station.panel.api.feed import Feed
from station.panel.stream import Hub

NEWS_OF_CYCLES = "event: totals\n"
"""An end of a cycle changes the totals, which are told from time to time in any case."""


async def events(
    hub: Hub, feed: Feed, ask: Callable[[Callable[[], str]], Awaitable[str]], is_welcome: Callable[[], bool]
) -> AsyncIterator[str]:
    """One program's events until it goes, is no longer welcome, or the hub is closed. ``ask`` does what reads the journal in a
    thread."""
    async with aclosing(hub.events(is_welcome)) as changes:
        async for text in changes:
            yield text
            if NEWS_OF_CYCLES in text or text.startswith("event: snapshot"):
                while news := await ask(lambda: _cycles(feed)):
                    yield news


def last_known(header: str | None) -> int | None:
    """The number in ``Last-Event-ID``; None without one. Raises ValueError."""
    if not header:
        return None
    if not (header.isascii() and header.isdecimal() and len(header) <= MAX_CYCLE_DIGITS):
        raise ValueError("Last-Event-ID is the number of a cycle")
    return int(header)


def _cycles(feed: Feed) -> str:
    return "".join(
        f"id: {cycle.cycle}\nevent: cycle\ndata: {told.Cycle.model_validate(cycle).model_dump_json()}\n\n"
        for cycle in feed.new()
    )
