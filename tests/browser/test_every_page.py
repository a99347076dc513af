"""Every page that there is, at a station that has had a PASS, a FAIL and a label in doubt: no barrier, no error in the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.simulated.print_queue import PrinterManners
from station.panel.app import pages
from tests.support.browser import DESK, PHONE, Viewer, barriers
from tests.support.panel import Served, served

MORE_ADDRESSES = ("/nothing-there",)
"""Beside the pages themselves: what they answer to what cannot be answered."""


@contextmanager
def with_a_past(folder: Path, language: str) -> Iterator[Served]:
    """Tiles of three kinds, and something for every list."""
    panel = f'{{listen: "127.0.0.1:0", local_role: supervisor, language: {language}}}'
    with served(folder, panel, sockets=("A", "B", "C", "D")) as place:
        place.rig.printer.queue.manners = PrinterManners(paper_for=1)
        assert place.cycle(place.rig.board(), "C").result.code == "label.in_doubt"
        place.rig.printer.queue.manners = PrinterManners()
        place.rig.printer.queue.problems.clear()
        assert place.cycle(place.rig.board(), "A").result.outcome == "PASS"
        assert place.cycle(place.rig.board(protected=True), "B").result.outcome == "FAIL"
        place.ready("A", "B", "C", "D")
        yield place


def addresses(place: Served) -> list[str]:
    """Where each page of HTML is, for somebody who may see all of them."""
    chip_id = place.ended[1].result.chip_id or ""
    values = {"chip_id": chip_id, "cycle": str(place.ended[2].result.cycle)}
    found = []
    with place.visitor() as visitor:
        for page in pages():
            path = page.path
            for name, value in values.items():
                path = path.replace(f"{{{name}}}", value)
            if page.method != "GET" or page.is_api or "{" in path:
                continue
            with visitor.stream("GET", path) as answer:
                assert answer.status_code in (200, 303), (path, answer.status_code)
                if answer.headers.get("content-type", "").startswith("text/html"):
                    found.append(path)
    return [*found, *MORE_ADDRESSES]


@pytest.mark.parametrize(("language", "size"), [("en", DESK), ("zh", PHONE)], ids=["at a desk", "on a phone"])
def test_no_page_has_a_barrier_or_an_error(
    tmp_path: Path, viewer: Callable[..., Viewer], language: str, size: dict[str, int]
) -> None:
    with with_a_past(tmp_path, language) as place:
        person = viewer(place.url, viewport=size)
        page = person.context.new_page()
        found = []
        looked_at = addresses(place)
        for path in looked_at:
            page.goto(path)
            assert page.locator("html").get_attribute("lang") == language, path
            found += [f"{path}: {line}" for line in barriers(page)]
        # The one complaint that is due: the browser's own, of the page that is not there.
        person.complaints[:] = [line for line in person.complaints if "404" not in line]
        assert found == []
        assert len(looked_at) > len(MORE_ADDRESSES)
