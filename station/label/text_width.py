"""How wide a text is, for every language alike.

The table bounds from above how far ZPL's scalable font 0 (``^A0N,h,h``) advances per character. It was measured on texts of
12 to 100 dots' height drawn as a ZD621 draws them (zplkit 0.3.2, profile zd621). Pictures of the label are fitted to the same
widths.
"""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache

BASELINE_PER_MILLE = 750
"""From the top of font 0's line box to the baseline; also the height of its capitals (same measurement)."""

_PER_MILLE_BY_CHARS = {
    251: "ijl",
    281: "Ift",
    282: " !'(),./:;[]`",
    341: "r",
    376: "z",
    434: "s",
    438: "?Jckvxy",
    467: "a",
    469: '"$*0123456789L\\eo',
    471: "#",
    491: "EFTZ^_bdghnpqu{|}",
    532: "CSV",
    561: "ABKPXY",
    563: "OQ",
    591: "DGR",
    623: "&HNU",
    671: "w",
    751: "Mm",
    827: "W",
    903: "%+-=@",
    991: "<>~",
}
_PER_MILLE = {char: width for width, chars in _PER_MILLE_BY_CHARS.items() for char in chars}
_OTHER_PER_MILLE = 827
"""Room left for a character outside ASCII: that of a W; a wide East Asian one gets the full height."""


def text_width_dots(text: str, height_dots: int) -> int:
    """Dots from the left of the first character to the right of the last; each character advances by whole dots."""
    return sum([_advance_dots(char, height_dots) for char in text])


def bold_dots(height_dots: int) -> int:
    """How many dots further right bold text is drawn a second time."""
    return max(1, round(height_dots / 24))


@lru_cache(maxsize=1024)
def _advance_dots(char: str, height_dots: int) -> int:
    return math.ceil(_per_mille(char) * height_dots / 1000)


def _per_mille(char: str) -> int:
    if char in _PER_MILLE:
        return _PER_MILLE[char]
    return 1000 if unicodedata.east_asian_width(char) in ("W", "F") else _OTHER_PER_MILLE
