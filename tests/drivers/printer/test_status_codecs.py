"""The status answers of both languages as pure codecs: round trips, documented examples, and garbage that never passes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DriverMisuse
from drivers.printer import escpos_status, zpl_status
from drivers.printer.escpos_status import ProofAnswers, realtime_answer, realtime_problems
from drivers.printer.zpl_status import PROBLEMS, HostStatus

GUIDE_EXAMPLE = (
    b"\x02030,0,0,1245,000,0,0,0,000,0,0,0\x03\r\n\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n"
)

statuses = st.builds(
    HostStatus,
    st.integers(0, 999),
    st.integers(0, 99_999_999),
    st.sets(st.sampled_from(PROBLEMS)).map(lambda names: tuple(name for name in PROBLEMS if name in names)),
    st.booleans(),
)


def test_the_answer_of_a_ready_printer_is_idle() -> None:
    status = HostStatus.from_bytes(GUIDE_EXAMPLE)
    assert status == HostStatus(0, 0)
    assert status.is_idle


@given(statuses)
def test_host_status_round_trips(status: HostStatus) -> None:
    assert HostStatus.from_bytes(status.to_bytes()) == status


@pytest.mark.parametrize(
    ("string", "field", "problem"),
    [
        (0, 1, "paper_out"),
        (0, 2, "paused"),
        (0, 5, "buffer_full"),
        (0, 9, "ram_corrupt"),
        (0, 10, "under_temperature"),
        (0, 11, "over_temperature"),
        (1, 2, "head_open"),
        (1, 3, "ribbon_out"),
    ],
)
def test_each_flag_stands_where_the_guide_says(string: int, field: int, problem: str) -> None:
    strings = GUIDE_EXAMPLE.split(b"\r\n")
    fields = strings[string].strip(b"\x02\x03").split(b",")
    fields[field] = b"1"
    strings[string] = b"\x02" + b",".join(fields) + b"\x03"
    status = HostStatus.from_bytes(b"\r\n".join(strings))
    assert status.problems == (problem,)
    assert not status.is_idle


@pytest.mark.parametrize("status", [HostStatus(1, 0), HostStatus(0, 1), HostStatus(0, 0, (), True)])
def test_a_printer_with_work_left_is_not_idle(status: HostStatus) -> None:
    assert not status.is_idle


@given(st.binary(max_size=200) | statuses.flatmap(lambda s: st.sampled_from(_spoilt(s.to_bytes()))))
def test_garbage_is_no_host_status(answer: bytes) -> None:
    with pytest.raises(zpl_status.StatusGarbled):
        HostStatus.from_bytes(answer)


def _spoilt(answer: bytes) -> list[bytes]:
    return [answer[:-1], answer[1:], answer + b"\x02", answer * 2, answer.replace(b",", b";", 1), b"\x00" + answer]


def test_reading_stops_at_three_strings_and_at_the_bound() -> None:
    assert not zpl_status.is_complete(GUIDE_EXAMPLE[:-1])
    assert zpl_status.is_complete(GUIDE_EXAMPLE)
    assert zpl_status.is_complete(b"x" * (zpl_status.MAX_SIZE_BYTES + 1))


def test_a_count_that_the_answer_has_no_room_for_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        HostStatus(1000, 0).to_bytes()


@pytest.mark.parametrize(
    ("kind", "answer", "problems"),
    [
        (1, 0x12, ()),
        (1, 0x1A, ("offline",)),
        (2, 0x16, ("head_open",)),
        (2, 0x32, ("paper_out",)),
        (2, 0x52, ("error",)),
        (3, 0x1A, ("cutter",)),
        (3, 0x32, ("unrecoverable_error",)),
        (3, 0x52, ("recoverable_error",)),
        (4, 0x1E, ()),
        (4, 0x72, ("paper_out",)),
        (4, 0x7E, ("paper_out",)),
    ],
)
def test_realtime_status_bits_are_epsons(kind: int, answer: int, problems: tuple[str, ...]) -> None:
    """0x1E with n=4 is the near-end sensor: there is paper."""
    assert realtime_problems(kind, answer) == problems


@pytest.mark.parametrize("answer", [0x00, 0xFF, 0x10, 0x11, 0x13, 0x92, 0x02, 0x37])
def test_a_byte_without_the_fixed_bits_is_no_realtime_status(answer: int) -> None:
    """0x10 begins an automatic status, 0x11 and 0x13 are XON and XOFF."""
    with pytest.raises(escpos_status.StatusGarbled):
        realtime_problems(1, answer)


@given(
    st.sampled_from((1, 2, 3, 4)), st.sets(st.sampled_from(("offline", "head_open", "paper_out", "error", "cutter")))
)
def test_realtime_answers_round_trip(kind: int, problems: set[str]) -> None:
    (answer,) = realtime_answer(kind, frozenset(problems))
    assert set(realtime_problems(kind, answer)) <= problems
    everything = {name for n in (1, 2, 3, 4) for name in realtime_problems(n, *realtime_answer(n, frozenset(problems)))}
    assert everything == problems


def test_only_the_four_documented_requests_exist() -> None:
    assert escpos_status.realtime_request(4) == b"\x10\x04\x04"
    with pytest.raises(DriverMisuse):
        escpos_status.realtime_request(5)


@pytest.mark.parametrize("process_id", [b"", b"123", b"12345", b"12\x1f4", b"12\x7f4"])
def test_a_process_id_is_four_printable_bytes(process_id: bytes) -> None:
    assert escpos_status.process_id_request(b" ~AZ") == b"\x1d(H\x06\x00\x30\x30 ~AZ"
    with pytest.raises(DriverMisuse):
        escpos_status.process_id_request(process_id)


def test_proof_answers_are_told_apart_in_any_order() -> None:
    echo = escpos_status.process_id_answer(b"\x22\x37\x22A")
    for received in (b"\x11" + echo + b"\x00", b"\x00\x13" + echo, echo + b"\x12\x00"):
        assert ProofAnswers.from_bytes(received) == ProofAnswers((b"\x22\x37\x22A",), (0,))


def test_a_part_of_a_process_id_answer_is_neither_answer() -> None:
    echo = escpos_status.process_id_answer(b"0000")
    for size in range(len(echo)):
        assert ProofAnswers.from_bytes(echo[:size]) == ProofAnswers((), ())


@given(st.binary(max_size=80))
def test_proof_answers_take_any_bytes(received: bytes) -> None:
    with contextlib.suppress(escpos_status.StatusGarbled):
        answers = ProofAnswers.from_bytes(received)
        assert all(status & 0x90 == 0 for status in answers.queued)
