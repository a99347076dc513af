"""The page as a Starlette app: every page behind the same checks, its work done in a thread."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from http import HTTPStatus
from typing import TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from drivers.errors import DriverError
from station.errors import StationError
from station.panel import assets
from station.panel.api.feed import Feed
from station.panel.api.openapi import EVENTS
from station.panel.api.stream import events, last_known
from station.panel.context import Context
from station.panel.credentials import TooMany
from station.panel.door import Door
from station.panel.guard import SAFE_METHODS
from station.panel.people import Person, Role
from station.panel.stream import Hub
from station.panel.visit import MAX_BODY_BYTES, Page, Refused, Visit, fields_of

PAGE_MODULES: tuple[str, ...] = (
    "station.panel.login",
    "station.panel.pages.operator",
    "station.panel.pages.search",
    "station.panel.pages.unit",
    "station.panel.pages.cycle",
    "station.panel.pages.downloads",
    "station.panel.pages.replay",
    "station.panel.pages.reports",
    "station.panel.pages.supervisor",
    "station.panel.pages.shipping",
    "station.panel.pages.audit",
    "station.panel.api.routes",
)
"""Each has ``PAGES``, a tuple of ``Page``."""

BODY_S = 10.0
"""For the whole of what is posted to come in."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


def pages() -> tuple[Page, ...]:
    """Every page there is, in the order of the navigation."""
    return tuple(page for name in PAGE_MODULES for page in importlib.import_module(name).PAGES)


def create_app(context: Context, hub: Callable[[], Hub], looks: Executor, acts: Executor) -> Starlette:
    """The app. ``hub`` gives the stream once the loop runs. What only looks is done in ``looks``, what acts in ``acts``: an action
    that waits for a printer keeps nobody from looking."""
    listed = pages()
    context.templates.globals["navigation"] = [page for page in listed if page.nav]
    routes: list[Route] = [
        Route(page.path, _endpoint(page, context, acts if page.method != "GET" else looks), methods=[page.method])
        for page in listed
    ]
    routes.append(Route("/events", _events(context, hub), methods=["GET"]))
    routes.append(Route(EVENTS, _program_events(context, hub, looks), methods=["GET"]))
    routes.append(Route("/static/{name}", assets.answer, methods=["GET"]))

    async def unknown(request: Request, _error: Exception) -> Response:
        return Visit(request, context, context.guard.person_of(request)).refused(404, context.words.t("error.no_page"))

    async def wrong_method(request: Request, error: Exception) -> Response:
        visit = Visit(request, context, context.guard.person_of(request))
        response = visit.refused(405, context.words.t("error.wrong_method"))
        response.headers.update(getattr(error, "headers", None) or {})  # which methods there are
        return response

    return Starlette(
        routes=routes,
        middleware=[Middleware(Door, guard=context.guard)],
        exception_handlers={404: unknown, 405: wrong_method},
    )


def _endpoint(page: Page, context: Context, executor: Executor) -> Callable[[Request], object]:
    guard = context.guard

    async def endpoint(request: Request) -> Response:
        is_program = page.is_api and "authorization" in request.headers
        person = await _asker(request, context, executor, is_program)
        if isinstance(person, Response):
            return person
        visit = Visit(request, context, person)
        barred = _barred(page.role, visit)
        if barred is not None:
            return barred
        try:
            body = await _body(request)
            form = {} if page.is_api else fields_of(body)
            given = request.headers.get("x-csrf-token") or form.get("csrf_token", "")
            if request.method not in SAFE_METHODS and not is_program and not guard.is_ours(request, given):
                raise Refused(HTTPStatus.FORBIDDEN, context.words.t("error.stale_form"))
        except Refused as refused:
            return visit.refused(refused.status, refused.text)
        session = guard.session_of(request)
        visit = Visit(request, context, person, guard.token_of(session), form, body)
        response = await _in(executor, lambda: _answered(page, visit))
        if not page.is_api and request.cookies.get(guard.cookie) != session and "set-cookie" not in response.headers:
            guard.give_cookie(response, session)
        return response

    return endpoint


