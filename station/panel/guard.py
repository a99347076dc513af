"""Who is asking: sessions and their cookies, the token that proves a form to be ours, and whether a request comes from our page.

A session's name is random and known to its browser alone. The token of a form is made from it with a secret of this process: no
other page can know it (OWASP, "Cross-Site Request Forgery Prevention Cheat Sheet", signed double submit).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import Response

from station.config.panel import PanelConfig
from station.panel.credentials import Credentials
from station.panel.people import Person, Role

SESSION_S = 12 * 3600.0
"""A log-in lasts a shift and its overtime."""
MAX_SESSIONS = 256
"""People logged in at once; the one who logged in first is logged out."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Session:
    person: Person
    until_s: float


class Memory:
    """What outlasts a configuration that is read anew: who is logged in, and the secret that tokens are made with."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.secret = secrets.token_bytes(32)
        self.sessions: OrderedDict[str, _Session] = OrderedDict()


class Guard:
    """Knows who is logged in. Any thread may ask. ``monotonic_s`` is the clock of log-ins."""

    def __init__(
        self, config: PanelConfig, port: int, monotonic_s: Callable[[], float], memory: Memory | None = None
    ) -> None:
        memory = memory or Memory()
        self._config = config
        self._monotonic_s = monotonic_s
        self.credentials = Credentials(config.users, monotonic_s)
        self._secret, self._lock, self._sessions = memory.secret, memory.lock, memory.sessions
        self._local = Person(f"local {config.local_role}", Role(config.local_role), is_local=True)
        self.is_secure = config.tls is not None
        # The prefix makes browsers refuse the cookie from anybody but this very host, over TLS (RFC 6265bis, 4.1.3).
        self.cookie = "__Host-station" if self.is_secure else f"station-{port}"

    # -- where a request comes from ------------------------------------------------------------------------------------

    def is_host_known(self, request: Request) -> bool:
        """Whether the browser believes to talk to a name that is ours: a name that somebody else points at us (DNS rebinding) is
        not. An address is ours where the connection was made to it."""
        name = _without_port(request.headers.get("host", ""))
        if name in self._config.hosts:
            return True
        if self._config.is_local:
            return name in LOOPBACK_NAMES
        server = request.scope.get("server")
        try:
            return server is not None and ip_address(name.strip("[]")) == ip_address(server[0])
        except ValueError:
            return False

    def is_foreign(self, request: Request) -> bool:
        """Whether another site's page sent the request. A link that somebody follows to us may come from anywhere."""
        headers = request.headers
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"{request.url.scheme}://{headers.get('host', '').lower()}":
            return True
        site = headers.get("sec-fetch-site", "none")
        if site in ("none", "same-origin"):
            return False
        follows_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return not (request.method in SAFE_METHODS and follows_link)

    # -- who it is -----------------------------------------------------------------------------------------------------

    def person_of(self, request: Request) -> Person | None:
        """Who is logged in; at this computer, by a name of loopback, also who is not."""
        name = request.cookies.get(self.cookie, "")
        with self._lock:
            session = self._sessions.get(name)
            if session is None or session.until_s <= self._monotonic_s() or not self.is_still(session.person):
                self._sessions.pop(name, None)
            else:
                return session.person
        is_here = self._config.is_local and _without_port(request.headers.get("host", "")) in LOOPBACK_NAMES
        return self._local if is_here else None

    def is_still(self, person: Person) -> bool:
        """Whether the file of users has not changed its mind since the log-in."""
        try:
            return self.credentials.still(person)
        except ValueError as error:
            logger.error("nobody is logged in any more: %s", error)
            return False

    def session_of(self, request: Request) -> str:
        """The name of the browser's session, a new one where it has none."""
        name = request.cookies.get(self.cookie, "")
        return name if len(name) == 43 and name.isascii() else secrets.token_urlsafe(32)

    def log_in(self, person: Person) -> str:
        """The name of the new session."""
        name = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[name] = _Session(person, self._monotonic_s() + SESSION_S)
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return name

    def log_out(self, request: Request) -> None:
        """End the browser's session."""
        with self._lock:
            self._sessions.pop(request.cookies.get(self.cookie, ""), None)

    def give_cookie(self, response: Response, session: str) -> None:
        """Make the browser keep a session's name: to itself, for this host, and from every other site."""
        response.set_cookie(self.cookie, session, httponly=True, samesite="strict", secure=self.is_secure)

    def authorized(self, request: Request) -> Person | None:
        """Who a program proves to be by ``Authorization``: ``Bearer`` with its token (RFC 6750), or ``Basic`` with a person's name
        and password (RFC 7617); no other site's page can send either. Raises TooMany, and ValueError where the file of users cannot
        be read."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.credentials.by_token(given.strip())
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            return None
        return self.credentials.person(name, password, address_of(request)) if kind.lower() == "basic" else None

    def token_of(self, session: str) -> str:
        """What a form of this session has to carry."""
        return hmac.new(self._secret, session.encode(), hashlib.sha256).hexdigest()

    def is_ours(self, request: Request, token: str) -> bool:
        """Whether ``token`` is that of the browser's own session."""
        session = request.cookies.get(self.cookie, "")
        return bool(session) and hmac.compare_digest(self.token_of(session).encode(), token.encode())


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client is not None else "unknown"


def _without_port(host: str) -> str:
    """The name in a Host header, in lower case; brackets around an IPv6 address stay."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()
