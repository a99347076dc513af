"""The figures of a period, as the reports show them: folded into hours, days or weeks, as tables and as charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from markupsafe import Markup

from station.journal.statistics import DAY_MS, CodeCount, Counts, Slot, StepTime, total
from station.panel.charts import Column, Row, in_rows, over_time
from station.panel.moments import day_after, start_of

Say = Callable[..., str]
"""A text of the page by its key."""

MAX_HOURS_DAYS, MAX_DAYS_DAYS = 3, 93
"""Up to so many days a column is an hour, or a day; beyond, a week."""
HOUR_MS = DAY_MS // 24


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of the computer's time zone, from the first to the last one, both in it."""

    first: date
    last: date

    @property
    def since_ms(self) -> int:
        return start_of(self.first)

    @property
    def before_ms(self) -> int:
        return start_of(day_after(self.last))

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def unit(self) -> str:
        """What a column of a chart over time stands for: hour, day or week."""
        return "hour" if self.days <= MAX_HOURS_DAYS else "day" if self.days <= MAX_DAYS_DAYS else "week"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The cycles of one hour, day or week."""

    label: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Figures:
    """All of a period. ``busy_hours`` are those in which a cycle started."""

    period: Period
    stretches: tuple[Stretch, ...]
    whole: Counts
    busy_hours: int
    steps: tuple[StepTime, ...]
    codes: tuple[CodeCount, ...]

    @property
    def units_per_hour(self) -> float | None:
        """PASSes in an hour in which the station worked."""
        return self.whole.passed / self.busy_hours if self.busy_hours else None


def figures(period: Period, slots: Sequence[Slot], steps: Sequence[StepTime], codes: Sequence[CodeCount]) -> Figures:
    """Fold them."""
    busy = {slot.start_ms // HOUR_MS for slot in slots}
    return Figures(period, tuple(_folded(period, slots)), total(slots), len(busy), tuple(steps), tuple(codes))


def share(value: float | None) -> str:
    """``98.4 %``, or a dash."""
    return "–" if value is None else f"{100 * value:.1f} %"


def seconds(value_s: float) -> str:
    """``1.204 s``."""
    return f"{value_s:.3f} s"


def production_chart(found: Figures, t: Say) -> Markup:
    """Columns of outcomes with the lines of both yields."""
    columns = [
        Column(
            stretch.label,
            (("pass", counts.passed), ("fail", counts.failed), ("error", counts.errors), ("aborted", counts.aborted)),
            (counts.passed_share, counts.first_pass_share),
            f"{stretch.label}: {counts.passed} PASS, {counts.failed} FAIL, {counts.errors} ERROR, {counts.aborted} ABORTED, "
            f"{t('reports.yield')} {share(counts.passed_share)}",
        )
        for stretch in found.stretches
        for counts in (stretch.counts,)
    ]
    return over_time(columns, ("yield", "first"), t("reports.production"))


def steps_chart(found: Figures, t: Say) -> Markup:
    """A bar as long as the median with a mark at the 95th percentile."""
    rows = [
        Row(
            step.step,
            step.median_s,
            f"{seconds(step.median_s)} · {seconds(step.p95_s)}",
            f"{step.step}: {t('reports.median')} {seconds(step.median_s)}, {t('reports.p95')} {seconds(step.p95_s)}",
            "whole" if index == 0 else "plain",
            step.p95_s,
        )
        for index, step in enumerate(found.steps)
    ]
    return in_rows(rows, t("reports.steps"))


def codes_chart(found: Figures, t: Say) -> Markup:
    """The most frequent codes first, with the line of their sum."""
    rows = [
        Row(
            f"{each.outcome} {each.code}",
            each.cycles,
            f"{each.cycles} · {share(part)}",
            f"{each.code}: {each.cycles}; {t('reports.cumulative')} {share(part)}",
            each.outcome.lower(),
            share=part,
        )
        for each, part in with_shares(found.codes)
    ]
    return in_rows(rows, t("reports.codes"))


def with_shares(codes: Sequence[CodeCount]) -> list[tuple[CodeCount, float]]:
    """Each code with the share of all that it and the more frequent ones have together."""
    all_cycles = sum(each.cycles for each in codes)
    so_far, found = 0, []
    for each in codes:
        so_far += each.cycles
        found.append((each, so_far / all_cycles))
    return found


def _folded(period: Period, slots: Sequence[Slot]) -> list[Stretch]:
    """Every stretch of the period, in order, those without a cycle too."""
    counted: dict[str, Counts] = {label: Counts() for label in _labels(period)}
    for slot in slots:
        label = _label(datetime.fromtimestamp(slot.start_ms / 1000, UTC).astimezone(), period.unit)
        counted[label] = counted.get(label, Counts()) + slot.counts
    return [Stretch(label, counts) for label, counts in counted.items()]


def _labels(period: Period) -> list[str]:
    moments = range(period.since_ms, period.before_ms, HOUR_MS)
    return list(
        dict.fromkeys(_label(datetime.fromtimestamp(at / 1000, UTC).astimezone(), period.unit) for at in moments)
    )


def _label(at: datetime, unit: str) -> str:
    if unit == "hour":
        return f"{at:%m-%d %H:00}"
    day = at.date()
    return f"{day if unit == 'day' else day - timedelta(days=day.weekday())}"
