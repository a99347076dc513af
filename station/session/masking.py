"""Keeping secrets out of every record: masked in place, length kept, so that a replay can compare what stands around them.

Two nets, since either alone has holes: *values* that are known to be secret are masked wherever they stand; *fields* of HTTP
messages are masked unless their name is on a list of harmless ones, which catches secrets nobody has told us yet (the token
in the answer that brings it).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

MASK = b"*"

Spans = tuple[tuple[int, int], ...]
"""``(start, length)`` of each masked place, in order, not overlapping."""

HARMLESS_HEADERS = frozenset(
    """accept accept-encoding connection content-encoding content-length content-type date host keep-alive
    ktt-ys-brand retry-after server transfer-encoding user-agent""".split()  # noqa: SIM905
)

HARMLESS_FIELDS = frozenset(
    """code data desc method msgid params time size deviceId deviceIdList sn snList chipId appEui scope token_type
    expires_in grant_type error error_description""".split()  # noqa: SIM905
)
"""Names whose values are kept: the API document's tables, and OAuth's (RFC 6749, 4.4 and 5) that hold no secret."""

MIN_SECRET_LENGTH = 4
"""Shorter values are not masked by value: they would blot out half the log. They still are by field."""

_JSON_PAIR = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*"((?:[^"\\]|\\.)*)')
_FORM_PAIR = re.compile(rb"(?:^|[&?])([^=&?]*)=([^&]*)")


class Masker:
    """Masks by value and by field. ``secrets`` is asked each time, since tokens come and go."""

    def __init__(self, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        self._secrets = secrets

    def mask_bytes(self, data: bytes) -> tuple[bytes, Spans]:
        """``data`` with every known secret overwritten."""
        return _overwrite(data, self._value_spans(data))

    def mask_text(self, text: str) -> str:
        """``text`` with every known secret overwritten; for messages, not for data that a replay compares."""
        return self.mask_bytes(text.encode("utf-8", "surrogateescape"))[0].decode("utf-8", "surrogateescape")

    def mask_body(self, body: bytes, content_type: str) -> tuple[bytes, Spans]:
        """An HTTP body with known secrets and the values of fields that are not known to be harmless overwritten."""
        spans = [*self._value_spans(body), *_field_spans(body, content_type)]
        return _overwrite(body, spans)

    def mask_headers(self, headers: tuple[tuple[str, str], ...]) -> list[list[str]]:
        """Header names and values as lists; a value is kept only where its name is harmless."""
        return [
            [name, self.mask_text(value) if name.lower() in HARMLESS_HEADERS else "*" * len(value)]
            for name, value in headers
        ]

    def _value_spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        for needle in {form for secret in self._secrets() for form in _written_forms(secret)}:
            start = data.find(needle)
            while start >= 0:
                yield start, len(needle)
                start = data.find(needle, start + 1)


def collapse(data: bytes, spans: Spans) -> bytes:
    """``data`` with each masked place as a single mask byte: two records of the same thing compare equal whatever the lengths
    of the secrets in them were."""
    parts, position = [], 0
    for start, length in spans:
        parts.append(data[position:start])
        position = start + length
    parts.append(data[position:])
    return MASK.join(parts)


def _written_forms(secret: str) -> Iterator[bytes]:
    """The ways one secret may be written: plain, inside JSON, inside a URL or a form."""
    if len(secret) >= MIN_SECRET_LENGTH:
        for form in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
            yield form.encode("utf-8", "surrogateescape")
        yield quote_plus(secret).encode("ascii")
        yield quote(secret, safe="").encode("ascii")


def _field_spans(body: bytes, content_type: str) -> Iterator[tuple[int, int]]:
    if "x-www-form-urlencoded" in content_type:
        for match in _FORM_PAIR.finditer(body):
            if match[1].decode("ascii", "replace") not in HARMLESS_FIELDS:
                yield match.start(2), len(match[2])
        return
    for match in _JSON_PAIR.finditer(body):
        if match[1].decode("utf-8", "replace") not in HARMLESS_FIELDS:
            yield match.start(2), len(match[2])
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return
    for text in _strings_in_unknown_fields(document, harmless=True):
        for form in {json.dumps(text), json.dumps(text, ensure_ascii=False)}:
            needle = form.encode("utf-8", "surrogatepass")
            for match in re.finditer(re.escape(needle), body):
                yield match.start() + 1, len(needle) - 2


def _strings_in_unknown_fields(value: Any, harmless: bool, depth: int = 0) -> Iterator[str]:
    """Texts inside lists and objects whose nearest named field is not known to be harmless."""
    if depth > 32:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _strings_in_unknown_fields(item, name in HARMLESS_FIELDS, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _strings_in_unknown_fields(item, harmless, depth + 1)
    elif isinstance(value, str) and value and not harmless:
        yield value


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
