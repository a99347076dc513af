"""Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats): counters, gauges and histograms.

A metric has a fixed list of label names; what its labels' values may be is the caller's to bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]


@dataclass
class Metric:
    """A counter or gauge: one number for each combination of labels."""

    name: str
    kind: str
    help: str
    label_names: tuple[str, ...] = ()
    values: dict[Labels, float] = field(default_factory=dict)

    def add(self, *labels: str, by: float = 1.0) -> None:
        self.values[labels] = self.values.get(labels, 0.0) + by

    def set(self, *labels: str, to: float) -> None:
        self.values[labels] = to

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self.kind, self.help)
        for labels, value in self.values.items():
            yield f"{self.name}{_braces(self.label_names, labels)} {_number(value)}"


@dataclass
class Histogram:
    """How often a duration was at most so many seconds."""

    name: str
    help: str
    bounds_s: tuple[float, ...]
    label_names: tuple[str, ...] = ()
    counts: dict[Labels, list[int]] = field(default_factory=dict)
    """For each combination of labels the observations in each bucket alone; the last has no bound."""
    sums: dict[Labels, float] = field(default_factory=dict)

    def observe(self, *labels: str, value: float) -> None:
        counts = self.counts.setdefault(labels, [0] * (len(self.bounds_s) + 1))
        counts[next((index for index, bound in enumerate(self.bounds_s) if value <= bound), -1)] += 1
        self.sums[labels] = self.sums.get(labels, 0.0) + value

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, "histogram", self.help)
        names = (*self.label_names, "le")
        for labels, counts in self.counts.items():
            total = 0
            for bound, count in zip((*map(_number, self.bounds_s), "+Inf"), counts, strict=True):
                total += count
                yield f"{self.name}_bucket{_braces(names, (*labels, bound))} {total}"
            yield f"{self.name}_sum{_braces(self.label_names, labels)} {_number(self.sums[labels])}"
            yield f"{self.name}_count{_braces(self.label_names, labels)} {total}"


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP {name} {_escaped(help_text)}"
    yield f"# TYPE {name} {kind}"


def _braces(names: tuple[str, ...], values: Labels) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{_quoted(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
