"""What the cycle needs of the world, as protocols. ``station.jig`` decides what stands behind each: real, simulated or replayed.

Everything that goes through these protocols (arguments, results, errors) can be recorded and given back, so no call returns
anything that does not serialise and none hides a decision taken by the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from drivers.bootloader import Bootloader, Reading
from drivers.printer import Receipt
from station.model import (
    CycleResult,
    EffectKind,
    EffectState,
    Hold,
    IdKind,
    Unit,
)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An API call that took effect. ``value`` is the DeviceID or SN the server named; it equals the one asked for."""

    value: str


class ProductionApi(Protocol):
    """The API as the cycle uses it. All methods raise ApiError (``station.production_api.errors``).

    ``device_id`` or ``sn`` None lets the server choose. ``repeated`` says that the identical call was sent before and its
    answer lost; it only changes what a 020100 means (``ApiConflict.may_be_ours``).
    """

    def activate(self, chip_id: str, app_eui: str, device_id: str | None, *, repeated: bool) -> Confirmed: ...

    def bind(self, device_id: str, sn: str | None, *, repeated: bool) -> Confirmed: ...


@dataclass(frozen=True, slots=True)
class Intent:
    """An effect about to be started."""

    kind: EffectKind
    request: dict[str, object]


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an effect, and what it makes true of the unit (``facts``; each may be left None).

    DONE on activate, bind, write or print marks the unit activated, bound, written, or counts a label.
    """

    effect_id: int
    state: EffectState
    detail: str = ""
    device_id: str | None = None
    """On activate: the id the server chose, where none was named."""
    sn: str | None = None
    """On bind: the SN the server chose, where none was named."""
    inferred: bool = False


class CycleJournal(Protocol):
    """The journal as one cycle uses it. Every method is one transaction: when it returns, the change survives the death of the
    process; the start of a cycle, an intent and the end survive the loss of power, with all that came before them.

    Raises JournalError; PoolEmpty from ``reserve``. No method waits for more than the configured lock time-out.
    """

    def begin_cycle(self, socket: str, session: str) -> int:
        """Note the start of a cycle and return its number, which counts up over the journal's life."""

    def find_unit(self, chip_id: str) -> Unit | None:
        """The unit with its open effects, or None for a chip never seen."""

    def reserve(self, cycle: int, chip_id: str, app_eui: str, *, scanned_sn: str | None) -> Unit:
        """Create the unit and set its DeviceID and SN aside: from the pool, or none of them where the server allocates.
        ``scanned_sn`` is the SN to bind where a scan gives it. A chip that already has a unit gets that unit back unchanged,
        but for a scanned SN that takes the place of another one of a scan which the API has not bound to it. Raises PoolEmpty,
        UnitError("unit.sn_taken") where the SN is another unit's, UnitError("unit.sn_mismatch") where the unit keeps its own."""

    def advance(
        self,
        cycle: int,
        chip_id: str,
        *,
        settle: Sequence[Settlement] = (),
        intend: Sequence[Intent] = (),
        verified: bool | None = None,
    ) -> tuple[int, ...]:
        """In one transaction: write the results of effects, then the intents of the next ones; return the intents' effect ids
        in order. Naming an id in an intent marks it as named for ever: it never returns to the pool."""

    def reopen(self, cycle: int, effect_id: int) -> None:
        """Take up an open effect again (the same request is about to be repeated); it stays one effect, its attempts counted."""

    def hold(
        self, cycle: int, chip_id: str, hold: Hold, code: str, reason: str, *, retire: Sequence[tuple[IdKind, str]] = ()
    ) -> None:
        """Keep the unit from going on; ``retire`` takes ids out of use for ever (an id named and another answered, say)."""

    def end_cycle(self, result: CycleResult) -> None:
        """Note the outcome and the steps' times."""


@dataclass(frozen=True, slots=True)
class LabelData:
    """What may stand on a label."""

    sn: str
    device_id: str
    chip_id: str
    app_eui: str
    copy_number: int = 1
    extra: dict[str, str] = field(default_factory=dict)


class ReadyPrinter(Protocol):
    """A printer that has just said it is ready and takes one job from one socket."""

    def print(self, job: bytes) -> Receipt:
        """Print one job and learn its fate; raises nothing once a byte may have left."""


class LabelPort(Protocol):
    """The socket's printer and label design as the cycle uses them."""

    def render(self, data: LabelData) -> bytes:
        """Draw the label for this printer. Raises LabelError."""

    def ready(self) -> AbstractContextManager[ReadyPrinter]:
        """Wait for the printer's turn, connect and check it. Raises PrinterError where a job would fail: nothing was printed."""


class BoardPort(Protocol):
    """The socket's board."""

    def connect(self) -> Bootloader:
        """Open the socket's port and start a conversation. Raises TransportError."""

    def check_device_id(self, device_id: str) -> None:
        """Raises UnitError("unit.device_id_unfit") where no board of this kind can hold the DeviceID; talks to none."""

    def may_be_cut_off(self, device_id: str, held: Reading) -> bool:
        """Whether a write of this DeviceID, cut off or whole, may have left what the field holds. Raises like
        ``check_device_id``."""
