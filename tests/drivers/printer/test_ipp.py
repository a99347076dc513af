"""The IPP codec: whatever a server sends is an answer or is refused, and never looked at beyond its bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.printer.ipp import MAX_ANSWER_BYTES, Answer, AnswerGarbled, Operation, integer, is_complete, parse, request

BODY = (
    b"\x02\x00\x00\x00\x00\x00\x00\x01\x02"
    b"\x23\x00\x09job-state\x00\x04\x00\x00\x00\x09"
    b"\x44\x00\x11job-state-reasons\x00\x01a\x44\x00\x00\x00\x01b"
    b"\x13\x00\x01t\x00\x00\x03"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
WHOLE = b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD % len(BODY) + BODY


def test_an_answer_is_read_value_by_value() -> None:
    assert parse(WHOLE) == Answer(0, {"job-state": (9,), "job-state-reasons": ("a", "b"), "t": ()})


def test_an_answer_is_complete_with_its_last_byte_and_not_before() -> None:
    assert [is_complete(WHOLE[:size]) for size in range(len(WHOLE) + 1)] == [False] * len(WHOLE) + [True]
    assert is_complete(HEAD % (10 * MAX_ANSWER_BYTES) + bytes(MAX_ANSWER_BYTES))


@pytest.mark.parametrize("size", range(len(BODY)))
def test_half_an_answer_is_refused(size: int) -> None:
    with pytest.raises(AnswerGarbled):
        parse(HEAD % size + BODY[:size])


@given(st.binary(max_size=64))
def test_bytes_of_any_kind_are_an_answer_or_refused(noise: bytes) -> None:
    for received in (noise, HEAD % len(noise) + noise, HEAD % (len(noise) + 8) + BODY[:8] + noise):
        is_complete(received)
        try:
            parse(received)
        except AnswerGarbled:
            continue


def test_a_request_names_the_printer_and_its_own_length() -> None:
    sent = request(Operation.GET_JOB_ATTRIBUTES, "/printers/label", (integer("job-id", 7),))
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /printers/label HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"ipp://localhost/printers/label" in body
    assert body.endswith(b"\x21\x00\x06job-id\x00\x04\x00\x00\x00\x07\x03")
