"""JSON from outside: what is one thing to every reader is read as such, and nothing else is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.production_api.strict_json import MAX_DEPTH, JsonRefused, NotJson, parse_json
from station.production_api.wire import PacketRefused, parse_packet

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(VALUES)
def test_what_is_unambiguous_is_read_as_any_reader_would(value):
    text = json.dumps(value)
    if max(text.count("["), text.count("{")) < MAX_DEPTH / 2:
        assert parse_json(text.encode()) == value


def outcome(read: Callable[[bytes], object], data: bytes) -> str:
    try:
        return f"read as {type(read(data)).__name__}"
    except (NotJson, JsonRefused, PacketRefused) as error:
        return str(error)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_one_of_the_errors_in_one_printable_line(data):
    assert outcome(parse_json, data).isprintable()
    assert outcome(parse_packet, data).isprintable()


@settings(deadline=None)
@given(st.text(alphabet='{}[]":,\\0123456789eE+-.truefalsnN \n', max_size=200))
def test_texts_that_look_like_json_give_a_value_or_one_of_the_errors_in_one_printable_line(text):
    assert outcome(parse_json, text.encode()).isprintable()
    assert outcome(parse_packet, text.encode()).isprintable()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>",
        b"{",
        b'{"a":1}x',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"'a'",
        b"{'a':1}",
        b"[1,]",
        b"01",
        b'"\xed\xa0\x80"',
    ],
)
def test_what_is_no_json_in_utf_8_is_told_apart(body):
    with pytest.raises(NotJson):
        parse_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'[{"a":{"b":1,"b":2}}]',
        b'{"a":1,"\\u0061":2}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"9" * 25,
        b"0." + b"1" * 30,
        b"[" * 17 + b"]" * 17,
        b'{"a":' * 17 + b"1" + b"}" * 17,
        b'["]","[",' + b"[" * 16 + b"]" * 16 + b"]",
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(body):
    with pytest.raises(JsonRefused):
        parse_json(body)


def test_brackets_in_strings_are_no_nesting():
    texts = ["[" * 50, "{" * 50, '"[{\\', "]]]]"]
    assert parse_json(json.dumps(texts).encode()) == texts


@pytest.mark.parametrize(
    "body", [b'"\\' * 500_000, b'["' * 500_000, b'"' + b"\\\\" * 500_000, b'"' * 1_000_001, b"[" * 1_000_000]
)
def test_a_large_hostile_text_is_refused_in_time_that_grows_with_its_length_only(body):
    started_s = time.process_time()
    with pytest.raises((NotJson, JsonRefused)):
        parse_json(body)
    assert time.process_time() - started_s < 10
