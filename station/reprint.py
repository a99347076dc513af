"""A label printed once more because a person asked for it: counted, with the reason, never silently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.clock import Clock
from drivers.errors import PrinterUnreachable
from drivers.printer import LabelPrinter, Receipt, ready_printer
from drivers.transport import Transport
from station.errors import LabelError, UnitError
from station.journal.journal import Journal
from station.journal.records import Reprint
from station.label import render
from station.label.design import LabelDesign
from station.label.zpl_template import ZplTemplate
from station.model import LabelFate, Unit
from station.ports import LabelData
from station.turn import Turn


@dataclass(frozen=True, slots=True)
class Reprinter:
    """One printer with its label. ``turn`` is that of whoever prints on it, cycles included."""

    printer: LabelPrinter
    label: LabelDesign | ZplTemplate
    open_link: Callable[[], Transport]
    turn: Turn
    clock: Clock
    extra: dict[str, str] = field(default_factory=dict)

    def reprint(self, journal: Journal, chip_id: str, *, reason: str, operator: str) -> tuple[Reprint, Receipt]:
        """Print one more label of a unit and journal its fate. Raises UnitError where the unit has none, is held, or a label is
        in doubt, LabelError or PrinterError: nothing was printed then."""
        with self.turn.awaited() as has_come:
            if not has_come:
                raise PrinterUnreachable(str(self.turn.missed()))
            return self._reprint(journal, chip_id, reason, operator)

    def _reprint(self, journal: Journal, chip_id: str, reason: str, operator: str) -> tuple[Reprint, Receipt]:
        with ready_printer(self.printer, self.open_link, self.clock) as link:
            reprint = journal.begin_reprint(chip_id, reason=reason, operator=operator)
            try:
                data = _data(reprint.unit, reprint.copy_number, self.extra)
                job = render(self.label, data, self.printer.language, self.printer.dots_per_mm)
            except (LabelError, UnitError):
                journal.end_reprint(reprint, LabelFate.NOT_PRINTED, "the label could not be drawn")
                raise
            receipt = self.printer.send(link, job, self.clock)
            proof = f"{receipt.proof} {receipt.detail}".strip()
            journal.end_reprint(reprint, LabelFate(receipt.fate.value), proof)
        return reprint, receipt


def _data(unit: Unit, copy_number: int, extra: dict[str, str]) -> LabelData:
    if unit.sn is None or unit.device_id is None:
        raise UnitError("journal.contradiction", f"unit {unit.chip_id} was labelled without SN or DeviceID")
    return LabelData(unit.sn, unit.device_id, unit.chip_id, unit.app_eui, copy_number, extra)
