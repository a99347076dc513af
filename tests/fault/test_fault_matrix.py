"""Every fault of the matrix, on a whole station; and the page that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.case import Case
from tests.fault.matrix import CASES
from tests.fault.page import PAGE, render
from tests.fault.play import play


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_fault_ends_as_the_matrix_says(case: Case, tmp_path: Path) -> None:
    """Outcome, code, time, words, what the unit's next cycle and the next board come to; all ledgers agree."""
    play(case, tmp_path)


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_page_is_what_the_cases_declare() -> None:
    """``make docs`` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == render()
