"""From the keys that a keyboard-like scanner presses to whole scans. Pure: events in, texts and refusals out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.lines import printable
from drivers.trigger.input_events import (
    EV_KEY,
    EV_SYN,
    LEFT_CTRL,
    LEFT_SHIFT,
    PRESSED,
    RELEASED,
    RIGHT_ALT,
    RIGHT_CTRL,
    RIGHT_SHIFT,
    SYN_REPORT,
    InputEvent,
)
from drivers.trigger.key_maps import KeyMap
from drivers.trigger.scans import GS

_SHIFT, _CTRL, _ALT_GR = (
    frozenset({LEFT_SHIFT, RIGHT_SHIFT}),
    frozenset({LEFT_CTRL, RIGHT_CTRL}),
    frozenset({RIGHT_ALT}),
)
_MODIFIERS = _SHIFT | _CTRL | _ALT_GR
_US_RIGHT_BRACKET = 27
LOST_QUIET_S = 1.0
"""After lost keys the end of the scan may be lost too: what comes after so long a pause is taken for the next scan."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A scan that was thrown away, and why, in one printable line."""

    reason: str


class ScanAssembler:
    """Assembles characters until one of the ``ends`` (key codes) is pressed; the end of nothing is nothing.

    All up to the next end is thrown away where keys were lost, were further apart than ``key_gap_s``, stand for no character,
    or were more than ``max_chars``: the rest of one SN could pass for another. GS comes as Ctrl and ``]``, by the layout or by
    the place it has on US keyboards.
    """

    def __init__(self, keys: KeyMap, ends: Iterable[int], *, key_gap_s: float, max_chars: int) -> None:
        self._keys = keys
        self._ends = frozenset(ends)
        self._key_gap_s = key_gap_s
        self._max_chars = max_chars
        self._held: set[int] = set()
        self._text = ""
        self._problem: str | None = None
        self._last_s: float | None = None
        """Of the last key of the scan under way."""
        self._is_skipping = False
        """Events after a loss do not belong together up to the next report."""
        self._lost_s: float | None = None

    def feed(self, event: InputEvent) -> str | Refusal | None:
        """Take the next event; the scan that it ends, if so."""
        if event.is_loss:
            self._is_skipping = True
            self._held.clear()
            self._lost_s, self._last_s = event.at_s, event.at_s
            self._problem = "keys of a scan were lost: the computer was too busy"
            return None
        if self._is_skipping:
            self._is_skipping = not (event.type == EV_SYN and event.code == SYN_REPORT)
            return None
        if event.type != EV_KEY:
            return None
        if event.code in _MODIFIERS:
            self._hold(event)
            return None
        return self._press(event) if event.value == PRESSED else None

    def clear(self) -> None:
        """Forget the scan under way: the device has gone, or its keys belong to another time."""
        self._text, self._problem, self._last_s, self._lost_s = "", None, None, None
        self._held.clear()
        self._is_skipping = False

    def tear(self) -> None:
        """What came so far must not become part of a scan."""
        if self._last_s is not None:
            self._problem = "a scan that began before the station was ready for it"

    def _hold(self, event: InputEvent) -> None:
        if event.value == RELEASED:
            self._held.discard(event.code)
        else:
            self._held.add(event.code)

    def _press(self, event: InputEvent) -> str | Refusal | None:
        gap_s = 0.0 if self._last_s is None else event.at_s - self._last_s
        told: Refusal | None = None
        if self._lost_s is not None and gap_s > LOST_QUIET_S:
            told = Refusal(self._problem or "")
            self._text, self._problem, self._lost_s = "", None, None
        elif gap_s > self._key_gap_s:
            self._problem = self._problem or "a scan in pieces that may not belong together"
        self._last_s = event.at_s
        if event.code in self._ends:
            return self._end() or told
        self._add(event.code)
        return told

    def _add(self, code: int) -> None:
        char = self._char_of(code)
        if self._problem is not None:
            return
        if not char:
            self._problem = f"a scan with a key that the layout does not know (key {code})"
        elif len(self._text) >= self._max_chars:
            self._problem = f"a scan of more than {self._max_chars} characters"
        else:
            self._text += char

    def _char_of(self, code: int) -> str:
        plain, shifted, graph = self._keys.get(code, ("", "", ""))
        if self._held & _CTRL:
            is_gs = code == _US_RIGHT_BRACKET or "]" in (plain, graph if self._held & _ALT_GR else "")
            return GS if is_gs else ""
        if self._held & _ALT_GR:
            return graph
        return shifted if self._held & _SHIFT else plain

    def _end(self) -> str | Refusal | None:
        text, problem = self._text, self._problem
        self._text, self._problem, self._last_s, self._lost_s = "", None, None, None
        if problem is not None:
            return Refusal(f"{problem}: {printable(text.encode('utf-8'))}")
        return text or None
