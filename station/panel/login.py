"""Logging in and out."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from station.panel.credentials import TooMany
from station.panel.people import Person, Role
from station.panel.visit import Page, Visit
from station.text import printable

logger = logging.getLogger(__name__)


def show(visit: Visit) -> Response:
    """The form."""
    return visit.render("login.html", problem="")


def log_in(visit: Visit) -> Response:
    """Check name and password; a new session where they fit. Each try is kept in the audit."""
    name, address = visit.form.get("name", "").strip(), visit.address
    shown = printable(name, 64) or "-"
    try:
        person = visit.context.guard.credentials.person(name, visit.form.get("password", ""), address)
    except TooMany as barred:
        logger.warning("log-in of %s from %s is not tried: too many were wrong", shown, address)
        response = _again(
            visit, HTTPStatus.TOO_MANY_REQUESTS, visit.context.words.t("login.wait", seconds=int(barred.wait_s) + 1)
        )
        response.headers["retry-after"] = str(int(barred.wait_s) + 1)
        return response
    except ValueError as error:
        logger.error("nobody can log in: %s", error)
        return _again(visit, HTTPStatus.SERVICE_UNAVAILABLE, visit.context.words.t("login.unavailable"))
    if person is None:
        logger.warning("log-in of %s from %s refused", shown, address)
        visit.context.audit(Person(shown, Role.OPERATOR), "page.login_refused", detail=f"from {address}")
        return _again(visit, HTTPStatus.FORBIDDEN, visit.context.words.t("login.wrong"))
    visit.context.audit(person, "page.login", detail=f"from {address}")
    response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    visit.context.guard.give_cookie(response, visit.context.guard.log_in(person))
    return response


def log_out(visit: Visit) -> Response:
    """End the session."""
    if visit.person is not None and not visit.person.is_local:
        visit.context.audit(visit.person, "page.logout")
    visit.context.guard.log_out(visit.request)
    response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    response.delete_cookie(visit.context.guard.cookie)
    return response


def _again(visit: Visit, status: int, problem: str) -> Response:
    return visit.render("login.html", status, problem=problem)


PAGES = (
    Page("/login", show, None),
    Page("/login", log_in, None, "POST"),
    Page("/logout", log_out, None, "POST"),
)
