"""What a day's events must not leave behind, made short (``make day`` is the whole day)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from station.demo import socket_names
from tests.browser.day import CYCLES_PER_HOUR, MAX_STATION_MIB, SOCKETS, Day, Sizes, live
from tests.support.browser import Viewer
from tests.support.panel import served


def test_neither_station_nor_browser_grows_with_what_has_happened(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    """Five minutes of sixteen sockets."""
    with served(tmp_path, sockets=tuple(socket_names(SOCKETS))) as place:
        page = viewer(place.url).open()
        day = live(place, page, CYCLES_PER_HOUR // 12)
        assert day.events > 8_000
        assert day.violations() == []


@pytest.mark.parametrize(
    ("grown", "said"),
    [
        ({"station_mib": 50 + 2 * MAX_STATION_MIB}, "the station grew by 10.0 MiB"),
        ({"browser_kib": 3000.0}, "heap"),
        ({"nodes": 5000}, "nodes"),
        ({"listeners": 51}, "listeners"),
    ],
)
def test_growth_is_found(grown: dict[str, float], said: str) -> None:
    before = Sizes(50.0, 2000.0, 1000, 50)
    (violation,) = Day(1, before, replace(before, **grown)).violations()
    assert said in violation
