"""From key strokes to scans: layouts, separators, and everything that must not pass for a scan."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.trigger.input_events import (
    EV_KEY,
    EV_SYN,
    EVENT,
    KEY_ENTER,
    LEFT_CTRL,
    LEFT_SHIFT,
    RIGHT_ALT,
    SYN_DROPPED,
    SYN_REPORT,
    InputEvent,
    keys_of,
)
from drivers.trigger.key_maps import LAYOUTS, key_map
from drivers.trigger.scans import GS, DuplicateGuard
from drivers.trigger.typed_scan import LOST_QUIET_S, Refusal, ScanAssembler

LEVELS = (None, LEFT_SHIFT, RIGHT_ALT)
PLAIN_ASCII = st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./+%abcxyz", min_size=1, max_size=40)


def strokes_for(text: str, layout: str) -> list[tuple[int, int]]:
    """The keys that a scanner of this layout presses and releases."""
    found: list[tuple[int, int]] = []
    for char in text:
        code, level = next(
            (code, level)
            for code, chars in sorted(key_map(layout).items())
            for level in range(3)
            if chars[level] == char
        )
        held = LEVELS[level]
        pressed = [(code, 1), (code, 0)]
        found += pressed if held is None else [(held, 1), *pressed, (held, 0)]
    return found


class Desk:
    """An assembler, and a clock that steps 1 ms with each stroke."""

    def __init__(self, layout: str = "us", max_chars: int = 64) -> None:
        self.scans = ScanAssembler(key_map(layout), (KEY_ENTER,), key_gap_s=0.5, max_chars=max_chars)
        self.now_s = 100.0

    def type(self, *strokes: tuple[int, int], end: bool = True) -> list[str | Refusal]:
        """What comes out of these strokes, and of Enter after them."""
        found = []
        for code, value in (*strokes, *([(KEY_ENTER, 1), (KEY_ENTER, 0)] if end else [])):
            self.now_s += 0.001
            found.append(self.scans.feed(InputEvent(EV_KEY, code, value, self.now_s)))
            found.append(self.scans.feed(InputEvent(EV_SYN, SYN_REPORT, 0, self.now_s)))
        return [each for each in found if each is not None]

    def lose(self) -> None:
        assert self.scans.feed(InputEvent(EV_SYN, SYN_DROPPED, 0, self.now_s)) is None
        assert self.scans.feed(InputEvent(EV_KEY, KEY_ENTER, 1, self.now_s)) is None
        assert self.scans.feed(InputEvent(EV_SYN, SYN_REPORT, 0, self.now_s)) is None


@pytest.mark.parametrize("layout", LAYOUTS)
@given(text=PLAIN_ASCII)
def test_what_a_scanner_types_is_read_in_its_own_layout(layout: str, text: str) -> None:
    assert Desk(layout).type(*strokes_for(text, layout)) == [text]


def test_a_wrong_layout_gives_another_text_and_so_fails_the_pattern() -> None:
    assert Desk("us").type(*strokes_for("ZY-1", "de")) == ["YZ/1"]


@pytest.mark.parametrize(
    ("layout", "strokes"),
    [
        ("us", [(LEFT_CTRL, 1), (27, 1), (27, 0), (LEFT_CTRL, 0)]),
        ("de", [(LEFT_CTRL, 1), (27, 1), (27, 0), (LEFT_CTRL, 0)]),
        ("de", [(LEFT_CTRL, 1), (RIGHT_ALT, 1), (10, 1), (10, 0), (RIGHT_ALT, 0), (LEFT_CTRL, 0)]),
    ],
)
def test_the_separator_comes_as_ctrl_and_bracket(layout: str, strokes: list[tuple[int, int]]) -> None:
    assert Desk(layout).type((3, 1), (3, 0), *strokes, (4, 1), (4, 0)) == [f"2{GS}3"]


def test_a_key_held_down_is_one_key() -> None:
    assert Desk().type((3, 1), (3, 2), (3, 2), (3, 0)) == ["2"]


def test_the_end_of_nothing_is_nothing() -> None:
    assert Desk().type() == []


@pytest.mark.parametrize(
    ("strokes", "reason"),
    [
        ([(3, 1), (113, 1)], "a scan with a key that the layout does not know (key 113): '2'"),
        (
            [(3, 1), (LEFT_CTRL, 1), (30, 1), (LEFT_CTRL, 0)],
            "a scan with a key that the layout does not know (key 30): '2'",
        ),
        ([(3, 1)] * 5, "a scan of more than 4 characters: '2222'"),
    ],
)
def test_what_is_no_scan_is_refused_whole_and_the_next_one_counts(strokes: list[tuple[int, int]], reason: str) -> None:
    desk = Desk(max_chars=4)
    assert desk.type(*strokes, (4, 1)) == [Refusal(reason)]
    assert desk.type((4, 1)) == ["3"]


def test_pieces_too_far_apart_are_refused_up_to_the_end() -> None:
    desk = Desk()
    desk.type((3, 1), end=False)
    desk.now_s += 0.6
    assert desk.type((4, 1)) == [Refusal("a scan in pieces that may not belong together: '2'")]


def test_a_pause_between_scans_matters_to_none() -> None:
    desk = Desk()
    assert desk.type((3, 1)) == ["2"]
    desk.now_s += 3600
    assert desk.type((4, 1)) == ["3"]


def test_lost_keys_take_the_rest_of_their_scan_with_them() -> None:
    desk = Desk()
    desk.type((3, 1), end=False)
    desk.lose()
    assert desk.type((4, 1)) == [Refusal("keys of a scan were lost: the computer was too busy: '2'")]
    assert desk.type((5, 1)) == ["4"]


def test_a_scan_whose_end_was_lost_too_does_not_cost_the_next_one() -> None:
    desk = Desk()
    desk.type((3, 1), end=False)
    desk.lose()
    desk.now_s += LOST_QUIET_S + 0.1
    told, scan = desk.type((5, 1))
    assert isinstance(told, Refusal)
    assert scan == "4"


def test_a_shift_that_was_held_when_keys_were_lost_is_forgotten() -> None:
    desk = Desk()
    desk.type((LEFT_SHIFT, 1), (30, 1), end=False)
    desk.lose()
    desk.type()
    assert desk.type((30, 1)) == ["a"]


def test_a_scan_under_way_when_the_station_becomes_ready_is_refused() -> None:
    desk = Desk()
    desk.type((3, 1), end=False)
    desk.scans.tear()
    (told,) = desk.type((4, 1))
    assert isinstance(told, Refusal)


def test_a_scan_cut_off_by_an_unplugged_cable_is_forgotten() -> None:
    desk = Desk()
    desk.type((LEFT_SHIFT, 1), (3, 1), end=False)
    desk.scans.clear()
    assert desk.type((4, 1)) == ["3"]


def test_a_double_is_one_only_within_its_window() -> None:
    guard = DuplicateGuard(1.0)
    assert [guard.is_double(text, at_s) for text, at_s in (("A", 0.0), ("A", 0.5), ("A", 1.4), ("A", 2.5), ("B", 2.6))] == [
        False, True, True, False, False,
    ]  # fmt: skip


@given(
    st.builds(
        InputEvent,
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFF),
        st.integers(-(2**31), 2**31 - 1),
        st.integers(0, 10**9).map(lambda us: us / 1_000_000),
    )
)
def test_events_survive_their_bytes(event: InputEvent) -> None:
    again = InputEvent.from_bytes(event.to_bytes())
    assert (again.type, again.code, again.value) == (event.type, event.code, event.value)
    assert again.at_s == pytest.approx(event.at_s, abs=2e-6)
    assert len(event.to_bytes()) == EVENT.size


def test_keys_of_a_device_are_words_in_hex_the_highest_first() -> None:
    word_bits = 8 * struct.calcsize("@l")
    assert keys_of("10000 0 1000000 \n") == 1 << 2 * word_bits + 16 | 1 << 24
    with pytest.raises(ValueError, match="no word of a key bitmap"):
        keys_of("not hex")
