"""What a person asks of a station, running or not: settle a unit, tell a label's fate, print a label once more, refill the pool.

A request is plain data, so that it can be handed to the agent that owns the journal (``station.control``) or carried out by a
command that owns it for a moment (``station.offline``): the same words, the same checks, the same audit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from station.errors import UnitError
from station.journal.records import Decision
from station.model import IdKind, LabelFate, Unit
from station.text import printable

if TYPE_CHECKING:
    from drivers.printer import Receipt
    from station.journal.journal import Journal
    from station.journal.pool import PoolLevels
    from station.journal.records import Reprint

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Resolve:
    """Settle a unit that is held."""

    chip_id: str
    decision: Decision
    reason: str
    operator: str
    device_id: str | None = None
    sn: str | None = None
    do: Literal["resolve"] = "resolve"


@dataclass(frozen=True, slots=True)
class SettleLabel:
    """Say whether a label in doubt is there."""

    chip_id: str
    printed: bool
    reason: str
    operator: str
    do: Literal["settle_label"] = "settle_label"


@dataclass(frozen=True, slots=True)
class PrintAgain:
    """One more label of a unit, on the printer of this name or the first."""

    chip_id: str
    reason: str
    operator: str
    printer: str | None = None
    do: Literal["print_again"] = "print_again"


@dataclass(frozen=True, slots=True)
class MarkShipped:
    """The unit has left the factory: no cycle touches it again."""

    chip_id: str
    reason: str
    operator: str
    do: Literal["mark_shipped"] = "mark_shipped"


@dataclass(frozen=True, slots=True)
class RefillPool:
    """One batch of each kind of id that is low, now."""

    do: Literal["refill_pool"] = "refill_pool"


Request = Resolve | SettleLabel | PrintAgain | MarkShipped | RefillPool


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a request: a line for the person, and what kept all of it from being done, if anything."""

    text: str
    problem: str | None = None


class Desk(Protocol):
    """A station as people's requests see it."""

    def settle(self, chip_id: str, decide: Callable[[Journal], T]) -> T:
        """Carry a decision about a unit to the journal. Raises UnitError("unit.busy") while a cycle works on the unit."""

    def reprint(self, chip_id: str, *, reason: str, operator: str, printer: str | None) -> tuple[Reprint, Receipt]:
        """One more label. Raises UnitError, LabelError, PrinterError; nothing was printed then."""

    def top_up(self) -> tuple[PoolLevels, str | None]:
        """Ask the API for what is low; the levels then, and the problem that kept some from coming. Raises JournalError."""


def perform(request: Request, desk: Desk) -> Done:
    """Carry a request out. Raises StationError or DriverError, as the desk does; UnitError("label.…") where the fate of a label
    is not ``printed``."""
    match request:
        case Resolve():
            unit = desk.settle(request.chip_id, lambda journal: _resolve(journal, request))
            return Done(unit_line(unit))
        case SettleLabel():
            unit = desk.settle(request.chip_id, lambda journal: _settle_label(journal, request))
            return Done(unit_line(unit))
        case MarkShipped(chip_id, reason, operator):
            unit = desk.settle(chip_id, lambda journal: journal.mark_shipped(chip_id, reason=reason, operator=operator))
            return Done(unit_line(unit))
        case PrintAgain():
            return _print_again(request, desk)
        case RefillPool():
            levels, problem = desk.top_up()
            return Done(f"free: {levels.free(IdKind.DEVICE_ID)} DeviceIDs, {levels.free(IdKind.SN)} SNs", problem)


def unit_line(unit: Unit) -> str:
    """All that matters of a unit on one line."""
    hold = f"  {unit.hold}: {unit.hold_code}: {printable(unit.hold_reason or '')}" if unit.hold else ""
    doubt = ", ".join(f"{effect.kind} {effect.state}" for effect in unit.open_effects)
    open_effects = f"  open: {doubt}" if doubt else ""
    inferred = "  (inferred)" if unit.inferred else ""
    ids = f"DeviceID {unit.device_id or '-'}  SN {unit.sn or '-'}"
    return f"{unit.chip_id}  {unit.status:<9}  {ids}  labels {unit.labels_printed}{inferred}{open_effects}{hold}"


def _resolve(journal: Journal, request: Resolve) -> Unit:
    who = {"reason": request.reason, "operator": request.operator}
    return journal.resolve(request.chip_id, request.decision, **who, device_id=request.device_id, sn=request.sn)


def _settle_label(journal: Journal, request: SettleLabel) -> Unit:
    who = {"reason": request.reason, "operator": request.operator}
    return journal.settle_label(request.chip_id, printed=request.printed, **who)


def _print_again(request: PrintAgain, desk: Desk) -> Done:
    who = {"reason": request.reason, "operator": request.operator}
    reprint, receipt = desk.reprint(request.chip_id, printer=request.printer, **who)
    if receipt.fate.value != LabelFate.PRINTED:
        raise UnitError(f"label.{receipt.fate.value}", receipt.detail or receipt.proof)
    return Done(f"copy {reprint.copy_number} of the label of {request.chip_id}: printed ({receipt.proof})")
