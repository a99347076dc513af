"""The server's two token endpoints, and its check of a bearer token."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from secrets import token_hex
from urllib.parse import parse_qsl

from drivers.clock import Clock
from station.production_api.codes import SUCCESS
from station.production_api.options import PRODUCTION_SCOPE
from station.production_api.simulator.settings import SimulatorSettings
from station.production_api.strict_json import JsonRefused, NotJson, parse_json
from station.production_api.token_wire import BRAND, sign

CREATE_TOKEN = "Manage.createAccessToken"
INVALID_TOKEN, BAD_AUTHORIZATION, EXPIRED_TOKEN = "000103", "010103", "010104"
BAD_CSID, BAD_SEC_KEY, NO_TIME, NO_METHOD, UNKNOWN_METHOD, BAD_PACKET = (
    "010101",
    "010102",
    "010201",
    "010202",
    "010203",
    "010204",
)
NO_RIGHT = "010300"


class TokenDesk:
    """Issues tokens and knows them again. All threads may use it; a restarted server knows no token."""

    def __init__(self, settings: SimulatorSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._ends_s: dict[str, float] = {}
        self._refresh: set[str] = set()
        self.issued = 0
        """How many tokens were issued since the start."""

    def refusal(self, authorization: str | None) -> str | None:
        """The result code for this Authorization header, or None where it is good."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or not token:
            return BAD_AUTHORIZATION
        with self._lock:
            ends_s = self._ends_s.get(token)
        if ends_s is None:
            return INVALID_TOKEN
        if self._clock.monotonic_s() >= ends_s:
            return EXPIRED_TOKEN
        scope = self._settings.token_scope
        return None if scope is None or PRODUCTION_SCOPE in scope else NO_RIGHT

    def expire_all(self) -> None:
        """End the life of every token."""
        with self._lock:
            self._ends_s = dict.fromkeys(self._ends_s, self._clock.monotonic_s())

    def signed(self, headers: Mapping[str, str], body: bytes) -> tuple[str, dict[str, object] | None]:
        """Code and data for a request to the CSID endpoint. The signature is checked over the bytes as they came."""
        if headers.get("ys-csid") != self._settings.csid:
            return BAD_CSID, None
        expected = sign(body, self._settings.cs_sec_key.reveal())
        if not hmac.compare_digest(headers.get("ys-sec", "").encode("latin-1"), expected.encode()):
            return BAD_SEC_KEY, None
        try:
            packet = parse_json(body)
        except (NotJson, JsonRefused):
            return BAD_PACKET, None
        if not isinstance(packet, dict) or headers.get("ktt-ys-brand") != BRAND:
            return BAD_PACKET, None
        refused = self._refused_packet(packet)
        if refused is not None:
            return refused, None
        return SUCCESS, self._grant(with_refresh=False)

    def form(self, body: bytes) -> tuple[int, dict[str, object]]:
        """HTTP status and JSON for a request to the client-credentials endpoint."""
        fields = dict(parse_qsl(body.decode("latin-1")))
        grant_type = fields.get("grant_type")
        if grant_type == "client_credentials":
            given = (fields.get("client_id", ""), fields.get("client_secret", ""))
            known = given == (self._settings.client_id, self._settings.client_secret.reveal())
            return (200, self._grant(with_refresh=True)) if known else (401, {"error": "invalid_client"})
        if grant_type == "refresh_token":
            with self._lock:
                known = fields.get("refresh_token") in self._refresh
                self._refresh.discard(fields.get("refresh_token", ""))
            return (200, self._grant(with_refresh=True)) if known else (400, {"error": "invalid_grant"})
        return 400, {"error": "unsupported_grant_type"}

    def _refused_packet(self, packet: dict[str, object]) -> str | None:
        time_ms, method = packet.get("time"), packet.get("method")
        if not isinstance(time_ms, int):
            return NO_TIME
        if method != CREATE_TOKEN:
            return NO_METHOD if method is None else UNKNOWN_METHOD
        tolerance_s = self._settings.time_tolerance_s
        if tolerance_s is not None and abs(time_ms / 1000 - self._clock.wall_s()) > tolerance_s:
            return BAD_PACKET
        return None

    def _grant(self, *, with_refresh: bool) -> dict[str, object]:
        life_s = self._settings.token_life_s
        with self._lock:
            self.issued += 1
            token, refresh = token_hex(20), token_hex(20)
            if self._settings.newest_token_only:
                self._ends_s.clear()
            self._ends_s[token] = self._clock.monotonic_s() + life_s
            grant: dict[str, object] = {"access_token": token, "token_type": "bearer", "expires_in": life_s}
            if with_refresh:
                self._refresh.add(refresh)
                grant["refresh_token"] = refresh
            if self._settings.token_scope is not None:
                grant["scope"] = list(self._settings.token_scope)
        return grant
