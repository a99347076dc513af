"""Replacing values by their pseudonyms wherever they stand and however they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from station.session.export.pseudonyms import MIN_CHARS, in_case_of

_SEPARATORS = (":", "-", "_", " ")
_MIN_RAW_BYTES = 4
_BLANKS = re.compile("[0fF]")
_PAIRS = re.compile("..", re.DOTALL)


class Substitution:
    """Values and what stands for each, in all their written forms.

    ``values``: texts and their pseudonyms, equally long; found in any case, as text, as hex digits with or without separators and
    in either byte order, as raw bytes, and as hex of their ASCII. ``written``: texts that are found as they are.
    ``names``: texts such as paths and hosts, found as whole words in texts only, and replaced by texts of any length.
    """

    def __init__(
        self, values: Iterable[tuple[str, str]], written: Iterable[tuple[str, str]], names: Iterable[tuple[str, str]]
    ) -> None:
        raw_pairs: list[tuple[bytes, bytes]] = []
        self._exact: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._raws: dict[bytes, bytes] = {}
        for original, pseudonym in written:
            self._exact.setdefault(original, pseudonym)
            self._texts.setdefault(original.upper(), pseudonym)
        for original, pseudonym in values:
            for form, other in zip(_text_forms(original), _text_forms(pseudonym), strict=True):
                self._exact.setdefault(form, other)
                self._texts.setdefault(form.upper(), other)
            raw_pairs += zip(_raw_forms(original), _raw_forms(pseudonym), strict=True)
        for raw, other_raw in raw_pairs:
            self._raws.setdefault(raw, other_raw)
        self._names = {name: other for name, other in names if len(name) >= MIN_CHARS and name != other}
        self._text_pattern = _any_of(map(re.escape, _longest_first(self._texts)), re.IGNORECASE)
        encoded = (re.escape(text.encode("utf-8", "surrogatepass")) for text in _longest_first(self._texts))
        self._ascii_pattern = re.compile(b"|".join(encoded) or b"(?!)", re.IGNORECASE)
        self._raw_pattern = re.compile(b"|".join(map(re.escape, _longest_first(self._raws))) or b"(?!)")
        whole = (rf"(?<![\w.-]){re.escape(name)}(?![\w-])" for name in _longest_first(self._names))
        self._name_pattern = _any_of(whole)

    def data(self, data: bytes) -> bytes:
        """``data`` with every value replaced; as long as before."""
        data = self._raw_pattern.sub(lambda match: self._raws[match[0]], data)
        return self._ascii_pattern.sub(self._in_ascii, data)

    def text(self, text: str) -> str:
        """``text`` with every value and every name replaced."""
        text = self._name_pattern.sub(lambda match: self._names[match[0]], text)
        return self._text_pattern.sub(lambda match: self._for(match[0]), text)

    def plain(self, plain: Any) -> Any:
        """A JSON-ready value with its texts replaced."""
        if isinstance(plain, str):
            return self.text(plain)
        if isinstance(plain, list):
            return [self.plain(item) for item in plain]
        if isinstance(plain, dict):
            return {name: self.plain(item) for name, item in plain.items()}
        return plain

    def leftover(self, data: bytes) -> str | None:
        """A value, in upper case, that still stands in ``data`` in one of its forms; None where none does. One that is nearly all
        zeros or ones does not count: the pixels of any label hold it."""
        forms = [match[0].hex() for match in self._raw_pattern.finditer(data)]
        forms += [match[0].decode("utf-8", "replace") for match in self._ascii_pattern.finditer(data)]
        return next((form.upper() for form in forms if len(form) - len(_BLANKS.findall(form)) >= MIN_CHARS), None)

    def leftover_text(self, text: str) -> str | None:
        """The same of a text, in which raw bytes do not count and names do."""
        match = self._text_pattern.search(text) or self._name_pattern.search(text)
        return match[0] if match else None

    def _in_ascii(self, match: re.Match[bytes]) -> bytes:
        found = match[0].decode("utf-8", "surrogatepass")
        return self._for(found).encode("utf-8", "surrogatepass")

    def _for(self, found: str) -> str:
        exact = self._exact.get(found)
        return in_case_of(found, self._texts[found.upper()]) if exact is None else exact


def _text_forms(value: str) -> Iterator[str]:
    """As text, in JSON, in a URL, as hex of its ASCII; where it is hex digits also in the other byte order and with separators.
    Two values of one shape have their forms in the same order."""
    yield value
    yield json.dumps(value)[1:-1]
    yield quote(value, safe="")
    yield value.upper().encode("utf-8", "surrogatepass").hex()
    yield value.lower().encode("utf-8", "surrogatepass").hex()
    if _is_raw(value):
        digits = _PAIRS.findall(value)
        yield "".join(reversed(digits))
        for separator in _SEPARATORS:
            yield separator.join(digits)
            yield separator.join(reversed(digits))


def _raw_forms(value: str) -> Iterator[bytes]:
    """The bytes that hex digits stand for, in both orders."""
    if _is_raw(value):
        yield bytes.fromhex(value)
        yield bytes.fromhex(value)[::-1]


def _is_raw(value: str) -> bool:
    return re.fullmatch(rf"(?:[0-9A-Fa-f]{{2}}){{{_MIN_RAW_BYTES},}}", value) is not None


def _longest_first(forms: Iterable[Any]) -> list[Any]:
    """So that of two values that begin alike the longer one is found."""
    return sorted(forms, key=len, reverse=True)


def _any_of(patterns: Iterable[str], flags: int = 0) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or "(?!)", flags)
