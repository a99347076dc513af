"""The address of the journal's database: its password by reference only, and nothing of it in what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.configuration import GOOD, SECRET, loaded, told


def with_url(url: str) -> str:
    return f"{GOOD}database:\n  url: {url}\n"


def test_without_one_the_journal_is_a_file_of_the_state_folder(tmp_path: Path) -> None:
    station = loaded(tmp_path).station
    assert station.journal_place == tmp_path / "state" / "journal.sqlite"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("postgresql://station@db.example/hall", "postgresql://station@db.example/hall"),
        ("postgresql:///hall?host=/run/postgresql", "postgresql:///hall?host=/run/postgresql"),
        ('"postgresql://station:${file:key}@db/hall"', f"postgresql://station:{SECRET}@db/hall"),
        ('"postgresql://station:${file:odd}@db/hall"', "postgresql://station:p%40ss%2Fw%3Aord%25@db/hall"),
        ('"${file:whole}"', "postgresql://station:hunter2@db/hall"),
    ],
)
def test_an_address_is_taken_whole_or_with_a_reference_for_its_password(
    tmp_path: Path, written: str, meant: str
) -> None:
    (tmp_path / "odd").write_text("p@ss/w:ord%\n")
    (tmp_path / "whole").write_text("postgresql://station:hunter2@db/hall\n")
    database = loaded(tmp_path, with_url(written)).station.database
    assert database is not None
    assert database.url.reveal() == meant
    assert "hunter2" not in repr(database)


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("postgresql://station:hunter2@db/hall", "a password may not stand here itself"),
        ("postgresql://station@db/hall?password=hunter2", "a password may not stand here itself"),
        ('"postgresql://${file:key}@db/hall"', "a password may not stand here itself"),
        ('"postgresql://u:hunter2${file:key}@db/hall"', "a password may not stand here itself"),
        ('"postgresql://u:${file:key}@db/${file:key}"', "a password may not stand here itself"),
        ('"postgresql://u:${file:nowhere}@db/hall"', "nowhere cannot be read"),
        ("mysql://station:hunter2@db/hall", "no address of a journal"),
        ("postgresql://hunter2", "names no database"),
        ('"postgresql://db/hall\\n"', "names no database"),
        ("postgresql://db:port/hall", "cannot be read"),
        ('"postgresql://[db/hall"', "cannot be read"),
        ("hunter2", "no address of a journal"),
        ("12", "must be an address"),
    ],
)
def test_what_is_no_usable_address_is_one_line_that_holds_no_password(tmp_path: Path, written: str, what: str) -> None:
    (line,) = told(tmp_path, with_url(written))
    assert line.startswith(f"station.yaml:{GOOD.count(chr(10)) + 2}:")
    assert "database.url" in line
    assert what in line
    assert "hunter2" not in line
