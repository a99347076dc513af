"""Scripted faults: which call they hit, and what happens to it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from random import Random

from pydantic import TypeAdapter, ValidationError


class FaultKind(StrEnum):
    """What goes wrong. *Done*: the call is carried out all the same."""

    ANSWER_LOST = "answer_lost"
    """Done; then the connection is closed without an answer."""
    DROP_BEFORE = "drop_before"
    """Not done; the connection is closed."""
    DELAY = "delay"
    """Done; the answer comes ``delay_s`` later."""
    STATUS = "status"
    """HTTP ``status`` with an HTML body and perhaps ``retry_after``; done where ``done``."""
    CODE = "code"
    """The result code ``code``; done where ``done``."""
    RAW = "raw"
    """``body`` as the answer's body, with HTTP ``status`` (200); done where ``done``."""
    TRUNCATED = "truncated"
    """Done; half of the body, then the connection is closed."""
    HUGE = "huge"
    """Done; the right packet, but 8 MiB long."""
    ENDLESS = "endless"
    """Done; a body that goes on until the client leaves."""
    SLOW = "slow"
    """Done; head and body one byte every ``delay_s``."""
    NOT_JSON = "not_json"
    """Done; an HTML page with status 200."""
    DOUBLE_ENCODED = "double_encoded"
    """Done; the packet as a JSON string."""
    WRONG_ID = "wrong_id"
    """Done; the answer names another, well-formed id."""
    DUPLICATES = "duplicates"
    """Done; the last id of the list is the first one again."""
    FEWER = "fewer"
    """Done; ``count`` ids are missing from the list."""
    EMPTY = "empty"
    """Done; the list is empty."""
    EXPIRE_TOKENS = "expire_tokens"
    """Every token expires just before this call is looked at."""
    REDIRECT = "redirect"
    """HTTP ``status`` (302) to ``location``; not done."""
    CLOSE_IDLE = "close_idle"
    """Answered well; then the connection is closed without a word."""


DEFAULT_STATUS = {FaultKind.STATUS: 503, FaultKind.REDIRECT: 302, FaultKind.RAW: 200}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. It hits calls of ``method`` ("*" any; the token calls are ``Manage.createAccessToken`` and ``token``): only the
    ``nth`` of them from now on (1 is the next) where that is given, with ``probability``, and ``times`` times at most (None:
    no end)."""

    kind: FaultKind
    method: str = "*"
    nth: int | None = None
    times: int | None = 1
    probability: float = 1.0
    done: bool = False
    code: str = "999999"
    status: int | None = None
    retry_after: str | None = None
    delay_s: float = 0.05
    count: int = 1
    body: str = ""
    location: str = "http://127.0.0.1:9/elsewhere"

    @property
    def http_status(self) -> int:
        """``status``, or the one that goes with the kind."""
        return self.status or DEFAULT_STATUS.get(self.kind, 200)

    @classmethod
    def from_json(cls, value: object) -> Fault:
        """A fault from its JSON object. Raises ValueError for anything else, an unknown field included."""
        known = {item.name for item in fields(cls)}
        if not isinstance(value, dict) or not set(value) <= known or "kind" not in value:
            raise ValueError(f"a fault is an object with kind and any of {', '.join(sorted(known))}")
        try:
            fault: Fault = _adapter().validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        if min(fault.delay_s, fault.count) < 0:
            raise ValueError("delay_s and count must not be below 0")
        return fault


@cache
def _adapter() -> TypeAdapter[Fault]:
    return TypeAdapter(Fault)


class FaultPlan:
    """The faults in force. All threads may use it."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._random = Random(seed)
        self._entries: list[_Entry] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force, from the next call on."""
        with self._lock:
            self._entries.append(_Entry(fault))

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._entries.clear()

    def pick(self, method: str) -> Fault | None:
        """The fault that hits this call, the oldest where several would. Every fault for the method counts the call."""
        with self._lock:
            hit: Fault | None = None
            for entry in self._entries:
                if entry.fault.method not in ("*", method):
                    continue
                entry.calls += 1
                if hit is None and entry.is_due(self._random):
                    entry.hits += 1
                    hit = entry.fault
            return hit


@dataclass(slots=True)
class _Entry:
    fault: Fault
    calls: int = 0
    hits: int = 0

    def is_due(self, random: Random) -> bool:
        fault = self.fault
        if fault.times is not None and self.hits >= fault.times:
            return False
        if fault.nth is not None and self.calls != fault.nth:
            return False
        return fault.probability >= 1.0 or random.random() < fault.probability
