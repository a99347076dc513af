"""The simulated Device Production API: a real HTTP server with books of its own and faults on demand.

| address | does |
|---|---|
| POST /open/production/v2/api | the four methods |
| POST /openApi | Manage.createAccessToken |
| POST /open/yolink/token | client credentials, refresh token |
| GET /_ledger | the books, as JSON |
| POST /_faults | put one fault (an object) or several (a list) in force |
| DELETE /_faults | forget all faults |
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from drivers.clock import Clock, SystemClock
from station.production_api.codes import SUCCESS, result_code
from station.production_api.simulator.faults import Fault, FaultKind, FaultPlan
from station.production_api.simulator.http_server import Answer, Connection, HttpServer, Received
from station.production_api.simulator.ledger import Effects, Ledger
from station.production_api.simulator.methods import Decision, Methods
from station.production_api.simulator.misbehave import NOT_DONE, misbehave
from station.production_api.simulator.settings import SimulatorSettings
from station.production_api.simulator.token_desk import BAD_PACKET, CREATE_TOKEN, TokenDesk
from station.production_api.strict_json import JsonRefused, NotJson, parse_json

MAX_SEEN = 10_000
FORM_METHOD = "token"


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One request that the server saw, and the result code it decided on ("" where it came to none)."""

    request: Received
    method: str
    code: str


class ApiSimulator:
    """The server; it listens from construction to ``close`` and may be used as a context. All threads may use it.

    ``ledger_path`` keeps the books over restarts. Raises OSError where the port is taken, ValueError for a damaged ledger.
    """

    def __init__(
        self, settings: SimulatorSettings | None = None, *, ledger_path: Path | None = None, clock: Clock | None = None
    ) -> None:
        self.settings = settings or SimulatorSettings()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._ledger = Ledger(self.settings.licences, ledger_path)
        self._ledger.open()
        self._methods = Methods(self.settings, self._ledger)
        self._desk = TokenDesk(self.settings, self._clock)
        self._faults = FaultPlan(self.settings.seed)
        self._seen: deque[Exchanged] = deque(maxlen=MAX_SEEN)
        self._server = HttpServer(self.settings.host, self.settings.port, self._handle, self._clock)

    @property
    def url(self) -> str:
        """What ``ApiOptions.base_url`` is to be."""
        return f"http://{self.settings.host}:{self._server.port}"

    @property
    def tokens_issued(self) -> int:
        return self._desk.issued

    def ledger(self) -> dict[str, object]:
        """The books now, JSON-ready (``Ledger.to_json``)."""
        with self._lock:
            return self._ledger.to_json()

    def violations(self) -> list[str]:
        """See ``Ledger.violations``."""
        with self._lock:
            return self._ledger.violations()

    def seen(self, method: str | None = None) -> list[Exchanged]:
        """The last 10,000 requests in order of arrival, of all methods or of one."""
        with self._lock:
            return [entry for entry in self._seen if method in (None, entry.method)]

    def seed(self, *, device_ids: tuple[str, ...] = (), sns: tuple[str, ...] = ()) -> None:
        """Put ids into the books as if they had been issued before, at no licence."""
        with self._lock:
            self._ledger.enter(self._clock.wall_s(), "seed", {}, SUCCESS, Effects(device_ids=device_ids, sns=sns))

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        self._faults.clear()

    def expire_tokens(self) -> None:
        self._desk.expire_all()

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return self._server.open_connections

    def drop_connections(self) -> None:
        """Close every connection, idle ones too."""
        self._server.drop_connections()

    def close(self) -> None:
        """Stop listening, end every connection, close the books. A second call does nothing."""
        self._server.close()
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _handle(self, request: Received, connection: Connection) -> bool:
        if request.path.startswith("/_"):
            connection.send(self._control(request))
            return True
        if request.method != "POST" or request.path not in self._paths():
            connection.send(Answer(404, b"no such address", "text/plain"))
            return True
        if self.settings.latency_s and connection.pause(self.settings.latency_s):
            return False
        method, packet = self._peek(request)
        fault = self._faults.pick(method)
        if fault is not None and fault.kind is FaultKind.EXPIRE_TOKENS:
            self._desk.expire_all()
            fault = None
        if fault is not None and fault.kind in NOT_DONE and not fault.done:
            code, answer = fault.code if fault.kind is FaultKind.CODE else "", Answer(200)
        else:
            code, answer = self._answer(request, method, packet)
        with self._lock:
            self._seen.append(Exchanged(request, method, code))
        if fault is None:
            connection.send(answer)
            return True
        return misbehave(fault, answer, connection)

    def _paths(self) -> tuple[str, ...]:
        return self.settings.production_path, self.settings.csid_path, self.settings.token_path

    def _peek(self, request: Received) -> tuple[str, object]:
        """The name of the method, and the packet: None where the body is not JSON."""
        if request.path == self.settings.token_path:
            return FORM_METHOD, None
        if request.path == self.settings.csid_path:
            return CREATE_TOKEN, None
        try:
            packet = parse_json(request.body)
        except (NotJson, JsonRefused):
            return "", None
        name = packet.get("method") if isinstance(packet, dict) else None
        return name if isinstance(name, str) else "", packet

    def _answer(self, request: Received, method: str, packet: object) -> tuple[str, Answer]:
        is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
        if request.path == self.settings.token_path:
            status, grant = self._desk.form(request.body)
            return "", Answer(status, json.dumps(grant).encode())
        if request.path == self.settings.csid_path:
            code, data = self._desk.signed(request.headers, request.body) if is_json else (BAD_PACKET, None)
            reply = {"code": code, "time": int(self._clock.wall_s() * 1000), "method": method, "desc": _desc(code)}
            return code, Answer(200, json.dumps({**reply, "data": data}).encode())
        refused = self._desk.refusal(request.headers.get("authorization"))
        if refused is None and (not is_json or not isinstance(packet, dict)):
            refused = BAD_PACKET
        decision = Decision(refused) if refused is not None else self._carry_out(packet)
        return decision.code, Answer(200, _packet(decision.code, decision.data))

    def _carry_out(self, packet: object) -> Decision:
        values = packet if isinstance(packet, dict) else {}
        method, params = values.get("method"), values.get("params")
        with self._lock:
            decision = self._methods.decide(method, params)
            noted = params if isinstance(params, dict) else {}
            self._ledger.enter(self._clock.wall_s(), str(method), noted, decision.code, decision.effects)
        return decision

    def _control(self, request: Received) -> Answer:
        if (request.method, request.path) == ("GET", "/_ledger"):
            return Answer(200, json.dumps(self.ledger()).encode())
        if (request.method, request.path) == ("DELETE", "/_faults"):
            self._faults.clear()
            return Answer(200, b"{}")
        if (request.method, request.path) == ("POST", "/_faults"):
            try:
                value = parse_json(request.body)
                faults = [Fault.from_json(item) for item in (value if isinstance(value, list) else [value])]
            except ValueError as error:
                return Answer(400, str(error).encode(), "text/plain")
            for fault in faults:
                self._faults.add(fault)
            return Answer(200, json.dumps({"added": len(faults)}).encode())
        return Answer(404, b"no such address", "text/plain")


def _packet(code: str, data: dict[str, object] | None) -> bytes:
    """The answer as the API document shows it; an error has ``desc`` as well, and no data."""
    if code == SUCCESS:
        return json.dumps({"code": code, "data": data}).encode()
    return json.dumps({"code": code, "desc": _desc(code), "data": None}).encode()


def _desc(code: str) -> str:
    return "Success" if code == SUCCESS else result_code(code).meaning
