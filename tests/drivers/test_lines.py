"""Lines from pieces: the same however they are cut, and never more than the bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.lines import Line, LineSplitter, printable

TEXT = st.text(st.sampled_from("ab\r\n"), max_size=60).map(str.encode)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(TEXT, st.lists(st.integers(0, 1000), max_size=10))
def test_lines_do_not_depend_on_where_the_pieces_were_cut(data: bytes, places: list[int]) -> None:
    """Apart from empty lines, which a CRLF cut in two may add."""
    whole, pieces = (LineSplitter((b"\r\n", b"\r", b"\n"), 8) for _ in range(2))
    expected = [line for line in whole.feed(data) if line.data]
    found = [line for piece in cut(data, places) for line in pieces.feed(piece) if line.data]
    assert found == expected
    assert pieces.pending == whole.pending or max(len(pieces.pending), len(whole.pending)) >= 8


@given(st.binary(max_size=200), st.lists(st.integers(0, 1000), max_size=10))
def test_nothing_passes_the_bound(data: bytes, places: list[int]) -> None:
    splitter = LineSplitter((b"\r\n",), 8)
    for piece in cut(data, places):
        assert all(len(line.data) <= 8 for line in splitter.feed(piece))
        assert len(splitter.pending) <= 9


def test_an_overlong_line_is_told_at_once_and_its_rest_is_no_line() -> None:
    splitter = LineSplitter((b"\r\n", b"\n"), 4)
    assert splitter.feed(b"abcdefgh") == [Line(b"abcd", overlong=True)]
    assert splitter.pending == b""
    assert splitter.feed(b"ijkl\r") == []
    assert splitter.feed(b"\nok\n") == [Line(b"ok")]


def test_a_terminator_cut_in_two_is_one() -> None:
    splitter = LineSplitter((b"\r\n",), 16)
    assert splitter.feed(b"a\rb\r") == []
    assert splitter.feed(b"\nc") == [Line(b"a\rb")]
    assert splitter.pending == b"c"
    splitter.clear()
    assert splitter.feed(b"d\r\n") == [Line(b"d")]


def test_a_line_of_exactly_the_bound_is_whole() -> None:
    assert LineSplitter((b"\n",), 4).feed(b"abcd\n") == [Line(b"abcd")]


@pytest.mark.parametrize(("terminators", "max_bytes"), [((), 8), ((b"",), 8), ((b"\n",), 0)])
def test_a_splitter_that_could_not_work_is_refused(terminators: tuple[bytes, ...], max_bytes: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        LineSplitter(terminators, max_bytes)


@given(st.binary(max_size=300))
def test_messages_show_bytes_in_one_short_printable_line(data: bytes) -> None:
    shown = printable(data)
    assert shown.isprintable()
    assert len(shown) <= 82
