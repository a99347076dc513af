"""Runs a module's tests on both databases: ``pytestmark = pytest.mark.usefixtures("each_database")``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.journal import PLACES
from tests.support.postgresql import DatabaseServer


@pytest.fixture(params=["sqlite", "postgresql"])
def each_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """``opened(path)`` opens a file in one run of the test, and in the other a database, a new one for each path."""
    if request.param == "sqlite":
        yield request.param
        return
    server: DatabaseServer = request.getfixturevalue("database_server")
    made: dict[Path, str] = {}

    def place_of(path: Path) -> str:
        if path not in made:
            made[path] = server.new_journal()
        return server.url(made[path])

    before, PLACES.of = PLACES.of, place_of
    yield request.param
    PLACES.of = before
    for name in made.values():
        server.give_back(name)
