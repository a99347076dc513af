"""What the keys of a keyboard-like scanner mean, by the layout that the scanner is set up for. Pure.

Key codes name places on a keyboard (Linux, include/uapi/linux/input-event-codes.h); which character stands there is the layout's
business, and since a grabbed scanner types into no console, it is this table's and not the computer's. The tables hold the
characters as the xkb layouts of the same names do, dead keys left out: a scan that needs one is refused, not guessed.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Layout = Literal["us", "gb", "de", "fr"]
LAYOUTS: Final[tuple[str, ...]] = get_args(Layout)

KeyMap = dict[int, tuple[str, str, str]]
"""Key code to its characters: plain, with shift, with AltGr; an empty text where there is none."""

_ROWS: Final = ((41, 1), (2, 12), (16, 12), (30, 11), (43, 1), (86, 1), (44, 10))
"""First key code and number of keys of: the key left of 1, the digits' row, that of Q, of A, the key beside Enter, the key
right of the left shift (on ISO keyboards), the row of Z."""
_KEYPAD: Final = dict(zip((55, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 98), "*789-456+1230./", strict=True))
_SPACE: Final = 57

# Each row three times: plain, with shift, with AltGr. A blank is no character.
_TABLES: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "us": (
        ("`", "~", ""),
        ("1234567890-=", "!@#$%^&*()_+", ""),
        ("qwertyuiop[]", "QWERTYUIOP{}", ""),
        ("asdfghjkl;'", 'ASDFGHJKL:"', ""),
        ("\\", "|", ""),
        ("<", ">", ""),
        ("zxcvbnm,./", "ZXCVBNM<>?", ""),
    ),
    "gb": (
        ("`", "¬", "|"),
        ("1234567890-=", '!"£$%^&*()_+', "   €"),
        ("qwertyuiop[]", "QWERTYUIOP{}", ""),
        ("asdfghjkl;'", "ASDFGHJKL:@", ""),
        ("#", "~", ""),
        ("\\", "|", ""),
        ("zxcvbnm,./", "ZXCVBNM<>?", ""),
    ),
    "de": (
        (" ", "°", ""),
        ("1234567890ß ", '!"§$%&/()=? ', " ²³   {[]}\\"),
        ("qwertzuiopü+", "QWERTZUIOPÜ*", "@ €        ~"),
        ("asdfghjklöä", "ASDFGHJKLÖÄ", ""),
        ("#", "'", ""),
        ("<", ">", "|"),
        ("yxcvbnm,.-", "YXCVBNM;:_", "      µ"),
    ),
    "fr": (
        ("²", " ", ""),
        ("&é\"'(-è_çà)=", "1234567890°+", "  #{[| \\^@]}"),
        ("azertyuiop $", "AZERTYUIOP £", "  €"),
        ("qsdfghjklmù", "QSDFGHJKLM%", ""),
        ("*", "µ", ""),
        ("<", ">", ""),
        ("wxcvbn,;:!", "WXCVBN?./§", ""),
    ),
}


def key_map(layout: str) -> KeyMap:
    """The table of a layout. Raises KeyError for one that there is not."""
    found: KeyMap = {_SPACE: (" ", " ", " ")}
    found |= {code: (char, char, char) for code, char in _KEYPAD.items()}
    for (first, count), levels in zip(_ROWS, _TABLES[layout], strict=True):
        rows = [level.ljust(count) for level in levels]
        for index in range(count):
            plain, shifted, graph = (row[index].strip() for row in rows)
            found[first + index] = (plain, shifted, graph)
    return found
