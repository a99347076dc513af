"""Keeping secrets out of every record: masked in place, length kept, so that a replay can compare what stands around them.

Two nets, since either alone has holes: *values* that are known to be secret are masked wherever they stand; *fields* of HTTP
messages are masked unless their name is on a list of harmless ones (``secret_fields``), which catches secrets nobody has told
us yet (the token in the answer that brings it).

Where a masked text is given to the code again in a replay, its stars stand for the secret. So two texts are the same where
they are the same with each masked place, and each run of at least ``MIN_SECRET_LENGTH`` stars, taken as one star.
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from station.session.secret_fields import HARMLESS_HEADERS, body_spans, url_spans

MASK = b"*"

Spans = tuple[tuple[int, int], ...]
"""``(start, length)`` of each masked place, in order, not overlapping."""

MIN_SECRET_LENGTH = 4
"""Shorter values are not masked by value: they would blot out half the log. They still are by field."""

MIN_BASE64_CHARS = 8
"""Shorter pieces of base64 stand by chance in ids and digests."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STAND_IN = re.compile(rb"\*{%d,}" % MIN_SECRET_LENGTH)
_ANY_STARS = re.compile(r"\*+")


@dataclass(frozen=True, slots=True)
class _Needles:
    """What to look for: no form is shorter than ``shortest`` bytes. ``in_json``: the forms as JSON writes them inside a text."""

    forms: frozenset[bytes] = frozenset()
    shortest: int = MIN_SECRET_LENGTH
    in_json: frozenset[str] = frozenset()


class Masker:
    """Masks by value and by field. ``secrets`` is asked each time, since tokens come and go; one that has gone is masked for
    as long as this object lives. Any thread may use it.

    A secret that one event holds only a part of, cut off by the end of a read or of a text, is not recognised by value.
    """

    def __init__(self, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        self._secrets = secrets
        self._lock = threading.Lock()
        self._asked: tuple[str, ...] = ()
        self._needles = _Needles()

    def mask_bytes(self, data: bytes) -> tuple[bytes, Spans]:
        """``data`` with every known secret overwritten."""
        if len(data) < MIN_SECRET_LENGTH:  # as most of what a board and a station say to each other
            return data, ()
        needles = self._known()
        if len(data) < needles.shortest:
            return data, ()
        for needle in needles.forms:
            if needle in data:
                return _overwrite(data, _found(data, needles.forms))
        return data, ()

    def mask_text(self, text: str) -> str:
        """``text`` with every known secret overwritten."""
        data = text.encode("utf-8", "surrogatepass")
        masked, spans = self.mask_bytes(data)
        return masked.decode("utf-8", "surrogatepass") if spans else text

    def mask_plain(self, plain: Any) -> Any:
        """A JSON-ready value with every known secret in its texts and names overwritten."""
        if not plain or plain is True or isinstance(plain, int | float):
            return plain
        texts: list[str] = []
        _collect_texts(plain, texts)
        return self._mask_texts(plain) if self.mask_bytes(_as_bytes("\0".join(texts)))[1] else plain

    def is_clean(self, json_text: str) -> bool:
        """Whether no text of this JSON, which is written in ASCII, holds a known secret."""
        for needle in self._known().in_json:  # noqa: SIM110 (asked some fifty times in a cycle; a generator costs twice as much)
            if needle in json_text:
                return False
        return True

    def mask_body(self, body: bytes, content_type: str, content_encoding: str = "") -> tuple[bytes, Spans]:
        """An HTTP body with known secrets and the values of fields that are not known to be harmless overwritten. A body that
        is compressed, which nobody asked for, is overwritten whole: what it holds cannot be seen."""
        if content_encoding not in ("", "identity"):
            return _overwrite(body, [(0, len(body))])
        return _overwrite(body, [*_found(body, self._known().forms), *body_spans(body, content_type)])

    def mask_url(self, url: str) -> str:
        """A URL with known secrets, its user, and its query's unknown fields overwritten."""
        data = _as_bytes(url)
        masked, _ = _overwrite(data, [*_found(data, self._known().forms), *url_spans(data)])
        return masked.decode("utf-8", "surrogatepass")

    def mask_headers(self, headers: tuple[tuple[str, str], ...]) -> list[list[str]]:
        """Header names and values as lists; a value is kept only where its name is harmless."""
        return [[self.mask_text(name), self._mask_header(name.lower(), value)] for name, value in headers]

    def _mask_header(self, name: str, value: str) -> str:
        if name not in HARMLESS_HEADERS:
            return "*" * len(value)
        return self.mask_url(value) if name == "location" else self.mask_text(value)

    def _mask_texts(self, plain: Any) -> Any:
        if isinstance(plain, str):
            return self.mask_text(plain)
        if isinstance(plain, list):
            return [self._mask_texts(item) for item in plain]
        if isinstance(plain, dict):
            return {self.mask_text(name): self._mask_texts(item) for name, item in plain.items()}
        return plain

    def _known(self) -> _Needles:
        """What to look for. The forms of a secret are made once; who gives the same tuple again is not looked at further."""
        secrets = self._secrets()
        if secrets is not self._asked:
            secrets = tuple(secrets)
            with self._lock:
                if secrets != self._asked:
                    forms = self._needles.forms.union(*map(_written_forms, secrets))
                    shortest = min(map(len, forms), default=MIN_SECRET_LENGTH)
                    self._needles = _Needles(forms, shortest, frozenset(_in_json(forms)))
                self._asked = secrets
        return self._needles


def comparable(data: bytes, spans: Spans = ()) -> bytes:
    """``data`` with each masked place, and each run of stars that may stand for one, as a single star."""
    if not spans and MASK * MIN_SECRET_LENGTH not in data:
        return data
    parts, position = [], 0
    for start, length in spans:
        parts.append(data[position:start])
        position = start + length
    parts.append(data[position:])
    return _STAND_IN.sub(MASK, MASK.join(parts))


def comparable_text(text: str) -> str:
    """The same for a text without spans of its own."""
    return comparable(_as_bytes(text)).decode("utf-8", "surrogatepass") if "****" in text else text


def comparable_field(text: str) -> str:
    """The same for a URL or the value of a header, in which even the shortest text may be masked by its name."""
    return _ANY_STARS.sub("*", text)


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=64)
def _written_forms(secret: str) -> frozenset[bytes]:
    """The ways one secret may be written: plain, in JSON, in a URL or a form, in a message, as hex, in base64. Each cycle has a
    masker of its own, and most have the same secrets."""
    return frozenset(_forms(secret)) if len(secret) >= MIN_SECRET_LENGTH else frozenset()


