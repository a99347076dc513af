"""What the layout reckons with is what the symbol libraries draw: sizes from the standards' tables, Code 128's code sets."""

from __future__ import annotations

import itertools
import re

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from ppf.datamatrix import DataMatrix

from station.errors import LabelError
from station.label import code128
from station.label.code128 import Run, plan_runs, symbol_values
from station.label.symbols import data_matrix_modules, qr_shape

ascii_texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=60)


@pytest.mark.parametrize("level", "LMQH")
@pytest.mark.parametrize("char", "7Aa")
def test_qr_versions_and_modes_are_the_smallest(level: str, char: str) -> None:
    for size in (*range(1, 50, 3), *range(50, 540, 29)):
        smallest = segno.make_qr(char * size, error=level, boost_error=False)
        if int(smallest.version) > 15:
            with pytest.raises(LabelError, match=f"here: {size} characters are too many"):
                qr_shape(char * size, level, "here")
            break
        shape = qr_shape(char * size, level, "here")
        assert (shape.version, shape.mode) == (smallest.version, smallest.mode)
        assert shape.modules == len(smallest.matrix)


def test_qr_capacity_at_level_m_is_that_of_the_standard() -> None:
    for version, chars in ((1, 14), (2, 26), (3, 42), (4, 62)):
        assert qr_shape("a" * chars, "M", "here").version == version
        assert qr_shape("a" * (chars + 1), "M", "here").version == version + 1


@pytest.mark.parametrize("text", ["a", "1", "1a", "12a"])
def test_data_matrix_sizes_are_the_smallest(text: str) -> None:
    for size in (*range(1, 30), *range(30, 205, 7), 204):
        data = (text * size)[:size]
        assert data_matrix_modules(data, "here") == len(DataMatrix(data, codecs=["ascii"]).matrix)
    with pytest.raises(LabelError, match="here: 205 characters are too many"):
        data_matrix_modules("a" * 205, "here")


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("SN12345678", (Run("B", "SN"), Run("C", "12345678"))),
        ("12", (Run("C", "12"),)),
        ("123", (Run("B", "123"),)),
        ("12345", (Run("C", "1234"), Run("B", "5"))),
        ("A12345", (Run("B", "A1"), Run("C", "2345"))),
        ("12345A", (Run("C", "1234"), Run("B", "5A"))),
        ("A12345B", (Run("B", "A12345B"),)),
        ("A123456B", (Run("B", "A"), Run("C", "123456"), Run("B", "B"))),
        ("A1234567B", (Run("B", "A1"), Run("C", "234567"), Run("B", "B"))),
    ],
)
def test_code_sets_change_where_it_pays(text: str, runs: tuple[Run, ...]) -> None:
    assert plan_runs(text, "here") == runs


def test_the_check_character_is_the_standards() -> None:
    """PJJ123C has check character 55 in set A, a textbook example; in set B "Wikipedia" has 88."""
    assert symbol_values(plan_runs("Wikipedia", "here"))[-1] == 88


@given(ascii_texts | st.from_regex(re.compile(r"[0-9A-B]{1,60}", re.ASCII), fullmatch=True))
def test_runs_hold_the_text_and_set_c_only_pairs_of_digits(text: str) -> None:
    runs = plan_runs(text, "here")
    assert "".join(run.text for run in runs) == text
    assert all(re.fullmatch(r"(?:[0-9]{2})+", run.text) for run in runs if run.code_set == "C")
    assert all(first.code_set != second.code_set for first, second in itertools.pairwise(runs))
    only_b = (Run("B", text),)
    assert len(symbol_values(runs)) <= len(symbol_values(only_b))


def test_a_text_that_no_label_has_room_for_is_refused() -> None:
    with pytest.raises(LabelError, match="here: 81 characters"):
        code128.plan_runs("a" * 81, "here")
