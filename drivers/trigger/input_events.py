"""The kernel's input events, as bytes and as values. Pure.

Formats and numbers: Linux, include/uapi/linux/input.h and input-event-codes.h.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

EVENT = struct.Struct("@llHHi")
"""struct input_event: seconds, microseconds, type, code, value; 24 bytes on 64-bit systems, 16 on 32-bit ones."""

EV_SYN, EV_KEY = 0x00, 0x01
SYN_REPORT, SYN_DROPPED = 0, 3
RELEASED, PRESSED, REPEATED = 0, 1, 2
"""Values of EV_KEY."""
KEY_ENTER, KEY_KPENTER, KEY_TAB, KEY_DOWN = 28, 96, 15, 108
LEFT_CTRL, RIGHT_CTRL, LEFT_SHIFT, RIGHT_SHIFT, LEFT_ALT, RIGHT_ALT = 29, 97, 42, 54, 56, 100
MAX_KEY = 0x2FF

_LETTERS_AND_DIGITS = (
    (2, "1234567890"),
    (16, "qwertyuiop"),
    (30, "asdfghjkl"),
    (44, "zxcvbnm"),
)
KEY_NAMES: dict[str, int] = {
    **{name: first + index for first, names in _LETTERS_AND_DIGITS for index, name in enumerate(names)},
    **{f"f{number}": 58 + number for number in range(1, 11)},
    "f11": 87,
    "f12": 88,
    **{f"f{number}": 170 + number for number in range(13, 25)},
    "enter": KEY_ENTER,
    "space": 57,
    "tab": KEY_TAB,
    "esc": 1,
    "page_up": 104,
    "page_down": 109,
    "left_button": 0x110,
    "right_button": 0x111,
    "middle_button": 0x112,
}
"""Keys and buttons that pedals send, by the names that a configuration calls them."""


@dataclass(frozen=True, slots=True)
class InputEvent:
    """One event. ``at_s`` is the kernel's time of it; only differences between events of one device mean anything."""

    type: int
    code: int
    value: int
    at_s: float = 0.0

    @classmethod
    def from_bytes(cls, data: bytes) -> InputEvent:
        """Raises struct.error for any other length than ``EVENT.size``."""
        seconds, microseconds, kind, code, value = EVENT.unpack(data)
        return cls(kind, code, value, seconds + microseconds / 1_000_000)

    def to_bytes(self) -> bytes:
        """The event as the kernel hands it out."""
        seconds = int(self.at_s)
        microseconds = round((self.at_s - seconds) * 1_000_000)
        return EVENT.pack(
            seconds + microseconds // 1_000_000, microseconds % 1_000_000, self.type, self.code, self.value
        )

    @property
    def is_loss(self) -> bool:
        """The queue ran over: events before this one were thrown away, and the rest up to the next SYN_REPORT is not whole."""
        return self.type == EV_SYN and self.code == SYN_DROPPED


def keys_of(capabilities: str) -> int:
    """The keys of a device as a set of bits, from its sysfs attribute ``capabilities/key``: words of a ``long`` in hex, the
    highest first. Raises ValueError for anything else."""
    bits_per_word = struct.calcsize("@l") * 8
    keys = 0
    for word in capabilities.split():
        if not re.fullmatch(f"[0-9a-f]{{1,{bits_per_word // 4}}}", word):
            raise ValueError(f"no word of a key bitmap: {word[:40]!r}")
        keys = keys << bits_per_word | int(word, 16)
    return keys
