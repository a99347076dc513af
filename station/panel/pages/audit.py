"""The audit: who did what at this station, newest first."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from station.journal.audit_log import AuditQuery
from station.panel.moments import moment, zone
from station.panel.pages.search import unit_path
from station.panel.people import Role
from station.panel.visit import Page, Refused, Visit
from station.text import printable

ROWS = 50
"""On one page."""
_MAX_DIGITS = 15


def show(visit: Visit) -> Response:
    """The newest lines, or those before ``before``."""
    wanted = AuditQuery(visit.context.configuration.station.station, _before(visit), ROWS + 1)
    found = visit.context.reader.audit_lines(wanted)
    shown = found[:ROWS]
    older = shown[-1].number if len(found) > ROWS else None
    return visit.render(
        "audit.html",
        lines=shown,
        older=older,
        is_newest=wanted.before is None,
        moment=moment,
        zone=zone(),
        unit_path=unit_path,
        plain=printable,
    )


def _before(visit: Visit) -> int | None:
    text = visit.asked("before")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise Refused(HTTPStatus.BAD_REQUEST, visit.context.words.t("audit.no_number", text=printable(text, 20)))
    return int(text)


PAGES = (Page("/audit", show, Role.SUPERVISOR, nav="nav.audit"),)