async def _asker(request: Request, context: Context, executor: Executor, is_program: bool) -> Person | Response | None:
    """Who asks, None where that is nobody; what they get who cannot be asked who they are. A program says who it is each time: a
    cookie beside that counts for nothing."""
    if not is_program:
        return context.guard.person_of(request)
    try:
        return await _in(executor, lambda: context.guard.authorized(request))
    except TooMany as too_many:
        return _slowed(Visit(request, context, None), too_many)
    except ValueError as error:
        logger.error("nobody can log in: %s", error)
        return Visit(request, context, None).refused(503, context.words.t("login.unavailable"))


def _slowed(visit: Visit, barred: TooMany) -> Response:
    wait_s = int(barred.wait_s) + 1
    response = visit.refused(HTTPStatus.TOO_MANY_REQUESTS, visit.context.words.t("login.wait", seconds=wait_s))
    response.headers["retry-after"] = str(wait_s)
    return response


def _answered(page: Page, visit: Visit) -> Response:
    try:
        return page.answer(visit)
    except Refused as refused:
        return visit.refused(refused.status, refused.text)
    except (StationError, DriverError) as error:
        return visit.failed(error)
    except Exception as error:
        logger.exception("%s %s ended in a program fault", page.method, page.path)
        return visit.failed(StationError(f"{type(error).__name__}: {error}"))  # "station.defect"


def _barred(role: Role | None, visit: Visit) -> Response | None:
    """What somebody gets who may not see this page."""
    if role is None:
        return None
    if visit.person is None:
        if visit.wants_json or visit.request.method != "GET":
            return visit.refused(HTTPStatus.UNAUTHORIZED, visit.context.words.t("error.log_in"))
        return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    if not visit.person.role.may(role):
        return visit.refused(HTTPStatus.FORBIDDEN, visit.context.words.t("error.no_right"))
    return None


def _events(context: Context, hub: Callable[[], Hub]) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        person: Person | None = context.guard.person_of(request)
        if person is None:
            return JSONResponse({"headline": context.words.t("error.log_in")}, HTTPStatus.UNAUTHORIZED)
        if hub().is_full:
            return JSONResponse({"headline": context.words.t("error.too_many")}, HTTPStatus.SERVICE_UNAVAILABLE)
        return StreamingResponse(hub().events(_welcome(context, request, person)), media_type="text/event-stream")

    return endpoint


def _program_events(context: Context, hub: Callable[[], Hub], looks: Executor) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        person = await _asker(request, context, looks, "authorization" in request.headers)
        if isinstance(person, Response):
            return person
        visit = Visit(request, context, person)
        barred = _barred(Role.ENGINEER, visit)
        if barred is not None:
            return barred
        if hub().is_full:
            return visit.refused(HTTPStatus.SERVICE_UNAVAILABLE, context.words.t("error.too_many"))
        try:
            after = last_known(request.headers.get("last-event-id"))
        except ValueError as error:
            return visit.refused(HTTPStatus.BAD_REQUEST, str(error))
        try:
            feed = await _in(looks, lambda: Feed(context.reader, context.configuration.station.station, after))
        except StationError as error:
            return visit.failed(error)
        welcome = _welcome(context, request, person)
        stream = events(hub(), feed, lambda work: _in(looks, work), welcome)
        return StreamingResponse(stream, media_type="text/event-stream")

    return endpoint


def _welcome(context: Context, request: Request, person: Person | None) -> Callable[[], bool]:
    """Whether somebody who follows a stream may still: a log-out, or another role, ends it at the next heartbeat."""
    guard = context.guard
    if "authorization" in request.headers:
        return lambda: person is not None and guard.is_still(person)
    return lambda: guard.person_of(request) == person


async def _body(request: Request) -> bytes:
    """What was sent. Raises Refused where that is too much."""
    body = b""
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise Refused(HTTPStatus.BAD_REQUEST, "cut off") from None
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, f"not complete within {BODY_S:g} s") from None
    return body


async def _in(executor: Executor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(executor, work)


def routes_and_roles() -> Iterator[tuple[str, str, Role | None]]:
    """Method, path and role of every page."""
    for page in pages():
        yield page.method, page.path, page.role
