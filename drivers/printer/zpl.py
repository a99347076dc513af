"""A ZPL printer behind any transport: send one format, then ask ``~HS`` until the printer is idle.

Source of the conversation: Zebra, ZPL II Programming Guide, "~HS". Some models say nothing at all with the media out or the
head open, so silence is never taken for readiness, nor for a printed label.

Idleness alone cannot tell a label that was printed from one that was lost: when the printer's power failed for less time than
passes between two questions, or when noise on the line spoilt what begins or ends a format. The printer's own count of labels
can: the variable "odometer.total_label_count" of Zebra's Set-Get-Do language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from drivers.clock import Clock, Deadline
from drivers.errors import PrinterError, PrinterNotReady, PrinterSilent, TransportError
from drivers.lines import printable
from drivers.printer import Fate, Language, Receipt
from drivers.printer.answers import read_until
from drivers.printer.zpl_status import MAX_SIZE_BYTES, REQUEST, HostStatus, StatusGarbled, is_complete
from drivers.transport import Transport

CANCEL_PARTIAL_FORMAT = b"~JX"
"""ZPL II Programming Guide, "~JX Cancel Current Partially Input Format": leaves whole formats alone."""
FASTEST_MM_PER_S = 355.6
"""ZPL II Programming Guide, "^PR Print Rate": 14 inches a second is the highest there is."""
MAX_UNASKED_S = 0.5
"""However long a label is, a problem shows after this."""
USUAL_SHARE = 0.97
"""The part of the usual time after which a printer at work is asked again. Less than 1, or a time that was too long once would
never become shorter."""
TOO_LONG_SHARE = 0.8
"""What is kept of a time after which the printer turned out to be idle already: one slow label must not slow down the next
thirty."""
CLOSE_POLLS = 8
"""How often it is then asked at a quarter of the interval."""
_LABEL_LENGTH = re.compile(rb"\^LL(\d{1,5})", re.IGNORECASE)

COUNT_REQUEST = b'! U1 getvar "odometer.total_label_count"\r\n'
"""Zebra, ZPL Programming Guide, "SGD Printer Commands"; answered with the value in quotation marks."""
MAX_COUNT_BYTES = 32
_COUNT = re.compile(rb'"(\d{1,10})"')
COUNT_POLLS = 25
"""A count may be raised a moment after the printer calls itself idle: 0.5 s at the usual interval."""


@dataclass(frozen=True, slots=True)
class ZplOptions:
    """How to talk to one ZPL printer.

    ``status`` "none" is for printers that cannot answer (a write-only USB node, some clones): ``check`` then passes unasked, and
    a job taken by the port counts as PRINTED with a proof that says it is unproven.

    ``idle_answers`` in a row without work or problem prove a print. At ``poll_interval_s`` between requests, ``max_polls`` bounds
    the wait to about 20 s by default; ``max_silences`` is how many requests in a row may go unanswered. Of a printer that was
    seen at work, the further idle answers are asked for after a quarter of the interval, and so is the end of its work where it
    is known when that usually comes.

    ``count`` "odometer" asks for the printer's count of labels before and after the job as well, which has to be one more then.
    Zebra's Link-OS printers have it; it is no proof on a printer that others print on too.

    Raises ValueError for a count where no status is asked for.
    """

    dots_per_mm: float = 8.0
    status: Literal["hs", "none"] = "hs"
    count: Literal["none", "odometer"] = "none"
    status_timeout_s: float = 2.0
    write_timeout_s: float = 10.0
    poll_interval_s: float = 0.02
    max_polls: int = 1000
    max_silences: int = 2
    idle_answers: int = 2

    def __post_init__(self) -> None:
        if self.status == "none" and self.count != "none":
            raise ValueError("count: odometer needs a printer that answers: status: hs")


@dataclass(frozen=True, slots=True)
class ZplPrinter:
    """One configured ZPL printer."""

    options: ZplOptions = ZplOptions()

    @property
    def language(self) -> Language:
        return "zpl"

    @property
    def dots_per_mm(self) -> float:
        return self.options.dots_per_mm

    def check(self, link: Transport, clock: Clock) -> None:
        """Ask ``~HS`` once. Raises PrinterSilent (no answer), PrinterNotReady (it says why), PrinterError (an answer that is no
        ``~HS`` answer) or TransportError."""
        if self.options.status != "none":
            self._ready_status(link, clock)

    def _ready_status(self, link: Transport, clock: Clock) -> HostStatus:
        try:
            status = _ask(link, clock, self.options)
        except StatusGarbled as garbled:
            raise PrinterError(f"{link.name}: {garbled}") from garbled
        if status is None:
            raise PrinterSilent(f"{link.name}: no answer to ~HS within {self.options.status_timeout_s:g} s")
        if status.problems:
            raise PrinterNotReady(f"{link.name}: ~HS reports {', '.join(status.problems)}", status.problems)
        return status

    def send(self, link: Transport, job: bytes, clock: Clock, usual_s: float = 0.0) -> Receipt:
        """Print one format. NOT_PRINTED only where the status asked right before the first byte forbade sending it.

        Half a format that an interrupted job left in the printer is cancelled first, or it would end up on this label.
        """
        try:
            has_rest = self.options.status == "none" or self._ready_status(link, clock).has_partial_format
            before = self._count(link, clock)
        except (PrinterError, TransportError) as error:
            return Receipt(Fate.NOT_PRINTED, "not sent: the printer was not ready", str(error))
        try:
            link.write(
                (CANCEL_PARTIAL_FORMAT if has_rest else b"") + job, Deadline.after(self.options.write_timeout_s, clock)
            )
            if self.options.status == "none":
                return Receipt(Fate.PRINTED, "accepted by the port (unproven)", f"{len(job)} bytes")
            receipt = _await_idle(link, clock, self.options, _shortest_print_s(job, self.options), usual_s)
            return receipt if before is None or receipt.fate is not Fate.PRINTED else self._recount(link, clock, before)
        except TransportError as error:
            return Receipt(Fate.IN_DOUBT, "no proof: the link failed during the job", str(error))

    def _count(self, link: Transport, clock: Clock) -> int | None:
        """The printer's count of labels, or None where it is not asked. Raises PrinterError (no answer, or one that is no count) or
        TransportError."""
        if self.options.count == "none":
            return None
        link.discard_input()
        deadline = Deadline.after(self.options.status_timeout_s, clock)
        link.write(COUNT_REQUEST, deadline)
        answer = read_until(link, deadline, lambda heard: _COUNT.search(heard) is not None, MAX_COUNT_BYTES)
        count = _COUNT.fullmatch(answer.strip())
        if count is None:
            raise PrinterError(
                f"{link.name}: no count of labels: {printable(answer)}" if answer else f"{link.name}: no answer"
            )
        return int(count[1])

    def _recount(self, link: Transport, clock: Clock, before: int) -> Receipt:
        """What the count says of a job after which the printer is idle."""
        more = 0
        for _ in range(COUNT_POLLS):
            try:
                after = self._count(link, clock)
            except PrinterError as error:
                return Receipt(Fate.IN_DOUBT, "no proof: the printer is idle but tells no count of labels", str(error))
            assert after is not None, "asked before the job too"
            more = after - before
            if more:
                break
            clock.sleep(self.options.poll_interval_s)
        if more == 1:
            return Receipt(Fate.PRINTED, "odometer: one label more", f"{before} labels before")
        return Receipt(Fate.IN_DOUBT, f"no proof: the odometer counts {more} labels more", f"{before} labels before")


_RESTARTED = "it printed the label, or lost it when its power failed for a moment"


def _shortest_print_s(job: bytes, options: ZplOptions) -> float:
    """How long the label takes at least; 0 where the format does not say how long it is (^LL, in dots)."""
    length = _LABEL_LENGTH.search(job)
    return 0.0 if length is None else min(int(length[1]) / options.dots_per_mm / FASTEST_MM_PER_S, MAX_UNASKED_S)


def _await_idle(link: Transport, clock: Clock, options: ZplOptions, shortest_print_s: float, usual_s: float) -> Receipt:
    """Poll until the printer has been idle ``idle_answers`` times in a row, reports a problem, or falls silent. One that is idle
    after a silence may have been switched off and on, and its memory with the job is gone: idleness proves nothing then. One that
    says it is at work is asked again when the label can be out, or shortly before it usually is."""
    first_s = max(shortest_print_s, min(USUAL_SHARE * usual_s, MAX_UNASKED_S))
    close = CLOSE_POLLS if usual_s else 0
    unasked_s = 0.0
    idle = silences = 0
    was_at_work = was_at_first = may_have_restarted = False
    busy = "no answer yet"
    for _ in range(options.max_polls):
        try:
            status = _ask(link, clock, options)
        except StatusGarbled as garbled:
            return Receipt(Fate.IN_DOUBT, "no proof: the printer answers garbage", str(garbled))
        if status is None:
            silences, idle, may_have_restarted = silences + 1, 0, True
            if silences >= options.max_silences:
                return Receipt(Fate.IN_DOUBT, "no proof: the printer fell silent", f"{silences} requests unanswered")
            continue
        silences = 0
        if status.problems:
            return Receipt(Fate.IN_DOUBT, f"no proof: ~HS reports {', '.join(status.problems)}", _work(status))
        if status.is_idle and was_at_first:
            unasked_s *= TOO_LONG_SHARE
        idle = idle + 1 if status.is_idle else 0
        was_at_first = has_begun = not status.is_idle and not was_at_work
        was_at_work = was_at_work or not status.is_idle
        may_have_restarted = may_have_restarted and status.is_idle  # a printer at work still has the job
        if may_have_restarted and idle >= options.idle_answers:
            return Receipt(Fate.IN_DOUBT, "no proof: the printer fell silent, then had no job", _RESTARTED)
        if idle >= options.idle_answers:
            return Receipt(Fate.PRINTED, "~HS: 0 formats left", f"idle in {idle} answers", unasked_s)
        busy = _work(status)
        is_soon = was_at_work and not has_begun and (idle > 0 or close > 0)
        pause_s = options.poll_interval_s / 4 if is_soon else options.poll_interval_s
        if has_begun:
            pause_s = max(pause_s, first_s)
        elif was_at_work:
            close -= 1
        if not status.is_idle:
            unasked_s += pause_s
        clock.sleep(pause_s)
    return Receipt(Fate.IN_DOUBT, f"no proof: still busy after {options.max_polls} polls", busy)


def _work(status: HostStatus) -> str:
    partial = ", one half received" if status.has_partial_format else ""
    return f"{status.formats_in_buffer} formats in buffer{partial}, {status.labels_remaining} labels remaining"


def _ask(link: Transport, clock: Clock, options: ZplOptions) -> HostStatus | None:
    """One ``~HS`` and its answer; None when nothing came. Raises StatusGarbled (also for half an answer), or PortLost."""
    link.discard_input()
    deadline = Deadline.after(options.status_timeout_s, clock)
    link.write(REQUEST, deadline)
    answer = read_until(link, deadline, is_complete, MAX_SIZE_BYTES)
    # What ends the line of a count may come behind it.
    return HostStatus.from_bytes(answer.lstrip(b"\r\n")) if answer else None
