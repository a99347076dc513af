"""The ESC/POS driver against a simulated printer on real TCP and a real pty: its word is never better than the printer's count."""

from __future__ import annotations

from typing import Literal

import pytest

from drivers.errors import PortLost, PrinterError, PrinterNotReady, PrinterSilent
from drivers.printer import Fate, LabelPrinter
from drivers.printer.escpos import EscposPrinter
from drivers.printer.escpos_options import EscposOptions
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated import Reply
from drivers.simulated.escpos_printer import SimulatedEscposPrinter
from drivers.simulated.faults import Fault, Faults
from drivers.simulated.link import PtyLink
from drivers.simulated.print_queue import PrinterManners
from tests.support.labels import CLOCK, connected
from tests.support.stm32 import DirectLink

Proof = Literal["process_id", "queued_status", "auto", "none"]
ANSWERED: tuple[Proof, ...] = ("process_id", "queued_status", "auto")
JOB = b"\x1b@" + b"\x1dv0\x00\x02\x00\x08\x00" + b"\xff\x00" * 8 + b"\x1dVB\x00"
CHECK_BYTES = 12
"""Four times DLE EOT n."""


def driver(proof: Proof, **options: float) -> EscposPrinter:
    return EscposPrinter(EscposOptions(proof=proof, **options))  # type: ignore[arg-type]


QUICK = {"status_timeout_s": 0.05, "print_timeout_s": 0.05, "echo_timeout_s": 0.02}


class NoProcessId(SimulatedEscposPrinter):
    """A clone that takes GS ( H and answers nothing."""

    def _say(self, answer: bytes, after_s: float = 0.0) -> None:
        if len(answer) == 1:
            super()._say(answer, after_s)


class DiesAtCut(SimulatedEscposPrinter):
    """The paper ends during the job: nothing queued is answered any more, DLE EOT is."""

    def _cut(self, data: bytes) -> int:
        self.queue.problems.add("paper_out")
        return super()._cut(data)


def test_it_is_a_label_printer() -> None:
    printer: LabelPrinter = EscposPrinter(EscposOptions(dots_per_mm=7.5))
    assert (printer.language, printer.dots_per_mm) == ("escpos", 7.5)


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        ("process_id", "GS ( H: process id answered"),
        ("queued_status", "GS r: status answered behind the job"),
        ("auto", "GS ( H: process id answered"),
        ("none", "accepted by the port (unproven)"),
    ],
)
def test_a_ready_printer_prints_and_proves_it(proof: Proof, words: str) -> None:
    printer = SimulatedEscposPrinter()
    with connected(printer) as link:
        driver(proof).check(link, CLOCK)
        receipt = driver(proof).send(link, JOB, CLOCK)
        driver("queued_status").check(link, CLOCK)
    assert (receipt.fate, receipt.proof) == (Fate.PRINTED, words)
    assert len(printer.labels) == 1
    assert printer.text == b""


@pytest.mark.parametrize("proof", ANSWERED)
def test_a_slow_printer_is_waited_for_and_nothing_of_its_answers_is_left_for_later(proof: Proof) -> None:
    with connected(SimulatedEscposPrinter(PrinterManners(print_s=0.02))) as link:
        for _ in range(3):
            assert driver(proof).send(link, JOB, CLOCK).fate is Fate.PRINTED


def test_flow_control_bytes_before_an_answer_do_no_harm() -> None:
    class Flows(SimulatedEscposPrinter):
        def _say(self, answer: bytes, after_s: float = 0.0) -> None:
            super()._say(b"\x13\x11" + answer, after_s)

    with connected(Flows()) as link:
        assert driver("auto").send(link, JOB, CLOCK).fate is Fate.PRINTED


def test_auto_is_content_with_the_queued_status_of_a_printer_without_process_ids() -> None:
    printer = NoProcessId()
    with connected(printer) as link:
        receipt = driver("auto", echo_timeout_s=0.02).send(link, JOB, CLOCK)
    assert (receipt.fate, receipt.proof) == (Fate.PRINTED, "GS r: status answered behind the job")
    assert len(printer.labels) == 1


def test_a_process_id_that_never_comes_is_a_doubt() -> None:
    with connected(NoProcessId()) as link:
        receipt = driver("process_id", print_timeout_s=0.05).send(link, JOB, CLOCK)
    assert receipt.fate is Fate.IN_DOUBT


def test_it_prints_through_a_serial_line() -> None:
    printer = SimulatedEscposPrinter()
    line = PtyLink(printer)
    link = open_serial(SerialOptions(str(line.path)), CLOCK)
    try:
        assert driver("auto").send(link, JOB, CLOCK).fate is Fate.PRINTED
    finally:
        link.close()
        line.close()
    assert len(printer.labels) == 1


@pytest.mark.parametrize("proof", ANSWERED)
def test_silence_is_not_readiness(proof: Proof) -> None:
    printer = SimulatedEscposPrinter(PrinterManners(speech="silent"))
    with connected(printer) as link:
        with pytest.raises(PrinterSilent):
            driver(proof, **QUICK).check(link, CLOCK)
        assert driver(proof, **QUICK).send(link, JOB, CLOCK).fate is Fate.NOT_PRINTED
    assert printer.labels == []


