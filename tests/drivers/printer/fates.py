"""Every fault of a printer at every byte of a conversation, and the judge: the printer's own count of labels.

``python -m tests.drivers.printer.fates`` tries all positions; the suite takes steps of some bytes.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from drivers.printer import Fate, LabelPrinter, Receipt
from drivers.printer.escpos import EscposPrinter
from drivers.printer.escpos_options import EscposOptions
from drivers.printer.zpl import ZplOptions, ZplPrinter
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated import Reply
from drivers.simulated.escpos_printer import SimulatedEscposPrinter
from drivers.simulated.link import PtyLink
from drivers.simulated.print_queue import PrinterManners
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from drivers.transport import Transport
from tests.support.labels import CLOCK, connected

Printer = SimulatedZplPrinter | SimulatedEscposPrinter

ZPL_JOB = b"^XA^CI28^PW400^LL240\n^FO10,10^A0N,24,24^FH_^FDSN1^FS\n^PQ1^XZ\n"
ESCPOS_JOB = b"\x1b@\x1dv0\x00\x01\x00\x08\x00" + b"\xff" * 8 + b"\x1bd\x02\x1dV\x00"


@dataclass(frozen=True, slots=True)
class Language:
    """One driver with its simulated printer. ``before_bytes`` is what the driver says before the job's first byte."""

    name: str
    driver: LabelPrinter
    printer: Callable[[], Printer]
    job: bytes
    before_bytes: int
    after_bytes: int
    problems: tuple[str, ...]


QUIET_S = 0.03
"""How long silence is waited for. A slow machine may be taken for a silent printer: the fate has to be right then, too."""
LANGUAGES = {
    language.name: language
    for language in (
        Language(
            "zpl",
            ZplPrinter(ZplOptions(status_timeout_s=QUIET_S, poll_interval_s=0.001)),
            SimulatedZplPrinter,
            ZPL_JOB,
            before_bytes=3,
            after_bytes=6,
            problems=("paper_out", "head_open", "paused", "ribbon_out"),
        ),
        *(
            Language(
                f"escpos-{proof}",
                EscposPrinter(
                    EscposOptions(
                        proof=proof, status_timeout_s=QUIET_S, print_timeout_s=2 * QUIET_S, echo_timeout_s=QUIET_S
                    )
                ),
                SimulatedEscposPrinter,
                ESCPOS_JOB,
                before_bytes=12,
                after_bytes=11 if proof == "process_id" else 3,
                problems=("paper_out", "head_open", "offline", "cutter"),
            )
            for proof in ("process_id", "queued_status")
        ),
    )
}


class StruckPrinter:
    """A printer that something befalls when it has taken ``at`` bytes."""

    def __init__(self, printer: Printer, at: int, strike: Callable[[Printer], None]) -> None:
        self._printer, self._left, self._strike = printer, at, strike
        self.power_on = printer.power_on
        self.lines_changed = printer.lines_changed

    def feed(self, data: bytes) -> list[Reply]:
        replies = []
        if 0 <= self._left <= len(data):
            replies += self._printer.feed(data[: self._left]) if self._left else []
            data, self._left = data[self._left :], -1
            self._strike(self._printer)
        elif self._left > 0:
            self._left -= len(data)
        return replies + (self._printer.feed(data) if data else [])


def _problem(name: str) -> Callable[[Printer], None]:
    return lambda printer: printer.queue.problems.add(name)


def _speech(speech: str) -> Callable[[Printer], None]:
    def strike(printer: Printer) -> None:
        printer.queue.manners = replace(printer.queue.manners, speech=speech)

    return strike


def _power(printer: Printer) -> None:
    printer.power_on()
    printer.queue.is_dead = True


def strikes(language: Language) -> dict[str, Callable[[Printer], None]]:
    """What may befall a printer of this language."""
    spoken = {speech: _speech(speech) for speech in ("silent", "garbage")}
    return {name: _problem(name) for name in language.problems} | spoken | {"power": _power}


@contextmanager
def _linked(printer: object, wire: str) -> Iterator[Transport]:
    if wire == "tcp":
        with connected(printer) as link:
            yield link
        return
    line = PtyLink(printer)  # type: ignore[arg-type]
    try:
        port = open_serial(SerialOptions(line.path), CLOCK)
        try:
            yield port
        finally:
            port.close()
    finally:
        line.close()


@dataclass(frozen=True, slots=True)
class Ending:
    """What the driver said, how many labels had come out then, and how many once everything was put right."""

    receipt: Receipt
    labels: int
    labels_later: int

    @property
    def is_true(self) -> bool:
        """Whether the reported fate is the printer's own count."""
        match self.receipt.fate:
            case Fate.PRINTED:
                return (self.labels, self.labels_later) == (1, 1)
            case Fate.NOT_PRINTED:
                return self.labels_later == 0
            case Fate.IN_DOUBT:
                return self.labels_later <= 1


def endure(language: Language, wire: str, fault: str, at: int, print_s: float = 0.0) -> Ending:
    """One job on a printer that ``fault`` befalls at byte ``at`` of the conversation."""
    printer = language.printer()
    printer.queue.manners = PrinterManners(print_s=print_s)
    with _linked(StruckPrinter(printer, at, strikes(language)[fault]), wire) as link:
        receipt = language.driver.send(link, language.job, CLOCK)
        labels = len(printer.labels)
    printer.queue.problems.clear()
    printer.queue.manners = PrinterManners()
    return Ending(receipt, labels, len(printer.labels))


def conversation_bytes(language: Language) -> int:
    """All that the driver says to a printer without faults."""
    return language.before_bytes + len(language.job) + language.after_bytes


def main() -> int:
    """Try everything; the last line counts the wrong fates."""
    fates: Counter[str] = Counter()
    wrong = 0
    for language in LANGUAGES.values():
        for wire in ("tcp", "pty"):
            for fault in strikes(language):
                for at in range(conversation_bytes(language) + 1):
                    ending = endure(language, wire, fault, at)
                    fates[ending.receipt.fate] += 1
                    if not ending.is_true:
                        wrong += 1
                        print(language.name, wire, fault, at, ending)
    print(f"{sum(fates.values())} jobs ({dict(fates)}), {wrong} wrong fates")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
