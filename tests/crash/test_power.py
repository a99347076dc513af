"""Proof that a loss of power takes away what was not synced, and nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from station.journal.one_writer import OneWriterStore
from station.model import EffectKind
from station.session.writer import SessionWriter
from tests.crash import power
from tests.support.journal import activation, fill, known, opened, reserve


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder whose syncs are kept beside it, in ``synced``."""
    monkeypatch.setattr(OneWriterStore, "_together", OneWriterStore._together)
    monkeypatch.setattr(SessionWriter, "sync", SessionWriter.sync)
    power.keep_what_is_synced(tmp_path / "synced")
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def test_of_the_journal_what_was_committed_since_the_last_synced_commit_is_lost(state: Path) -> None:
    path = state / "journal.sqlite"
    with opened(path) as journal:
        fill(journal, 2)
        cycle, unit = reserve(journal, "C1")
        journal.advance(cycle, "C1", intend=[activation(unit)])
        reserve(journal, "C2")
        assert journal.find_unit("C2") is not None
    power.fail(state, state.parent / "synced")
    with opened(path) as journal:
        assert [effect.kind for effect in known(journal, "C1").open_effects] == [EffectKind.ACTIVATE]
        assert journal.find_unit("C2") is None, "its reservation was not synced"
        assert journal.read.integrity_check() == ()


def test_of_a_running_log_what_was_written_since_its_last_sync_is_lost_and_a_finished_one_is_whole(state: Path) -> None:
    writers = []
    for name in ("never synced", "synced", "finished"):
        writer = SessionWriter(state / "sessions" / f"{name}.jsonl.gz", lambda: 0)
        writer.append("note", "main", None, {"text": "one"})
        if name != "never synced":
            writer.sync()
        writer.append("note", "main", None, {"text": "two"})
        if name == "finished":
            writer.close()
        else:
            writers.append(writer)
    power.fail(state, state.parent / "synced")
    left = {path.name: path.read_bytes() for path in (state / "sessions").iterdir()}
    for writer in writers:
        writer.close()
    left["finished.jsonl.gz"] = gzip.decompress(left["finished.jsonl.gz"])
    assert {name: content.count(b"\n") for name, content in left.items()} == {
        "never synced.jsonl.part": 0,
        "synced.jsonl.part": 1,
        "finished.jsonl.gz": 2,
    }
