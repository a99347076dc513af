"""What a printer answers, alone and in whole conversations; and the simulated printers, which anything may be sent to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from drivers.errors import PrinterError, TransportError
from drivers.printer import Fate, LabelPrinter
from drivers.printer import escpos_status as escpos
from drivers.printer import zpl_status as zpl
from drivers.printer.escpos import EscposPrinter
from drivers.printer.escpos_options import EscposOptions
from drivers.printer.zpl import ZplOptions, ZplPrinter
from drivers.simulated.escpos_printer import MAX_ROWS, SimulatedEscposPrinter
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from tests.fuzz.material import Choices, CountingClock, FuzzLink, answers, assert_line
from tests.fuzz.target import Target, needing_nothing

JOB = b"^XA^FO0,0^FDjob^FS^XZ"
MAX_CONVERSATION_S = 1500.0
"""Virtual seconds: 400 polls of at most two silences of 2 s are far less."""
MAX_LABEL_BYTES = 2 << 20
_PNG = b"\x89PNG"

_PRINTERS: tuple[tuple[LabelPrinter, bool], ...] = (
    (ZplPrinter(), True),
    (ZplPrinter(ZplOptions(idle_answers=1, max_silences=3)), True),
    (ZplPrinter(ZplOptions(status="none")), False),
    (EscposPrinter(), True),
    (EscposPrinter(EscposOptions(proof="process_id")), True),
    (EscposPrinter(EscposOptions(proof="auto")), True),
    (EscposPrinter(EscposOptions(proof="none")), False),
)
"""Each, and whether a print must be proven by an answer."""


def _host_status(data: bytes) -> None:
    """A status is refused, or one that its own bytes would be read as; reading stops in bounded length."""
    assert zpl.is_complete(data) or len(data) <= zpl.MAX_SIZE_BYTES
    try:
        status = zpl.HostStatus.from_bytes(data)
    except zpl.StatusGarbled as error:
        assert_line(str(error))
        return
    assert zpl.HostStatus.from_bytes(status.to_bytes()) == status
    assert not (status.is_idle and status.problems)


def _escpos_status(data: bytes) -> None:
    """Every byte is a status of its kind or refused; a process id counts only where a whole answer holds it."""
    for kind in escpos.REALTIME_KINDS:
        for byte in data[:8]:
            try:
                problems = escpos.realtime_problems(kind, byte)
            except escpos.StatusGarbled as error:
                assert_line(str(error))
                continue
            assert escpos.realtime_problems(kind, escpos.realtime_answer(kind, frozenset(problems))[0]) == problems
    found = escpos.ProofAnswers.from_bytes(data)
    for process_id in found.process_ids:
        assert escpos.process_id_answer(process_id) in data
    for status in found.queued:
        assert escpos.queued_paper_end(status) in (True, False)


def _talk(data: bytes) -> None:
    """A printer that answers anything: PRINTED only behind an answer to what was asked after the job, NOT_PRINTED only where no
    byte of the job was sent."""
    choices, clock = Choices(data), CountingClock()
    printer, proves = choices.pick(_PRINTERS)
    link = FuzzLink(choices, clock, endless=choices.byte() % 4 == 0)
    try:
        printer.check(link, clock)
    except (PrinterError, TransportError) as error:
        assert_line(str(error), 2000)
    link.sent.clear()
    receipt = printer.send(link, JOB, clock)
    sent = link.sent_bytes
    assert_line(f"{receipt.proof} {receipt.detail}", 2000)
    assert (receipt.fate is Fate.NOT_PRINTED) <= (JOB not in sent)
    assert (receipt.fate is not Fate.NOT_PRINTED) <= (JOB in sent)
    if receipt.fate is Fate.PRINTED and proves:
        assert len(sent.partition(JOB)[2]) > 0
    assert clock.now_s - 1000.0 < MAX_CONVERSATION_S


def _printed(make: Callable[[], SimulatedZplPrinter | SimulatedEscposPrinter], data: bytes) -> None:
    """A simulated printer takes anything; what comes out is bounded, and so is what it says."""
    printer, choices = make(), Choices(data)
    while choices:
        replies = printer.feed(choices.chunk())
        assert sum(len(reply.data) for reply in replies) <= 128 * 300
    assert len(printer.labels) <= 100 * len(data)
    for label in printer.labels[:3]:
        assert len(label) <= MAX_LABEL_BYTES
        assert not label.startswith(_PNG) or int.from_bytes(label[20:24], "big") <= MAX_ROWS


_IDLE = zpl.HostStatus(0, 0).to_bytes()
_BUSY = zpl.HostStatus(3, 2).to_bytes()
_OUT = zpl.HostStatus(0, 0, ("paper_out", "head_open")).to_bytes()
_READY = tuple(escpos.realtime_answer(kind, frozenset()) for kind in escpos.REALTIME_KINDS)


def _talk_seeds() -> tuple[bytes, ...]:
    zpl_talks = [answers(_IDLE, _IDLE, b"", _BUSY, _IDLE, _IDLE), answers(_IDLE, _IDLE, b"", _OUT), answers(b"", _OUT)]
    proof = escpos.process_id_answer(b"0000")
    escpos_talks = [answers(*_READY, *_READY, last) for last in (b"\0", b"\x0c", proof, b"\x11" + proof + b"\0")]
    return (
        *(bytes([printer, endless]) + talk for printer in (0, 1, 2) for endless in (0, 1) for talk in zpl_talks),
        *(bytes([printer, 1]) + talk for printer in (3, 4, 5, 6) for talk in escpos_talks),
    )


_RASTER = b"\x1b@\x1dv0\x00\x02\x00\x03\x00" + b"\xa5" * 6

TARGETS = (
    Target(
        "printers-zpl-status",
        needing_nothing(_host_status),
        lambda: (_IDLE, _BUSY, _OUT),
        (b"\x02", b"\x03\r\n", b"000", b","),
        max_bytes=256,
    ),
    Target(
        "printers-escpos-status",
        needing_nothing(_escpos_status),
        lambda: (b"".join(_READY), escpos.process_id_answer(b"1234") + b"\0\x12\x13", b"\x37\x22123\x37\x2245\0"),
        (b"\x37\x22", b"\x12"),
        max_bytes=256,
    ),
    Target(
        "printers-talk", needing_nothing(_talk), _talk_seeds, (b"\x03\r\n", b"\x12", b"\xfe", b"\xfd", b"\xff", _IDLE)
    ),
    Target(
        "printers-simulated-zpl",
        needing_nothing(partial(_printed, SimulatedZplPrinter)),
        lambda: (answers(JOB, b"~HS"), answers(b"^XA", b"^PQ3", b"^FDx^FS^X", b"Z~HS~JA")),
        (b"^XA", b"^XZ", b"~HS", b"~JA", b"^PQ99"),
    ),
    Target(
        "printers-simulated-escpos",
        needing_nothing(partial(_printed, SimulatedEscposPrinter)),
        lambda: (
            answers(_RASTER + b"\x1dVB\0", b"\x10\x04\x01\x1dr\x01"),
            answers(_RASTER, *[b"\x1dv0\0\0\0\xff\xff" * 8] * 4, b"\x1dV\0"),
            answers(_RASTER, b"\x1bd\x05\x1bJ\x10", b"\x1d(H\x06\0001234", b"\x1dV", b"\0"),
        ),
        (b"\x1b@", b"\x1bd\xff", b"\x1bJ\xff", b"\x1dv0", b"\x1dV\0", b"\x10\x04\x01", b"\x1dr\x01", b"\x1d(H\x06\0"),
        short_inputs=30,
    ),
)
