"""What of a session log can be drawn: spans and marks over the time of the cycle, and the silences in which it was lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from station.session.event_words import GAP_NS, method_of
from station.session.format import Event, SessionLog
from station.session.messages import bytes_of

MAX_GAPS = 200


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took time. ``event`` is the number of the event that began it; ``failed`` that it ended badly."""

    row: str
    kind: str
    name: str
    start_ns: int
    end_ns: int
    event: int
    failed: bool = False

    @property
    def took_ms(self) -> float:
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Mark:
    """Bytes that passed, or a failure, at one moment. ``kind``: ``tx``, ``rx`` or ``failed``."""

    row: str
    kind: str
    time_ns: int
    size_bytes: int
    event: int


@dataclass(frozen=True, slots=True)
class LineLevel:
    """The state of one line of a channel from one moment on."""

    row: str
    time_ns: int
    high: bool
    event: int


def steps(log: SessionLog) -> list[Span]:
    """The steps, by lane. One that the log does not end lasts to its last event, and has failed; so has the one in which a cycle
    ended, where the log tells which: between verify and the bind beside it, it does not."""
    found = list(_steps(log))
    result = log.end.fields.get("result") if log.end is not None else None
    own = [span for span in found if span.row == _step_row("main")]
    if isinstance(result, dict) and result.get("outcome") in ("FAIL", "ERROR") and own and own[-1].name != "verify":
        found[found.index(own[-1])] = replace(own[-1], failed=True)
    return found


def exchanges(log: SessionLog) -> list[Span]:
    """The HTTP calls, by lane and channel."""
    return list(_exchanges(log))


def marks(log: SessionLog) -> list[Mark]:
    """What passed the channels, and what failed on them. Raises SessionError for an event that holds no bytes."""
    found = []
    for event in log.events:
        if event.kind not in ("tx", "rx", "discard", "open", "cfg", "line"):
            continue
        row, data = event.channel or "", bytes_of(event)
        if "err" in event.fields:
            found.append(Mark(row, "failed", event.time_ns, 0, event.number))
        elif data:
            kind = "tx" if event.kind == "tx" else "rx"
            found.append(Mark(row, kind, event.time_ns, len(data), event.number))
    return found


def levels(log: SessionLog) -> list[LineLevel]:
    """Every change of a line, row by row (``uart DTR``), in order of time."""
    found = []
    for event in log.events:
        if event.kind == "line" and "err" not in event.fields:
            for name in ("dtr", "rts", "cts", "dsr", "dcd", "ri"):
                if isinstance(event.fields.get(name), bool):
                    row = f"{event.channel} {name.upper()}"
                    found.append(LineLevel(row, event.time_ns, event.fields[name], event.number))
    return sorted(found, key=lambda level: level.row)


def gaps(log: SessionLog) -> list[Span]:
    """The silences of all lanes together, longest first, each named by what the station was waiting for."""
    found = [
        Span("", "gap", _why(before, after), before.time_ns, after.time_ns, after.number)
        for before, after in zip(log.events, log.events[1:], strict=False)
        if after.time_ns - before.time_ns >= GAP_NS
    ]
    return sorted(found, key=lambda gap: gap.start_ns - gap.end_ns)[:MAX_GAPS]


def _steps(log: SessionLog) -> Iterator[Span]:
    begun: dict[tuple[str, str], Event] = {}
    for event in log.events:
        if event.kind != "step":
            continue
        key = (event.lane, str(event.fields.get("step")))
        if event.fields.get("at") == "start":
            begun[key] = event
        elif key in begun:
            start = begun.pop(key)
            yield Span(_step_row(event.lane), "step", key[1], start.time_ns, event.time_ns, start.number)
    for (lane, name), start in begun.items():
        last_ns = log.events[-1].time_ns
        yield Span(_step_row(lane), "step", name, start.time_ns, last_ns, start.number, failed=True)


def _step_row(lane: str) -> str:
    return "steps" if lane == "main" else f"steps {lane}"


def _exchanges(log: SessionLog) -> Iterator[Span]:
    sent: dict[tuple[str, str | None], Event] = {}
    for event in log.events:
        key = (event.lane, event.channel)
        if event.kind == "req":
            sent[key] = event
        elif event.kind == "resp" and key in sent:
            start = sent.pop(key)
            status = event.fields.get("err", event.fields.get("status"))
            failed = "err" in event.fields or event.fields.get("status") != 200
            name = f"{method_of(start)}: {status}"
            yield Span(_http_row(start), "http", name, start.time_ns, event.time_ns, start.number, failed)
    for start in sent.values():
        last_ns = log.events[-1].time_ns
        name = f"{method_of(start)}: no answer in the log"
        yield Span(_http_row(start), "http", name, start.time_ns, last_ns, start.number, failed=True)


def _http_row(event: Event) -> str:
    return str(event.channel) if event.lane == "main" else f"{event.channel} {event.lane}"


def _why(before: Event, after: Event) -> str:
    """What a silence between two events was spent on, as far as they tell."""
    if before.fields.get("name") == "clock.sleep":
        return "a pause that the station made"
    if after.kind in ("rx", "resp"):
        ended = "nothing came" if "err" in after.fields else "then it came"
        who = "the API's answer" if after.kind == "resp" else f"bytes from {after.channel}"
        return f"waiting for {who}; {ended}"
    if after.kind == "given":
        return f"waiting for {after.fields.get('name')}"
    if after.kind == "open":
        return f"opening {after.channel}"
    return "the station itself, or the other lane"
