"""The events of a session log as rows of an HTML table: in words, with bytes and bodies to be opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape

from station.session.event_words import (
    GAP_NS,
    MIN_TEXT_BYTES,
    SHOWN_BYTES,
    Decoder,
    Running,
    answer_of,
    frames,
    hex_rows,
    method_of,
    say,
)
from station.session.format import Event, SessionLog
from station.session.messages import body_of, bytes_of, headers_of
from station.text import printable

MAX_EVENTS = 20_000
MAX_CHARS = 300
MAX_LINES = 600
"""Of one body or dump."""
_LINE_END = re.compile(r"\r\n?|\n")


def event_rows(log: SessionLog, decoders: Mapping[str, Decoder], rows: range | None = None) -> Iterator[str]:
    """A ``<tr id="e…">`` for each event whose number is in ``rows`` (where it is None, the first ``MAX_EVENTS``), and one for each
    silence between them. What was before them is read too: decoders go on from there. Everything from the log is escaped."""
    running, listed = Running(), rows or range(1, MAX_EVENTS + 1)
    last_ns = log.events[0].time_ns
    for event in log.events[1 : listed.stop]:
        silence_ns, last_ns = event.time_ns - last_ns, event.time_ns
        words = frames(event, decoders)
        if event.number not in listed:
            list(say(event, running))
            continue
        if silence_ns >= GAP_NS:
            silence = f"{silence_ns / 1e6:.0f} ms without an event"
            yield f'<tr class="gap"><td></td><td></td><td>{silence}</td></tr>'
        yield _row(event, running, [*words, *_of_the_api(event)])
    left = len(log.events) - listed.stop
    if left > 0 and rows is None:
        yield f'<tr class="gap"><td></td><td></td><td>{left} more events: station sessions show prints all</td></tr>'


def _row(event: Event, running: Running, in_words: list[str]) -> str:
    first, *more = say(event, running)
    kind = "failed" if "err" in event.fields or "raised" in event.fields else event.kind
    aside = " aside" if event.fields.get("aside") else ""
    where = " ".join(part for part in ("" if event.lane == "main" else event.lane, event.channel or "") if part)
    lines = None if in_words else _as_lines(event)
    if lines is not None:
        arrow = "→" if event.kind == "tx" else "←"
        return _cells(event, kind + aside, where, f"{arrow} <b>{_text(lines)}</b>{_hex(event)}")
    words = [f"<b>{_text('; '.join(in_words))}</b> <i>{_text(first)}</i>"] if in_words else [_text(first)]
    words += [f"<br>{_text(line)}" for line in more]
    return _cells(event, kind + aside, where, "".join(words) + _details(event))


def _cells(event: Event, kind: str, where: str, words: str) -> str:
    moment = f"{event.time_ns / 1e6:.3f}"
    return f'<tr id="e{event.number}" class="{kind}"><td>{moment}</td><td>{_text(where)}</td><td>{words}</td></tr>'


def _of_the_api(event: Event) -> list[str]:
    """What an HTTP message says in the API's terms."""
    if event.kind == "req":
        return [method_of(event)]
    answer = answer_of(event) if event.kind == "resp" and "err" not in event.fields else None
    return [] if answer is None else [answer]


def _as_lines(event: Event) -> str | None:
    """Bytes that are plain text, as its lines; None where they are not, or too few to tell."""
    data = bytes_of(event) if event.kind in ("tx", "rx") else b""
    if len(data) < MIN_TEXT_BYTES or not all(0x20 <= byte < 0x7F or byte in b"\r\n\t" for byte in data):
        return None
    return _LINE_END.sub(" ⏎ ", data[:MAX_CHARS].decode("ascii")).strip()


def _hex(event: Event) -> str:
    data = bytes_of(event)
    return _opened(f"{len(data)} bytes", hex_rows(data))


def _details(event: Event) -> str:
    """What can be opened: bytes as hex, headers and body, a given value whole."""
    if event.kind in ("tx", "rx", "discard") and "hex" in event.fields:
        return _hex(event) if len(bytes_of(event)) > SHOWN_BYTES else ""
    if event.kind in ("req", "resp") and "err" not in event.fields:
        lines = [f"{name}: {value}" for name, value in headers_of(event)]
        return _opened("headers", lines) + _opened("body", _body(event))
    if event.kind == "given":
        plain = {name: event.fields[name] for name in ("args", "value", "raised") if event.fields.get(name)}
        return _opened("all", _pretty(plain)) if len(json.dumps(plain)) > MAX_CHARS // 2 else ""
    return ""


def _body(event: Event) -> Iterable[str]:
    if "text" not in event.fields:
        return hex_rows(body_of(event))
    text = str(event.fields["text"])
    try:
        return _pretty(json.loads(text))
    except (ValueError, RecursionError):
        return text.splitlines()


def _pretty(plain: object) -> list[str]:
    return json.dumps(plain, indent=2, ensure_ascii=False).splitlines()


def _opened(title: str, lines: Iterable[str]) -> str:
    shown: list[str] = []
    for line in lines:
        if len(shown) == MAX_LINES:
            shown.append("… and more")
            break
        shown.append(escape(printable(line, MAX_CHARS * 10)))
    if not shown:
        return ""
    return f"<details><summary>{title}</summary><pre>{chr(10).join(shown)}</pre></details>"


def _text(text: str) -> str:
    return escape(printable(text, MAX_CHARS))
