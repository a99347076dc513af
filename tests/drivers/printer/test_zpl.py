"""The ZPL driver against a simulated printer on real TCP and a real pty: its word is never better than the printer's own count."""

from __future__ import annotations

import itertools
import os

import pytest

from drivers.clock import SystemClock
from drivers.errors import PortLost, PrinterError, PrinterNotReady, PrinterSilent
from drivers.printer import Fate, LabelPrinter
from drivers.printer.zpl import MAX_UNASKED_S, ZplOptions, ZplPrinter
from drivers.printer.zpl_status import HostStatus
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated import Reply
from drivers.simulated.faults import Fault, Faults
from drivers.simulated.link import PtyLink
from drivers.simulated.print_queue import PrinterManners, PrintQueue
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from tests.support.labels import CLOCK, connected
from tests.support.stm32 import DirectLink

JOB = b"^XA^CI28^PW400^LL240\n^FO10,10^A0N,24,24^FH_^FDSN1^FS\n^PQ1^XZ\n"
QUICK = ZplPrinter(ZplOptions(status_timeout_s=0.05))
"""For cases in which no answer comes."""
PATIENT = ZplPrinter(ZplOptions(poll_interval_s=0.002))
"""For cases in which an answer always comes."""
BUSY = ZplPrinter(ZplOptions(poll_interval_s=0.001, max_polls=50))
"""For cases in which the work never ends."""
PROBLEMS = ["paper_out", "paused", "head_open", "ribbon_out"]


class Talker(SimulatedZplPrinter):
    """A printer that gives these answers to ~HS, one after the other; the last one for ever."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self._answers = itertools.chain(answers, itertools.repeat(answers[-1]))

    def _status(self) -> list[Reply]:
        answer = next(self._answers)
        return [Reply(answer)] if answer else []


def test_it_is_a_label_printer() -> None:
    printer: LabelPrinter = ZplPrinter(ZplOptions(dots_per_mm=12))
    assert (printer.language, printer.dots_per_mm) == ("zpl", 12)


def test_a_ready_printer_prints_and_proves_it() -> None:
    printer = SimulatedZplPrinter(PrinterManners(print_s=0.03))
    with connected(printer) as link:
        PATIENT.check(link, CLOCK)
        receipt = PATIENT.send(link, JOB, CLOCK)
    assert (receipt.fate, receipt.proof) == (Fate.PRINTED, "~HS: 0 formats left")
    assert printer.labels == [JOB.strip()]


def test_it_prints_through_a_serial_line() -> None:
    printer = SimulatedZplPrinter()
    line = PtyLink(printer)
    link = open_serial(SerialOptions(str(line.path)), CLOCK)
    try:
        assert PATIENT.send(link, JOB, CLOCK).fate is Fate.PRINTED
    finally:
        link.close()
        line.close()
    assert len(printer.labels) == 1


def test_silence_is_not_readiness() -> None:
    printer = SimulatedZplPrinter(PrinterManners(speech="silent"))
    with connected(printer) as link:
        with pytest.raises(PrinterSilent):
            QUICK.check(link, CLOCK)
        assert QUICK.send(link, JOB, CLOCK).fate is Fate.NOT_PRINTED
    assert printer.labels == []


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_before_the_job_keeps_it_from_being_sent(problem: str) -> None:
    printer = SimulatedZplPrinter()
    printer.queue.problems.add(problem)
    with connected(printer) as link:
        with pytest.raises(PrinterNotReady) as caught:
            PATIENT.check(link, CLOCK)
        assert caught.value.problems == (problem,)
        receipt = PATIENT.send(link, JOB, CLOCK)
        assert receipt.fate is Fate.NOT_PRINTED
        assert problem in receipt.detail
    assert printer.queue.waiting == 0


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_during_the_job_leaves_it_in_doubt(problem: str) -> None:
    """The printer holds the format and may print it once the problem is gone."""

    class Breaks(SimulatedZplPrinter):
        def feed(self, data: bytes) -> list[Reply]:
            if b"^XA" in data:
                self.queue.problems.add(problem)
            return super().feed(data)

    printer = Breaks()
    with connected(printer) as link:
        receipt = PATIENT.send(link, JOB, CLOCK)
    assert receipt.fate is Fate.IN_DOUBT
    assert problem in receipt.proof
    printer.queue.problems.clear()
    assert len(printer.labels) == 1


def at_hand(print_s: float) -> DirectLink:
    """A printer that takes so long for a label, by the link's own clock."""
    printer = SimulatedZplPrinter()
    link = DirectLink(printer)
    printer.queue = PrintQueue(PrinterManners(print_s=print_s), None, ".zpl", now_s=link.clock.monotonic_s)
    return link


