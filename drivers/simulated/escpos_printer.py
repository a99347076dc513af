"""A simulated ESC/POS printer: it works through the commands that labels are made of, and draws what comes out.

Source of the commands: Epson, "ESC/POS Command Reference": ESC @, ESC d, ESC J, GS v 0, GS V, DLE EOT, GS r, GS ( H.
"""

from __future__ import annotations

import io
from pathlib import Path

from drivers.printer.escpos_status import process_id_answer, realtime_answer
from drivers.simulated import Reply
from drivers.simulated.print_queue import PrinterManners, PrintQueue

PAPER_DOTS = 576
"""Dots across 72 mm of paper at 203 dpi."""
MAX_STRIP_BYTES = 1024 * 1024
MAX_ROWS = 8192
"""1 m of paper at 203 dpi: a few bytes can ask for any length of it."""
MAX_TEXT_BYTES = 64 * 1024
_PAPER_END, _PAPER_PRESENT = 0x0C, 0x00
_INCOMPLETE = -1

Row = bytes


class SimulatedEscposPrinter:
    """A ``SimulatedDevice``. A label ends with the cut (GS V). ``queue.problems``: paper_out, head_open, offline, cutter."""

    def __init__(self, manners: PrinterManners | None = None, *, directory: Path | None = None) -> None:
        self.queue = PrintQueue(manners or PrinterManners(), directory, ".png")
        self._pending = b""
        self._rows: list[Row] = []
        self._replies: list[Reply] = []
        self.text = b""
        """Bytes that are no command: what a real printer would print as text."""

    @property
    def labels(self) -> list[bytes]:
        """The labels that came out, as PNG files."""
        return self.queue.labels

    def power_on(self) -> list[Reply]:
        self._pending, self._rows = b"", []
        self.queue.drop()
        return []

    def lines_changed(self, dtr: bool, rts: bool) -> list[Reply]:  # noqa: ARG002
        return []

    def feed(self, data: bytes) -> list[Reply]:
        self._replies = []
        self._pending += data[: self.queue.receive(len(data))]
        while self._pending:
            size_bytes = self._step(self._pending)
            if size_bytes == _INCOMPLETE:
                break
            self._pending = self._pending[size_bytes:]
        self.queue.check_power()
        return [] if self.queue.is_dead else self._replies

    def _step(self, data: bytes) -> int:
        """Carry out the first command; its size in bytes, or ``_INCOMPLETE`` where more of it has to come."""
        for command, size_bytes in ((b"\x10\x04", 3), (b"\x1dr", 3), (b"\x1b@", 2), (b"\x1bd", 3), (b"\x1bJ", 3)):
            if data.startswith(command):
                return self._short(data[:size_bytes], size_bytes)
            if command.startswith(data):
                return _INCOMPLETE
        for command, long_step in ((b"\x1dv0", self._raster), (b"\x1d(H", self._process_id), (b"\x1dV", self._cut)):
            if data.startswith(command):
                return long_step(data)
            if command.startswith(data):
                return _INCOMPLETE
        self.text = (self.text + data[:1])[-MAX_TEXT_BYTES:]
        return 1

    def _short(self, command: bytes, size_bytes: int) -> int:
        if len(command) < size_bytes:
            return _INCOMPLETE
        match command[:2]:
            case b"\x10\x04":
                if command[2] in (1, 2, 3, 4):
                    self._say(realtime_answer(command[2], frozenset(self.queue.problems)))
            case b"\x1dr":
                if not self.queue.problems:
                    self._say(bytes([_PAPER_PRESENT]), self._wait_s())
            case b"\x1b@":
                self._rows = []
            case _:
                self._print([b""] * command[2])
        return size_bytes

    def _raster(self, data: bytes) -> int:
        """GS v 0 m xL xH yL yH d1…dk."""
        if len(data) < 8:
            return _INCOMPLETE
        width_bytes, height = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")
        size_bytes = width_bytes * height
        if size_bytes > MAX_STRIP_BYTES:
            return 8
        if len(data) < 8 + size_bytes:
            return _INCOMPLETE
        self._print([data[8 + row * width_bytes : 8 + (row + 1) * width_bytes] for row in range(height)])
        return 8 + size_bytes

    def _print(self, rows: list[Row]) -> None:
        """Put rows on the paper; what is longer than any label runs off it."""
        self._rows += rows[: MAX_ROWS - len(self._rows)]

    def _process_id(self, data: bytes) -> int:
        """GS ( H pL pH fn m d1…d4; answered when what stands before it is printed."""
        if len(data) < 5:
            return _INCOMPLETE
        size_bytes = 5 + int.from_bytes(data[3:5], "little")
        if len(data) < size_bytes:
            return _INCOMPLETE
        if data[5:7] == b"\x30\x30" and size_bytes == 11 and not self.queue.problems:
            self._say(process_id_answer(data[7:11]), self._wait_s())
        return size_bytes

    def _cut(self, data: bytes) -> int:
        """GS V m, or GS V 65/66 n."""
        if len(data) < 3:
            return _INCOMPLETE
        size_bytes = 4 if data[2] in (65, 66) else 3
        if len(data) < size_bytes:
            return _INCOMPLETE
        if any(self._rows):
            self.queue.add(_drawn(self._rows))
        self._rows = []
        return size_bytes

    def _wait_s(self) -> float:
        return self.queue.waiting * self.queue.manners.print_s

    def _say(self, answer: bytes, after_s: float = 0.0) -> None:
        match self.queue.manners.speech:
            case "silent":
                return
            case "garbage":
                self._replies.append(Reply(b"\xff" * len(answer), after_s))
            case _:
                self._replies.append(Reply(answer, after_s))


def _drawn(rows: list[Row]) -> bytes:
    """The rows as a PNG, black on white."""
    from PIL import Image

    width_bytes = PAPER_DOTS // 8
    paper = b"".join(row[:width_bytes].ljust(width_bytes, b"\0") for row in rows)
    picture = Image.frombytes("1", (PAPER_DOTS, len(rows)), bytes(byte ^ 0xFF for byte in paper))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
