"""An ESC/POS printer behind any transport: real-time status before the job, a proof queued behind it.

Source of the conversation: Epson, "ESC/POS Command Reference": DLE EOT, GS r, GS ( H. DLE EOT is answered on reception, even
in the middle of image data, so it never proves a print; GS ( H is answered when printing has completed; GS r when the
printer has worked through the data before it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import PrinterError, PrinterNotReady, PrinterSilent, TransportError
from drivers.printer import Fate, Language, Receipt
from drivers.printer.answers import read_until
from drivers.printer.escpos_options import EscposOptions
from drivers.printer.escpos_status import (
    QUEUED_REQUEST,
    REALTIME_KINDS,
    ProofAnswers,
    StatusGarbled,
    find_realtime_answer,
    process_id_request,
    queued_paper_end,
    realtime_problems,
    realtime_request,
)
from drivers.transport import Transport

MAX_ANSWER_BYTES = 64
"""Bound on what is read while waiting for a proof of at most 8 bytes; the rest may be unasked-for status."""


@dataclass(frozen=True, slots=True)
class EscposPrinter:
    """One configured ESC/POS printer."""

    options: EscposOptions = EscposOptions()

    @property
    def language(self) -> Language:
        return "escpos"

    @property
    def dots_per_mm(self) -> float:
        return self.options.dots_per_mm

    def check(self, link: Transport, clock: Clock) -> None:
        """Ask DLE EOT 1 to 4. Raises PrinterSilent, PrinterNotReady, PrinterError (an answer that is no status) or
        TransportError."""
        if self.options.proof == "none":
            return
        try:
            problems = _ask(link, clock, self.options)
        except StatusGarbled as garbled:
            raise PrinterError(f"{link.name}: {garbled}") from garbled
        if problems:
            raise PrinterNotReady(f"{link.name}: DLE EOT reports {', '.join(problems)}", problems)

    def send(self, link: Transport, job: bytes, clock: Clock, usual_s: float = 0.0) -> Receipt:  # noqa: ARG002
        """Print one label. NOT_PRINTED only where the status asked right before the first byte forbade sending it."""
        try:
            self.check(link, clock)
        except (PrinterError, TransportError) as error:
            return Receipt(Fate.NOT_PRINTED, "not sent: the printer was not ready", str(error))
        try:
            link.discard_input()
            process_id = _process_id(job)
            link.write(job + self._proof_request(process_id), Deadline.after(self.options.write_timeout_s, clock))
            if self.options.proof == "none":
                return Receipt(Fate.PRINTED, "accepted by the port (unproven)", f"{len(job)} bytes")
            return self._await_proof(link, clock, process_id)
        except TransportError as error:
            return Receipt(Fate.IN_DOUBT, "no proof: the link failed during the job", str(error))

    def _proof_request(self, process_id: bytes) -> bytes:
        return {
            "process_id": process_id_request(process_id),
            "queued_status": QUEUED_REQUEST,
            "auto": process_id_request(process_id) + QUEUED_REQUEST,
            "none": b"",
        }[self.options.proof]

    def _await_proof(self, link: Transport, clock: Clock, process_id: bytes) -> Receipt:
        options = self.options

        def is_echoed(received: bytes) -> bool:
            return options.proof != "queued_status" and process_id in ProofAnswers.from_bytes(received).process_ids

        def has_status(received: bytes) -> bool:
            return options.proof != "process_id" and bool(ProofAnswers.from_bytes(received).queued)

        deadline = Deadline.after(options.print_timeout_s, clock)
        received = read_until(link, deadline, lambda heard: is_echoed(heard) or has_status(heard), MAX_ANSWER_BYTES)
        if options.proof == "auto" and received:
            # The other answer is the better proof, or must not be left to be taken for the answer to a later question.
            first = received
            late = Deadline.after(options.echo_timeout_s, clock)
            received += read_until(
                link, late, lambda more: is_echoed(first + more) and has_status(first + more), MAX_ANSWER_BYTES
            )
        if is_echoed(received):
            return Receipt(Fate.PRINTED, "GS ( H: process id answered", process_id.decode("ascii"))
        if not has_status(received):
            return Receipt(Fate.IN_DOUBT, "no proof: the printer fell silent", self._why_silent(link, clock, received))
        status = ProofAnswers.from_bytes(received).queued[0]
        if queued_paper_end(status):
            return Receipt(Fate.IN_DOUBT, "no proof: GS r reports paper_out", f"0x{status:02x}")
        return Receipt(Fate.PRINTED, "GS r: status answered behind the job", f"0x{status:02x}")

    def _why_silent(self, link: Transport, clock: Clock, received: bytes) -> str:
        """A line of detail: what DLE EOT has to say, for it is answered even by a printer that cannot go on."""
        heard = f"heard {received.hex(' ')}" if received else "heard nothing"
        try:
            problems = _ask(link, clock, self.options)
        except (PrinterError, StatusGarbled) as error:
            return f"{heard}; {error}"
        return f"{heard}; DLE EOT reports {', '.join(problems) or 'no problem'}"


def _ask(link: Transport, clock: Clock, options: EscposOptions) -> tuple[str, ...]:
    """All four real-time statuses, one by one. Raises PrinterSilent, StatusGarbled or TransportError."""
    problems: dict[str, None] = {}
    for kind in REALTIME_KINDS:
        link.discard_input()
        deadline = Deadline.after(options.status_timeout_s, clock)
        link.write(realtime_request(kind), deadline)
        received = read_until(link, deadline, lambda heard: find_realtime_answer(heard) is not None, MAX_ANSWER_BYTES)
        if not received:
            raise PrinterSilent(f"{link.name}: no answer to DLE EOT {kind} within {options.status_timeout_s:g} s")
        answer = find_realtime_answer(received)
        if answer is None:
            raise StatusGarbled(f"no answer to DLE EOT {kind} among {received.hex(' ')}")
        problems |= dict.fromkeys(realtime_problems(kind, answer))
    return tuple(problems)


def _process_id(job: bytes) -> bytes:
    """Four printable bytes made of the job itself, so that a replay sends the same and two jobs rarely share one."""
    checksum = zlib.crc32(job)
    return bytes(0x30 + (checksum >> shift) % 0x4B for shift in (0, 8, 16, 24))