def test_a_printer_at_work_is_left_alone_until_its_label_usually_comes_out() -> None:
    """Asked every 20 ms the first time; then once when it begins, and every 5 ms from shortly before the end."""
    link, driver = at_hand(0.2), ZplPrinter()
    asked, took_s, usual_s = [], [], 0.0
    for _ in range(4):
        before, began_s = len(link.sent), link.clock.now_s
        receipt = driver.send(link, JOB, link.clock, usual_s)
        assert receipt.fate is Fate.PRINTED
        usual_s = receipt.unasked_s
        asked.append(sum(b"~HS" in data for data in link.sent[before:]))
        took_s.append(link.clock.now_s - began_s)
    assert asked[0] == 10
    assert max(asked[1:]) <= 6
    assert max(took_s[1:]) <= 0.2 + 2 * 0.005 + 0.001


def test_one_slow_label_slows_down_few_others() -> None:
    link, driver = at_hand(0.2), ZplPrinter()
    took_s, usual_s = [], 3.0
    for _ in range(7):
        began_s = link.clock.now_s
        usual_s = driver.send(link, JOB, link.clock, usual_s).unasked_s
        took_s.append(link.clock.now_s - began_s)
    assert took_s[0] == pytest.approx(MAX_UNASKED_S, abs=0.01)
    assert max(took_s[5:]) <= 0.22


