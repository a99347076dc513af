"""The timeline of a session log, drawn as SVG: a row for each lane's steps, each channel's traffic, lines and calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from html import escape

from station.session.export.spans import LineLevel, Mark, Span, exchanges, gaps, levels, marks, steps
from station.session.format import SessionLog
from station.text import printable

WIDTH, LEFT, RIGHT, TOP = 1180, 118, 14, 46
ROW_HEIGHT, BAR_HEIGHT = 34, 20
MAX_ROWS = 60
MAX_NAME_CHARS = 60
_CHAR_WIDTH = 6.4
"""Of the labels' 11 px font, about."""
_MIN_WIDTH = 1.5
_HATCHING = (
    '<defs><pattern id="lost" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="7" height="7" class="lost-back"/><rect width="2" height="7" class="lost-line"/></pattern></defs>'
)
_TICKS = 8


Link = Callable[[int], str]
"""Where the event of a number is shown."""


def in_page(number: int) -> str:
    """An event that stands in the same page."""
    return f"#e{number}"


def chart(log: SessionLog, link: Link = in_page) -> str:
    """One ``<svg>`` element whose marks link to their events. Holds no script; everything from the log is escaped."""
    scale = _Scale(log.events[0].time_ns, max(log.events[-1].time_ns, log.events[0].time_ns + 1))
    rows: dict[str, list[str]] = {}
    _add(rows, _bars(scale, steps(log), link))
    _add(rows, _bars(scale, exchanges(log), link))
    _add(rows, _ticks(scale, marks(log), link))
    _add(rows, _waves(scale, levels(log)))
    shown = list(rows.items())[:MAX_ROWS]
    height = TOP + ROW_HEIGHT * max(len(shown), 1) + 8
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" xmlns="http://www.w3.org/2000/svg">',
        _HATCHING,
        *_shading(scale, gaps(log), height, link),
        *_axis(scale, height),
    ]
    for index, (name, drawn) in enumerate(shown):
        top = TOP + ROW_HEIGHT * index
        parts.append(f'<line x1="0" x2="{WIDTH}" y1="{top + ROW_HEIGHT}" y2="{top + ROW_HEIGHT}" class="rule"/>')
        parts.append(f'<text x="4" y="{top + 21}" class="row">{_text(name, 18)}</text>')
        parts.append(f'<g transform="translate(0 {top})">{"".join(drawn)}</g>')
    return "".join([*parts, "</svg>"])


class _Scale:
    """From nanoseconds to a place on the paper."""

    def __init__(self, start_ns: int, end_ns: int) -> None:
        self.start_ns, self.end_ns = start_ns, end_ns

    def x(self, time_ns: int) -> float:
        part = (time_ns - self.start_ns) / (self.end_ns - self.start_ns)
        return round(LEFT + min(max(part, 0.0), 1.0) * (WIDTH - LEFT - RIGHT), 2)

    def ticks(self) -> list[int]:
        """Moments at round distances of 1, 2 or 5 times a power of ten, from the start on."""
        wanted_ns = max((self.end_ns - self.start_ns) / _TICKS, 1.0)
        power = 10.0 ** math.floor(math.log10(wanted_ns))
        distance = max(int(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted_ns)), 1)
        return list(range(self.start_ns, self.end_ns + 1, distance))


def _add(rows: dict[str, list[str]], drawn: Iterable[tuple[str, str]]) -> None:
    for row, shape in drawn:
        rows.setdefault(row, []).append(shape)


def _bars(scale: _Scale, spans: list[Span], link: Link) -> Iterator[tuple[str, str]]:
    for span in spans:
        x = scale.x(span.start_ns)
        width = max(scale.x(span.end_ns) - x, _MIN_WIDTH)
        name = printable(span.name, MAX_NAME_CHARS)
        room = int((width - 8) / _CHAR_WIDTH)
        label = name if len(name) <= room else name[: max(room - 1, 0)] + "…" if room > 3 else ""
        kind = f"{span.kind} {'bad' if span.failed else 'ok'}"
        title = f"<title>{escape(name)}, {span.took_ms:.1f} ms</title>"
        bar = f'<rect x="{x}" y="7" width="{width:.2f}" height="{BAR_HEIGHT}" rx="2" class="{kind}">{title}</rect>'
        words = f'<text x="{x + 4}" y="21" class="in">{escape(label)}</text>'
        yield span.row, f'<a href="{escape(link(span.event))}" aria-label="{escape(name)}">{bar}{words}</a>'


def _ticks(scale: _Scale, found: list[Mark], link: Link) -> Iterator[tuple[str, str]]:
    """One stroke per pixel at most, above the middle what was sent, below it what came in."""
    places: dict[tuple[str, str, int], list[Mark]] = {}
    for mark in found:
        places.setdefault((mark.row, mark.kind, int(scale.x(mark.time_ns))), []).append(mark)
    failures_first = sorted(places.items(), key=lambda place: place[0][1] != "failed")
    for (row, kind, x), together in failures_first:
        size_bytes = sum(mark.size_bytes for mark in together)
        height = min(4 + 2 * math.log2(size_bytes + 1), 15) if kind != "failed" else 26
        y = {"tx": 17 - height, "rx": 17, "failed": 4}[kind]
        words = {"tx": f"{size_bytes} bytes sent", "rx": f"{size_bytes} bytes came in", "failed": "failed"}[kind]
        stroke = (
            f'<rect x="{x}" y="{y:.1f}" width="2" height="{height:.1f}" class="{kind}"><title>{words}</title></rect>'
        )
        yield row, f'<a href="{escape(link(together[0].event))}" aria-label="{words}">{stroke}</a>'


def _waves(scale: _Scale, found: list[LineLevel]) -> Iterator[tuple[str, str]]:
    for row in dict.fromkeys(level.row for level in found):
        points, height = [], None
        for level in (level for level in found if level.row == row):
            x, y = scale.x(level.time_ns), 9 if level.high else 25
            points += [f"{x},{height if height is not None else y}", f"{x},{y}"]
            height = y
        points.append(f"{scale.x(scale.end_ns)},{height}")
        yield row, f'<polyline points="{" ".join(points)}" class="wave"><title>{_text(row, 40)}</title></polyline>'


def _shading(scale: _Scale, found: list[Span], height: int, link: Link) -> Iterator[str]:
    for gap in found:
        x = scale.x(gap.start_ns)
        width = max(scale.x(gap.end_ns) - x, _MIN_WIDTH)
        silence = f"{gap.took_ms:.0f} ms without an event"
        yield (
            f'<a href="{escape(link(gap.event))}" aria-label="{silence}">'
            f'<rect x="{x}" y="{TOP - 18}" width="{width:.2f}" height="{height - TOP + 18}" '
            f'fill="url(#lost)"><title>{silence}: {_text(gap.name, 100)}</title></rect>'
        )
        if width > 46:
            yield f'<text x="{x + width / 2:.1f}" y="{TOP - 6}" class="lost">{gap.took_ms:.0f} ms</text>'
        yield "</a>"


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    for time_ns in scale.ticks():
        x = scale.x(time_ns)
        yield f'<line x1="{x}" x2="{x}" y1="22" y2="{height}" class="grid"/>'
        anchor = "end" if x > WIDTH - 60 else "start"
        yield f'<text x="{x}" y="15" class="axis" text-anchor="{anchor}">{_ms(time_ns - scale.start_ns)}</text>'


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / 1e9:g} s" if duration_ns >= 1_000_000_000 else f"{duration_ns / 1e6:g} ms"


def _text(text: str, max_chars: int) -> str:
    return escape(printable(text, max_chars))
