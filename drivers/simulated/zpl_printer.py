"""A simulated ZPL printer: formats in, labels out, ``~HS`` and the odometer answered as the programming guide says."""

from __future__ import annotations

import re
from pathlib import Path

from drivers.printer.zpl import COUNT_REQUEST
from drivers.printer.zpl_status import HostStatus
from drivers.simulated import Reply
from drivers.simulated.print_queue import PrinterManners, PrintQueue

_TOKEN = re.compile(rb"~HS|~JA|~JX|\^XA|\^XZ|" + re.escape(COUNT_REQUEST), re.IGNORECASE)
_LONGEST_TOKEN_BYTES = len(COUNT_REQUEST)
COUNTED_BEFORE = 4711
"""Labels that came out in the printer's earlier life."""
_QUANTITY = re.compile(rb"\^PQ(\d{1,8})", re.IGNORECASE)
MAX_FORMAT_BYTES = 4 * 1024 * 1024
_PROBLEMS = ("paper_out", "paused", "head_open", "ribbon_out")


class SimulatedZplPrinter:
    """A ``SimulatedDevice``. ``queue.problems`` may be changed at any time (paper_out, paused, head_open, ribbon_out)."""

    def __init__(self, manners: PrinterManners | None = None, *, directory: Path | None = None) -> None:
        self.queue = PrintQueue(manners or PrinterManners(), directory, ".zpl")
        self._format: bytearray | None = None
        self._pending = b""

    @property
    def labels(self) -> list[bytes]:
        """The formats that came out as labels, from ^XA to ^XZ, one entry per copy."""
        return self.queue.labels

    def power_on(self) -> list[Reply]:
        self._format, self._pending = None, b""
        self.queue.drop()
        return []

    def lines_changed(self, dtr: bool, rts: bool) -> list[Reply]:  # noqa: ARG002
        return []

    def feed(self, data: bytes) -> list[Reply]:
        replies: list[Reply] = []
        text = self._pending + data[: self.queue.receive(len(data))]
        position = 0
        for match in _TOKEN.finditer(text):
            self._take(text[position : match.start()])
            position = match.end()
            replies += self._command(match[0].upper())
        # What may be the beginning of a command waits for the next bytes.
        keep = len(text) - max(position, len(text) - _LONGEST_TOKEN_BYTES + 1)
        self._take(text[position : len(text) - keep])
        self._pending = text[len(text) - keep :]
        self.queue.check_power()
        return [] if self.queue.is_dead else replies

    def _take(self, data: bytes) -> None:
        if self._format is not None and len(self._format) + len(data) <= MAX_FORMAT_BYTES:
            self._format += data

    def _command(self, command: bytes) -> list[Reply]:
        match command:
            case b"~HS":
                return self._status()
            case count if count == COUNT_REQUEST.upper():
                return self._count()
            case b"~JA":
                self._format = None
                self.queue.drop()
            case b"~JX":
                self._format = None
            case b"^XA":
                self._format = bytearray(b"^XA")
            case b"^XZ" if self._format is not None:
                job = bytes(self._format) + b"^XZ"
                self._format = None
                quantity = _QUANTITY.search(job)
                for _ in range(min(int(quantity[1]), 100) if quantity else 1):
                    self.queue.add(job)
            case _:
                pass
        return []

    def _count(self) -> list[Reply]:
        match self.queue.manners.speech:
            case "silent":
                return []
            case "garbage":
                return [Reply(b'"what"\r\n')]
            case _:
                return [Reply(b'"%d"\r\n' % (COUNTED_BEFORE + len(self.labels)))]

    def _status(self) -> list[Reply]:
        match self.queue.manners.speech:
            case "silent":
                return []
            case "garbage":
                return [Reply(b"\x02what\x03\r\n" * 3)]
            case _:
                problems = tuple(name for name in _PROBLEMS if name in self.queue.problems)
                return [Reply(HostStatus(self.queue.waiting, 0, problems, self._format is not None).to_bytes())]
