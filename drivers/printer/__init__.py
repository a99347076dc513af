"""Label printers: send one job, know its fate.

A ``LabelPrinter`` is frozen configuration; its methods talk over a transport that is handed in, so that every byte can be
recorded. One job at a time runs on one printer; whoever shares a printer between sockets holds its lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from drivers.clock import Clock
from drivers.errors import PrinterUnreachable, TransportError
from drivers.transport import Transport

Language = Literal["zpl", "escpos", "png"]


class Fate(StrEnum):
    """What became of a job."""

    PRINTED = "printed"
    NOT_PRINTED = "not_printed"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A job's fate, by what it is known (``proof``, such as ``~HS: 0 formats left``), and a line of detail for an engineer.

    ``unasked_s``: how long the printer was left alone while it said that it was at work; 0 where it was not asked.
    """

    fate: Fate
    proof: str
    detail: str = ""
    unasked_s: float = 0.0


class LabelPrinter(Protocol):
    """A configured printer."""

    @property
    def language(self) -> Language:
        """What ``send`` takes: a ZPL format, an ESC/POS byte stream, or a PNG file."""

    @property
    def dots_per_mm(self) -> float:
        """Resolution of the head; 8 for 203 dpi, 12 for 300 dpi."""

    def check(self, link: Transport, clock: Clock) -> None:
        """Ask for the status. Returns when the printer says it is ready (or where the configuration says it cannot tell).
        Raises PrinterSilent, PrinterNotReady or TransportError: nothing was printed."""

    def send(self, link: Transport, job: bytes, clock: Clock, usual_s: float = 0.0) -> Receipt:
        """Print one job and wait, in bounded time, for the best proof this printer gives. Raises nothing once the first byte
        may have left: a failure then is a fate. ``usual_s`` is the ``unasked_s`` of the last such job, 0 where there was none:
        a printer that is asked again and again needs not be asked much earlier."""


@contextmanager
def ready_printer(printer: LabelPrinter, open_link: Callable[[], Transport], clock: Clock) -> Iterator[Transport]:
    """The link to a printer that has just said it is ready; closed at the end. Raises PrinterUnreachable, PrinterSilent,
    PrinterNotReady or another PrinterError: nothing was printed."""
    with ExitStack() as closing:
        try:
            link = open_link()
            closing.callback(link.close)
            printer.check(link, clock)
        except TransportError as error:
            raise PrinterUnreachable(str(error)) from error
        yield link
