"""A session log as one HTML page: what happened, to which board, when, and where the time went.

The page is whole in itself: no script, no other file, nothing from a network, which its own content policy forbids. So whatever
stands in a log is only ever shown.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from station import __version__
from station.errors import CATALOGUE
from station.session.event_words import Decoder, moment
from station.session.export.chart import Link, chart, in_page
from station.session.export.event_rows import event_rows
from station.session.export.page_style import STYLE
from station.session.export.spans import Span, exchanges, gaps, steps
from station.session.format import SessionLog
from station.session.messages import bytes_of
from station.text import printable

MAX_TEXT_CHARS = 400
MAX_PICTURE_BYTES = 4 * 1024 * 1024
MAX_CALLS = 200
SHOWN_GAPS = 5
_SIGNS = {"PASS": "✔", "FAIL": "✘", "ERROR": "⚠", "ABORTED": "■"}
_CUT_OFF = "CUT OFF"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_EVENTS_HEAD = '<table class="events"><thead><tr><th>ms</th><th>where</th><th>what</th></tr></thead><tbody>'
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def to_html(log: SessionLog, decoders: Mapping[str, Decoder] | None = None, *, label_png: bytes | None = None) -> bytes:
    """The page. ``decoders`` by channel put frames in words; ``label_png`` is the label drawn from its design, used where no PNG
    was sent to a printer. Raises SessionError for an event that does not hold what its kind says."""
    shown = parts(log, decoders, label_png=label_png)
    sections = (
        f'<header class="{shown.outcome_class}">{shown.badge}{shown.label}</header>',
        f"<section><h2>Facts</h2>{shown.facts}</section>",
        f"<section><h2>Timeline</h2>{shown.chart}</section>",
        f'<section class="pair"><div><h2>Steps</h2>{shown.steps}</div>',
        f"<div><h2>Where time was lost</h2>{shown.lost}</div></section>",
        f"<section><h2>API calls</h2>{shown.calls}</section>",
        f"<section><h2>Everything that happened</h2>{shown.events}</section>",
    )
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">'
        f"<title>{_text(shown.title)}</title><style>{STYLE}</style></head><body>"
        f"{''.join(sections)}<footer>session log {_text(log.path.name)}, shown by station {_text(__version__)}</footer>"
        "</body></html>\n"
    )
    return page.encode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a log is shown by, each a piece of HTML without script or style of its own; ``title`` alone is plain text."""

    title: str
    outcome_class: str
    badge: str
    label: str
    facts: str
    chart: str
    steps: str
    lost: str
    calls: str
    events: str


def parts(
    log: SessionLog,
    decoders: Mapping[str, Decoder] | None = None,
    *,
    label_png: bytes | None = None,
    rows: range | None = None,
    link: Link = in_page,
) -> Parts:
    """The pieces. ``rows``: the numbers of the events that are listed, the first of them where it is None; ``link`` says where an
    event is shown. Raises SessionError for an event that does not hold what its kind says."""
    result = _result(log)
    outcome = _outcome(log, result)
    return Parts(
        title=f"{outcome} {result.get('sn') or result.get('chip_id') or log.path.name}",
        outcome_class=_outcome_class(outcome),
        badge=_badge(log, outcome, result),
        label=_label(log, label_png),
        facts=_facts(log, result),
        chart=f"{_legend()}<figure>{chart(log, link)}</figure>",
        steps=_spent(steps(log), link),
        lost=_lost(log, link),
        calls=_calls(log, link),
        events=f"{_EVENTS_HEAD}{''.join(event_rows(log, decoders or {}, rows))}</tbody></table>",
    )


def _result(log: SessionLog) -> dict[str, Any]:
    result = log.end.fields.get("result") if log.end is not None else None
    return result if isinstance(result, dict) else {}


def _outcome(log: SessionLog, result: dict[str, Any]) -> str:
    return _CUT_OFF if log.end is None else str(result.get("outcome", "?"))


def _outcome_class(outcome: str) -> str:
    return outcome.lower() if outcome in _SIGNS else "cut"


def _badge(log: SessionLog, outcome: str, result: dict[str, Any]) -> str:
    code = result.get("code")
    row = CATALOGUE.get(str(code)) if code is not None else None
    lines = [f'<p class="outcome"><span aria-hidden="true">{_SIGNS.get(outcome, "✂")}</span> {_text(outcome)}</p>']
    if code is not None:
        lines.append(f'<p class="code">{_text(str(code))}{": " + _text(row.headline) if row else ""}</p>')
    if row is not None:
        lines.append(f'<p class="action">{_text(row.action)}</p>')
    if log.end is None:
        lines.append(f'<p class="action">{_text(log.torn or "The log has no end: the cycle was cut off.")}</p>')
    about = [f"station {log.head.get('station')}", f"socket {log.head.get('socket')}", moment(log.head.get("wall_s"))]
    if result.get("duration_s") is not None:
        about.append(f"{result['duration_s']} s")
    lines.append(f'<p class="about">{_text(" · ".join(about))}</p>')
    message = log.end.fields.get("message") if log.end is not None else None
    if message:
        lines.append(f'<p class="message">{_text(str(message))}</p>')
    return f"<div>{''.join(lines)}</div>"


