"""The reported fate is the printer's own count of labels, whatever befalls the printer at whatever byte of the conversation."""

from __future__ import annotations

import pytest

from drivers.printer import Fate
from tests.drivers.printer.fates import LANGUAGES, Language, conversation_bytes, endure, strikes

STEP_BYTES = 9
"""Each fault begins at another offset, so that together they strike everywhere."""
CASES = [(name, fault) for name, language in LANGUAGES.items() for fault in strikes(language)]


def positions(language: Language, fault: str) -> list[int]:
    """Every so many bytes, and around both ends of the job."""
    start, end = language.before_bytes, language.before_bytes + len(language.job)
    offset = list(strikes(language)).index(fault) % STEP_BYTES
    some = range(offset, conversation_bytes(language), STEP_BYTES)
    return sorted({*some, 0, start, start + 1, end - 1, end})


@pytest.mark.parametrize("wire", ["tcp", "pty"])
@pytest.mark.parametrize(("name", "fault"), CASES)
def test_no_fault_at_any_byte_makes_a_wrong_fate(name: str, fault: str, wire: str) -> None:
    language = LANGUAGES[name]
    for at in positions(language, fault):
        ending = endure(language, wire, fault, at)
        assert ending.is_true, (at, ending)
        if at == 0:
            assert ending.receipt.fate is Fate.NOT_PRINTED, (at, ending)


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_fault_that_comes_after_the_proof_changes_nothing(name: str, fault: str) -> None:
    """So a fate in doubt is not what every job ends in; a machine too slow for the short time-outs is asked again."""
    language = LANGUAGES[name]
    fates = (endure(language, "tcp", fault, conversation_bytes(language) + 1).receipt.fate for _ in range(50))
    assert Fate.PRINTED in fates
