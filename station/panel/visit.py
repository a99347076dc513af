"""One request to the page: who asks, what they sent, and how they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from drivers.errors import DriverError
from station.errors import StationError, UnitError
from station.panel.guard import address_of
from station.panel.people import Person, Role
from station.text import printable

if TYPE_CHECKING:
    from station.panel.context import Context

API = "/api/"
"""How the addresses of the API begin: everything below is answered in JSON."""
MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 64
MAX_FIELD_CHARS = 16 * 1024
MAX_NAME_CHARS = 64


@dataclass(frozen=True, slots=True)
class Page:
    """One address of the page. ``role`` is who may use it, None everybody, without log-in too. ``answer`` may block: it runs in a
    thread. ``nav`` is the key of its name in the navigation, "" where it is not in there."""

    path: str
    answer: Callable[[Visit], Response]
    role: Role | None
    method: str = "GET"
    nav: str = ""
    is_api: bool = False
    """Answered in JSON, errors too; may be used with ``Authorization``."""


class Refused(Exception):
    """Raised where a request is not carried out: bad input, no right, nothing there."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page's ``answer`` gets. ``csrf`` goes into every form, as ``csrf_token``."""

    request: Request
    context: Context
    person: Person | None
    csrf: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    """The fields of a form that was posted, each of bounded length."""
    body: bytes = b""

    @property
    def wants_json(self) -> bool:
        """Whether the asker is a script rather than somebody who reads a page."""
        is_api = self.request.url.path.startswith(API)
        return is_api or "application/json" in self.request.headers.get("accept", "")

    @property
    def who(self) -> Person:
        """The person, of whom the route's role made sure. A person at this computer, who did not log in, may give a name."""
        assert self.person is not None, "checked before a page is answered"
        name = printable(self.form.get("operator", "").strip(), MAX_NAME_CHARS)
        if self.person.is_local and name:
            return Person(f"{name} (not logged in)", self.person.role, is_local=True)
        return self.person

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return address_of(self.request)

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def asked(self, name: str, default: str = "") -> str:
        """A value of the query, at most ``MAX_FIELD_CHARS`` long."""
        return str(self.request.query_params.get(name, default))[:MAX_FIELD_CHARS].strip()

    def field(self, name: str) -> str:
        """A field that has to be filled in. Raises Refused."""
        text = self.form.get(name, "").strip()
        if not text:
            raise Refused(HTTPStatus.BAD_REQUEST, self.context.words.t("error.field_missing", field=name))
        return text

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page from ``templates``; beside ``values`` it sees what ``base.html`` needs."""
        shared = {
            "t": self.context.words.t,
            "words": self.context.words,
            "language": self.context.words.language,
            "station": self.context.configuration.station.station,
            "person": self.person,
            "csrf": self.csrf,
            "path": self.request.url.path,
            "can_log_in": self.context.guard.credentials.are_kept,
            "may": lambda role: self.person is not None and self.person.role.may(Role(role)),
        }
        text = self.context.templates.get_template(template).render({**shared, **values})
        return HTMLResponse(text, status)

    def done(self, text: str, back: str = "/", problem: str | None = None) -> Response:
        """What a person asked for was done: told to a script, shown to a person where they were (``back``, a path of ours)."""
        if self.wants_json:
            return JSONResponse({"text": text, "problem": problem})
        return RedirectResponse(back, HTTPStatus.SEE_OTHER)

    def refused(self, status: int, text: str) -> Response:
        """It was not done, for a reason that has no code."""
        return self._told(status, {"code": None, "headline": text, "action": "", "detail": ""})

    def failed(self, error: StationError | DriverError) -> Response:
        """It was not done, for a reason of the catalogue."""
        headline, action = self.context.words.of_code(error.code)
        said = {"code": error.code, "headline": headline, "action": action, "detail": printable(str(error))}
        return self._told(_status_of(error.code), said)

    def _told(self, status: int, said: dict[str, Any]) -> Response:
        if self.wants_json:
            # No challenge for a password: a browser would ask for one over the page's head.
            challenge = {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
            return JSONResponse(said, status, challenge)
        return self.render("problem.html", status, **said)


def _status_of(code: str) -> HTTPStatus:
    """How HTTP calls what a code says: a conflict with how things stand, where it is nothing else."""
    if code.startswith("journal.") and code != "journal.contradiction":
        return HTTPStatus.SERVICE_UNAVAILABLE
    return {
        "station.defect": HTTPStatus.INTERNAL_SERVER_ERROR,
        "unit.unknown": HTTPStatus.NOT_FOUND,
        "usage.invalid": HTTPStatus.BAD_REQUEST,
        "config.invalid": HTTPStatus.BAD_REQUEST,
    }.get(code, HTTPStatus.CONFLICT)


def fields_of(body: bytes) -> dict[str, str]:
    """A posted form (application/x-www-form-urlencoded). Raises Refused."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "the form cannot be read") from error
    if any(len(value) > MAX_FIELD_CHARS for _, value in pairs):
        raise Refused(HTTPStatus.BAD_REQUEST, "a field of the form is too long")
    return dict(pairs)


def known_socket(visit: Visit) -> str:
    """The socket that the path names. Raises UnitError("usage.invalid")."""
    name = visit.part("socket")
    if name not in {socket.name for socket in visit.context.configuration.station.sockets}:
        raise UnitError("usage.invalid", f"no socket is named {printable(name)}")
    return name
