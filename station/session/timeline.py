"""A session log as a timeline in words: what happened when, and where time was lost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from station.errors import CATALOGUE
from station.session.event_words import (
    GAP_NS,
    MAX_LINE_CHARS,
    MIN_TEXT_BYTES,
    Decoder,
    Running,
    answer_of,
    frames,
    hex_rows,
    method_of,
    moment,
    printable_line,
    say,
)
from station.session.format import Event, SessionLog
from station.session.lost_time import LostTime
from station.session.messages import body_of, bytes_of, headers_of, spans_of

BRIEF_BYTES = 8
"""How many bytes of a direction stand in a line; the frames beside them say the rest, ``hex_dump`` shows all."""
BRIEF_CHARS = 28
EXCHANGE_COLUMNS = 46
MAX_EXCHANGE_BYTES = 256
"""What was read behind one write is one line up to here."""
WHERE_COLUMNS = 10
MAX_SHORT_CHARS = 40
"""A given value of this length stands whole in its line."""
_INDENT = " " * (10 + 2 + WHERE_COLUMNS + 1)
_FRAMING_BYTES = b"\t\r\n\x02\x03"


def timeline(
    log: SessionLog, decoders: Mapping[str, Decoder] | None = None, *, hex_dump: bool = False
) -> Iterator[str]:
    """Lines of at most ``MAX_LINE_CHARS`` printable characters. ``decoders`` by channel; ``hex_dump`` shows every byte and
    every HTTP header and body instead of the first bytes. Raises SessionError for an event that holds no bytes."""
    told = Timeline(decoders or {}, hex_dump=hex_dump)
    yield from told.head(log.path, log.events[0])
    for event in log.events[1:]:
        yield from told.event(event)
    yield from told.end(log.torn)


@dataclass(slots=True)
class _Exchange:
    """Bytes sent, and those read behind them with nothing between: one line."""

    sent: Event
    received: bytes
    last_ns: int
    frames: list[str]


class Timeline:
    """The lines of one log, event by event as they come; each printable and at most ``MAX_LINE_CHARS`` long."""

    def __init__(self, decoders: Mapping[str, Decoder], *, hex_dump: bool = False) -> None:
        self._decoders = decoders
        self._hex_dump = hex_dump
        self._running = Running()
        self._lost = LostTime()
        self._exchange: _Exchange | None = None
        self._end: Event | None = None

    def head(self, path: Path, event: Event) -> list[str]:
        """What stands above the timeline."""
        return _bounded(_heading(path, event, whole=self._hex_dump))

    def event(self, event: Event) -> list[str]:
        """The lines that are whole now: bytes that were sent wait for what is read behind them (``flush``)."""
        return _bounded(self._event(event))

    def flush(self) -> list[str]:
        """The line that waits, if any."""
        return _bounded(self._flush())

    def end(self, torn: str | None = None) -> list[str]:
        """What stands below: where time was lost, and the outcome with its remedy or how the log was cut off (``torn`` says what
        is wrong with its last line)."""
        lines = [*self._flush(), *self._lost.lines()]
        if self._end is not None:
            lines += _outcome(self._end)
        if torn is not None:
            lines.append(f"cut off: {torn}")
        elif self._end is None:
            lines.append("cut off: the log has no end")
        return _bounded(lines)

    def _event(self, event: Event) -> Iterator[str]:
        cause = self._lost.take(event)
        gap_ns = event.time_ns - self._running.last_ns
        self._running.last_ns = event.time_ns
        words = frames(event, self._decoders)
        if gap_ns < GAP_NS and self._joins(event):
            assert self._exchange is not None, "what it joins"
            self._exchange.received += bytes_of(event)
            self._exchange.last_ns = event.time_ns
            self._exchange.frames += words
            return
        yield from self._flush()
        if gap_ns >= GAP_NS:
            yield f"{'':>10}  ···· {gap_ns / 1e6:.1f} ms {cause} ····"
        if event.kind == "end":
            self._end = event
        if _is_plain(event) and event.kind == "tx" and not self._hex_dump:
            self._exchange = _Exchange(event, b"", event.time_ns, words)
            return
        yield from self._told(event, words)

    def _joins(self, event: Event) -> bool:
        """Whether an event is read behind what was sent a line before."""
        open_one = self._exchange
        return (
            open_one is not None
            and event.kind == "rx"
            and (event.lane, event.channel) == (open_one.sent.lane, open_one.sent.channel)
            and _is_plain(event)
            and len(open_one.received) + len(bytes_of(event)) <= MAX_EXCHANGE_BYTES
        )

    def _flush(self) -> Iterator[str]:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        both, took = f"→ {_brief(bytes_of(exchange.sent))}", ""
        if exchange.received:
            both += f"  ← {_brief(exchange.received)}"
            took = f"{(exchange.last_ns - exchange.sent.time_ns) / 1e6:.1f} ms"
        words = " · ".join(exchange.frames)
        yield f"{_place(exchange.sent)} {both:<{EXCHANGE_COLUMNS}} {took:>9}  {words}".rstrip()

    def _told(self, event: Event, words: list[str]) -> Iterator[str]:
        if event.kind == "end":
            lines = ["── the end"]
        elif event.kind in ("rx", "discard") and _is_plain(event) and not self._hex_dump:
            arrow = "←" if event.kind == "rx" else "discarded"
            both = f"{arrow} {_brief(bytes_of(event))}"
            lines = [f"{both:<{EXCHANGE_COLUMNS}} {'':>9}  {' · '.join(words)}".rstrip()]
        else:
            lines = [*say(event, self._running), *words]
        if event.kind in ("req", "resp") and "err" not in event.fields:
            said = method_of(event).partition(" ")[2] if event.kind == "req" else answer_of(event)
            lines[0] += f"  {said}" if said else ""
        yield f"{_place(event)} {lines[0]}"
        for line in (*lines[1:], *(_dump(event) if self._hex_dump else ())):
            yield f"{_INDENT}    {line}"


def _bounded(lines: Iterable[str]) -> list[str]:
    return [printable_line(line) for line in lines]


def _heading(path: Path, event: Event, *, whole: bool) -> Iterator[str]:
    head = event.fields
    yield f"session log {path}"
    yield f"station {head.get('station')}, socket {head.get('socket')}, started {moment(head.get('wall_s'))}"
    for name, value in head.items():
        if name in ("station", "socket", "wall_s"):
            continue
        text = f"{name}: {value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)}"
        yield from (f"  {piece}" for piece in (_pieces(text) if whole else [text]))
    yield f"{'ms':>10}"


def _place(event: Event) -> str:
    """When, and on which lane and channel."""
    lane = "" if event.lane == "main" else f"{event.lane}| "
    aside = "(aside) " if event.fields.get("aside") else ""
    return f"{event.time_ns / 1e6:10.3f}  {lane + aside + (event.channel or ''):<{WHERE_COLUMNS}}"


def _is_plain(event: Event) -> bool:
    """Whether a transport event is just its bytes: no error, nothing masked, no aside."""
    return (
        event.kind in ("tx", "rx", "discard")
        and not {"err", "aside"} & event.fields.keys()
        and "hex" in event.fields
        and not spans_of(event.fields)
    )


def _brief(data: bytes) -> str:
    """The first bytes, as text where they are meant as text."""
    if len(data) >= MIN_TEXT_BYTES and all(0x20 <= byte < 0x7F or byte in _FRAMING_BYTES for byte in data):
        shown, cut = repr(data[:BRIEF_CHARS].decode("ascii")), len(data) > BRIEF_CHARS
    else:
        shown, cut = data[:BRIEF_BYTES].hex(" ") or "nothing", len(data) > BRIEF_BYTES
    return f"{shown} … {len(data)} bytes" if cut else shown


def _outcome(event: Event) -> Iterator[str]:
    """How the cycle ended, why, and what the catalogue says is to be done."""
    told = event.fields.get("result")
    result = told if isinstance(told, dict) else {}
    code = result.get("code")
    yield " ".join(str(result[name]) for name in ("outcome", "code") if result.get(name)) or "no outcome"
    if event.fields.get("message"):
        yield f"  {event.fields['message']}"
    if isinstance(code, str) and code in CATALOGUE:
        yield f"  {CATALOGUE[code].headline}. What to do: {CATALOGUE[code].action}"
    names = ("chip_id", "app_eui", "device_id", "sn", "label", "resumed", "duration_s")
    known = [f"{name} {result[name]}" for name in names if result.get(name) is not None]
    yield from (f"  {', '.join(part)}" for part in (known[:4], known[4:]) if part)


def _dump(event: Event) -> Iterable[str]:
    """Every byte of a transport event, the headers and body of an HTTP message, all of a value that a line would cut."""
    if event.kind in ("tx", "rx", "discard"):
        yield from hex_rows(bytes_of(event))
    elif event.kind in ("req", "resp") and "err" not in event.fields:
        yield from (f"{name}: {value}" for name, value in headers_of(event))
        if "text" in event.fields:
            yield from _pieces(str(event.fields["text"]))
        else:
            yield from hex_rows(body_of(event))
    elif event.kind == "given":
        for name in ("args", "value", "raised"):
            text = json.dumps(event.fields.get(name), ensure_ascii=False)
            if len(text) > MAX_SHORT_CHARS:
                yield from _pieces(f"{name}: {text}")


def _pieces(text: str, size: int = MAX_LINE_CHARS - 40) -> Iterator[str]:
    for line in text.splitlines():
        yield from (line[start : start + size] for start in range(0, len(line), size))
