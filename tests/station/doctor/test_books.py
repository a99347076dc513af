"""Checks of the journal and of the pool in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drivers.clock import SystemClock
from station.config.models import StationConfig
from station.doctor import Grade, Survey, journal, pool
from station.doctor.examination import survey_of
from station.journal.errors import JournalDenied
from station.journal.opening import open_journal
from station.model import IdKind, IdSource
from tests.support.configuration import GOOD, changed, loaded
from tests.support.doctor import findings, grades, survey, the_advice, the_bad_one
from tests.support.postgresql import DatabaseServer

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "journal-0001.sql"


def _fill(config: StationConfig, device_ids: int, sns: int, lost: int = 0) -> None:
    """A journal with so many free ids, and so many that never arrived."""
    with open_journal(config.journal_path, SystemClock(), IdSource.POOL, "jig-1") as opened:
        for kind, count in ((IdKind.DEVICE_ID, device_ids), (IdKind.SN, sns)):
            if count:
                values = [f"{kind.value}-{number}" for number in range(count)]
                opened.finish_batch(opened.begin_batch(kind, count), values)
        if lost:
            opened.lose_batch(opened.begin_batch(IdKind.DEVICE_ID, lost), "no answer")


def test_a_journal_and_a_pool_that_are_yet_to_be_made_are_good(tmp_path: Path) -> None:
    examined = survey(tmp_path)
    assert grades([*journal.checks(examined), *pool.checks(examined)]) == {Grade.GOOD}
    assert not examined.configuration.station.state_dir.exists(), "a check makes nothing"


def test_a_whole_journal_is_good(tmp_path: Path) -> None:
    examined = survey(tmp_path)
    _fill(examined.configuration.station, 20, 20)
    (finding,) = findings(journal.checks(examined))
    assert (finding.grade, finding.what) == (Grade.GOOD, f"{tmp_path}/state/journal.sqlite is whole")
    assert [finding.what for finding in findings(pool.checks(examined))] == ["20 DeviceIDs free", "20 SNs free"]


@pytest.mark.parametrize("content", [b"", b"no database at all\n" * 100])
def test_a_journal_that_is_none_is_bad(tmp_path: Path, content: bytes) -> None:
    examined = survey(tmp_path)
    examined.configuration.station.state_dir.mkdir()
    examined.configuration.station.journal_path.write_bytes(content)
    assert "backup" in the_bad_one(journal.checks(examined)).remedy


def test_damage_inside_the_journal_is_bad(tmp_path: Path) -> None:
    examined = survey(tmp_path)
    path = examined.configuration.station.journal_path
    _fill(examined.configuration.station, 500, 0)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 8192] = b"\x55" * 8192
    path.write_bytes(raw)
    damaged = [finding for finding in findings(journal.checks(examined)) if finding.grade is Grade.BAD]
    assert damaged
    assert all("backup" in finding.remedy for finding in damaged)
    assert len(damaged) <= journal.MAX_PROBLEMS


def test_a_journal_of_another_version_is_bad(tmp_path: Path) -> None:
    import sqlite3

    examined = survey(tmp_path)
    examined.configuration.station.state_dir.mkdir()
    connection = sqlite3.connect(examined.configuration.station.journal_path)
    connection.executescript(
        "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('9')"
    )
    connection.close()
    finding = the_bad_one(journal.checks(examined))
    assert "schema 9" in finding.what
    assert "version" in finding.remedy


def test_the_station_that_owns_the_journal_is_named_and_let_work(tmp_path: Path) -> None:
    configuration = loaded(tmp_path)
    assert survey_of(configuration).agent_pid is None
    with open_journal(configuration.station.journal_path, SystemClock(), IdSource.POOL, "jig-1") as running:
        examined = survey_of(configuration)
        assert examined.agent_pid is not None
        first, *rest = findings(journal.checks(examined))
        assert first.what == f"a station runs on it (pid {examined.agent_pid})"
        assert [finding.grade for finding in rest] == [Grade.GOOD]
        running.begin_batch(IdKind.SN, 1)
    assert survey_of(configuration).agent_pid is None


def test_an_empty_pool_is_bad_and_a_low_one_is_told(tmp_path: Path) -> None:
    examined = survey(tmp_path)
    _fill(examined.configuration.station, 19, 0)
    low, empty = findings(pool.checks(examined))
    assert (low.grade, low.what) == (Grade.ADVICE, "19 DeviceIDs free, fewer than low_water (20)")
    assert (empty.grade, empty.what) == (Grade.BAD, "0 SNs free")
    assert "station ids refill" in empty.remedy


def test_ids_possibly_lost_are_told(tmp_path: Path) -> None:
    examined = survey(tmp_path)
    _fill(examined.configuration.station, 20, 20, lost=7)
    assert the_advice(pool.checks(examined)).what.startswith("7 ids are possibly lost")


def test_no_pool_is_wanted_where_the_server_chooses(tmp_path: Path) -> None:
    examined = survey(tmp_path, changed(("ids:\n", "ids:\n  source: server\n")))
    _fill(examined.configuration.station, 0, 0)
    assert grades(pool.checks(examined)) == {Grade.GOOD}


# -- a journal on a server ---------------------------------------------------------------------------------------------


def _on_server(folder: Path, url: str) -> Survey:
    return survey(folder, f"{GOOD}database: {{url: '{url}'}}\n")


def test_a_journal_on_a_server_is_told_by_its_name_and_what_a_power_cut_would_cost(
    tmp_path: Path, database: str
) -> None:
    examined = _on_server(tmp_path, database)
    config = examined.configuration.station
    with open_journal(config.journal_place, SystemClock(), IdSource.POOL, "jig-1") as running:
        for kind in IdKind:
            values = [f"{kind.value}-{number}" for number in range(20)]
            running.finish_batch(running.begin_batch(kind, 20), values)
        found = findings(journal.checks(replace(examined, agent_pid=7)))
    assert [finding.grade for finding in found] == [Grade.GOOD, Grade.BAD, Grade.GOOD]
    assert "pid 7" in found[0].what
    assert "fsync off" in found[1].what
    name = database.partition("@/")[2].partition("?")[0]
    assert found[2].what == f"postgresql:///{name} is whole"
    assert [finding.what for finding in findings(pool.checks(examined))] == ["20 DeviceIDs free", "20 SNs free"]


def test_a_server_without_the_journal_yet_is_good_and_one_out_of_reach_is_bad(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    name = database_server.new_database()
    examined = _on_server(tmp_path, database_server.url(name))
    assert grades([*journal.checks(examined), *pool.checks(examined)]) == {Grade.GOOD}
    database_server.drop(name)
    finding = the_bad_one(journal.checks(examined))
    assert "does not exist" in finding.what
    with pytest.raises(JournalDenied):
        findings(pool.checks(examined))
