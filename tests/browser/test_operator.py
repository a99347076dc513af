"""The operator's page in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.browser import Viewer, barriers
from tests.support.panel import served


def test_a_board_is_started_by_the_button_and_its_pass_is_shown(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    with served(tmp_path) as place:
        place.ready()
        place.put_in(place.rig.board())
        page = viewer(place.url).open()
        tile = page.locator("[data-socket=A]")
        tile.get_by_role("button", name="Start").click()
        page.locator("[data-socket=A][data-state=PASS]").wait_for()
        assert barriers(page) == []
