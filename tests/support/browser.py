"""Debian's Chromium, driven by playwright: pages that must cause no error in the console, and axe-core, which finds barriers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any, Self

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

PATIENCE_MS = 30_000
"""Bounds what must come anyway; nothing passes or fails by it."""
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
FOREIGN_HOST = "foreign.example"
"""A name that this browser believes to be at this computer; no other program knows it."""
_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--enable-precise-memory-info",
    "--no-first-run",
    f"--host-resolver-rules=MAP {FOREIGN_HOST} 127.0.0.1",
)
_STATION_GONE = (
    "net::ERR_CONNECTION_",
    "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
    "net::ERR_EMPTY_RESPONSE",
    "net::ERR_NETWORK_",
)
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def chromium_path() -> str:
    """Where the system's Chromium is."""
    path = shutil.which("chromium")
    assert path is not None, "the tests need chromium: make test installs it"
    return path


@contextmanager
def chromium() -> Iterator[Browser]:
    """One process of it, with an empty profile. As root it takes no sandbox."""
    unboxed = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=[*_ARGUMENTS, *unboxed])
        try:
            yield browser
        finally:
            browser.close()


class Viewer:
    """A person's browser: cookies of its own, and all that went wrong in its pages. Leaving it judges it."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        """``url``: what addresses are relative to. ``options``: as ``Browser.new_context`` takes them."""
        options = {"viewport": DESK, "reduced_motion": "reduce", **options}
        self.context: BrowserContext = browser.new_context(base_url=url, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.url = url
        self.complaints: list[str] = []
        """Errors and warnings in the console, breaches of the policy among them, and exceptions in scripts."""
        self.is_judged = True
        """False for somebody who does what a browser complains of."""
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.context.close()
        if kind is None and self.is_judged:
            self.judge()

    def open(self, path: str = "/") -> Page:
        """A page in a tab of its own."""
        page = self.context.new_page()
        page.goto(path)
        return page

    def judge(self) -> None:
        """Fails where anything went wrong."""
        assert not self.complaints, "\n".join(self.complaints)

    def _hear(self, message: ConsoleMessage) -> None:
        # Tests end their station before their browser, which then speaks of a connection that is lost.
        if message.type in ("error", "warning") and not any(text in message.text for text in _STATION_GONE):
            self.complaints.append(f"{message.type}: {message.text}")


def barriers(page: Page) -> list[str]:
    """What keeps people from using the page as it is now, a line each, by the rules of WCAG 2.2 A and AA and best practice."""
    page.evaluate(_axe())
    wanted = {"runOnly": {"type": "tag", "values": list(_RULES)}, "resultTypes": ["violations"]}
    found = page.evaluate("wanted => axe.run(document, wanted)", wanted)
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:200]}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@cache
def _axe() -> str:
    script = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    return script + "\n;true"  # not the object itself, which would be carried over
