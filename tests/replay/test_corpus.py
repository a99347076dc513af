"""The corpus: every log that was ever kept replays as it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.errors import CATALOGUE
from station.model import Outcome, Step
from station.rerun import replay
from station.session.format import FORMAT_VERSION, read_log
from tests.replay import CORPUS

LOGS = sorted(path for folder in CORPUS.glob("v*") for path in folder.iterdir())


@pytest.mark.parametrize("path", LOGS, ids=lambda path: f"{path.parent.name}/{path.name.partition('.')[0]}")
def test_a_kept_log_replays_the_same(path: Path) -> None:
    log = read_log(path)
    report = replay(path)
    assert report.is_same, report.difference
    assert (report.cut_off is None) == (log.end is not None)
    if log.end is not None and report.result is not None:
        assert report.result.to_json() | {"duration_s": 0, "steps": {}} == log.end.fields["result"] | {
            "duration_s": 0,
            "steps": {},
        }


def test_every_format_version_is_kept() -> None:
    assert {path.parent.name for path in LOGS} == {f"v{version}" for version in range(1, FORMAT_VERSION + 1)}


def test_every_outcome_every_last_step_and_most_codes_are_kept() -> None:
    """A code that no log shows is one of a command, of the start, or of a station with a database."""
    ends = [log.end.fields["result"] for log in map(read_log, LOGS) if log.end is not None and log.end.fields["result"]]
    assert {end["outcome"] for end in ends} == set(Outcome)
    last_steps = {next(reversed(end["steps"]), None) for end in ends}
    assert last_steps >= {Step.IDENTIFY, Step.RESERVE, Step.ACTIVATE, Step.VERIFY, Step.LABEL}
    codes = {end["code"] for end in ends} - {None}
    assert codes <= set(CATALOGUE)
    assert len(codes) >= 30
    assert any(end["resumed"] for end in ends)


def test_what_a_crash_cut_off_is_kept() -> None:
    torn = read_log(CORPUS / "v1" / "torn.jsonl")
    assert torn.torn is not None
    assert read_log(CORPUS / "v1" / "cut-off.jsonl").torn is None
