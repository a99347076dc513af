"""The simulated board itself: what a person at a terminal would see, and that its faults are the ones named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.simulated.text_board import Fault, Manner, Misbehaviour, SimulatedTextBoard
from tests.support.text import APP_EUI, CHIP_ID, DEVICE_ID, board


def say(device: SimulatedTextBoard, text: str) -> str:
    return b"".join(reply.data for reply in device.feed(text.encode("latin-1"))).decode("latin-1")


def test_a_terminal_session() -> None:
    device = board()
    assert b"".join(reply.data for reply in device.power_on()).endswith(b"\r\n> ")
    assert say(device, "\r\n") == "\r\n> "
    assert say(device, "get chipid\r\n") == f"get chipid\r\nchipid={CHIP_ID}\r\nOK\r\n> "
    assert say(device, "get appeui\r") == f"get appeui\r\nappeui={APP_EUI}\r\nOK\r\n> "
    assert say(device, "get deviceid\n") == "get deviceid\r\ndeviceid=none\r\nOK\r\n> "
    assert say(device, f"set deviceid {DEVICE_ID}\r\n") == f"set deviceid {DEVICE_ID}\r\nOK\r\n> "
    assert say(device, "get deviceid\r\n") == f"get deviceid\r\ndeviceid={DEVICE_ID}\r\nOK\r\n> "
    assert "ERROR 1" in say(device, "frobnicate\r\n")
    assert "ERROR 3" in say(device, "set deviceid a b\r\n")
    assert "ERROR 2" in say(device, "x" * 1000 + "\r\n")
    assert device.device_id == DEVICE_ID


@given(st.binary(max_size=120), st.lists(st.integers(0, 120), max_size=6))
def test_answers_do_not_depend_on_how_the_bytes_arrive(data: bytes, places: list[int]) -> None:
    at_once, cut = board(), board()
    ends = sorted(place % (len(data) + 1) for place in places)
    pieces = [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]
    expected = b"".join(reply.data for reply in at_once.feed(data))
    assert b"".join(reply.data for piece in pieces for reply in cut.feed(piece)) == expected


def test_memory_outlives_the_process_and_power_does_not_clear_it(tmp_path: Path) -> None:
    path = tmp_path / "board.json"
    first = board(path=path)
    say(first, f"set deviceid {DEVICE_ID}\r\n")
    first.power_on()
    assert first.device_id == DEVICE_ID
    assert board(path=path).device_id == DEVICE_ID


def test_a_line_cut_off_by_a_reset_is_forgotten() -> None:
    device = board()
    say(device, "set deviceid wrong")
    device.power_on()
    say(device, "\r\n")
    assert device.commands == []
    assert device.device_id is None


@pytest.mark.parametrize(
    ("fault", "answer", "stored"),
    [
        (Fault.SILENT, "", None),
        (Fault.REFUSED, "ERROR 9", None),
        (Fault.REPLY_LOST, "", DEVICE_ID),
        (Fault.NOT_STORED, "OK", None),
        (Fault.BROWN_OUT, "TL-Boot", DEVICE_ID),
        (Fault.ENDLESS, "~~~~", None),
        (Fault.FLOOD, "[trace]", None),
        (Fault.NUL_BYTES, "\0", DEVICE_ID),
        (Fault.GARBLED, "\xf3", DEVICE_ID),
    ],
)
def test_a_fault_strikes_the_command_it_is_meant_for_and_no_other(
    fault: Fault, answer: str, stored: str | None
) -> None:
    device = board(manner=Manner(echoes=True), misbehaviours=(Misbehaviour(fault, "set", 1),))
    assert say(device, "get deviceid\r\n").endswith("deviceid=none\r\nOK\r\n> ")
    heard = say(device, f"set deviceid {DEVICE_ID}\r\n")
    assert answer in heard
    assert bool(heard) == bool(answer)
    assert device.device_id == stored
    assert say(device, f"set deviceid {DEVICE_ID}\r\n").endswith("OK\r\n> ")
