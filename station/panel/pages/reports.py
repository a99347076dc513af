"""How production goes: charts with the tables behind them, each also as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date, timedelta
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import Response

from station.errors import CATALOGUE
from station.journal.opening import open_journal_readonly
from station.journal.statistics import MAX_DAYS, SAMPLE_CYCLES, StatisticsQuery
from station.panel import figures
from station.panel.figures import Figures, Period
from station.panel.moments import day_of, today, zone
from station.panel.people import Role
from station.panel.visit import Page, Refused, Visit
from station.text import printable

DAYS = 7
"""Of the period that is shown where none is asked for, today in it."""
CHOICES = (1, 7, 30, 90)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How cells begin that a spreadsheet would compute."""

Cell = str | int | float | None
Table = tuple[tuple[str, ...], list[tuple[Cell, ...]]]


def show(visit: Visit) -> Response:
    """The page."""
    found = _figures(visit)
    t = visit.context.words.t
    last = today()
    return visit.render(
        "reports.html",
        found=found,
        charts={
            "production": figures.production_chart(found, t),
            "steps": figures.steps_chart(found, t),
            "codes": figures.codes_chart(found, t),
        },
        codes=[(*each, _meaning(visit, each[0].code)) for each in figures.with_shares(found.codes)],
        choices=[(days, _query(Period(last - timedelta(days=days - 1), last))) for days in CHOICES],
        query=_query(found.period),
        share=figures.share,
        seconds=figures.seconds,
        sample=SAMPLE_CYCLES,
        zone=zone(),
        plain=printable,
    )


def table(visit: Visit) -> Response:
    """One table as CSV (RFC 4180, UTF-8)."""
    name = visit.part("name")
    made = {"production.csv": _production, "steps.csv": _steps, "codes.csv": _codes}.get(name)
    if made is None:
        raise Refused(HTTPStatus.NOT_FOUND, visit.context.words.t("error.no_page"))
    found = _figures(visit)
    heading, rows = made(found)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(heading)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    stem = f"{name.removesuffix('.csv')}-{found.period.first}-{found.period.last}"
    headers = {"content-disposition": f'attachment; filename="{stem}.csv"'}
    return Response(file.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


def _figures(visit: Visit) -> Figures:
    """On a connection of its own, so that a long period keeps nobody waiting who looks for a unit. Raises Refused, Busy."""
    config = visit.context.configuration.station
    period = _period(visit)
    wanted = StatisticsQuery(config.station, period.since_ms, period.before_ms)
    with visit.context.workshop.figures():
        reader = open_journal_readonly(config.journal_place)
        try:
            return figures.figures(period, reader.production(wanted), reader.step_times(wanted), reader.codes(wanted))
        finally:
            reader.close()


def _period(visit: Visit) -> Period:
    last = _day(visit, "until", today())
    period = Period(_day(visit, "since", last - timedelta(days=DAYS - 1)), last)
    if not 1 <= period.days < MAX_DAYS:
        text = visit.context.words.t("reports.no_period", days=MAX_DAYS - 1)
        raise Refused(HTTPStatus.BAD_REQUEST, text)
    return period


def _day(visit: Visit, name: str, otherwise: date) -> date:
    text = visit.asked(name)
    if not text:
        return otherwise
    try:
        return day_of(text)
    except ValueError:
        raise Refused(
            HTTPStatus.BAD_REQUEST, visit.context.words.t("search.no_day", text=printable(text, 40))
        ) from None


def _meaning(visit: Visit, code: str) -> str:
    """What people read for it; nothing for the code of another version."""
    return visit.context.words.of_code(code)[0] if code in CATALOGUE else "–"


def _query(period: Period) -> str:
    return urlencode({"since": period.first.isoformat(), "until": period.last.isoformat()})


def _production(found: Figures) -> Table:
    heading = ("start", "pass", "fail", "error", "aborted", "yield", "first_pass_units", "first_pass_yield")
    rows: Iterable[tuple[Cell, ...]] = (
        (
            stretch.label,
            counts.passed,
            counts.failed,
            counts.errors,
            counts.aborted,
            _rounded(counts.passed_share),
            counts.first_passed + counts.first_failed,
            _rounded(counts.first_pass_share),
        )
        for stretch in found.stretches
        for counts in (stretch.counts,)
    )
    return heading, list(rows)


def _steps(found: Figures) -> Table:
    rows: list[tuple[Cell, ...]] = [(each.step, each.cycles, each.median_s, each.p95_s) for each in found.steps]
    return ("step", "cycles", "median_s", "p95_s"), rows


def _codes(found: Figures) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (each.code, each.outcome, each.cycles, _rounded(part), each.newest)
        for each, part in figures.with_shares(found.codes)
    ]
    return ("code", "outcome", "cycles", "cumulative_share", "newest_cycle"), rows


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _cell(cell: Cell) -> Cell:
    """Text that a spreadsheet takes for text, whatever it begins with."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


PAGES = (Page("/reports", show, Role.ENGINEER, nav="nav.reports"), Page("/reports/{name}", table, Role.ENGINEER))
