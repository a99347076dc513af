"""The border to the database: which error becomes which, and what is tried again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from station.journal import progress, units
from station.journal.errors import JournalContradiction, JournalCorrupt, JournalError
from station.journal.store import PooledStore, mapped
from tests.support.journal import activation, fill, opened, reserve


@pytest.fixture
def engine(tmp_path: Path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/store.db", hide_parameters=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE names (name TEXT PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO names VALUES ('taken')")
    yield engine
    engine.dispose()


def insert(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.text("INSERT INTO names VALUES (:name)"), {"name": name})


def test_a_key_that_is_taken_contradicts_and_no_value_is_in_the_message(engine: sa.Engine):
    store = PooledStore(engine, "journal")
    with pytest.raises(JournalContradiction, match=r"names\.name") as caught:
        store.run(lambda connection: insert(connection, "taken"))
    assert "taken" not in str(caught.value)


def test_where_several_write_the_loser_of_a_race_is_done_once_more(engine: sa.Engine):
    """The first try runs into a key that the second, looking again, finds taken and leaves alone."""
    looks: list[bool] = []

    def work(connection: sa.Connection) -> str:
        looks.append(True)
        if len(looks) == 1:
            insert(connection, "half done")
            insert(connection, "taken")
        return str(connection.exec_driver_sql("SELECT group_concat(name) FROM names").scalar())

    assert PooledStore(engine, "journal").run(work) == "taken"
    assert len(looks) == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_CORRUPT", JournalCorrupt),
        ("SQLITE_CORRUPT_INDEX", JournalCorrupt),
        ("SQLITE_NOTADB", JournalCorrupt),
        ("SQLITE_CONSTRAINT_UNIQUE", JournalContradiction),
        ("SQLITE_FULL", JournalError),
        ("SQLITE_READONLY_DBMOVED", JournalError),
        ("SQLITE_IOERR_FSYNC", JournalError),
    ],
)
def test_each_result_code_has_its_error(name: str, kind: type[JournalError]):
    cause = sqlite3.OperationalError("said")
    cause.sqlite_errorname = name  # type: ignore[misc]
    error = mapped(cause, "journal.db")
    assert type(error) is kind
    assert f"journal.db: said ({name})" in str(error)
    assert ("last backup" in str(error)) == (kind is JournalCorrupt)


def test_a_units_open_effects_are_found_among_the_open_ones(tmp_path: Path) -> None:
    """Not among all that there ever were: SQLite's own words for how it runs what a cycle asks."""
    said: list[str] = []
    with opened(tmp_path / "j.sqlite") as journal:
        fill(journal, 1)
        cycle, unit = reserve(journal, "C1")
        journal.advance(cycle, "C1", intend=[activation(unit)])  # every statement is compiled

        def plans(connection: sa.Connection) -> None:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            for statement in (units._OPEN, progress._OPEN_KINDS):
                text = statement._text
                assert text is not None
                rows = raw.execute(f"EXPLAIN QUERY PLAN {text.sql}", text.values({"chip": "C1"})).fetchall()
                said.extend(row[3] for row in rows)

        journal._store.run(plans)
    assert len(said) == 2
    assert all("INDEX effects_open (chip_id=? AND kind=?)" in plan for plan in said), said
