"""The turn at a printer: in the order in which they came, each for a bounded time, whoever gives up."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

from drivers.errors import PortBusy
from station.turn import Turn

PATIENCE_S = 30.0


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def test_whoever_comes_first_is_served_first():
    turn, served = Turn("line", PATIENCE_S), []

    def print_one(number: int) -> None:
        with turn.awaited() as has_come:
            served.append((number, has_come))

    threads = [threading.Thread(target=print_one, args=(number,)) for number in range(12)]
    with turn.awaited() as has_come:
        assert has_come
        for before, thread in enumerate(threads, 1):
            thread.start()
            until(lambda wanted=before + 1: turn.waiting == wanted)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert served == [(number, True) for number in range(12)]
    assert turn.waiting == 0


def test_one_that_comes_back_at_once_stands_behind_who_waits():
    """With a plain lock, the thread that gives it up most often has it again before any other has woken."""
    turn, order = Turn("line", PATIENCE_S), []

    def print_some(name: str) -> None:
        for _ in range(20):
            with turn.awaited():
                order.append(name)
                until(lambda: turn.waiting == 2 or len(order) >= 39)

    threads = [threading.Thread(target=print_some, args=(name,)) for name in "AB"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(order) == ["A"] * 20 + ["B"] * 20
    assert all(one != next_one for one, next_one in itertools.pairwise(order[:38]))


def test_a_wait_ends_in_time_and_leaves_the_line_as_it_was():
    turn = Turn("line", 0.01)
    with turn.awaited() as first:
        with turn.awaited() as second, turn.awaited() as third:
            assert (first, second, third) == (True, False, False)
            assert turn.waiting == 3
        assert turn.waiting == 1
    with turn.awaited() as again:
        assert again


def test_a_missed_turn_names_the_printer():
    error = Turn("line-1", 240).missed()
    assert isinstance(error, PortBusy)
    assert str(error) == "line-1: other labels have kept the printer busy for 240 s"
