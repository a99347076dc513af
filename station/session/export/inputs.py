"""A log's inputs with pseudonyms in them: what came in, was answered and was given. And the search for what was missed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from station.session.export.board_reads import stm32_reads
from station.session.export.substitution import Substitution
from station.session.format import Event, SessionLog
from station.session.messages import body_of, bytes_of, headers_of, spans_of

_AS_IT_IS = frozenset(("hex", "mask", "name"))
_HTTP = ("req", "resp")


def inputs(log: SessionLog, head: dict[str, Any], substitution: Substitution) -> tuple[Event, ...]:
    """The events of ``log`` with pseudonyms, under another head. Values are found across reads: bytes that came in on one channel
    are taken as one stream, and the answers to READ MEMORY of neighbouring addresses as one memory. What the station itself said is
    replaced by the same rules, and told anew by the cycle where it can tell it."""
    files, values = head.get("files", {}), {name: value for name, value in head.items() if name != "files"}
    events = [replace(log.events[0], fields=substitution.plain(values) | {"files": files})]
    events += [replace(event, fields=_fields(event, substitution)) for event in log.events[1:]]
    for numbers in _streams(log):
        _write_back(events, numbers, substitution.data(b"".join(bytes_of(events[number]) for number in numbers)))
    if str(log.head.get("driver", "")).startswith("stm32"):
        _memories(events, log, substitution)
    return tuple(events)


def leftover(log: SessionLog, substitution: Substitution) -> str | None:
    """What of the original still stands in a rewritten log, in one sentence; None where nothing does."""
    for event in log.events:
        plain = {name: value for name, value in event.fields.items() if name not in ("files", "hex")}
        found = substitution.leftover_text(json.dumps(plain, ensure_ascii=False))
        if found is None and event.kind in _HTTP:
            found = substitution.leftover(body_of(event))
        if found is not None:
            return f"event {event.number} still names {found}"
    for numbers in _streams(log, ("tx",), ("rx", "discard")):
        found = substitution.leftover(b"".join(bytes_of(log.events[number]) for number in numbers))
        if found is not None:
            return f"the bytes from event {numbers[0]} on still hold {found}"
    return None


def _fields(event: Event, substitution: Substitution) -> dict[str, Any]:
    fields = event.fields
    if event.kind in _HTTP and "err" not in fields:
        return _http_fields(event, substitution)
    changed = {name: value if name in _AS_IT_IS else substitution.plain(value) for name, value in fields.items()}
    if event.kind == "tx" and "hex" in fields:
        changed["hex"] = substitution.data(bytes_of(event)).hex()
    return changed


def _http_fields(event: Event, substitution: Substitution) -> dict[str, Any]:
    """An HTTP message; the masked places of its body stay masked, wherever they come to stand."""
    body, spans = b"", []
    for piece, masked in _pieces(event):
        if masked:
            spans.append([len(body), len(piece)])
            body += piece
        elif "text" in event.fields:
            text = substitution.text(piece.decode("utf-8", "surrogatepass"))
            body += text.encode("utf-8", "surrogatepass")
        else:
            body += substitution.data(piece)
    fields = {name: value for name, value in event.fields.items() if name not in ("text", "hex", "mask")}
    fields["headers"] = [[name, _header(name, value, len(body), substitution)] for name, value in headers_of(event)]
    if "url" in fields:
        fields["url"] = substitution.text(str(fields["url"]))
    if "text" in event.fields:
        fields["text"] = body.decode("utf-8", "surrogatepass")
    elif "hex" in event.fields:
        fields["hex"] = body.hex()
    return fields | ({"mask": spans} if spans else {})


def _header(name: str, value: str, size_bytes: int, substitution: Substitution) -> str:
    return str(size_bytes) if name.lower() == "content-length" and value.isdigit() else substitution.text(value)


def _pieces(event: Event) -> Iterator[tuple[bytes, bool]]:
    """``(bytes, whether masked)`` of the pieces of a body."""
    body, position = body_of(event), 0
    for start, length in spans_of(event.fields):
        yield body[position:start], False
        yield body[start : start + length], True
        position = start + length
    yield body[position:], False


def _streams(log: SessionLog, *kinds: tuple[str, ...]) -> Iterator[list[int]]:
    """The numbers of the events that hold the bytes of one direction of one channel."""
    found: dict[tuple[str, str | None, tuple[str, ...]], list[int]] = {}
    for event in log.events:
        for wanted in kinds or (("rx", "discard"),):
            if event.kind in wanted and "hex" in event.fields:
                found.setdefault((event.lane, event.channel, wanted), []).append(event.number)
    yield from found.values()


def _write_back(events: list[Event], numbers: list[int], data: bytes) -> None:
    position = 0
    for number in numbers:
        size = len(bytes_of(events[number]))
        fields = events[number].fields | {"hex": data[position : position + size].hex()}
        events[number] = replace(events[number], fields=fields)
        position += size


def _memories(events: list[Event], log: SessionLog, substitution: Substitution) -> None:
    for _, places in stm32_reads(log):
        before = bytes(bytes_of(events[place.event])[place.offset] for place in places)
        after = substitution.data(before)
        for place, was, now in zip(places, before, after, strict=True):
            if was != now:
                changed = bytearray(bytes_of(events[place.event]))
                changed[place.offset] = now
                events[place.event] = replace(
                    events[place.event], fields=events[place.event].fields | {"hex": changed.hex()}
                )
