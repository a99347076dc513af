"""Enter on a real pipe and a real terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from drivers.clock import Deadline
from drivers.errors import PortLost
from drivers.trigger import TriggerEvent
from drivers.trigger.keyboard import KeyboardOptions, KeyboardTrigger
from tests.support.text import CLOCK, PATIENCE_S


def soon() -> Deadline:
    return Deadline.after(PATIENCE_S, CLOCK)


def now() -> Deadline:
    return Deadline.after(0, CLOCK)


@contextmanager
def keyboard(options: KeyboardOptions | None = None) -> Iterator[tuple[int, KeyboardTrigger, list[str]]]:
    """The end to type at, the trigger, and what it rejected."""
    reading, typing = os.pipe()
    rejected: list[str] = []
    try:
        yield typing, KeyboardTrigger(options or KeyboardOptions(), rejected.append, reading), rejected
    finally:
        os.close(reading)
        os.close(typing)


def test_enter_starts_and_a_line_before_it_is_the_scan() -> None:
    with keyboard() as (typing, trigger, _):
        os.write(typing, b"\nSN0001\r\n")
        assert trigger.wait(soon()) == TriggerEvent("keyboard", None)
        assert trigger.wait(soon()) == TriggerEvent("keyboard", "SN0001")
        assert trigger.wait(now()) is None


def test_a_line_typed_in_pieces_starts_once_it_is_whole() -> None:
    with keyboard() as (typing, trigger, _):
        os.write(typing, b"SN")
        assert trigger.wait(Deadline.after(0.01, CLOCK)) is None
        os.write(typing, b"01\n")
        assert trigger.wait(soon()) == TriggerEvent("keyboard", "SN01")


def test_what_was_typed_during_a_cycle_is_dropped_and_counted() -> None:
    with keyboard() as (typing, trigger, _):
        os.write(typing, b"\n\nhalf a line")
        assert trigger.rearm() == 2
        os.write(typing, b"SN01\n")
        assert trigger.wait(soon()) == TriggerEvent("keyboard", "SN01")
        assert trigger.rearm() == 0


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (b"\x1b[A\n", "control characters: '\\x1b[A'"),
        (b"a\0b\n", "control characters"),
        (b"\xff\xfe\n", "not text"),
        ("SN" + "9" * 20, "longer than 16 characters"),
        ("ä" * 17, "longer than 16 characters"),
    ],
)
def test_what_is_no_text_does_not_start_and_says_why(typed: bytes | str, reason: str) -> None:
    data = typed if isinstance(typed, bytes) else typed.encode() + b"\n"
    with keyboard(KeyboardOptions(max_chars=16)) as (typing, trigger, rejected):
        os.write(typing, data + b"good\n")
        assert trigger.wait(soon()) == TriggerEvent("keyboard", "good")
    assert len(rejected) == 1
    assert reason in rejected[0]
    assert rejected[0].isprintable()


def test_the_end_of_input_is_a_port_lost_each_time() -> None:
    reading, typing = os.pipe()
    os.write(typing, b"\n")
    os.close(typing)
    trigger = KeyboardTrigger(KeyboardOptions(), lambda _: None, reading)
    try:
        assert trigger.wait(soon()) == TriggerEvent("keyboard")
        assert trigger.rearm() == 0
        for _ in range(2):
            with pytest.raises(PortLost, match="stdin: end of input"):
                trigger.wait(soon())
    finally:
        os.close(reading)


def test_input_without_end_does_not_hold_up_rearm() -> None:
    descriptor = os.open("/dev/zero", os.O_RDONLY)
    rejected: list[str] = []
    try:
        assert KeyboardTrigger(KeyboardOptions(), rejected.append, descriptor).rearm() == 0
    finally:
        os.close(descriptor)
    assert len(rejected) == 1


def test_a_terminal_that_hangs_up_is_a_port_lost() -> None:
    controller, terminal = os.openpty()
    trigger = KeyboardTrigger(KeyboardOptions(), lambda _: None, terminal, "console")
    try:
        os.write(controller, b"SN01\n")
        assert trigger.wait(soon()) == TriggerEvent("keyboard", "SN01")
    finally:
        os.close(controller)
    try:
        with pytest.raises(PortLost, match="console"):
            trigger.wait(soon())
    finally:
        os.close(terminal)


def test_a_closed_trigger_says_so_and_leaves_the_descriptor_open() -> None:
    with keyboard() as (_, trigger, _rejected):
        trigger.close()
        with pytest.raises(PortLost, match="closed"):
            trigger.wait(now())


def test_a_bound_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="max_chars must be 1 to 4096"):
        KeyboardOptions(max_chars=0)
