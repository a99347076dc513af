"""What the tests of the self-checks share: surveys of a configuration, and findings by their grade."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers.clock import SystemClock
from station.doctor import Check, Finding, Grade, Survey
from tests.support.configuration import GOOD, loaded


def survey(folder: Path, text: str = GOOD, **changes: Any) -> Survey:
    """A survey of this configuration; ``changes`` are the survey's own fields."""
    return replace(Survey(loaded(folder, text), SystemClock()), **changes)


def findings(checks: Iterable[Check]) -> list[Finding]:
    """All that these checks find."""
    return [finding for check in checks for finding in check.look()]


def the_bad_one(checks: Iterable[Check]) -> Finding:
    """The one finding that is bad; it says what to do."""
    (finding,) = [finding for finding in findings(checks) if finding.grade is Grade.BAD]
    assert finding.remedy
    return finding


def the_advice(checks: Iterable[Check]) -> Finding:
    """The one piece of advice, where nothing is bad."""
    (finding,) = [finding for finding in findings(checks) if finding.grade is not Grade.GOOD]
    assert finding.grade is Grade.ADVICE
    assert finding.remedy
    return finding


def grades(checks: Iterable[Check]) -> set[Grade]:
    """The grades that these checks give."""
    return {finding.grade for finding in findings(checks)}
