"""The reported fate is the printer's own count of labels, whatever befalls the printer at whatever byte of the conversation."""

from __future__ import annotations

import pytest

from drivers.printer import Fate
from tests.drivers.printer.fates import LANGUAGES, Language, conversation_bytes, endure, strikes

STEP_BYTES = 9
"""Each fault begins at another offset, so that together they strike everywhere."""
CASES = [(name, fault) for name, language in LANGUAGES.items() for fault in strikes(language)]
ONLY_COUNTED = ("restart-at-once", "noise", "noise-bit")
ON_A_WIRE = [
    (name, fault, wire)
    for name, fault in CASES
    for wire in ("tcp", "pty")
    # The count is what is new here; the rest of that conversation is the one without it.
    if not LANGUAGES[name].counts or fault in ONLY_COUNTED or (wire == "pty" and fault in ("paper_out", "restart"))
]


def positions(language: Language, fault: str) -> list[int]:
    """Every so many bytes, and around both ends of the job."""
    start, end = language.before_bytes, language.before_bytes + len(language.job)
    offset = list(strikes(language)).index(fault) % STEP_BYTES
    some = range(offset, conversation_bytes(language), STEP_BYTES)
    return sorted({*some, 0, start, start + 1, end - 1, end})


@pytest.mark.parametrize(("name", "fault", "wire"), ON_A_WIRE)
def test_no_fault_at_any_byte_makes_a_wrong_fate(name: str, fault: str, wire: str) -> None:
    language = LANGUAGES[name]
    for at in positions(language, fault):
        ending = endure(language, wire, fault, at)
        assert ending.is_true, (at, ending)
        if at == 0 and fault not in ONLY_COUNTED:
            assert ending.receipt.fate is Fate.NOT_PRINTED, (at, ending)


@pytest.mark.parametrize("fault", ["paper_out", "head_open", "restart"])
def test_answers_that_tell_of_the_moment_before_make_no_wrong_fate(fault: str) -> None:
    """A gateway that asks the printer by itself hands out the answer that it had got before."""
    language = LANGUAGES["zpl"]
    for at in positions(language, fault):
        ending = endure(language, "tcp", fault, at, lag=1)
        assert ending.is_true, (at, ending)


@pytest.mark.parametrize("fault", ONLY_COUNTED)
def test_the_faults_that_only_a_count_can_tell_do_lose_labels(fault: str) -> None:
    """Or the odometer would be asked for nothing."""
    language = LANGUAGES["zpl-odometer"]
    lost = [at for at in positions(language, fault) if not endure(language, "tcp", fault, at).labels_later]
    assert any(language.before_bytes <= at < language.before_bytes + len(language.job) for at in lost)


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_fault_that_comes_after_the_proof_changes_nothing(name: str, fault: str) -> None:
    """So a fate in doubt is not what every job ends in; a machine too slow for the short time-outs is asked again."""
    language = LANGUAGES[name]
    fates = (endure(language, "tcp", fault, conversation_bytes(language) + 1).receipt.fate for _ in range(50))
    assert Fate.PRINTED in fates
