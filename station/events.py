"""What the agent tells the live view, the panel and the metrics: facts, never questions. Published upward, one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from station.model import CycleResult, EffectKind, Step, Unit


@dataclass(frozen=True, slots=True)
class SocketWaiting:
    """The socket is ready for the next start."""

    socket: str


@dataclass(frozen=True, slots=True)
class SocketDown:
    """The socket takes no starts: a device of its trigger is missing, or the journal out of reach; ``message`` says which."""

    socket: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class StartRejected:
    """A scan or press that did not start a cycle: malformed, double, or during a cycle."""

    socket: str
    reason: str


@dataclass(frozen=True, slots=True)
class CycleStarted:
    socket: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    socket: str
    step: Step


@dataclass(frozen=True, slots=True)
class StepEnded:
    socket: str
    step: Step
    duration_s: float


@dataclass(frozen=True, slots=True)
class UnitKnown:
    """What is known of the unit has changed."""

    socket: str
    chip_id: str
    device_id: str | None
    sn: str | None


@dataclass(frozen=True, slots=True)
class CycleEnded:
    socket: str
    result: CycleResult


@dataclass(frozen=True, slots=True)
class PoolChanged:
    """After a refill: free ids, and why it failed where it did."""

    device_ids: int
    sns: int
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class BacklogChanged:
    """What waits for the next cycle of its unit, or for a person: units held, and effects not settled, by kind. A cycle in
    progress has such effects too. A label in doubt is a print whose fate a person must tell."""

    units_held: int
    effects_open: Mapping[EffectKind, int]
    labels_in_doubt: int = 0


@dataclass(frozen=True, slots=True)
class UnitSettled:
    """A person has settled a unit, or the fate of its label; the unit as it is then."""

    unit: Unit


@dataclass(frozen=True, slots=True)
class ApiExchanged:
    """One request to the API and what came of it: ``answer`` is the class of the HTTP status ("2xx") or a FailureKind's value."""

    answer: str
    duration_s: float


Event = (
    SocketWaiting
    | SocketDown
    | StartRejected
    | CycleStarted
    | StepStarted
    | StepEnded
    | UnitKnown
    | CycleEnded
    | PoolChanged
    | BacklogChanged
    | UnitSettled
    | ApiExchanged
)
