"""The judges of every test in a browser can find what they look for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Viewer, barriers
from tests.support.panel import served

ADD_A_SCRIPT = """() => {
    const script = document.createElement("script");
    script.textContent = "window.injected = true";
    document.body.append(script);
    return window.injected;
}"""


def heard(viewer: Viewer) -> str:
    """What the viewer is judged for."""
    with pytest.raises(AssertionError):
        viewer.judge()
    (complaint,) = viewer.complaints
    viewer.complaints.clear()
    return complaint


def test_a_barrier_is_found(browser: Browser) -> None:
    with Viewer(browser, "about:blank") as viewer:
        page = viewer.open("about:blank")
        page.set_content('<!doctype html><html lang="en"><title>x</title><main><h1>x</h1><img src="data:,"></main>')
        assert [line.split(" ")[0] for line in barriers(page)] == ["image-alt"]


def test_what_the_policy_forbids_is_heard_and_does_nothing(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    with served(tmp_path) as place:
        person = viewer(place.url)
        page = person.open()
        with page.expect_console_message():
            assert page.evaluate(ADD_A_SCRIPT) is None
        assert "Content Security Policy" in heard(person)


def test_an_exception_in_a_script_is_heard(viewer: Callable[..., Viewer]) -> None:
    person = viewer("about:blank")
    page = person.open("about:blank")
    with person.context.expect_event("weberror"):
        page.evaluate("setTimeout(() => { throw new Error('out of order') })")
    assert "out of order" in heard(person)
