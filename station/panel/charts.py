"""Charts drawn on the server: each one ``<svg>`` without script or style of its own, every text in it escaped.

A chart is a picture of a table that stands beside it: whoever cannot see it reads that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from station.text import printable

WIDTH = 1120
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 52, 14, 30
_HEIGHT = 250
_ROW, _BAR = 26, 14
_MAX_TEXT = 60
_TICKS = 4
_CHAR = 6.6
"""Width of a character of the charts' 11 px font, about."""


@dataclass(frozen=True, slots=True)
class Column:
    """One moment of a chart over time. ``parts``: a class and a number each, from below; ``shares``: a point of each line, 0 to 1,
    or None where it has none."""

    label: str
    parts: tuple[tuple[str, int], ...]
    shares: tuple[float | None, ...]
    tip: str


@dataclass(frozen=True, slots=True)
class Row:
    """One bar of a chart of rows: as long as ``value``, with a mark at ``mark`` where that is not None. ``kind`` is its class,
    ``text`` what stands behind it, ``share`` the point of a line from row to row, 0 to 1."""

    label: str
    value: float
    text: str
    tip: str
    kind: str = "plain"
    mark: float | None = None
    share: float | None = None


def over_time(columns: Sequence[Column], lines: Sequence[str], name: str) -> Markup:
    """Stacked columns, their scale at the left, and a line for each of ``lines`` (classes), its scale in per cent at the right,
    which begins below the lowest point. ``name`` says what the chart shows."""
    top = _round_up(max((sum(number for _, number in column.parts) for column in columns), default=0))
    points = [share for column in columns for share in column.shares if share is not None]
    floor = min(0.9, math.floor(min(points, default=1.0) * 10) / 10)
    plane = _Plane(len(columns), top, floor)
    drawn = [*_grid(plane), *_columns(plane, columns), *_labels(plane, columns)]
    for index, kind in enumerate(lines):
        drawn += _line(plane, [column.shares[index] for column in columns], kind)
    return _svg(drawn, _HEIGHT, name)


def in_rows(rows: Sequence[Row], name: str) -> Markup:
    """Horizontal bars, the longest as long as there is room; where rows have a ``share``, a line joins them, 0 at the left."""
    left = 20 + _CHAR * max((len(_short(row.label)) for row in rows), default=0)
    room = WIDTH - left - 20 - _CHAR * max((len(_short(row.text)) for row in rows), default=0)
    longest = max((max(row.value, row.mark or 0.0) for row in rows), default=0.0) or 1.0
    drawn: list[str] = []
    texts: list[str] = []
    points: list[str] = []
    for index, row in enumerate(rows):
        middle = _TOP + _ROW * index + _ROW / 2
        width = max(room * row.value / longest, 1.5)
        drawn.append(
            f'<g><title>{_text(row.tip)}</title><rect x="0" y="{middle - _ROW / 2}" width="{WIDTH}" height="{_ROW}" class="touch"/>'
            f'<text x="{left - 10:.1f}" y="{middle + 4}" text-anchor="end" class="label">{_text(row.label)}</text>'
            f'<rect x="{left:.1f}" y="{middle - _BAR / 2}" width="{width:.1f}" height="{_BAR}" rx="2" class="beam {row.kind}"/>'
        )
        end = width
        if row.mark is not None:
            end = max(width, room * row.mark / longest)
            drawn.append(
                f'<path d="M{left + width:.1f} {middle}H{left + end:.1f}M{left + end:.1f} {middle - 5}v10" class="mark"/>'
            )
        drawn.append("</g>")
        texts.append(f'<text x="{left + end + 8:.1f}" y="{middle + 4}" class="value">{_text(row.text)}</text>')
        if row.share is not None:
            points.append(f"{left + room * row.share:.1f},{middle}")
    if len(points) > 1:
        drawn.append(f'<polyline points="{" ".join(points)}" class="line cumulative"/>')
    return _svg([*drawn, *texts], _TOP * 2 + _ROW * len(rows), name)


class _Plane:
    """From numbers to places in a chart over time."""

    def __init__(self, columns: int, top: int, floor: float) -> None:
        self.columns, self.top, self.floor = max(columns, 1), top, floor
        self.slot = (WIDTH - _LEFT - _RIGHT) / self.columns
        self.height = _HEIGHT - _TOP - _BOTTOM

    def x(self, index: int) -> float:
        return _LEFT + self.slot * index

    def y(self, number: float) -> float:
        return _TOP + self.height * (1 - number / self.top)

    def y_of_share(self, share: float) -> float:
        return _TOP + self.height * (1 - (share - self.floor) / (1 - self.floor))


def _grid(plane: _Plane) -> Iterator[str]:
    for tick in range(_TICKS + 1):
        y = _TOP + plane.height * (1 - tick / _TICKS)
        share = plane.floor + (1 - plane.floor) * tick / _TICKS
        yield f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" class="axis">{plane.top * tick // _TICKS}</text>'
        yield f'<text x="{WIDTH - _RIGHT + 8}" y="{y + 4:.1f}" class="axis">{round(100 * share, 1):g} %</text>'


def _columns(plane: _Plane, columns: Sequence[Column]) -> Iterator[str]:
    width = max(min(plane.slot * 0.72, 46.0), 1.0)
    for index, column in enumerate(columns):
        x = plane.x(index)
        yield f"<g><title>{_text(column.tip)}</title>"
        yield f'<rect x="{x:.1f}" y="{_TOP}" width="{plane.slot:.1f}" height="{plane.height}" class="touch"/>'
        below = 0
        for kind, number in column.parts:
            if number:
                y, foot = plane.y(below + number), plane.y(below)
                left = x + (plane.slot - width) / 2
                yield f'<rect x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(foot - y, 0.8):.1f}" class="{kind}"/>'
            below += number
        yield "</g>"


def _labels(plane: _Plane, columns: Sequence[Column]) -> Iterator[str]:
    widest = max((len(_short(column.label)) for column in columns), default=1)
    every = max(1, math.ceil((widest * _CHAR + 14) / plane.slot))
    for index in range(0, len(columns), every):
        x = plane.x(index) + plane.slot / 2
        yield f'<text x="{x:.1f}" y="{_HEIGHT - 10}" text-anchor="middle" class="axis">{_text(columns[index].label)}</text>'


def _line(plane: _Plane, shares: Sequence[float | None], kind: str) -> Iterator[str]:
    """Broken where there is no point."""
    run: list[str] = []
    for index, share in enumerate([*shares, None]):
        if share is not None:
            x, y = plane.x(index) + plane.slot / 2, plane.y_of_share(share)
            run.append(f"{x:.1f},{y:.1f}")
            if plane.slot > 12:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" class="point {kind}"/>'
        elif run:
            yield f'<polyline points="{" ".join(run)}" class="line {kind}"/>'
            run = []


def _round_up(number: int) -> int:
    """The next number that the grid's lines divide into round ones."""
    if number <= _TICKS:
        return _TICKS
    power = 10 ** (len(str(number)) - 1)
    return int(
        next(
            factor * power
            for factor in (1, 2, 4, 6, 8, 10, 20)
            if factor * power >= number and factor * power % _TICKS == 0
        )
    )


def _svg(drawn: Sequence[str], height: float, name: str) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{_text(name)}">{"".join(drawn)}</svg>'
    )


def _short(text: str) -> str:
    return printable(text, _MAX_TEXT)


def _text(text: str) -> str:
    return escape(printable(text, 200 if len(text) > _MAX_TEXT else _MAX_TEXT))
