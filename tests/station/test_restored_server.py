"""A database on a server put back to an earlier moment, while the stations, the API and the boards have gone on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from station.doctor import Grade
from station.doctor.journal import ServerJournalCheck
from station.journal.errors import JournalRestored
from station.model import Outcome
from station.secrets import Secret
from tests.support.journal import fill, labelled, opened, reserve
from tests.support.postgresql import DatabaseServer
from tests.support.station import Rig, Settings


@contextmanager
def going_back(server: DatabaseServer, url: str) -> Iterator[None]:
    """What is done in the context is forgotten behind it. Nobody may be connected before it."""
    name = urlsplit(url).path.strip("/")
    earlier = server.new_database(name)
    yield
    server.drop(name)
    server.ask(f"ALTER DATABASE {earlier} RENAME TO {name}")


def test_no_station_starts_on_a_database_that_has_forgotten_its_newest_cycle(
    tmp_path: Path, database_server: DatabaseServer, database: str
) -> None:
    """Moving its logs aside is how a person says that all was looked at. The pool has an id then that was given since."""
    rig = Rig(tmp_path, Settings(database=database))
    sessions = tmp_path / "state" / "sessions"
    check = ServerJournalCheck(Secret(database), None, sessions)
    try:
        assert rig.one(rig.board()).outcome is Outcome.PASS
        assert rig.one(rig.board()).outcome is Outcome.PASS
        assert [finding for finding in check.look() if "session log" in finding.what] == []
        with going_back(database_server, database):
            assert rig.one(rig.board()).outcome is Outcome.PASS
        calls = rig.api.ledger()["calls"]
        with pytest.raises(JournalRestored, match="of cycle 3: an earlier one was put back"):
            rig.one(rig.board())
        assert [finding.grade for finding in check.look() if "cycle 3" in finding.what] == [Grade.BAD]
        assert rig.api.ledger()["calls"] == calls
        sessions.rename(tmp_path / "aside")
        assert rig.one(rig.board()).code == "api.conflict"
        assert rig.api.violations() == []
    finally:
        rig.close()


def test_a_station_that_had_its_journal_in_a_file_begins_on_a_database_that_knows_none_of_its_cycles(
    tmp_path: Path, database: str
) -> None:
    for number, settings in enumerate((Settings(), Settings(database=database)), 1):
        rig = Rig(tmp_path, settings)
        try:
            *_, board = [rig.board() for _ in range(number)]
            result = rig.one(board)
            assert (result.outcome, result.cycle) == (Outcome.PASS, 1)
        finally:
            rig.close()


def test_another_stations_cycle_of_the_same_number_is_not_taken_for_it(
    tmp_path: Path, database_server: DatabaseServer, database: str
) -> None:
    rig = Rig(tmp_path, Settings(database=database))
    try:
        with going_back(database_server, database):
            assert rig.one(rig.board()).outcome is Outcome.PASS
        with opened(database, station="other") as journal:
            assert journal.begin_cycle("A", "elsewhere.jsonl.gz") == 1
        with pytest.raises(JournalRestored):
            rig.one(rig.board())
    finally:
        rig.close()


def test_a_running_station_begins_no_cycle_on_a_database_that_came_back_as_an_earlier_one(
    database_server: DatabaseServer, database: str
) -> None:
    with opened(database) as journal:
        fill(journal, 3)
        labelled(journal, "C1")
    with going_back(database_server, database):
        journal = opened(database)
        reserve(journal, "C2")
    try:
        for _ in range(2):
            assert isinstance(journal.obstacle(), JournalRestored)
        with pytest.raises(JournalRestored, match="does not know cycle 2 of this station"):
            journal.begin_cycle("A", "s")
    finally:
        journal.close()
