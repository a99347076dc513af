"""What the journal answers to people: queries and records as values. Imports no database. Times are milliseconds UTC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from station.model import Effect, LabelFate, Outcome, Unit, UnitStatus

LISTING_MAX = 1000
"""The most rows one listing returns."""


class Decision(StrEnum):
    """How a person settles a unit that is held. Each is recorded with who and why."""

    RETRY = "retry"
    """Repeat the same call: lift the hold, leave the open calls open. Only where the calls name their ids."""
    NOT_DONE = "not-done"
    """The open calls are known not to have happened: close them so, lift the hold."""
    DONE = "done"
    """The given ``device_id`` is known to be activated, the given ``sn`` known to be bound: conclude it, lift the hold."""
    SCRAP = "scrap"
    """The board is never provisioned: its ids are retired and the hold stays for ever."""


@dataclass(frozen=True, slots=True)
class UnitQuery:
    """Which units to list, newest first. ``text`` is a chipId, DeviceID or SN, or how one begins."""

    text: str | None = None
    status: UnitStatus | None = None
    held: bool | None = None
    unsettled: bool | None = None
    """Whether an effect of the unit is open."""
    limit: int = 100
    scrapped: bool | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LISTING_MAX:
            raise ValueError(f"limit must be 1 to {LISTING_MAX}, not {self.limit}")


@dataclass(frozen=True, slots=True)
class UnitTimes:
    """When each thing first became true of a unit; None where it is not true."""

    reserved_at_ms: int
    activated_at_ms: int | None
    bound_at_ms: int | None
    written_at_ms: int | None
    verified_at_ms: int | None
    shipped_at_ms: int | None
    scrapped_at_ms: int | None


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A finished session log; ``path`` is relative to the session directory."""

    cycle: int
    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CycleRecord:
    """One cycle; ``ended_at_ms`` and ``outcome`` are None while it runs."""

    cycle: int
    station: str
    socket: str
    session: str
    started_at_ms: int
    ended_at_ms: int | None
    outcome: Outcome | None
    code: str | None
    chip_id: str | None
    duration_s: float | None
    message: str
    steps: tuple[tuple[str, float], ...] = ()
    """Name and seconds of each step, in order."""


@dataclass(frozen=True, slots=True)
class EffectRecord:
    """One effect with its history."""

    effect: Effect
    cycle: int | None
    attempts: int
    intended_at_ms: int
    settled_at_ms: int | None


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """One attempt to print a label."""

    copy_number: int
    sn: str
    fate: LabelFate
    reason: str
    operator: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One thing that a person decided, or that the station set aside by itself (``operator`` empty)."""

    at_ms: int
    operator: str
    action: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class UnitHistory:
    """All that is on record of one unit; each list oldest first and its newest ``LISTING_MAX`` rows."""

    unit: Unit
    station: str
    times: UnitTimes
    cycles: tuple[CycleRecord, ...]
    effects: tuple[EffectRecord, ...]
    labels: tuple[LabelRecord, ...]
    audit: tuple[AuditRecord, ...]


@dataclass(frozen=True, slots=True)
class Reprint:
    """A counted reprint whose intent is on disk; hand ``effect_id`` back with what became of it."""

    effect_id: int
    copy_number: int
    unit: Unit
