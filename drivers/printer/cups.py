"""A CUPS queue as a printer: one job, and what CUPS says of it until it is done with.

CUPS tells what became of the bytes, not of the label: a queue completes a job as soon as its backend is rid of the bytes, with
the paper out too. So a completed job is PRINTED only where the configuration trusts the queue, and the proof says so.

Source: RFC 8011 (IPP), 5.3.7 job-state, 5.4.11 printer-state; CUPS, "IPP Support": job-id, document-format
``application/vnd.cups-raw``; CUPS, cupsd: a job's owner may cancel it through the local socket as ``PeerCred``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from drivers.clock import Clock, Deadline
from drivers.errors import PrinterError, PrinterNotReady, PrinterSilent, TransportError
from drivers.printer import Fate, Language, Receipt
from drivers.printer.answers import read_until
from drivers.printer.cups_options import CupsOptions
from drivers.printer.ipp import (
    MAX_ANSWER_BYTES,
    Answer,
    AnswerGarbled,
    Attribute,
    Operation,
    integer,
    is_complete,
    keywords,
    mime_type,
    parse,
    request,
    title,
)
from drivers.transport import Transport
from drivers.unix_port import UnixPort, open_unix

UNPROVEN = "CUPS: job completed, not proven by the printer"
_PRINTER_STOPPED = 5
_HARMLESS_REASONS = ("-report", "-warning")


class JobState(IntEnum):
    """RFC 8011, 5.3.7."""

    PENDING = 3
    HELD = 4
    PROCESSING = 5
    STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9


def open_cups(options: CupsOptions, clock: Clock) -> UnixPort:
    """Connect to the server. Raises PortMissing or PortDenied."""
    return open_unix(options.server, f"cups:{options.queue}", clock)


@dataclass(frozen=True, slots=True)
class CupsPrinter:
    """A printer behind a raw queue, which takes jobs in ``language``."""

    options: CupsOptions
    language: Language
    dots_per_mm: float

    def check(self, link: Transport, clock: Clock) -> None:
        """Ask for the queue's state. Raises PrinterSilent, PrinterNotReady (stopped, rejecting, or an error that its backend
        reported), PrinterError (no such queue, no such answer) or TransportError."""
        wanted = keywords("requested-attributes", "printer-state", "printer-state-reasons", "printer-is-accepting-jobs")
        try:
            answer = self._ask(link, clock, Operation.GET_PRINTER_ATTRIBUTES, (wanted,))
        except AnswerGarbled as garbled:
            raise PrinterError(f"{link.name}: {garbled}") from garbled
        if answer is None:
            raise PrinterSilent(f"{link.name}: CUPS does not answer within {self.options.answer_timeout_s:g} s")
        if not answer.is_successful or answer.number("printer-state") is None:
            raise PrinterError(f"{link.name}: CUPS answers {_status(answer)}: is there a queue of this name?")
        problems = _problems(answer)
        if problems:
            raise PrinterNotReady(f"{link.name}: CUPS reports {', '.join(problems)}", problems)

    def send(self, link: Transport, job: bytes, clock: Clock, usual_s: float = 0.0) -> Receipt:  # noqa: ARG002
        """Hand over one job and wait until CUPS is done with it. NOT_PRINTED only where no job was made, or it was cancelled before
        CUPS began with it."""
        try:
            self.check(link, clock)
        except (PrinterError, TransportError) as error:
            return Receipt(Fate.NOT_PRINTED, "not sent: the queue was not ready", str(error))
        attributes = (
            title("requesting-user-name", self.options.user),
            title("job-name", "label"),
            mime_type("document-format", "application/vnd.cups-raw"),
        )
        try:
            answer = self._ask(link, clock, Operation.PRINT_JOB, attributes, job)
            if answer is None:
                return Receipt(Fate.IN_DOUBT, "no proof: CUPS fell silent", "it may have taken the job")
            if not answer.is_successful:
                return Receipt(Fate.NOT_PRINTED, f"CUPS took no job: {_status(answer)}")
            number = answer.number("job-id")
            if number is None:
                return Receipt(Fate.IN_DOUBT, "no proof: CUPS names no job", _status(answer))
            return self._await_end(link, clock, number)
        except AnswerGarbled as garbled:
            return Receipt(Fate.IN_DOUBT, "no proof: CUPS answers garbage", str(garbled))
        except TransportError as error:
            return Receipt(Fate.IN_DOUBT, "no proof: the link to CUPS failed during the job", str(error))

    def _await_end(self, link: Transport, clock: Clock, number: int) -> Receipt:
        """Poll until CUPS is done with the job, or stops at it. Raises AnswerGarbled or TransportError."""
        for _ in range(self.options.max_polls):
            job = self._job(link, clock, number)
            state = None if job is None else job.number("job-state")
            if job is None or state is None:
                return Receipt(Fate.IN_DOUBT, "no proof: CUPS no longer knows the job", f"job {number}")
            if state >= JobState.CANCELED:
                return self._ended(number, job)
            if state in (JobState.HELD, JobState.STOPPED) or self._is_stopped(link, clock):
                return self._given_up(link, clock, number, "the queue has stopped")
            clock.sleep(self.options.poll_interval_s)
        return self._given_up(link, clock, number, f"not done after {self.options.max_polls} polls")

    def _ended(self, number: int, job: Answer) -> Receipt:
        said = f"job {number} {_said(job)}".strip()
        if job.number("job-state") == JobState.COMPLETED:
            return Receipt(Fate.PRINTED if self.options.trust_queue else Fate.IN_DOUBT, UNPROVEN, said)
        if "time-at-processing" in job.attributes and job.number("time-at-processing") is None:
            return Receipt(Fate.NOT_PRINTED, "CUPS: the job ended before CUPS began with it", said)
        return Receipt(Fate.IN_DOUBT, "no proof: CUPS gave the job up after it had begun with it", said)

    def _given_up(self, link: Transport, clock: Clock, number: int, why: str) -> Receipt:
        """Cancel the job, so that it does not print later unasked, and say what it came to."""
        whose = (integer("job-id", number), title("requesting-user-name", self.options.user))
        self._ask(link, clock, Operation.CANCEL_JOB, whose, authorization=f"PeerCred {self.options.user}")
        job = self._job(link, clock, number)
        if job is None or (job.number("job-state") or 0) < JobState.CANCELED:
            return Receipt(Fate.IN_DOUBT, f"no proof: {why}", f"job {number} could not be cancelled: it may print yet")
        receipt = self._ended(number, job)
        return Receipt(receipt.fate, receipt.proof, f"{why}; {receipt.detail}")

    def _is_stopped(self, link: Transport, clock: Clock) -> bool:
        wanted = keywords("requested-attributes", "printer-state")
        answer = self._ask(link, clock, Operation.GET_PRINTER_ATTRIBUTES, (wanted,))
        return answer is not None and answer.number("printer-state") == _PRINTER_STOPPED

    def _job(self, link: Transport, clock: Clock, number: int) -> Answer | None:
        wanted = keywords(
            "requested-attributes", "job-state", "job-state-reasons", "job-printer-state-message", "time-at-processing"
        )
        answer = self._ask(link, clock, Operation.GET_JOB_ATTRIBUTES, (integer("job-id", number), wanted))
        return answer if answer is not None and answer.is_successful else None

    def _ask(
        self,
        link: Transport,
        clock: Clock,
        operation: Operation,
        attributes: tuple[Attribute, ...],
        document: bytes = b"",
        authorization: str = "",
    ) -> Answer | None:
        """One request; None when nothing came in time. Raises AnswerGarbled or TransportError."""
        link.discard_input()
        deadline = Deadline.after(self.options.answer_timeout_s, clock)
        link.write(request(operation, self.options.path, attributes, document, authorization), deadline)
        received = read_until(link, deadline, is_complete, MAX_ANSWER_BYTES)
        return parse(received) if received else None


def _problems(answer: Answer) -> tuple[str, ...]:
    reasons = answer.words("printer-state-reasons")
    problems = [reason for reason in reasons if reason != "none" and not reason.endswith(_HARMLESS_REASONS)]
    if answer.number("printer-state") == _PRINTER_STOPPED:
        problems.insert(0, "stopped")
    if answer.number("printer-is-accepting-jobs") == 0:
        problems.insert(0, "rejecting jobs")
    return tuple(dict.fromkeys(problem[:64] for problem in problems))


def _said(job: Answer) -> str:
    words = (*job.words("job-state-reasons"), *job.words("job-printer-state-message"))
    return ", ".join("".join(filter(str.isprintable, word))[:200] for word in words if word)


def _status(answer: Answer) -> str:
    message = "".join(filter(str.isprintable, " ".join(answer.words("status-message"))))[:200]
    return f"0x{answer.status:04x} {message}".strip()
