"""Schema versions: old journals become new ones with all that they held, and both ways to a schema end at the same one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from station.journal import schema, versions
from station.journal.errors import JournalCorrupt, JournalError, JournalVersion
from station.journal.opening import open_journal_readonly
from station.journal.sqlite import prepare_file, writer
from station.model import EffectKind, EffectState, Hold, IdKind, UnitStatus
from tests.support.journal import opened

GOLDEN = Path(__file__).parents[2] / "golden" / "journal-0001.sql"


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """A journal as the first schema's code wrote it."""
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as raw:
        raw.executescript(GOLDEN.read_text())
    raw.close()
    return path


def ddl(path: Path) -> dict[str, list[str]]:
    """Each table's and index's definition as a sorted list of its lines: the order of constraints means nothing."""
    raw = sqlite3.connect(path)
    rows = raw.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    raw.close()
    return {name: sorted(line.strip().rstrip(",") for line in sql.splitlines() if line.strip()) for name, sql in rows}


def test_migrations_from_nothing_arrive_at_the_schema(tmp_path: Path):
    opened(tmp_path / "made.db").close()
    path = tmp_path / "migrated.db"
    prepare_file(path)
    store = writer(path, 5)
    store.run(versions.upgrade)
    store.close()
    assert ddl(path) == ddl(tmp_path / "made.db")


def test_an_upgraded_first_version_has_the_schema_too(first_version: Path, tmp_path: Path):
    opened(first_version).close()
    opened(tmp_path / "made.db").close()
    assert ddl(first_version) == ddl(tmp_path / "made.db")


def test_an_upgraded_first_version_holds_all_that_it_held(first_version: Path):
    with opened(first_version) as journal:
        done, lost, held = (
            journal.find_unit(chip) for chip in ("0011223344556677", "8899AABBCCDDEEFF", "0102030405060708")
        )
        assert done is not None
        assert (done.status, done.sn, done.labels_printed) == (UnitStatus.LABELLED, "SN00000", 2)
        assert lost is not None
        assert [(effect.kind, effect.state) for effect in lost.open_effects] == [
            (EffectKind.ACTIVATE, EffectState.IN_DOUBT)
        ]
        assert held is not None
        assert (held.hold, held.hold_code) == (Hold.SET_ASIDE, "api.conflict")
        counts = journal.pool_levels().counts
        assert (counts[IdKind.DEVICE_ID].free, counts[IdKind.DEVICE_ID].retired) == (3, 1)
        assert counts[IdKind.SN].possibly_lost == 50
        assert journal.begin_cycle("A", "s") == 4
        journal.note_session(4, "s", "0" * 64, 0)
        assert journal.read.integrity_check() == ()


def test_an_upgrade_keeps_the_old_journal_beside_the_new(first_version: Path):
    opened(first_version).close()
    (kept,) = first_version.parent.glob("journal.db.0001-*.bak")
    assert kept.stat().st_mode & 0o777 == 0o600
    raw = sqlite3.connect(kept)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert raw.execute("SELECT count(*) FROM units").fetchall() == [(3,)]
    raw.close()
    opened(first_version).close()
    assert list(first_version.parent.glob("*.bak")) == [kept]


def test_an_upgrade_that_fails_changes_nothing(first_version: Path):
    with sqlite3.connect(first_version) as raw:
        raw.execute("CREATE TABLE sessions (in_the_way INTEGER)")
    raw.close()
    before = ddl(first_version)
    with pytest.raises(JournalError, match="sessions"):
        opened(first_version)
    assert ddl(first_version) == before


def test_reading_only_upgrades_nothing_and_says_what_to_do(first_version: Path):
    before = ddl(first_version)
    with pytest.raises(JournalVersion, match="start the agent once"):
        open_journal_readonly(first_version)
    assert ddl(first_version) == before


def test_a_newer_journal_is_refused_and_left_alone(tmp_path: Path):
    path = tmp_path / "journal.db"
    opened(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0042'")
    raw.close()
    with pytest.raises(JournalVersion, match="0042") as caught:
        opened(path)
    assert caught.value.code == "journal.version"


def test_a_journal_without_exactly_one_revision_is_corrupt(tmp_path: Path):
    path = tmp_path / "journal.db"
    opened(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("DELETE FROM alembic_version")
    raw.close()
    with pytest.raises(JournalCorrupt, match="0 schema revisions"):
        opened(path)


def test_the_revisions_named_are_the_revisions_there_are():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(versions.MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert tuple(revision.revision for revision in script.walk_revisions())[::-1] == schema.KNOWN_REVISIONS
    assert script.get_current_head() == schema.HEAD == schema.KNOWN_REVISIONS[-1]


def test_every_table_is_strict(tmp_path: Path):
    path = tmp_path / "journal.db"
    opened(path).close()
    raw = sqlite3.connect(path)
    lax = raw.execute("SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND schema = 'main'")
    assert {name for (name,) in lax} == {"alembic_version", "sqlite_schema", "sqlite_sequence"}
    raw.close()


def test_the_tables_can_be_made_on_postgresql():
    from sqlalchemy.dialects import postgresql

    dialect = postgresql.dialect()
    for table in schema.metadata.sorted_tables:
        made = str(sa.schema.CreateTable(table).compile(dialect=dialect))
        assert "STRICT" not in made
        for index in table.indexes:
            assert str(sa.schema.CreateIndex(index).compile(dialect=dialect))
