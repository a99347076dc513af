"""Where a session log names boards: fields of what the journal and the API said, and tokens in their texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from station.session.format import Event, SessionLog
from station.session.messages import body_of

KINDS: dict[str, str] = {
    "chip_id": "chip_id",
    "chipId": "chip_id",
    "app_eui": "app_eui",
    "appEui": "app_eui",
    "device_id": "device_id",
    "deviceId": "device_id",
    "deviceIdList": "device_id",
    "sn": "sn",
    "snList": "sn",
    "scanned_sn": "sn",
}
"""What a field of this name holds: of the journal's records (snake case) and of the API's messages (camel case)."""
OTHER = "id"
SCAN = "scan"

_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{12,64}(?![0-9A-Za-z])")
"""Hex digits that stand alone in a text: an id, in a message that quotes one. Shorter ones are numbers, longer ones memory."""
_NAMED = re.compile(rf'"({"|".join(KINDS)})"\s*:\s*"([^"\\]*)"')
_MEMORY = frozenset(("image", "hex"))
"""Fields that hold raw memory, not an id."""


def identities(log: SessionLog) -> Iterator[tuple[str, str]]:
    """``(kind, value)`` of what the journal, the API and the start of the cycle name. Some may come several times."""
    start = log.head.get("start")
    text = start.get("text") if isinstance(start, dict) else None
    if isinstance(text, str):
        yield SCAN, text
    for event in log.events[1:]:
        yield from _named(event)


def quoted(log: SessionLog) -> Iterator[tuple[str, str]]:
    """The same of what only stands in a text, and looks like an id."""
    for event in log.events[1:]:
        for words in _texts(event):
            yield from ((OTHER, token) for token in tokens(words))


def tokens(text: str) -> Iterator[str]:
    """What looks like an id in a text."""
    return (match[0] for match in _IN_TEXT.finditer(text) if not match[0].isdigit())


def _named(event: Event) -> Iterator[tuple[str, str]]:
    yield from _in_plain({name: value for name, value in event.fields.items() if name in ("args", "value", "result")})
    if event.kind in ("req", "resp") and "text" in event.fields:
        body = str(event.fields["text"])
        try:
            yield from _in_plain(json.loads(body))
        except (ValueError, RecursionError):
            yield from ((KINDS[match[1]], match[2]) for match in _NAMED.finditer(body))


def _in_plain(plain: Any, kind: str | None = None) -> Iterator[tuple[str, str]]:
    """Values by the name of the nearest field; lists belong to the field that holds them."""
    if isinstance(plain, str) and kind is not None:
        yield kind, plain
    elif isinstance(plain, dict):
        for name, value in plain.items():
            yield from _in_plain(value, KINDS.get(name))
    elif isinstance(plain, list):
        if len(plain) == 2 and plain[0] in ("device_id", "sn") and isinstance(plain[1], str):
            yield plain[0], plain[1]
        for item in plain:
            yield from _in_plain(item, kind)


def _texts(event: Event) -> Iterator[str]:
    """Texts of an event that may quote an id."""
    if event.kind in ("req", "resp") and "err" not in event.fields:
        yield body_of(event).decode("utf-8", "replace")
    yield from _words({name: value for name, value in event.fields.items() if name not in ("headers", "text", "url")})
    if event.kind == "note":
        yield str(event.fields.get("text"))


def _words(plain: Any, name: str = "") -> Iterator[str]:
    if isinstance(plain, str) and name not in _MEMORY:
        yield plain
    elif isinstance(plain, dict):
        for key, value in plain.items():
            yield from _words(value, key)
    elif isinstance(plain, list):
        for item in plain:
            yield from _words(item, name)