class NotedClock(SystemClock):
    """Notes how long is waited, and waits no time."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []

    def sleep(self, duration_s: float) -> None:
        self.waits_s.append(duration_s)


@pytest.mark.parametrize(
    ("job", "first_s"),
    [
        (JOB, 30 / 355.6),
        (JOB.replace(b"^LL240", b"^ll99999"), 0.5),
        (JOB.replace(b"^LL240", b"^LL8"), 0.02),
        (JOB.replace(b"^LL240", b""), 0.02),
    ],
    ids=["30 mm", "a length that none is", "shorter than the usual interval", "no length"],
)
def test_a_printer_at_work_is_left_alone_for_as_long_as_the_fastest_would_take(job: bytes, first_s: float) -> None:
    clock = NotedClock()
    idle, busy = HostStatus(0, 0).to_bytes(), HostStatus(1, 0).to_bytes()
    with connected(Talker(idle, busy, busy, idle, idle)) as link:
        receipt = ZplPrinter().send(link, job, clock)
    assert receipt.fate is Fate.PRINTED
    assert clock.waits_s == [pytest.approx(first_s), 0.02, 0.005]


def test_a_printer_that_is_not_at_work_is_asked_again_at_the_usual_interval() -> None:
    clock = NotedClock()
    with connected(Talker(HostStatus(0, 0).to_bytes())) as link:
        assert ZplPrinter().send(link, JOB, clock).fate is Fate.PRINTED
    assert clock.waits_s == [0.02]


def test_garbage_is_neither_readiness_nor_proof() -> None:
    with connected(SimulatedZplPrinter(PrinterManners(speech="garbage"))) as link, pytest.raises(PrinterError):
        PATIENT.check(link, CLOCK)
    with connected(Talker(HostStatus(0, 0).to_bytes(), b"\x02nonsense\x03\r\n" * 3)) as link:
        receipt = PATIENT.send(link, JOB, CLOCK)
    assert receipt.fate is Fate.IN_DOUBT
    assert "garbage" in receipt.proof


def test_one_idle_answer_between_busy_ones_is_no_proof() -> None:
    idle, busy = HostStatus(0, 0).to_bytes(), HostStatus(1, 0).to_bytes()
    with connected(Talker(idle, idle, busy, idle, busy)) as link:
        receipt = BUSY.send(link, JOB, CLOCK)
    assert receipt.fate is Fate.IN_DOUBT
    assert "still busy after 50 polls" in receipt.proof
    assert receipt.detail == "1 formats in buffer, 0 labels remaining"


def test_a_printer_that_is_idle_again_after_a_silence_may_have_lost_the_job() -> None:
    """Its power failed for a moment."""
    idle = HostStatus(0, 0).to_bytes()
    with connected(Talker(idle, b"", idle)) as link:
        receipt = QUICK.send(link, JOB, CLOCK)
        assert (receipt.fate, receipt.proof) == (Fate.IN_DOUBT, "no proof: the printer fell silent, then had no job")


def test_a_half_received_format_is_no_printed_label() -> None:
    """The end of the job is lost on the line: the printer is idle but for a format that never ends."""
    printer = SimulatedZplPrinter()
    lost = Faults(from_host=(Fault("drop", at=3 + JOB.index(b"^XZ"), count=4),))
    with connected(printer, lost) as link:
        receipt = BUSY.send(link, JOB, CLOCK)
    assert receipt.fate is Fate.IN_DOUBT
    assert "half received" in receipt.detail
    assert printer.labels == []


@pytest.mark.parametrize("status", ["hs", "none"])
def test_half_a_format_left_by_an_interrupted_job_is_not_mixed_into_the_next(status: str) -> None:
    printer = SimulatedZplPrinter()
    printer.feed(b"^XA^FO0,0^A0N,24,24^FDOTHER UNIT^FS")
    with connected(printer) as link:
        driver = ZplPrinter(ZplOptions(status=status, poll_interval_s=0.002))  # type: ignore[arg-type]
        assert driver.send(link, JOB, CLOCK).fate is Fate.PRINTED
        PATIENT.check(link, CLOCK)
    assert printer.labels == [JOB.strip()]


@pytest.mark.parametrize("lost_after", [0, 1, 3, 10, len(JOB) - 2, len(JOB), len(JOB) + 2, len(JOB) + 3])
def test_a_cable_pulled_during_the_job_leaves_it_in_doubt(lost_after: int) -> None:
    printer = SimulatedZplPrinter()
    with connected(printer, Faults(from_host=(Fault("hang_up", at=3 + lost_after),))) as link:
        receipt = PATIENT.send(link, JOB, CLOCK)
    assert receipt.fate is Fate.IN_DOUBT


class Counter(SimulatedZplPrinter):
    """A printer that gives these counts of labels, one after the other; the last one for ever."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self._answers = itertools.chain(answers, itertools.repeat(answers[-1]))

    def _count(self) -> list[Reply]:
        answer = next(self._answers)
        return [Reply(answer)] if answer else []


COUNTING = ZplPrinter(ZplOptions(status_timeout_s=0.05, poll_interval_s=0.002, count="odometer"))


@pytest.mark.parametrize(
    ("counts", "fate", "labels"),
    [
        ((b'"7"\r\n', b'"8"\r\n'), Fate.PRINTED, 1),
        ((b'"7"', b'"7"', b'"8"'), Fate.PRINTED, 1),
        ((b'"7"', b'"7"'), Fate.IN_DOUBT, 1),
        ((b'"7"', b'"9"'), Fate.IN_DOUBT, 1),
        ((b'"7"', b'"6"'), Fate.IN_DOUBT, 1),
        ((b'"7"', b""), Fate.IN_DOUBT, 1),
        ((b'"7"', b'"?"'), Fate.IN_DOUBT, 1),
        ((b"",), Fate.NOT_PRINTED, 0),
        ((b'"?"\r\n',), Fate.NOT_PRINTED, 0),
        ((b"?",), Fate.NOT_PRINTED, 0),
    ],
)
def test_with_the_odometer_a_label_is_printed_when_exactly_one_more_is_counted(
    counts: tuple[bytes, ...], fate: Fate, labels: int
) -> None:
    printer = Counter(*counts)
    with connected(printer) as link:
        receipt = COUNTING.send(link, JOB, CLOCK)
    assert (receipt.fate, len(printer.labels)) == (fate, labels), receipt


