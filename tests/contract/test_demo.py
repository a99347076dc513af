"""``station demo``: what others script against, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from station.model import Step
from tests.support.command import SECRET, Ended, station

FIELDS = [
    "cycle",
    "station",
    "socket",
    "outcome",
    "code",
    "chip_id",
    "app_eui",
    "device_id",
    "sn",
    "resumed",
    "label",
    "duration_s",
    "steps",
    "session",
]
"""Of one JSON line, in their order."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Ended:
    """One demo of two cycles; the other tests look at it, and at what it left in ``folder``."""
    return station("demo", "--cycles", "2", "--json", cwd=folder)


@pytest.fixture(scope="module")
def rows(demo: Ended) -> list[dict[str, Any]]:
    return demo.rows()


def test_it_ends_with_0_and_writes_a_line_per_cycle_and_nothing_else(demo: Ended) -> None:
    assert demo.status == 0
    lines = demo.out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("{") and line.isascii() for line in lines)
    assert [list(json.loads(line)) for line in lines] == [FIELDS, FIELDS]


def test_the_fields_hold_what_is_documented(rows: list[dict[str, Any]], folder: Path) -> None:
    for number, row in enumerate(rows, start=1):
        assert (row["cycle"], row["station"], row["socket"], row["outcome"], row["code"]) == (
            number,
            "demo",
            "A",
            "PASS",
            None,
        )
        for name in ("chip_id", "app_eui", "device_id", "sn"):
            assert isinstance(row[name], str)
            assert row[name]
        assert row["resumed"] is False
        assert row["label"] == "printed"
        assert set(row["steps"]) == set(Step)
        assert all(0 <= took_s <= row["duration_s"] for took_s in row["steps"].values())
        assert (folder / row["session"]).is_file()
    for name in ("chip_id", "app_eui", "device_id", "sn", "session"):
        assert len({row[name] for row in rows}) == 2


def test_people_read_on_standard_error(demo: Ended) -> None:
    assert "2 of 2 PASS" in demo.err
    assert "times, s" in demo.err
    assert "Traceback" not in demo.err


def test_it_leaves_a_journal_logs_and_pictures_that_only_its_user_may_read(demo: Ended, folder: Path) -> None:
    state = folder / "demo" / "state"
    assert demo.status == 0
    assert state.stat().st_mode & 0o077 == 0
    assert (state / "journal.sqlite").is_file()
    assert len(list((state / "labels").rglob("*.png"))) == 2
    assert len(list((state / "sessions").rglob("*.jsonl.gz"))) == 2
    assert SECRET not in demo.out + demo.err


def test_its_configuration_is_good_on_another_computer_too(demo: Ended, folder: Path) -> None:
    """Its ports were those of that run."""
    assert demo.status == 0
    ended = station("config", "check", "demo/station.yaml", "--without-ports", cwd=folder)
    assert (ended.status, ended.out, ended.err) == (0, "demo/station.yaml: good: station demo, sockets A\n", "")


def test_its_logs_replay_the_same(demo: Ended, folder: Path) -> None:
    assert demo.status == 0
    ended = station("replay", "demo/state/sessions", "--json", cwd=folder)
    assert ended.status == 0
    assert [row["same"] for row in ended.rows()] == [True, True]


def test_a_log_whose_bytes_were_changed_does_not_replay(demo: Ended, folder: Path, rows: list[dict[str, Any]]) -> None:
    raw = bytearray((folder / rows[0]["session"]).read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    (folder / "changed.jsonl.gz").write_bytes(raw)
    ended = station("replay", "changed.jsonl.gz", cwd=folder)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("station: session.unreadable: changed.jsonl.gz: ")


def test_several_sockets_each_do_their_cycles(tmp_path: Path) -> None:
    """In a folder that an earlier demo left: the journal goes on."""
    ended = station("demo", "--cycles", "4", "--sockets", "2", "--dir", "elsewhere", cwd=tmp_path)
    assert ended.status == 0
    assert "4 of 4 PASS" in ended.out
    assert not (tmp_path / "demo").exists()
    assert "PASS" in ended.err, "the lines of the cycles are no part of the summary"


def test_the_doctor_tells_what_of_the_demo_is_gone(demo: Ended, folder: Path) -> None:
    assert demo.status == 0
    ended = station("doctor", "--config", "demo/station.yaml", "--json", cwd=folder)
    assert ended.status == 1
    rows = ended.rows()
    assert all(list(row) == ["check", "grade", "what", "remedy"] for row in rows)
    bad = {row["check"] for row in rows if row["grade"] == "bad"}
    assert {"API", "printer line"} <= bad
    assert {"journal", "state folder", "pool of ids", "configuration", "versions"}.isdisjoint(bad)
    assert all(row["remedy"] for row in rows if row["grade"] != "good")
