"""One cycle: what the journal says of it, and its session log as a timeline."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path

from markupsafe import Markup
from starlette.responses import Response

from station.errors import CATALOGUE, SessionError
from station.journal.session_index import CycleSearch
from station.panel.cycle_log import asked_cycle, log_of, read_shown
from station.panel.moments import moment, zone
from station.panel.pages.downloads import EXPORTS
from station.panel.pages.search import unit_path
from station.panel.people import Role
from station.panel.visit import Page, Visit
from station.session.export.html import Parts, parts
from station.session.export.page_style import PALETTE, PARTS
from station.session.wire_words import decoders_for
from station.text import printable

EVENTS = 1000
"""On one page: a cycle has some hundreds."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """The pieces that a log is shown by; ``page`` of ``pages`` of its events."""

    parts: Parts
    page: int
    pages: int
    cut_off: str | None
    """What is wrong with the log's end, where a crash cut it."""

    def html(self, name: str) -> Markup:
        """One piece. All that came from the log was escaped when it was made."""
        return Markup(getattr(self.parts, name))


def show(visit: Visit) -> Response:
    """The timeline; where the log cannot be shown, what the journal knows and why."""
    cycle = asked_cycle(visit)
    shown, problem, size_bytes = None, None, None
    try:
        summary = log_of(visit, cycle)
        size_bytes = summary.size_bytes
        if summary.running:
            problem = visit.context.words.t("cycle.running")
        else:
            shown = _shown(visit, summary.path)
    except SessionError as error:
        problem = printable(str(error))
    return visit.render(
        "cycle.html",
        cycle=cycle,
        shown=shown,
        problem=problem,
        size_bytes=size_bytes,
        explained=visit.context.words.of_code(cycle.code) if cycle.code in CATALOGUE else ("", ""),
        exports=EXPORTS,
        unit_path=unit_path,
        neighbours=_neighbours(visit, cycle.cycle),
        moment=moment,
        zone=zone(),
        plain=printable,
    )


def _shown(visit: Visit, path: Path) -> _Shown:
    """Raises SessionError."""
    from station.session.export.label_picture import label_picture  # what replays: not before somebody looks at a log

    log = read_shown(path)
    pages = max(1, ceil((len(log.events) - 1) / EVENTS))
    asked = visit.asked("events")
    page = min(max(int(asked), 1), pages) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
    rows = range(1 + (page - 1) * EVENTS, 1 + page * EVENTS)

    def link(number: int) -> str:
        return f"#e{number}" if number in rows else f"?events={1 + (number - 1) // EVENTS}#e{number}"

    made = parts(log, decoders_for(log), label_png=label_picture(log), rows=rows, link=link)
    return _Shown(made, page, pages, log.torn or (None if log.end else visit.context.words.t("cycle.no_end")))


def _neighbours(visit: Visit, number: int) -> tuple[int | None, int | None]:
    """This station's cycles before and after, where there are any."""
    station, find = visit.context.configuration.station.station, visit.context.reader.find_sessions
    before = find(CycleSearch(station, before_cycle=number, limit=1))
    after = find(CycleSearch(station, after_cycle=number, oldest_first=True, limit=1))
    return before[0].cycle if before else None, after[0].cycle if after else None


def style(_visit: Visit) -> Response:
    """How the pieces of a log look, as in its HTML export, kept to that part of the page (CSS nesting)."""
    return Response(f"{PALETTE.replace(':root', '.log')}.log{{{PARTS}}}", media_type="text/css; charset=utf-8")


PAGES = (Page("/cycles/{cycle}", show, Role.ENGINEER), Page("/log.css", style, Role.ENGINEER))
