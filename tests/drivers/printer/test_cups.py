"""The CUPS driver against a real private CUPS server, in front of a simulated printer on real TCP."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from drivers.errors import PortMissing, PrinterError, PrinterNotReady
from drivers.printer import Fate, LabelPrinter
from drivers.printer.cups import UNPROVEN, CupsPrinter, open_cups
from drivers.printer.cups_options import CupsOptions
from drivers.simulated.link import TcpLink
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from drivers.unix_port import UnixPort
from tests.support.cups import QUEUE, Cups, private_cups
from tests.support.labels import CLOCK

JOB = b"^XA^FO10,10^A0N,24,24^FDSN1^FS^PQ1^XZ\n"


def options(cups: Cups) -> CupsOptions:
    return CupsOptions(QUEUE, trust_queue=True, server=cups.socket, user=getpass.getuser(), poll_interval_s=0.05)


def queue_of(chosen: CupsOptions) -> CupsPrinter:
    return CupsPrinter(chosen, "zpl", 8.0)


@contextmanager
def opened(chosen: CupsOptions) -> Iterator[UnixPort]:
    link = open_cups(chosen, CLOCK)
    try:
        yield link
    finally:
        link.close()


def labels_of(printer: SimulatedZplPrinter, count: int) -> list[bytes]:
    """The labels, once there are ``count``: CUPS is done with a job when the bytes are on their way."""
    for _ in range(3000):
        if len(printer.labels) >= count:
            break
        time.sleep(0.01)
    return printer.labels


@pytest.fixture(name="printer")
def _printer() -> Iterator[tuple[SimulatedZplPrinter, TcpLink]]:
    printer = SimulatedZplPrinter()
    link = TcpLink(printer)
    yield printer, link
    link.close()


@pytest.fixture(name="cups")
def _cups(printer: tuple[SimulatedZplPrinter, TcpLink]) -> Iterator[Cups]:
    host, port = printer[1].address
    with private_cups(f"{host}:{port}") as cups:
        yield cups


def test_a_queue_takes_a_label_and_the_proof_says_that_it_is_none(
    cups: Cups, printer: tuple[SimulatedZplPrinter, TcpLink]
) -> None:
    """PRINTED only where the configuration trusts the queue; with the paper out CUPS calls the job completed all the same."""
    trusting: LabelPrinter = queue_of(options(cups))
    with opened(options(cups)) as link:
        trusting.check(link, CLOCK)
        receipt = trusting.send(link, JOB, CLOCK)
        assert (receipt.fate, receipt.proof) == (Fate.PRINTED, UNPROVEN)
        assert labels_of(printer[0], 1) == [JOB.strip()]
        printer[0].queue.problems.add("paper_out")
        receipt = queue_of(replace(options(cups), trust_queue=False)).send(link, JOB, CLOCK)
        assert (receipt.fate, receipt.proof) == (Fate.IN_DOUBT, UNPROVEN)
        assert len(printer[0].labels) == 1


def test_a_queue_that_is_stopped_or_not_there_gets_no_job(
    cups: Cups, printer: tuple[SimulatedZplPrinter, TcpLink]
) -> None:
    chosen = options(cups)
    with opened(chosen) as link:
        cups.command("cupsdisable", QUEUE)
        with pytest.raises(PrinterNotReady, match="stopped"):
            queue_of(chosen).check(link, CLOCK)
        assert queue_of(chosen).send(link, JOB, CLOCK).fate is Fate.NOT_PRINTED
        cups.command("cupsenable", QUEUE)
        cups.command("cupsreject", QUEUE)
        with pytest.raises(PrinterNotReady, match="rejecting jobs"):
            queue_of(chosen).check(link, CLOCK)
        cups.command("cupsaccept", QUEUE)
        with pytest.raises(PrinterError, match="is there a queue"):
            queue_of(replace(chosen, queue="other")).check(link, CLOCK)
        assert queue_of(chosen).send(link, JOB, CLOCK).fate is Fate.PRINTED
    assert len(labels_of(printer[0], 1)) == 1


def test_a_printer_that_is_off_stops_the_queue_and_its_job_is_cancelled(
    cups: Cups, printer: tuple[SimulatedZplPrinter, TcpLink]
) -> None:
    """CUPS would print the job by itself when the queue goes on; the operator was told that it is in doubt."""
    chosen = options(cups)
    address = printer[1].address
    printer[1].close()
    with opened(chosen) as link:
        receipt = queue_of(chosen).send(link, JOB, CLOCK)
        assert receipt.fate is Fate.IN_DOUBT, receipt
        assert "the queue has stopped" in receipt.detail
        assert cups.command("lpstat", "-o") == ""
        again = SimulatedZplPrinter()
        served = TcpLink(again, host=address[0], port=address[1])
        try:
            cups.command("cupsenable", QUEUE)
            assert queue_of(chosen).send(link, JOB, CLOCK).fate is Fate.PRINTED
            assert len(labels_of(again, 1)) == 1
        finally:
            served.close()


def test_a_job_cancelled_before_cups_began_with_it_is_not_printed(cups: Cups) -> None:
    """Another job holds the queue: its printer takes the connection and never reads on."""
    chosen = replace(options(cups), max_polls=3)
    with socket.create_server(("127.0.0.1", 0)) as deaf, private_cups(f"127.0.0.1:{deaf.getsockname()[1]}") as busy:
        chosen = replace(chosen, server=busy.socket)
        big = busy.root / "big"
        big.write_bytes(bytes(32 * 1024 * 1024))
        busy.command("lp", "-d", QUEUE, "-o", "raw", str(big))
        with opened(chosen) as link:
            receipt = queue_of(chosen).send(link, JOB, CLOCK)
        assert receipt.fate is Fate.NOT_PRINTED, receipt
        assert "not done after 3 polls" in receipt.detail


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(PortMissing):
        open_cups(CupsOptions(QUEUE, server="/nonexistent/cups.sock"), CLOCK)


@pytest.mark.parametrize(
    "bad", [{"queue": "a b"}, {"queue": "../x"}, {"user": "a\r\nb"}, {"server": "cups"}, {"max_polls": 0}]
)
def test_options_that_cannot_be_meant_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        CupsOptions(**({"queue": QUEUE} | bad))  # type: ignore[arg-type]
