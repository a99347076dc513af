"""What makes typed or sent characters one scan: what the scanners on serial ports and those that act as keyboards share. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from drivers.lines import printable

GS = "\x1d"
"""Separates GS1 element strings (GS1 General Specifications, "FNC1 and GS"); the one control character a scan may hold."""
MAX_PATTERN_CHARS = 200


class ScanRules(Protocol):
    """``pattern`` must match all of the text between ``prefix`` and ``suffix``; GS passes only where it admits it. The same text
    again within ``duplicate_window_s`` of the last time is the same scan, and ignored in silence."""

    @property
    def prefix(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    @property
    def pattern(self) -> str: ...
    @property
    def max_chars(self) -> int: ...
    @property
    def duplicate_window_s(self) -> float: ...


def problems_of(rules: ScanRules) -> Iterator[str]:
    """One sentence for each rule that cannot be."""
    if not all(text.isascii() and len(text) <= 16 for text in (rules.prefix, rules.suffix)):
        yield "prefix and suffix must be ASCII, up to 16 characters"
    if not 1 <= rules.max_chars <= 4096:
        yield f"max_chars must be 1 to 4096, not {rules.max_chars}"
    if not 1 <= len(rules.pattern) <= MAX_PATTERN_CHARS:
        yield f"pattern must have 1 to {MAX_PATTERN_CHARS} characters, not {len(rules.pattern)}"
    else:
        try:
            re.compile(rules.pattern)
        except re.error as error:
            yield f"pattern {rules.pattern!r} does not compile: {error}"
    if not 0 <= rules.duplicate_window_s <= 3600:
        yield f"duplicate_window_s must be 0 to 3600, not {rules.duplicate_window_s}"


def text_of(framed: str, rules: ScanRules) -> str:
    """The text between prefix and suffix. Raises ValueError, one printable line, where it is no scan."""
    shown = printable(framed.encode("utf-8", "replace"))
    prefix, suffix = rules.prefix, rules.suffix
    if not (framed.startswith(prefix) and framed.endswith(suffix) and len(framed) >= len(prefix + suffix)):
        raise ValueError(f"a scan without the prefix {prefix!r} or suffix {suffix!r}: {shown}")
    text = framed.removeprefix(prefix).removesuffix(suffix)
    if not text.replace(GS, "").isprintable():
        raise ValueError(f"a scan with control characters: {shown}")
    if not re.fullmatch(rules.pattern, text):
        raise ValueError(f"a scan that does not match {rules.pattern}: {shown}")
    return text


class DuplicateGuard:
    """Tells a scan from its double: scanners send one twice, and hands linger on a label."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._last: str | None = None
        self._last_s = 0.0

    def is_double(self, text: str, now_s: float) -> bool:
        """Whether ``text`` is the last scan once more, within the window since then; notes it as the last one."""
        is_double = text == self._last and now_s - self._last_s < self._window_s
        self._last, self._last_s = text, now_s
        return is_double
