"""The frozen values that pass between the parts of the station. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How a cycle ended."""

    PASS = "PASS"
    FAIL = "FAIL"
    """The unit's fault."""
    ERROR = "ERROR"
    """The station's or the network's fault."""
    ABORTED = "ABORTED"


class Step(StrEnum):
    """The named parts of a cycle, in order; bind runs beside write and verify."""

    IDENTIFY = "identify"
    RESERVE = "reserve"
    ACTIVATE = "activate"
    BIND = "bind"
    WRITE = "write"
    VERIFY = "verify"
    LABEL = "label"


CHANGING_STEPS = frozenset({Step.ACTIVATE, Step.BIND, Step.WRITE, Step.LABEL})
"""Those that change something outside the station."""


class UnitStatus(StrEnum):
    """How far a unit has come; activated, bound and shipped are the API document's words ("Database Tracking")."""

    RESERVED = "reserved"
    ACTIVATED = "activated"
    BOUND = "bound"
    VERIFIED = "verified"
    """Bound, and its DeviceID written and proven."""
    LABELLED = "labelled"
    SHIPPED = "shipped"


class Hold(StrEnum):
    """Why a unit is kept from going on by itself."""

    IN_DOUBT = "in_doubt"
    """An external effect was sent and its answer lost, and it may not be repeated."""
    SET_ASIDE = "set_aside"
    """Something contradicts the journal: a person must look."""


class EffectKind(StrEnum):
    """The irreversible effects, each journalled before it starts and when its result is known."""

    ACTIVATE = "activate"
    BIND = "bind"
    WRITE = "write"
    PRINT = "print"


class EffectState(StrEnum):
    INTENT = "intent"
    """Written down and perhaps sent; a crash leaves it so."""
    DONE = "done"
    NOT_DONE = "not_done"
    """Known not to have happened."""
    IN_DOUBT = "in_doubt"
    """Sent, answer lost."""


class LabelFate(StrEnum):
    """The ``label`` field of a cycle."""

    PRINTED = "printed"
    IN_DOUBT = "in_doubt"
    NOT_PRINTED = "not_printed"


class IdKind(StrEnum):
    DEVICE_ID = "device_id"
    SN = "sn"


class IdSource(StrEnum):
    """Who chooses DeviceIDs and SNs."""

    POOL = "pool"
    """The station: reserved from the pool and named in the call."""
    SERVER = "server"
    """The API, which allocates on activation and binding."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One journalled effect. ``request`` is what was (or will be) sent, JSON-ready: it is repeated identically or not at all."""

    id: int
    kind: EffectKind
    state: EffectState
    request: dict[str, object]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """What the journal knows of one board. ``device_id`` and ``sn`` are None while the server has yet to choose them."""

    chip_id: str
    app_eui: str
    device_id: str | None
    sn: str | None
    status: UnitStatus
    hold: Hold | None = None
    hold_code: str | None = None
    hold_reason: str | None = None
    activated: bool = False
    bound: bool = False
    written: bool = False
    verified: bool = False
    shipped: bool = False
    labels_printed: int = 0
    sn_from_pool: bool = False
    """True where the API gave the SN to this journal, so that nobody else ever named it; a scanned SN may be anybody's."""
    inferred: bool = False
    """True where an activation or a bind was concluded from other evidence, because its own answer was lost."""
    open_effects: tuple[Effect, ...] = ()
    """Effects in state intent or in_doubt, oldest first."""

    def open_effect(self, kind: EffectKind) -> Effect | None:
        """The newest open effect of this kind."""
        return next((e for e in reversed(self.open_effects) if e.kind is kind), None)


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What a cycle came to; ``to_json`` is the line that others script against."""

    cycle: int
    station: str
    socket: str
    outcome: Outcome
    code: str | None
    chip_id: str | None
    app_eui: str | None
    device_id: str | None
    sn: str | None
    resumed: bool
    label: LabelFate
    duration_s: float
    steps: dict[str, float] = field(default_factory=dict)
    session: str | None = None
    message: str = ""
    """One line for an engineer; not part of the JSON line."""

    def to_json(self) -> dict[str, object]:
        """The documented fields, in the documented order."""
        return {
            "cycle": self.cycle,
            "station": self.station,
            "socket": self.socket,
            "outcome": self.outcome.value,
            "code": self.code,
            "chip_id": self.chip_id,
            "app_eui": self.app_eui,
            "device_id": self.device_id,
            "sn": self.sn,
            "resumed": self.resumed,
            "label": self.label.value,
            "duration_s": round(self.duration_s, 4),
            "steps": {name: round(duration_s, 4) for name, duration_s in self.steps.items()},
            "session": self.session,
        }