def _facts(log: SessionLog, result: dict[str, Any]) -> str:
    head = log.head
    duration = result.get("duration_s")
    started = head.get("start")
    start = started if isinstance(started, dict) else {}
    rows = (
        ("chipId", result.get("chip_id")),
        ("SN", result.get("sn")),
        ("DeviceID", result.get("device_id")),
        ("AppEUI", result.get("app_eui")),
        ("label", str(result.get("label", "")).replace("_", " ")),
        ("seen before", {True: "yes: this cycle went on with it", False: "no"}.get(bool(result.get("resumed")), "")),
        ("station", head.get("station")),
        ("socket", head.get("socket")),
        ("started", moment(head.get("wall_s"))),
        ("took", f"{duration} s" if duration is not None else None),
        ("started by", f"{start.get('source', '')} {start.get('text') or ''}".strip()),
        ("driver", head.get("driver")),
        ("agent", head.get("agent")),
        ("Python", head.get("python")),
        ("events", len(log.events)),
    )
    cells = (
        f"<div><dt>{name}</dt><dd>{_text(str(value))}</dd></div>" for name, value in rows if value not in (None, "")
    )
    return f"<dl>{''.join(cells)}</dl>"


def _legend() -> str:
    kinds = (
        ("step ok", "step"),
        ("http ok", "API call"),
        ("bad", "failed"),
        ("tx", "sent"),
        ("rx", "came in"),
        ("gap", "nothing happened for 50 ms or more"),
    )
    return (
        '<p class="legend">' + "".join(f'<span><i class="{name}"></i>{words}</span>' for name, words in kinds) + "</p>"
    )


def _spent(spans: list[Span], link: Link) -> str:
    """A bar for each step, as long as its share of the longest."""
    longest_ms = max((span.took_ms for span in spans), default=0.0) or 1.0
    rows = (
        f'<tr class="{"bad" if span.failed else ""}"><td><a href="{escape(link(span.event))}">{_text(span.name)}</a></td>'
        f'<td class="number">{span.took_ms:.1f} ms</td>'
        f'<td class="share">{_bar(span.took_ms / longest_ms)}</td></tr>'
        for span in sorted(spans, key=lambda span: span.start_ns)
    )
    return f'<table class="spent">{"".join(rows)}</table>'


def _bar(share: float) -> str:
    """Drawn rather than styled: a page that allows no styles of its own shows it too."""
    return (
        '<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{max(100 * share, 0.3):.1f}" height="1"/></svg>'
    )


def _lost(log: SessionLog, link: Link) -> str:
    found = gaps(log)
    if not found:
        return "<p>Nowhere: something happened at least every 50 ms.</p>"
    rows = (
        f'<li><a href="{escape(link(gap.event))}">{gap.took_ms:.0f} ms</a> {_text(gap.name)}</li>'
        for gap in found[:SHOWN_GAPS]
    )
    return f"<ol>{''.join(rows)}</ol>"


def _calls(log: SessionLog, link: Link) -> str:
    found = sorted(exchanges(log), key=lambda span: span.start_ns)
    if not found:
        return "<p>None.</p>"
    rows = (
        f'<tr class="{"bad" if span.failed else ""}"><td class="number">{span.start_ns / 1e6:.1f}</td><td>{_text(span.row)}</td>'
        f'<td><a href="{escape(link(span.event))}">{_text(span.name)}</a></td><td class="number">{span.took_ms:.1f} ms</td></tr>'
        for span in found[:MAX_CALLS]
    )
    heading = "<thead><tr><th class=number>at ms</th><th>where</th><th>call and answer</th><th class=number>took</th></tr></thead>"
    more = f"<p>… and {len(found) - MAX_CALLS} more.</p>" if len(found) > MAX_CALLS else ""
    return f"<table>{heading}{''.join(rows)}</table>{more}"


def _label(log: SessionLog, drawn: bytes | None) -> str:
    sent = next(_sent_pictures(log), None)
    picture = sent or drawn
    if picture is None or len(picture) > MAX_PICTURE_BYTES or not picture.startswith(_PNG_START):
        return ""
    caption = "the label as it was sent" if sent is not None else "the label, drawn from its design"
    data = base64.b64encode(picture).decode("ascii")
    return f'<figure class="label"><img src="data:image/png;base64,{data}" alt="label"><figcaption>{caption}</figcaption></figure>'


def _sent_pictures(log: SessionLog) -> Iterator[bytes]:
    """PNG files among the bytes that were sent, channel by channel."""
    for channel in dict.fromkeys(event.channel for event in log.events if event.kind == "tx"):
        sent = b"".join(_pieces(log, channel))
        for match in re.finditer(re.escape(_PNG_START) + b".*?" + re.escape(_PNG_END), sent, re.DOTALL):
            yield match[0]


def _pieces(log: SessionLog, channel: str | None) -> Iterable[bytes]:
    return (bytes_of(event) for event in log.events if event.kind == "tx" and event.channel == channel)


def _text(text: str) -> str:
    return escape(printable(text, MAX_TEXT_CHARS))
