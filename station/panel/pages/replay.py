"""A cycle's session log run against the code of now, asked for at the page."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse, Response

from station.errors import SessionError
from station.panel.cycle_log import asked_cycle, worked_log_of
from station.panel.pages.downloads import said
from station.panel.people import Role
from station.panel.visit import Page, Visit
from station.session.difference import Difference
from station.session.report import DifferenceReading, report_lines
from station.text import printable

_SAME, _DIVERGED = 0, 1


def replay(visit: Visit) -> Response:
    """Run it and show the report. Raises SessionError for a log that cannot be run, Busy, TookTooLong."""
    cycle = asked_cycle(visit)
    path = worked_log_of(visit, cycle)
    visit.context.audit(visit.who, "page.replay", detail=f"cycle {cycle.cycle}")
    done = visit.context.workshop.run("replay", str(path), "--json")
    if done.status not in (_SAME, _DIVERGED):
        raise SessionError(said(done.error))
    report: dict[str, Any] = json.loads(done.output)
    if visit.wants_json:
        return JSONResponse(report)
    where, *lines = _lines(report) or [""]
    where = where.removeprefix("differs ")
    return visit.render("replay.html", cycle=cycle, report=report, where=where, lines=lines, plain=printable)


def _lines(report: dict[str, Any]) -> list[str]:
    """The difference as ``station replay`` says it."""
    told = report["difference"]
    if told is None:
        return []
    reading = DifferenceReading(*(tuple(told.pop(name)) for name in ("before", "wanted_words", "got_words")))
    for name in ("wanted_bytes", "got_bytes"):
        told[name] = None if told[name] is None else bytes.fromhex(told[name])
    versions = {name: (each["then"], each["now"]) for name, each in report["versions"].items()}
    return list(report_lines(Difference(**told), reading, versions))


PAGES = (Page("/cycles/{cycle}/replay", replay, Role.ENGINEER, "POST"),)
