"""The events of a session log in words, one by one: for the timeline, the exports and the report of a difference."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from station.session.difference import describe
from station.session.format import Event
from station.session.messages import body_of, bytes_of, spans_of
from station.text import printable

Decoder = Callable[[str, bytes], list[str]]
"""Reads the bytes of one direction (``tx`` or ``rx``, the station's view) of one channel, event by event in order, and says in
words which frames they complete; it may keep the bytes of an incomplete frame until the next call."""

GAP_NS = 50_000_000
"""A silence worth marking: longer than any answer of a bootloader at 115200 baud takes, shorter than any time-out."""
MAX_LINE_CHARS = 160
SHOWN_BYTES = 24
MIN_TEXT_BYTES = 4
HEX_ROW_BYTES = 16
_MAX_METHOD_CHARS = 40


def printable_line(text: str) -> str:
    return printable(text, MAX_LINE_CHARS)


@dataclass(slots=True)
class Running:
    """What the lines so far leave open."""

    steps: dict[tuple[str, str], int] = field(default_factory=dict)
    """Start of each step, by lane and name."""
    requests: dict[tuple[str, str | None], int] = field(default_factory=dict)
    """Time of the last request, by lane and channel."""
    last_ns: int = 0


def moment(wall_s: object) -> str:
    """A wall time for people, in UTC."""
    if not isinstance(wall_s, int | float) or not 0 <= wall_s < 253_402_300_800:
        return f"at an unknown time ({wall_s})"
    return datetime.fromtimestamp(wall_s, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", " UTC")


def say(event: Event, running: Running) -> list[str]:
    """One event in words; the first line stands beside its time."""
    fields = event.fields
    if "err" in fields and event.kind != "resp":
        port = fields.get("port", "")
        return [f"{event.kind} FAILED {fields['err']}: {port}{': ' if port else ''}{fields.get('msg', '')}"]
    match event.kind:
        case "tx" | "rx" | "discard":
            return [_say_bytes(event)]
        case "req":
            running.requests[event.lane, event.channel] = event.time_ns
            return [f"→ {fields.get('method')} {fields.get('url')}"]
        case "resp":
            return [_say_response(event, running)]
        case "given":
            return [_say_given(fields)]
        case "step":
            return [_say_step(event, running)]
        case "note":
            return [f"note: {fields.get('text')}"]
        case "end":
            return _say_end(fields)
        case _:
            return [describe(event)]


def _say_bytes(event: Event) -> str:
    data = bytes_of(event)
    arrow = {"tx": "→", "rx": "←"}.get(event.kind, "discarded")
    shown = data[:SHOWN_BYTES].hex(" ")
    more = f" … ({len(data)} bytes)" if len(data) > SHOWN_BYTES else ""
    masked = " (holds a masked secret)" if spans_of(event.fields) else ""
    text = f"  {data[:SHOWN_BYTES].decode('ascii')!r}" if _is_text(data) else ""
    return f"{arrow} {shown or 'nothing'}{text}{more}{masked}"


def _is_text(data: bytes) -> bool:
    """Long enough and plain enough to be meant as text; single bytes of binary protocols often are letters by chance."""
    return len(data) >= MIN_TEXT_BYTES and all(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in data)


def _say_response(event: Event, running: Running) -> str:
    sent_ns = running.requests.pop((event.lane, event.channel), None)
    took = "" if sent_ns is None else f" after {(event.time_ns - sent_ns) / 1e6:.1f} ms"
    if "err" in event.fields:
        return f"← FAILED {event.fields['err']}{took}: {event.fields.get('msg', '')}"
    return f"← {event.fields.get('status')}{took}, {len(body_of(event))} bytes"


def _say_given(fields: dict[str, Any]) -> str:
    asked = f"{fields.get('name')}({_arguments(fields.get('args'))})"
    raised = fields.get("raised")
    if isinstance(raised, dict):
        return f"{asked} RAISED {raised.get('code')}: {raised.get('msg')}"
    return f"{asked} = {json.dumps(fields.get('value'), ensure_ascii=False)}"


def _arguments(args: object) -> str:
    if not isinstance(args, dict):
        return ""
    return ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in args.items() if value is not None
    )


def _say_step(event: Event, running: Running) -> str:
    name = str(event.fields.get("step"))
    if event.fields.get("at") == "start":
        running.steps[event.lane, name] = event.time_ns
        return f"── {name}"
    started_ns = running.steps.pop((event.lane, name), None)
    took = "" if started_ns is None else f" took {(event.time_ns - started_ns) / 1e6:.1f} ms"
    return f"── {name}{took}"


def _say_end(fields: dict[str, Any]) -> list[str]:
    result = fields.get("result")
    known = result if isinstance(result, dict) else {}
    names = ("chip_id", "app_eui", "device_id", "sn", "label", "resumed", "duration_s")
    lines = [" ".join(str(known[name]) for name in ("outcome", "code") if known.get(name))]
    lines += [f"{name} {known[name]}" for name in names if known.get(name) is not None]
    return [*lines, *([str(fields["message"])] if fields.get("message") else [])]


def frames(event: Event, decoders: Mapping[str, Decoder]) -> list[str]:
    """The frames that an event completes, in words."""
    decoder = decoders.get(event.channel or "")
    if decoder is None or event.kind not in ("tx", "rx") or "hex" not in event.fields:
        return []
    return decoder(event.kind, bytes_of(event))


def method_of(event: Event) -> str:
    """What a request asks for: the HTTP method and, where its body names one, the API's."""
    name = _told(event).get("method")
    return f"{event.fields.get('method')}{f' {name[:_MAX_METHOD_CHARS]}' if isinstance(name, str) else ''}"


def answer_of(event: Event) -> str | None:
    """The API's own code in an answer, and its words; None where there is none."""
    told = _told(event)
    parts = [told[name][:_MAX_METHOD_CHARS] for name in ("code", "desc") if isinstance(told.get(name), str)]
    return " ".join(parts) or None


def _told(event: Event) -> dict[str, Any]:
    """The body of a message, where it is a JSON object."""
    try:
        body: Any = json.loads(body_of(event) or b"null")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def hex_rows(data: bytes) -> Iterator[str]:
    """Rows of offset, hex and printable ASCII."""
    for start in range(0, len(data), HEX_ROW_BYTES):
        row = data[start : start + HEX_ROW_BYTES]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:04x}  {row.hex(' '):<{3 * HEX_ROW_BYTES}} {text}"
