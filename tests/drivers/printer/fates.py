"""Every fault of a printer at every byte of a conversation, and the judge: the printer's own count of labels.

``python -m tests.drivers.printer.fates`` tries all positions; the suite takes steps of some bytes.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from drivers.printer import Fate, LabelPrinter, Receipt
from drivers.printer.escpos import EscposPrinter
from drivers.printer.escpos_options import EscposOptions
from drivers.printer.zpl import COUNT_REQUEST, ZplOptions, ZplPrinter
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
    """One driver with its simulated printer. ``before_bytes`` is what the driver says before the job's first byte, ``counts``
    whether it asks for the printer's own count of labels."""

    name: str
    driver: LabelPrinter
    printer: Callable[[], Printer]
    job: bytes
    before_bytes: int
    after_bytes: int
    problems: tuple[str, ...]
    counts: bool = False


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
        Language(
            "zpl-odometer",
            ZplPrinter(ZplOptions(status_timeout_s=QUIET_S, poll_interval_s=0.001, count="odometer")),
            SimulatedZplPrinter,
            ZPL_JOB,
            before_bytes=3 + len(COUNT_REQUEST),
            after_bytes=6 + len(COUNT_REQUEST),
            problems=("paper_out", "head_open", "paused", "ribbon_out"),
            counts=True,
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
    """A printer that something befalls when it has taken ``at`` bytes. ``deaf_bytes`` is how much it does not hear from then on,
    ``mask`` what noise makes of the next byte."""

    def __init__(self, printer: Printer, at: int, strike: Strike) -> None:
        self.printer, self.at, self._left, self._strike = printer, at, at, strike
        self.deaf_bytes = self.mask = 0
        self.lag: deque[list[Reply]] | None = None
        self.power_on = printer.power_on
        self.lines_changed = printer.lines_changed

    def feed(self, data: bytes) -> list[Reply]:
        replies = []
        if 0 <= self._left <= len(data):
            replies += self._heard(data[: self._left])
            data, self._left = data[self._left :], -1
            self._strike(self)
        elif self._left > 0:
            self._left -= len(data)
        return replies + self._heard(data)

    def _heard(self, data: bytes) -> list[Reply]:
        unheard = min(self.deaf_bytes, len(data))
        self.deaf_bytes -= unheard
        data = data[unheard:]
        if data and self.mask:
            data, self.mask = bytes([data[0] ^ self.mask]) + data[1:], 0
        replies = self.printer.feed(data) if data else []
        if self.lag is None or not replies:
            return replies
        self.lag.append(replies)
        return self.lag.popleft()


Strike = Callable[[StruckPrinter], None]


def _problem(name: str) -> Strike:
    return lambda struck: struck.printer.queue.problems.add(name)


def _speech(speech: str) -> Strike:
    def strike(struck: StruckPrinter) -> None:
        struck.printer.queue.manners = replace(struck.printer.queue.manners, speech=speech)

    return strike


def _power(struck: StruckPrinter) -> None:
    struck.printer.power_on()
    struck.printer.queue.is_dead = True


def _restart(deaf_bytes: Callable[[int], int]) -> Strike:
    """Power fails and returns: what was in the printer's memory is gone, it hears nothing for a while, and is ready again."""

    def strike(struck: StruckPrinter) -> None:
        struck.printer.power_on()
        struck.deaf_bytes = deaf_bytes(struck.at)

    return strike


def _noise(mask: int) -> Strike:
    def strike(struck: StruckPrinter) -> None:
        struck.mask = mask

    return strike


def strikes(language: Language) -> dict[str, Strike]:
    """What may befall a printer of this language. A restart takes longer than the rest of the job and the question behind it, as
    that of a printer does; one that is over before the next byte can be told by the printer's count alone, like a format that
    noise spoilt."""
    end = language.before_bytes + len(language.job)
    question_bytes = 3 if "zpl" in language.name else language.after_bytes
    found = {name: _problem(name) for name in language.problems}
    found |= {speech: _speech(speech) for speech in ("silent", "garbage")}
    found |= {"power": _power, "restart": _restart(lambda at: max(end - at, 0) + question_bytes)}
    if language.counts:
        found |= {"restart-at-once": _restart(lambda _: 0), "noise": _noise(0x55), "noise-bit": _noise(0x04)}
    return found


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
    is_noisy: bool = False
    """Whether noise may have changed how many labels the job asks for."""

    @property
    def is_true(self) -> bool:
        """Whether the reported fate is the printer's own count."""
        match self.receipt.fate:
            case Fate.PRINTED:
                return (self.labels, self.labels_later) == (1, 1)
            case Fate.NOT_PRINTED:
                return self.labels_later == 0
            case Fate.IN_DOUBT:
                return self.labels_later <= 1 or self.is_noisy


def endure(language: Language, wire: str, fault: str, at: int, print_s: float = 0.0, lag: int = 0) -> Ending:
    """One job on a printer that ``fault`` befalls at byte ``at`` of the conversation. ``lag``: each answer tells what held so many
    questions before, as behind a gateway that asks by itself."""
    printer = language.printer()
    printer.queue.manners = PrinterManners(print_s=print_s)
    struck = StruckPrinter(printer, at, strikes(language)[fault])
    if lag:
        struck.lag = deque([printer.feed(b"~HS")] * lag)
    with _linked(struck, wire) as link:
        receipt = language.driver.send(link, language.job, CLOCK)
        labels = len(printer.labels)
    printer.queue.problems.clear()
    printer.queue.manners = PrinterManners()
    return Ending(receipt, labels, len(printer.labels), fault.startswith("noise"))


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
