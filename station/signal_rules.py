"""What a station's lamps, buzzers and sounds show: from events to conditions, and from conditions to outputs. No device here.

A condition holds for a socket, or for the whole station, from the event that brings it to the one that ends it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from station.events import CycleEnded, CycleStarted, Event, PoolChanged, SocketDown, SocketWaiting
from station.model import Outcome

MAX_RULES = 256


class Condition(StrEnum):
    """What a rule may show. The first four last from a cycle's end to the start of the next one in the same socket."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    ABORTED = "aborted"
    PRINTER = "printer"
    """The last cycle ended because of the printer or its label."""
    RUNNING = "running"
    WAITING = "waiting"
    """Ready for a board."""
    DOWN = "down"
    """No cycle can start: a device of the trigger is missing, or the journal's database out of reach."""
    POOL = "pool"
    """DeviceIDs or SNs could not be fetched."""
    ATTENTION = "attention"
    """Any of printer, down and pool."""


_ATTENTION = (Condition.PRINTER, Condition.DOWN, Condition.POOL)
_NOT_PASS = (Condition.FAIL, Condition.ERROR, Condition.ABORTED)
_OUTCOMES = {
    Outcome.PASS: Condition.PASS,
    Outcome.FAIL: Condition.FAIL,
    Outcome.ERROR: Condition.ERROR,
    Outcome.ABORTED: Condition.ABORTED,
}
_PRINTER_CODES = ("printer.", "label.")


@dataclass(frozen=True, slots=True)
class SignalRule:
    """Switches ``output`` on while any of ``when`` holds: for this socket, or without one for any. For the whole station, ``pass``
    is a PASS somewhere and nothing else anywhere. ``blink_s`` is on for so long, off for as long; ``for_s`` ends so long after
    the condition came. Of several rules for one output any may switch it on."""

    output: str
    when: tuple[Condition, ...]
    socket: str | None = None
    blink_s: float | None = None
    for_s: float | None = None

    def __post_init__(self) -> None:
        if not self.when:
            raise ValueError(f"when must name one of {', '.join(Condition)} at least")
        for name, value, least, most in (("blink_s", self.blink_s, 0.1, 60), ("for_s", self.for_s, 0.05, 3600)):
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} must be {least} to {most}, not {value}")


Standing = dict[Condition, float]
"""Conditions that hold, and since when (monotonic seconds)."""


@dataclass(slots=True)
class Scene:
    """What holds in each socket and for the station. Bounded by the sockets there are; one thread at a time uses it."""

    sockets: dict[str, Standing] = field(default_factory=dict)
    station: Standing = field(default_factory=dict)

    def take(self, event: Event, now_s: float) -> bool:
        """Whether the event has changed anything."""
        match event:
            case CycleStarted(socket):
                self.sockets[socket] = {Condition.RUNNING: now_s}
            case CycleEnded(socket, result):
                standing = {_OUTCOMES[result.outcome]: now_s}
                if result.code is not None and result.code.startswith(_PRINTER_CODES):
                    standing[Condition.PRINTER] = now_s
                self.sockets[socket] = standing
            case SocketWaiting(socket):
                self._replace(socket, Condition.DOWN, Condition.WAITING, now_s)
            case SocketDown(socket, _, _):
                self._replace(socket, Condition.WAITING, Condition.DOWN, now_s)
            case PoolChanged(_, _, problem):
                if problem is None:
                    return self.station.pop(Condition.POOL, None) is not None
                return self.station.setdefault(Condition.POOL, now_s) == now_s
            case _:
                return False
        return True

    def keep(self, sockets: Iterable[str]) -> None:
        """Forget all but these sockets."""
        kept = set(sockets)
        self.sockets = {name: standing for name, standing in self.sockets.items() if name in kept}

    def copy(self) -> Scene:
        return Scene({name: dict(standing) for name, standing in self.sockets.items()}, dict(self.station))

    def _replace(self, socket: str, old: Condition, new: Condition, now_s: float) -> None:
        standing = self.sockets.setdefault(socket, {})
        standing.pop(old, None)
        standing.setdefault(new, now_s)


def wanted(rules: Iterable[SignalRule], scene: Scene, now_s: float) -> tuple[dict[str, bool], float]:
    """Which outputs are to be on now, and in how many seconds that changes by itself (infinity where it does not)."""
    outputs: dict[str, bool] = {}
    change_s = math.inf
    for rule in rules:
        is_on = False
        for since_s in _since(rule, scene):
            lit, next_s = _lit(rule, max(0.0, now_s - since_s))
            is_on |= lit
            change_s = min(change_s, next_s)
        outputs[rule.output] = outputs.get(rule.output, False) or is_on
    return outputs, change_s


def _since(rule: SignalRule, scene: Scene) -> list[float]:
    """When each condition of a rule that holds has come."""
    conditions = {condition for named in rule.when for condition in (_ATTENTION if named == "attention" else (named,))}
    if rule.socket is not None:
        standings = [scene.sockets.get(rule.socket, {})]
    else:
        standings = list(scene.sockets.values())
        if any(condition in standing for standing in standings for condition in _NOT_PASS):
            conditions.discard(Condition.PASS)
    return [standing[name] for standing in (*standings, scene.station) for name in conditions if name in standing]


def _lit(rule: SignalRule, age_s: float) -> tuple[bool, float]:
    """Whether the rule's output is on ``age_s`` after its condition came, and in how many seconds that changes."""
    left_s = math.inf if rule.for_s is None else rule.for_s - age_s
    if left_s <= 0:
        return False, math.inf
    if rule.blink_s is None:
        return True, left_s
    phase = age_s / rule.blink_s
    return int(phase) % 2 == 0, min(left_s, (math.floor(phase) + 1) * rule.blink_s - age_s)
