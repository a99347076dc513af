"""One Chromium for all tests in a browser, and viewers of a page with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Viewer, chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as process:
        yield process


@pytest.fixture
def viewer(browser: Browser) -> Iterator[Callable[..., Viewer]]:
    """Makes viewers of the page at a URL, each judged at the end: nothing may have gone wrong in the console."""
    with ExitStack() as stack:

        def make(url: str, **options: Any) -> Viewer:
            return stack.enter_context(Viewer(browser, url, **options))

        yield make