def test_a_count_is_asked_only_of_a_printer_that_answers() -> None:
    with pytest.raises(ValueError, match="status: hs"):
        ZplOptions(status="none", count="odometer")


def test_a_cable_pulled_before_the_job_is_an_error_of_the_port() -> None:
    with connected(SimulatedZplPrinter(), Faults(from_host=(Fault("hang_up", at=1),))) as link, pytest.raises(PortLost):
        PATIENT.check(link, CLOCK)


@pytest.mark.parametrize("status", ["hs", "none"])
def test_wherever_the_printer_dies_printed_is_said_only_of_a_printed_label(status: str) -> None:
    """Power fails at each byte of a whole exchange. Without status only the port can be believed, and the proof says so."""
    options = ZplOptions(status=status, status_timeout_s=0.5, poll_interval_s=0.01)  # type: ignore[arg-type]
    fates = set()
    for size in range(1, len(JOB) + 20):
        printer = SimulatedZplPrinter(PrinterManners(dies_after_bytes=size))
        link = DirectLink(printer)
        receipt = ZplPrinter(options).send(link, JOB, link.clock)
        fates.add(receipt.fate)
        if status == "none":
            assert (receipt.fate, receipt.proof) == (Fate.PRINTED, "accepted by the port (unproven)")
        elif receipt.fate is Fate.PRINTED:
            assert len(printer.labels) == 1
        elif receipt.fate is Fate.NOT_PRINTED:
            assert printer.labels == []
    assert status == "none" or fates == set(Fate)


def test_a_printer_that_cannot_answer_is_not_asked() -> None:
    printer = SimulatedZplPrinter(PrinterManners(speech="silent"))
    driver = ZplPrinter(ZplOptions(status="none"))
    with connected(printer) as link:
        driver.check(link, CLOCK)
        receipt = driver.send(link, JOB, CLOCK)
        assert receipt.proof == "accepted by the port (unproven)"


def test_a_port_that_takes_nothing_ends_in_time_and_in_doubt() -> None:
    """A pty that nobody reads stands for a printer without paper that holds the line."""
    master, slave = os.openpty()
    link = open_serial(SerialOptions(os.ttyname(slave)), CLOCK)
    try:
        receipt = ZplPrinter(ZplOptions(status="none", write_timeout_s=0.1)).send(link, JOB * 1000, CLOCK)
    finally:
        link.close()
        os.close(master)
        os.close(slave)
    assert receipt.fate is Fate.IN_DOUBT


@pytest.mark.parametrize("stale", [b"\x02030,0,0", b"\x00" * 50, HostStatus(0, 0).to_bytes()])
def test_bytes_that_came_before_the_question_are_no_answer(stale: bytes) -> None:
    printer = SimulatedZplPrinter()
    printer.queue.problems.add("paper_out")
    link = DirectLink(printer)
    link.say(stale)
    with pytest.raises(PrinterNotReady):
        PATIENT.check(link, link.clock)


def test_a_single_lost_answer_of_a_printer_at_work_does_not_spoil_the_proof() -> None:
    link = DirectLink(
        Talker(HostStatus(0, 0).to_bytes(), b"", HostStatus(1, 0).to_bytes(), HostStatus(0, 0).to_bytes())
    )
    assert PATIENT.send(link, JOB, link.clock).fate is Fate.PRINTED


def test_a_printer_that_falls_silent_behind_the_job_leaves_it_in_doubt() -> None:
    link = DirectLink(Talker(HostStatus(0, 0).to_bytes(), b""))
    receipt = PATIENT.send(link, JOB, link.clock)
    assert (receipt.fate, receipt.proof) == (Fate.IN_DOUBT, "no proof: the printer fell silent")
