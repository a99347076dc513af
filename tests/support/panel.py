"""The page of a whole station on simulated hardware, and people who look at it over real HTTP."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from station.events import CycleEnded, Event
from station.jig import Jig
from station.panel.companion import Panel
from station.panel.people import Role
from station.panel.users import User, hashed, write_users
from tests.support.station import PATIENCE_S, Board, Rig, station

LOCAL = '{listen: "127.0.0.1:0"}'
PASSWORDS = {role: f"password of the {role}" for role in Role}
"""Of the users that ``with_users`` makes: each is named like their role."""

_HASHES: dict[Role, str] = {}


def with_users(folder: Path) -> str:
    """The path of a file with one user of each role, named like it; hashing takes long, so it is done once."""
    if not _HASHES:
        _HASHES.update({role: hashed(password) for role, password in PASSWORDS.items()})
    path = folder / "users"
    write_users(path, {role.value: User(role.value, role, _HASHES[role]) for role in Role})
    return str(path)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this computer's loopback and its key, made now."""
    made, key = folder / "cert.pem", folder / "key.pem"
    words = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=station test",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command = ["openssl", "req", "-x509", *words, *names, "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    return made, key


def guarded(folder: Path, more: str = "") -> str:
    """What a configuration says of a page beyond loopback: TLS and users. It is visited at 127.0.0.1 all the same."""
    made, key = certificate(folder)
    guards = f"tls: {{certificate: {made}, key: {key}}}, users: {with_users(folder)}"
    return f'{{listen: "0.0.0.0:0", {guards}{more}}}'


class Served:
    """A station that runs with its page. Boards are put in by ``put_in`` and started by ``start`` or by anybody at the page."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.panel = Panel()
        self.ended: list[CycleEnded] = []
        self.stop_page: Callable[[], None] = lambda: None
        """Ends the page before the station."""
        self._news = threading.Condition()
        self.jig: Jig = Jig(rig.configuration(), self._publish)

    @property
    def url(self) -> str:
        """Where the page is, by the address of loopback, without a slash at the end."""
        assert self.panel.url is not None, "the page is not served"
        return self.panel.url.rstrip("/").replace("0.0.0.0", "127.0.0.1")

    def visitor(self, **options: Any) -> Visitor:
        """Somebody at this computer, who trusts the page's certificate where it has one; to be closed."""
        tls = self.rig.configuration().station.panel.tls  # type: ignore[union-attr]
        if tls is None:
            return Visitor(self.url, verify=False, **options)  # no authorities to load: there is no TLS
        return Visitor(self.url, verify=ssl.create_default_context(cafile=tls.certificate), **options)

    def put_in(self, board: Board, socket: str = "A") -> None:
        """Put a board into a socket; the one that was there is taken out first."""
        self.rig.places[socket].uart.lift()
        self.rig.places[socket].uart.insert(board)

    def ready(self, *sockets: str) -> None:
        """Wait until these sockets take a start."""
        self.until(lambda: all(self.panel.board.tile(socket).ready for socket in sockets or ("A",)))

    def cycle(self, board: Board, socket: str = "A", *, start: Callable[[], object] | None = None) -> CycleEnded:
        """Put a board in, start, and wait for the end."""
        self.ready(socket)
        self.put_in(board, socket)
        number = len(self.ended)
        (start or (lambda: self.jig.start(socket)))()
        self.until(lambda: len(self.ended) > number)
        return self.ended[number]

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until that holds, which is looked at with each event."""
        with self._news:
            assert self._news.wait_for(holds, PATIENCE_S), "it has not come"

    def _publish(self, event: Event) -> None:
        self.rig.on_event(event)
        self.panel(event)
        with self._news:
            if isinstance(event, CycleEnded):
                self.ended.append(event)
                self.rig.results.append(event.result)
            self._news.notify_all()


class Visitor(httpx.Client):
    """A browser without its script: keeps cookies, and posts forms with the token that the page gave it."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(base_url=url, timeout=PATIENCE_S, trust_env=False, **options)

    def token(self, path: str = "/") -> str:
        """The token of the forms on a page."""
        found = re.search(r'name="csrf-token" content="([0-9a-f]+)"', self.get(path).text)
        assert found is not None, "the page has no token"
        return found[1]

    def send_form(self, path: str, form: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        """Post as the page's script does: the token in a header, the answer as JSON."""
        headers = {"x-csrf-token": self.token("/login"), "accept": "application/json"}
        return self.post(path, data=form or {}, headers=headers | options.pop("headers", {}), **options)

    def log_in(self, role: Role) -> httpx.Response:
        """As the user of that role."""
        form = {"name": role.value, "password": PASSWORDS[role], "csrf_token": self.token("/login")}
        return self.post("/login", data=form)


@contextmanager
def events(visitor: httpx.Client, path: str = "/events") -> Iterator[Iterator[tuple[str, Any]]]:
    """The page's events, each its kind and its data."""
    with visitor.stream("GET", path) as response:
        assert response.status_code == 200, response.status_code
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _events_of(response.iter_lines())


def _events_of(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    kind = ""
    for line in lines:
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


@contextmanager
def served(folder: Path, panel: str = LOCAL, **settings: Any) -> Iterator[Served]:
    """A station with its page, judged at the end like every rig."""
    with station(folder, panel=panel, **settings) as rig, ExitStack() as stack:
        running = Served(rig)
        stack.enter_context(running.jig)
        page = stack.enter_context(ExitStack())
        page.enter_context(running.panel.beside(rig.configuration(), running.jig))
        running.stop_page = page.close
        yield running
