"""A board put in starts once, until it is lifted; by hand on a clock, and with a board on a pty."""

from __future__ import annotations

import pytest

from drivers.bootloader.text_line import TextLineDriver, TextLineOptions
from drivers.clock import Deadline
from drivers.errors import PortLost
from drivers.trigger import TriggerEvent
from drivers.trigger.presence import PresenceOptions, PresenceTrigger
from tests.support.text import CLOCK, PATIENCE_S, ManualClock, board, plugged

START = TriggerEvent("presence")


class Socket:
    """A socket polled on a clock that passes by polling: each poll takes the next of ``sights`` (the last one stays)."""

    def __init__(self, sights: str, options: PresenceOptions | None = None) -> None:
        self.clock = ManualClock()
        self.sights = sights
        self.polled_s: list[float] = []
        self.trigger = PresenceTrigger(options or PresenceOptions(interval_s=0.25), self._poll, self.clock)

    def _poll(self) -> bool:
        self.polled_s.append(self.clock.now_s)
        sight, self.sights = self.sights[0], self.sights[1:] or self.sights
        if sight == "x":
            raise PortLost("socket A", "unplugged")
        return sight == "#"

    def wait(self, duration_s: float) -> TriggerEvent | None:
        return self.trigger.wait(Deadline.after(duration_s, self.clock))


@pytest.mark.parametrize(
    ("sights", "starts"),
    [
        ("................", 0),
        ("###############.", 1),
        ("##..##..##......", 3),
        ("#.#.#.#.........", 0),
        ("##.#.#.#.#......", 1),
        ("##..#..##.......", 2),
    ],
    ids=["empty", "left in", "three boards", "bounce in", "bounce out", "brush"],
)
def test_a_board_starts_once_until_it_is_lifted(sights: str, starts: int) -> None:
    """Two polls in a row decide: ``#`` a board, ``.`` none, one quarter of a second each."""
    socket = Socket(sights)
    found = [socket.wait(0.25) for _ in range(len(sights) + 4)]
    assert found.count(START) == starts


def test_after_a_cycle_the_board_has_to_be_lifted() -> None:
    """Also when the cycle was started by something else while a board was half seen."""
    socket = Socket("#")
    assert socket.wait(0.2) is None
    assert socket.trigger.rearm() == 0
    assert socket.wait(60) is None
    socket.sights = "..##"
    assert socket.wait(60) == START


def test_polls_keep_their_interval_however_short_the_waits() -> None:
    socket = Socket(".")
    for _ in range(100):
        assert socket.wait(0.0625) is None
    gaps_s = [later - earlier for earlier, later in zip(socket.polled_s, socket.polled_s[1:], strict=False)]
    assert len(gaps_s) >= 20
    assert min(gaps_s) >= 0.25


def test_a_wait_ends_at_its_deadline() -> None:
    socket = Socket(".")
    start_s = socket.clock.now_s
    assert socket.wait(1.1) is None
    assert socket.clock.now_s == pytest.approx(start_s + 1.1)


def test_a_fault_of_the_port_passes_and_what_was_half_seen_counts_no_more() -> None:
    socket = Socket("#x#.##")
    with pytest.raises(PortLost, match="socket A"):
        socket.wait(60)
    assert socket.wait(0.6) is None
    assert socket.wait(60) == START


def test_a_closed_trigger_polls_no_more() -> None:
    socket = Socket("#")
    socket.trigger.close()
    with pytest.raises(PortLost, match="closed"):
        socket.wait(1)
    assert socket.polled_s == []


def test_a_real_board_put_in_lifted_and_put_in_again() -> None:
    driver = TextLineDriver(TextLineOptions())
    options = PresenceOptions(interval_s=0.01, appear_polls=1, lift_polls=2)
    with plugged(None) as (link, port):
        trigger = PresenceTrigger(options, lambda: driver.is_present(port, CLOCK), CLOCK)
        assert trigger.wait(Deadline.after(0.05, CLOCK)) is None
        for _ in range(2):
            link.insert(board())
            assert trigger.wait(Deadline.after(PATIENCE_S, CLOCK)) == START
            trigger.rearm()
            assert trigger.wait(Deadline.after(0.05, CLOCK)) is None
            link.lift()
            assert trigger.wait(Deadline.after(0.4, CLOCK)) is None


@pytest.mark.parametrize(
    ("interval_s", "appear_polls", "lift_polls", "problem"),
    [(0.0, 1, 1, "interval_s"), (0.2, 0, 1, "appear_polls"), (0.2, 1, 101, "lift_polls")],
)
def test_options_out_of_bounds_are_refused(interval_s: float, appear_polls: int, lift_polls: int, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        PresenceOptions(interval_s, appear_polls, lift_polls)