def _forms(secret: str) -> Iterator[bytes]:
    plain = _as_bytes(secret)
    ascii_json = json.dumps(secret)[1:-1]
    texts = {
        secret,
        ascii_json,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        ascii_json.replace("/", "\\/"),
        repr(secret)[1:-1],
        repr(plain)[2:-1],
        plain.decode("latin-1"),
    }
    yield from map(_as_bytes, texts)
    # A text inside JSON inside JSON: a body that an error message quotes, say.
    yield from (_as_bytes(json.dumps(text)[1:-1]) for text in texts)
    for quoted in (quote_plus(plain), quote(plain, safe=""), quote(plain)):
        yield quoted.encode("ascii")
        yield re.sub("%..", lambda escape: escape[0].lower(), quoted).encode("ascii")
    yield plain.hex().encode("ascii")
    yield plain.hex().upper().encode("ascii")
    if all(ord(char) < 256 for char in secret):
        yield secret.encode("latin-1")
    yield from _base64_forms(plain)


def _in_json(forms: Iterable[bytes]) -> Iterator[str]:
    """Each form as it stands inside a JSON text. One that is not UTF-8 stands in no text."""
    for form in forms:
        with suppress(UnicodeDecodeError):
            yield json.dumps(form.decode("utf-8", "surrogatepass"))[1:-1]


def _base64_forms(plain: bytes) -> Iterator[bytes]:
    """The characters of base64 (RFC 4648, 4 and 5) that hang on nothing but the secret, wherever it starts within three bytes: a
    server may quote the ``Basic`` credentials it refused. None shorter than ``MIN_BASE64_CHARS``."""
    for before in range(3):
        bits = 8 * before
        whole = b64encode(bytes(before) + plain).rstrip(b"=")
        form = whole[-(-bits // 6) : (bits + 8 * len(plain)) // 6]
        if len(form) >= MIN_BASE64_CHARS:
            yield form
            yield form.translate(_URL_SAFE)


def _found(data: bytes, needles: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    for needle in needles:
        start = data.find(needle)
        while start >= 0:
            yield start, len(needle)
            start = data.find(needle, start + 1)


def _collect_texts(plain: Any, texts: list[str]) -> None:
    if isinstance(plain, str):
        texts.append(plain)
    elif isinstance(plain, list):
        for item in plain:
            _collect_texts(item, texts)
    elif isinstance(plain, dict):
        texts += plain
        for item in plain.values():
            _collect_texts(item, texts)


def _overwrite(data: bytes, spans: Iterable[tuple[int, int]]) -> tuple[bytes, Spans]:
    merged: list[tuple[int, int]] = []
    for start, length in sorted(span for span in spans if span[1] > 0):
        if merged and start <= merged[-1][0] + merged[-1][1]:
            last_start, last_length = merged[-1]
            merged[-1] = (last_start, max(last_length, start + length - last_start))
        else:
            merged.append((start, length))
    masked = bytearray(data)
    for start, length in merged:
        masked[start : start + length] = MASK * length
    return bytes(masked), tuple(merged)
