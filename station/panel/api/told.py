"""What programs are told: the answers of ``/api/v1``. Fields are added in time, and never renamed or given another meaning.

Times are milliseconds since 1970 UTC, durations seconds.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from station.model import EffectKind, EffectState, Hold, IdKind, LabelFate, Outcome, UnitStatus


class Told(BaseModel):
    """Base of all answers; made from values that have attributes of these names, or from mappings."""

    model_config = ConfigDict(
        frozen=True,
        from_attributes=True,
        use_attribute_docstrings=True,
        populate_by_name=True,
        json_schema_serialization_defaults_required=True,
    )


class Problem(Told):
    """Why something was not done."""

    code: str | None
    """The stable code, as in docs/troubleshooting.md; null where the request itself cannot be used."""
    headline: str
    action: str
    """What to do."""
    detail: str


class Done(Told):
    """What came of an action."""

    text: str
    problem: str | None
    """What kept all of it from being done, if anything."""


class Tile(Told):
    """One socket as the operator's page shows it."""

    socket: str
    state: str
    """starting, waiting, working, PASS, FAIL, ERROR, ABORTED or down; an outcome stays until the next start."""
    ready: bool
    """Whether a start would be taken now."""
    step: str | None
    """The step in progress."""
    steps_done: int
    steps_total: int
    started_ms: int | None
    duration_s: float | None
    cycle: int | None
    """The number of the cycle that has ended."""
    chip_id: str | None
    device_id: str | None
    sn: str | None
    code: str | None
    """Why the cycle was not PASS, or the socket is down."""
    headline: str
    action: str
    detail: str
    label: LabelFate | None
    needs_answer: bool
    """Whether the station has to be told if the label is there."""
    notice: str | None
    """A start that was not taken, and why."""


class PoolShown(Told):
    """Ids that are free, and why no more came where a refill failed."""

    device_ids: int
    sns: int
    problem: str | None


class ApiShown(Told):
    """The Device Production API as its last answer showed it."""

    ok: bool
    text: str


class PrinterShown(Told):
    """A printer as the last label showed it."""

    name: str
    ok: bool
    text: str


class Totals(Told):
    """All but the sockets."""

    today: dict[Outcome, int]
    """Cycles since midnight, by outcome."""
    yield_today: float | None = Field(alias="yield")
    """PASS among PASS and FAIL, today."""
    units_per_hour: float | None
    pool: PoolShown
    api: ApiShown
    printers: list[PrinterShown]
    units_held: int
    labels_in_doubt: int


class State(Told):
    """The station now."""

    station: str
    language: str
    """Of headlines and actions."""
    now_ms: int
    """The station's clock, by which ``started_ms`` is: a browser's may be another."""
    tiles: list[Tile]
    totals: Totals


class Sockets(Told):
    """All sockets, in the configuration's order."""

    sockets: list[Tile]


class OpenEffect(Told):
    """An external effect that was begun and is not settled."""

    kind: EffectKind
    state: EffectState
    detail: str


class Unit(Told):
    """What the journal knows of one board."""

    chip_id: str
    app_eui: str
    device_id: str | None
    sn: str | None
    status: UnitStatus
    hold: Hold | None
    """Why it waits for a person."""
    hold_code: str | None
    hold_reason: str | None
    activated: bool
    bound: bool
    written: bool
    verified: bool
    shipped: bool
    labels_printed: int
    inferred: bool
    """Whether an activation or a bind was concluded from other evidence, because its own answer was lost."""
    open_effects: list[OpenEffect]


class Units(Told):
    """Units, newest first."""

    units: list[Unit]


class Times(Told):
    """When each thing first became true of a unit."""

    reserved_at_ms: int
    activated_at_ms: int | None
    bound_at_ms: int | None
    written_at_ms: int | None
    verified_at_ms: int | None
    shipped_at_ms: int | None
    scrapped_at_ms: int | None


class UnitCycle(Told):
    """One cycle of a unit, at whatever station."""

    cycle: int
    station: str
    socket: str
    session: str
    """Its session log, relative to the folder of logs."""
    started_at_ms: int
    ended_at_ms: int | None
    outcome: Outcome | None
    code: str | None
    duration_s: float | None
    message: str
    steps: list[tuple[str, float]]
    """Name and seconds of each, in order."""


class Effect(Told):
    """One external effect."""

    effect: OpenEffect
    cycle: int | None
    attempts: int
    intended_at_ms: int
    settled_at_ms: int | None


class Label(Told):
    """One attempt to print a label."""

    copy_number: int
    sn: str
    fate: LabelFate
    reason: str
    operator: str
    at_ms: int


class AuditLine(Told):
    """One thing that a person decided, or that the station set aside by itself (``operator`` is empty then)."""

    at_ms: int
    operator: str
    action: str
    reason: str
    detail: str


class UnitHistory(Told):
    """All that is on record of one unit, each list oldest first."""

    unit: Unit
    station: str
    """Where it was seen first."""
    times: Times
    cycles: list[UnitCycle]
    effects: list[Effect]
    labels: list[Label]
    audit: list[AuditLine]


class Cycle(Told):
    """One cycle of this station; ``ended_at_ms``, ``outcome`` and ``label`` are null while it runs."""

    cycle: int
    station: str
    socket: str
    started_at_ms: int
    ended_at_ms: int | None
    outcome: Outcome | None
    code: str | None
    message: str
    chip_id: str | None
    device_id: str | None
    """The DeviceID that the unit has now."""
    sn: str | None
    """The SN that the unit has now."""
    label: LabelFate | None
    duration_s: float | None
    session: str
    """The session log that it was given at its start, relative to the folder of logs."""


class Cycles(Told):
    """One page of cycles."""

    cycles: list[Cycle]
    after: int | None
    """With ``after``: what to ask for next; the same number again where nothing more is there."""
    before: int | None
    """Without ``after``: what to ask for next; null at the end."""


class Counts(Told):
    """Cycles by outcome; the shares are 0 to 1, and null of none."""

    passed: int
    failed: int
    errors: int
    aborted: int
    first_passed: int
    """Units that were PASS when they were first judged (PASS or FAIL)."""
    first_failed: int
    passed_share: float | None
    """The yield: PASS among PASS and FAIL."""
    first_pass_share: float | None
    """First-pass yield."""


class Slot(Told):
    """The cycles that started in one quarter of an hour."""

    start_ms: int
    counts: Counts


class StepTime(Told):
    """How long a step took in the newest PASSes; ``cycle`` is the whole cycle."""

    step: str
    cycles: int
    median_s: float
    p95_s: float


class CodeCount(Told):
    """Cycles that ended with a code; ``newest`` is the last of them."""

    code: str
    outcome: Outcome
    cycles: int
    newest: int


class Statistics(Told):
    """How production went."""

    since_ms: int
    before_ms: int
    total: Counts
    slots: list[Slot]
    """Every quarter of an hour in which a cycle started, oldest first."""
    steps: list[StepTime]
    codes: list[CodeCount]
    """What cycles ended with that were not PASS, the most frequent first."""


class IdCounts(Told):
    """One kind of id, by where each stands."""

    free: int
    reserved: int
    named: int
    used: int | None
    retired: int
    possibly_lost: int
    """Asked for in batches whose answer never came."""
    in_flight: int


class Ids(Told):
    """The pool."""

    counts: dict[IdKind, IdCounts]
