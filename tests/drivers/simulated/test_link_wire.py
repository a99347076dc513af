"""The wire's arithmetic: when each byte arrives, and what faults make of it. Time is given by hand, nothing waits."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.simulated import Reply
from drivers.simulated.faults import Fault, Faults, FaultyLine
from drivers.simulated.wire import FIFO_BYTES, TRANSCRIPT_MAX_BYTES, Wire
from tests.support.links import EchoDevice

BYTE_S = 0.125
"""A binary fraction, so that moments are exact."""


def _arrivals(wire: Wire, until_s: float = 1e9) -> list[tuple[float, bytes]]:
    """What reaches the host and when, always looking at the very moment at which something happens."""
    seen = []
    while (moment_s := wire.next_s()) is not None and moment_s <= until_s:
        data, hung_up = wire.advance(moment_s)
        if data:
            seen.append((moment_s, data))
        if hung_up:
            seen.append((moment_s, b"HUNG UP"))
    return seen


def test_a_byte_takes_its_time_in_each_direction() -> None:
    wire = Wire(EchoDevice(), BYTE_S, Faults())
    wire.take_from_host(b"ab", 10.0)
    assert _arrivals(wire) == [(10 + 4 * BYTE_S, b"ab")]


def test_no_pace_takes_no_time() -> None:
    wire = Wire(EchoDevice(), 0.0, Faults())
    wire.take_from_host(bytes(1000), 10.0)
    assert _arrivals(wire) == [(10.0, bytes(1000))]


def test_long_runs_arrive_in_pieces_and_end_exactly_on_time_in_full_duplex() -> None:
    """While later bytes are still on their way to the device, the echo of the first comes back."""
    wire = Wire(EchoDevice(), BYTE_S, Faults())
    wire.take_from_host(bytes(160), 0.0)
    seen = _arrivals(wire)
    assert [moment_s for moment_s, _ in seen] == [(2 + n) * FIFO_BYTES * BYTE_S for n in range(10)]
    assert sum(len(data) for _, data in seen) == 160


def test_looking_late_moves_no_moment() -> None:
    """A thread that was held up catches up: what follows is as early as if it had not been."""
    punctual, late = (Wire(EchoDevice(), BYTE_S, Faults()) for _ in range(2))
    for wire in (punctual, late):
        wire.take_from_host(bytes(64), 0.0)
    assert _arrivals(punctual)[-1][0] == 80 * BYTE_S
    late.advance(70 * BYTE_S)
    assert _arrivals(late)[-1][0] == 80 * BYTE_S


def test_a_second_run_waits_for_the_first_and_an_idle_wire_starts_anew() -> None:
    wire = Wire(EchoDevice(), BYTE_S, Faults())
    wire.take_from_host(b"ab", 0.0)
    wire.take_from_host(b"c", 0.0)
    assert _arrivals(wire) == [(4 * BYTE_S, b"ab"), (5 * BYTE_S, b"c")]
    wire.take_from_host(b"d", 100.0)
    assert _arrivals(wire) == [(100 + 2 * BYTE_S, b"d")]


def test_a_reply_counts_from_its_cause_and_from_the_end_of_the_reply_before() -> None:
    wire = Wire(None, BYTE_S, Faults())
    wire.say([Reply(b"abcd", 1.0), Reply(b"e", 2.0)], 0.0)
    assert _arrivals(wire) == [(1 + 4 * BYTE_S, b"abcd"), (3 + 5 * BYTE_S, b"e")]


def test_without_a_device_bytes_vanish_and_a_new_one_is_powered_on() -> None:
    wire = Wire(None, BYTE_S, Faults())
    wire.take_from_host(b"lost", 0.0)
    wire.set_device(EchoDevice(banner=b"hi"), 0.25)
    assert _arrivals(wire) == [(0.25 + 2 * BYTE_S, b"hi")]
    wire.take_from_host(b"x", 50.0)
    wire.set_device(None, 50.0)
    assert wire.next_s() is None


def test_a_hang_up_comes_after_what_was_due_before_it_and_loses_the_rest() -> None:
    wire = Wire(EchoDevice(), BYTE_S, Faults(from_host=(Fault("hang_up", at=4),)))
    wire.take_from_host(b"ab", 0.0)
    wire.take_from_host(b"cdef", 2 * BYTE_S)
    assert wire.advance(100.0) == (b"ab", True)
    assert wire.next_s() is None
    wire.take_from_host(b"g", 200.0)
    assert _arrivals(wire) == [(200 + 2 * BYTE_S, b"g")]


def test_a_delay_begins_at_its_byte_and_holds_all_after_it() -> None:
    wire = Wire(None, BYTE_S, Faults(to_host=(Fault("delay", at=2, delay_s=5.0),)))
    wire.say([Reply(b"abcd"), Reply(b"e")], 0.0)
    assert _arrivals(wire) == [(2 * BYTE_S, b"ab"), (5 + 4 * BYTE_S, b"cd"), (5 + 5 * BYTE_S, b"e")]


def test_faults_count_each_direction_for_itself_and_anew_when_set() -> None:
    wire = Wire(EchoDevice(), 0.0, Faults(to_host=(Fault("drop", at=1),), from_host=(Fault("garble", at=0, mask=1),)))
    wire.take_from_host(b"abc", 0.0)
    assert _arrivals(wire) == [(0.0, b"`c")]
    wire.set_faults(Faults(to_host=(Fault("insert", at=0, data=b"!!"),)))
    wire.take_from_host(b"z", 1.0)
    assert _arrivals(wire) == [(1.0, b"!!z")]
    assert wire.transcript == [("host", b"`bc"), ("device", b"`c"), ("host", b"z"), ("device", b"!!z")]


def test_the_transcript_is_bounded_and_the_backlog_known() -> None:
    wire = Wire(None, BYTE_S, Faults())
    wire.take_from_host(bytes(TRANSCRIPT_MAX_BYTES + 5), 0.0)
    wire.take_from_host(b"after", 0.0)
    assert sum(len(data) for _, data in wire.transcript) == TRANSCRIPT_MAX_BYTES
    assert wire.backlog_bytes == TRANSCRIPT_MAX_BYTES + 10
    wire.advance(16 * BYTE_S)
    assert wire.backlog_bytes == TRANSCRIPT_MAX_BYTES - 6


@pytest.mark.parametrize(
    ("fault", "passed"),
    [
        (Fault("drop", at=1, count=2), b"adef"),
        (Fault("garble", at=5, mask=0x20), b"abcdeF"),
        (Fault("insert", at=0, data=b"\x00\xff"), b"\x00\xffabcdef"),
        (Fault("delay", at=3, delay_s=1.0), b"abcdef"),
        (Fault("silence", at=2), b"ab"),
        (Fault("drop", at=6), b"abcdef"),
        (Fault("drop", at=0, every=2), b"bdf"),
    ],
)
def test_each_fault_does_what_its_name_says(fault: Fault, passed: bytes) -> None:
    assert b"".join(part.data for part in FaultyLine((fault,)).carry(b"abcdef")) == passed


def test_a_dropped_byte_does_not_take_inserted_noise_with_it() -> None:
    for faults in (
        (Fault("insert", at=1, data=b"!"), Fault("drop", at=1)),
        (Fault("drop", at=1), Fault("insert", at=1, data=b"!")),
    ):
        assert FaultyLine(faults).carry(b"abc")[0].data == b"a!c"


@pytest.mark.parametrize(
    "settings",
    [{"at": -1}, {"count": 0}, {"mask": 0}, {"mask": 256}, {"delay_s": -1.0}, {"delay_s": float("nan")}, {"every": -1}],
)
def test_a_fault_that_makes_no_sense_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Fault("drop", **settings)  # type: ignore[arg-type]


_FAULT = st.builds(
    Fault,
    kind=st.sampled_from(["drop", "garble", "insert", "delay", "silence"]),
    at=st.integers(0, 40),
    count=st.integers(1, 5),
    mask=st.integers(1, 255),
    data=st.binary(max_size=3),
    delay_s=st.just(0.5),
    every=st.sampled_from([0, 7, 16]),
)


@given(data=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60)), faults=st.lists(_FAULT, max_size=4))
def test_what_passes_does_not_depend_on_how_the_bytes_were_cut(
    data: bytes, cuts: list[int], faults: list[Fault]
) -> None:
    bounds = [0, *sorted(cuts), 60]
    whole, cut = FaultyLine(tuple(faults)), FaultyLine(tuple(faults))
    parts = [data[start:end] for start, end in pairwise(bounds)]
    in_one = whole.carry(data)
    in_parts = [passed for part in parts for passed in cut.carry(part)]
    assert b"".join(passed.data for passed in in_one) == b"".join(passed.data for passed in in_parts)
    assert sum(passed.delay_s for passed in in_one) == sum(passed.delay_s for passed in in_parts)