@pytest.mark.parametrize("problem", ["paper_out", "head_open", "offline", "cutter"])
def test_a_problem_before_the_job_keeps_it_from_being_sent(problem: str) -> None:
    printer = SimulatedEscposPrinter()
    printer.queue.problems.add(problem)
    with connected(printer) as link:
        with pytest.raises(PrinterNotReady) as caught:
            driver("auto").check(link, CLOCK)
        assert caught.value.problems == (problem,)
        assert driver("auto").send(link, JOB, CLOCK).fate is Fate.NOT_PRINTED
    printer.queue.problems.clear()
    assert printer.labels == []


@pytest.mark.parametrize("proof", ANSWERED)
def test_paper_that_ends_during_the_job_leaves_it_in_doubt_and_is_told(proof: Proof) -> None:
    """DLE EOT is answered even in the middle of a job, which proves nothing but explains."""
    with connected(DiesAtCut()) as link:
        receipt = driver(proof, print_timeout_s=0.05).send(link, JOB, CLOCK)
    assert (receipt.fate, receipt.proof) == (Fate.IN_DOUBT, "no proof: the printer fell silent")
    assert "paper_out" in receipt.detail


def test_a_queued_status_that_tells_the_paper_end_is_a_doubt() -> None:
    class PaperEnd(SimulatedEscposPrinter):
        def _short(self, command: bytes, size_bytes: int) -> int:
            if command == b"\x1dr\x01":
                self._say(b"\x0c")
                return size_bytes
            return super()._short(command, size_bytes)

    with connected(PaperEnd()) as link:
        receipt = driver("queued_status").send(link, JOB, CLOCK)
    assert (receipt.fate, receipt.proof) == (Fate.IN_DOUBT, "no proof: GS r reports paper_out")


def test_garbage_is_neither_readiness_nor_proof() -> None:
    printer = SimulatedEscposPrinter(PrinterManners(speech="garbage"))
    with connected(printer) as link, pytest.raises(PrinterError):
        driver("auto", **QUICK).check(link, CLOCK)

    class Turns(SimulatedEscposPrinter):
        def _cut(self, data: bytes) -> int:
            self.queue.manners = PrinterManners(speech="garbage")
            return super()._cut(data)

    for proof in ANSWERED:
        link = DirectLink(Turns())
        assert driver(proof).send(link, JOB, link.clock).fate is Fate.IN_DOUBT


def test_a_flood_of_bytes_is_read_only_so_far() -> None:
    class Floods(SimulatedEscposPrinter):
        def _cut(self, data: bytes) -> int:
            self._replies.append(Reply(b"\xff" * 100_000))
            return super()._cut(data)

    link = DirectLink(Floods())
    receipt = driver("queued_status").send(link, JOB, link.clock)
    assert receipt.fate is Fate.IN_DOUBT
    assert len(receipt.detail) < 400


@pytest.mark.parametrize("stale", [b"\x00", b"\x12", b"\x37\x220000\x00"])
def test_bytes_that_came_before_the_question_are_no_answer(stale: bytes) -> None:
    printer = SimulatedEscposPrinter()
    printer.queue.problems.add("offline")
    link = DirectLink(printer)
    link.say(stale)
    with pytest.raises(PrinterNotReady):
        driver("auto").check(link, link.clock)


@pytest.mark.parametrize("lost_after", [0, 1, 9, len(JOB) - 1, len(JOB), len(JOB) + 5])
def test_a_cable_pulled_during_the_job_leaves_it_in_doubt(lost_after: int) -> None:
    faults = Faults(from_host=(Fault("hang_up", at=CHECK_BYTES + lost_after),))
    with connected(SimulatedEscposPrinter(), faults) as link:
        assert driver("process_id", print_timeout_s=5).send(link, JOB, CLOCK).fate is Fate.IN_DOUBT


def test_a_cable_pulled_before_the_job_is_an_error_of_the_port() -> None:
    faults = Faults(from_host=(Fault("hang_up", at=4),))
    with connected(SimulatedEscposPrinter(), faults) as link, pytest.raises(PortLost):
        driver("auto").check(link, CLOCK)


@pytest.mark.parametrize("proof", ANSWERED)
def test_wherever_the_printer_dies_printed_is_said_only_of_a_printed_label(proof: Proof) -> None:
    """Power fails at each byte of a whole exchange."""
    fates = set()
    for size in range(1, CHECK_BYTES + len(JOB) + 20):
        printer = SimulatedEscposPrinter(PrinterManners(dies_after_bytes=size))
        link = DirectLink(printer)
        receipt = driver(proof).send(link, JOB, link.clock)
        fates.add(receipt.fate)
        if receipt.fate is Fate.PRINTED:
            assert len(printer.labels) == 1
        elif receipt.fate is Fate.NOT_PRINTED:
            assert printer.labels == []
    assert fates == set(Fate)


def test_a_printer_that_cannot_answer_is_not_asked() -> None:
    with connected(SimulatedEscposPrinter(PrinterManners(speech="silent"))) as link:
        driver("none").check(link, CLOCK)
        assert driver("none").send(link, JOB, CLOCK).proof == "accepted by the port (unproven)"
