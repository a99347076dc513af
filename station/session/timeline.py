"""A session log as a timeline in words: what happened when, and where time was lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from station.session.difference import describe
from station.session.format import Event, SessionLog
from station.session.messages import body_of, bytes_of, headers_of, spans_of
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
MAX_BODY_CHARS = 4000


def timeline(
    log: SessionLog, decoders: Mapping[str, Decoder] | None = None, *, hex_dump: bool = False
) -> Iterator[str]:
    """Lines of at most ``MAX_LINE_CHARS`` printable characters. ``decoders`` by channel; ``hex_dump`` shows every byte and
    every HTTP header and body instead of the first bytes."""
    return map(printable_line, _lines(log, decoders or {}, hex_dump))


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


def _lines(log: SessionLog, decoders: Mapping[str, Decoder], hex_dump: bool) -> Iterator[str]:
    yield from _heading(log)
    running = Running()
    for event in log.events[1:]:
        gap_ns = event.time_ns - running.last_ns
        if gap_ns >= GAP_NS:
            yield f"{'':>10}  ···· {gap_ns / 1e6:.0f} ms without an event ····"
        running.last_ns = event.time_ns
        first, *more = [*say(event, running), *frames(event, decoders), *(_dump(event) if hex_dump else ())]
        lane = "" if event.lane == "main" else f"{event.lane}| "
        channel = f"{event.channel} " if event.channel else ""
        aside = "(aside) " if event.fields.get("aside") else ""
        yield f"{event.time_ns / 1e6:10.3f}  {lane}{aside}{channel}{first}"
        for line in more:
            yield f"{'':>10}  {lane}    {line}"
    if log.torn is not None:
        yield f"cut off: {log.torn}"
    elif log.end is None:
        yield "cut off: the log has no end"


def _heading(log: SessionLog) -> Iterator[str]:
    head = log.head
    yield f"session log {log.path}"
    yield f"station {head.get('station')}, socket {head.get('socket')}, started {moment(head.get('wall_s'))}"
    others = {name: value for name, value in head.items() if name not in ("station", "socket", "wall_s")}
    for name, value in others.items():
        yield f"  {name}: {value if isinstance(value, str | int | float) else json.dumps(value)}"
    yield f"{'ms':>10}"


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


def _dump(event: Event) -> Iterable[str]:
    """Every byte of a transport event, or the headers and body of an HTTP message."""
    if event.kind in ("tx", "rx", "discard"):
        yield from hex_rows(bytes_of(event))
    elif event.kind in ("req", "resp") and "err" not in event.fields:
        yield from (f"{name}: {value}" for name, value in headers_of(event))
        if "text" in event.fields:
            yield from _pieces(str(event.fields["text"])[:MAX_BODY_CHARS])
        else:
            yield from hex_rows(body_of(event))


def hex_rows(data: bytes) -> Iterator[str]:
    """Rows of offset, hex and printable ASCII."""
    for start in range(0, len(data), HEX_ROW_BYTES):
        row = data[start : start + HEX_ROW_BYTES]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:04x}  {row.hex(' '):<{3 * HEX_ROW_BYTES}} {text}"


def _pieces(text: str, size: int = MAX_LINE_CHARS - 40) -> Iterator[str]:
    for line in text.splitlines():
        yield from (line[start : start + size] for start in range(0, len(line), size))
