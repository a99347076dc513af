"""Text from outside in the journal: ids are values and nothing else, remarks are made harmless, requests come back exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.journal.errors import JournalContradiction, JournalMisuse
from station.journal.journal import Journal
from station.model import EffectKind, EffectState, Hold, UnitStatus
from station.ports import Intent, Settlement
from tests.support.journal import APP_EUI, activation, fill, known, labelled, opened, reserve


@pytest.fixture
def journal(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        fill(journal, 10)
        yield journal


HOSTILE = [
    "'; DROP TABLE units; --",
    'a"b',
    "%",
    "_",
    "../../etc",
    "\u202e",
    "ünïcödé-日本",
    "x" * 128,
    "--",
    "{}",
    "🏭",
]


@pytest.mark.parametrize("chip_id", [text for text in HOSTILE if " " not in text and text.isprintable()])
def test_a_hostile_id_is_only_ever_a_value(journal: Journal, chip_id: str):
    _, unit = labelled(journal, chip_id)
    assert (unit.chip_id, unit.status) == (chip_id, UnitStatus.LABELLED)
    assert journal.read.integrity_check() == ()


@pytest.mark.parametrize("chip_id", ["", " ", "a b", "nul\0", "line\n", "\x1b[2J", "\u202e", "\ud800", "x" * 129])
def test_what_cannot_be_an_id_is_refused_before_the_database(journal: Journal, chip_id: str):
    cycle = journal.begin_cycle("A", "s")
    with pytest.raises(JournalMisuse, match="chip_id"):
        journal.reserve(cycle, chip_id, APP_EUI, scanned_sn=None)
    with pytest.raises(JournalMisuse, match="sn"):
        journal.reserve(cycle, "C1", APP_EUI, scanned_sn=chip_id)
    assert journal.find_unit("C1") is None


@pytest.mark.parametrize("chip_id", ["", "nul\0", "\ud800", "x" * 10_000])
def test_a_question_about_an_impossible_chip_has_the_answer_none(journal: Journal, chip_id: str):
    assert journal.find_unit(chip_id) is None
    assert journal.read.unit_history(chip_id) is None
    with pytest.raises(JournalContradiction, match="no unit"):
        journal.hold(1, chip_id, Hold.SET_ASIDE, "x", "y")


def test_remarks_are_kept_printable_and_bounded(journal: Journal):
    cycle, unit = reserve(journal, "C1")
    (effect,) = journal.advance(cycle, "C1", intend=[activation(unit)])
    noise = "\0\x1b[2J\ud800\n'" + "x" * 5000
    journal.advance(cycle, "C1", settle=[Settlement(effect, EffectState.IN_DOUBT, noise)])
    detail = known(journal, "C1").open_effects[0].detail
    assert detail.startswith(r"\x00\x1b[2J\ud800\n'xx")
    assert len(detail) == 2000
    assert detail.isprintable()


def test_a_request_must_be_json_and_of_bounded_size(journal: Journal):
    cycle, _ = reserve(journal, "C1")
    for value in (b"bytes", float("nan"), "x" * 5_000_000):
        with pytest.raises(JournalMisuse, match="request"):
            journal.advance(cycle, "C1", intend=[Intent(EffectKind.ACTIVATE, {"extra": value})])
    assert known(journal, "C1").open_effects == ()


def test_a_request_comes_back_exactly_as_it_was_written(journal: Journal):
    cycle, _ = reserve(journal, "C1")
    request: dict[str, object] = {"chip_id": "C1", "a": [1, None, {"b": "\0\ud800'\""}], "f": 0.1, "big": 2**80}
    journal.advance(cycle, "C1", intend=[Intent(EffectKind.ACTIVATE, request)])
    assert known(journal, "C1").open_effects[0].request == request
