"""One conversation with the ROM: wake it, read bytes that are proven, erase, write. Strict question and answer.

Every wait is bounded by ``Stm32Timing``, every retry by its ``attempts``. The commands that protect, unprotect, mass-erase or start
a program are never sent. At 115 200 baud with the default times a missing board is reported after 0.5 s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from drivers.bootloader.stm32 import codec
from drivers.bootloader.stm32.codec import ACK, NACK, Command
from drivers.bootloader.stm32.options import Stm32Timing
from drivers.bootloader.stm32.parts import Page, Part
from drivers.bootloader.stm32.wake import BREAKER, PROBE, wake_bytes
from drivers.clock import Clock, Deadline
from drivers.errors import BoardError, BoardGarbled, BoardProtected, BoardRefused, BoardSilent, DeadlineExpired
from drivers.reset import ResetSequence, run_reset
from drivers.transport import SerialTransport

MAX_NOISE_BYTES = 64
"""Bytes that are neither ACK nor NACK, tolerated before a chip's first answer (glitches while its pins come up)."""
NACK_OF_WRONG_PARITY = 0x3F
"""What a NACK is seen as in the field where host and chip disagree on the parity bit."""

T = TypeVar("T")


class Nacked(BoardRefused):
    """Raised when the chip answers NACK: it did nothing and is idle. ``at_command``: it refused the command's code itself."""

    def __init__(self, message: str, *, at_command: bool) -> None:
        super().__init__(message)
        self.at_command = at_command


class Lapsed(BoardGarbled):
    """Raised when an answer did not come in time or is none: where in the command the chip stands is unknown."""


@dataclass(slots=True)
class Rom:
    """The ROM bootloader of one chip at the other end of ``link``. Methods raise TransportError or BoardError."""

    link: SerialTransport
    clock: Clock
    part: Part
    timing: Stm32Timing
    reset: ResetSequence | None = None
    wakes: int = 0
    """How often the chip was woken so far; a read that had to wake it again may have met another chip."""
    _noise: bytearray = field(default_factory=bytearray)

    def wake(self) -> int:
        """Bring a chip in any state to where it takes commands, never completing one, and return its product id.

        Raises BoardSilent when it says nothing, BoardGarbled when what it says is no answer, Nacked when it refuses GET ID.
        """
        return self._attempt_waking(self._sync)

    def wake_again(self) -> int:
        """The same for a chip that should be awake: one turn where it is, and harmless where another board has taken its place."""
        return self._attempt_waking(self._nudge)

    def answers_probe(self, wait_s: float) -> bool:
        """Send the two bytes of PROBE back to back; True for an ACK or NACK within ``wait_s``. Leaves an idle chip holding half a
        command, which the next ``wake`` ends."""
        self.link.discard_input()
        self._noise.clear()
        try:
            self.link.write(PROBE, Deadline.after(wait_s, self.clock))
            return self._hear(wait_s) is not None
        except (DeadlineExpired, BoardGarbled):
            return False

    def _attempt_waking(self, first: Callable[[], None]) -> int:
        problem: BoardError = BoardSilent("nothing was tried")
        for attempt in range(self.timing.attempts):
            try:
                if attempt == 0:
                    first()
                else:
                    self._sync()
                product_id = self._product_id()
                self.wakes += 1
                return product_id
            except (Nacked, Lapsed) as unclear:
                problem = unclear
            except (BoardSilent, BoardGarbled) as hopeless:
                problem = hopeless
                if self.reset is None:
                    break  # all that a chip that says nothing may be sent was sent
        raise problem

    def _sync(self) -> None:
        """From any state to idle. Raises BoardSilent, or BoardGarbled where only noise came."""
        if self.reset is not None:
            run_reset(self.link, self.reset, self.clock)
        self.link.discard_input()
        self._noise.clear()
        sequence = wake_bytes(self.timing.recovery_bytes)
        for byte in sequence[: len(PROBE)]:
            self._send(bytes([byte]))
            if self._hear(self.timing.sync_s) is not None:
                return
        rest = sequence[len(PROBE) :]
        self._send(rest)
        if self._hear(self.timing.sync_s + self.timing.wire_s(len(rest))) is not None:
            self._align()
            return
        raise self._unheard()

    def _nudge(self) -> None:
        """As ``_sync`` for a chip expected to be idle; does not reset it."""
        self.link.discard_input()
        self._noise.clear()
        self._send(PROBE)
        heard = self._hear(self.timing.sync_s)
        if heard is None:
            self._sync()
        elif heard == ACK:
            self._align()  # a fresh chip: it took the second byte as half a command, or lost it while it set its baud rate

    def _align(self) -> None:
        """Let a chip that talks finish, then leave it waiting for the first byte of a command, not the second."""
        self._settle()
        for _ in range(2):  # the first may itself be the first half
            self._send(bytes([BREAKER]))
            if self._hear(self.timing.sync_s) is not None:
                return
        raise Lapsed("the chip answered, then fell silent")

    def _hear(self, wait_s: float) -> int | None:
        """The next ACK or NACK; None when none comes in time. Other bytes are noise, of which there may be only so much."""
        deadline = Deadline.after(wait_s, self.clock)
        while len(self._noise) <= MAX_NOISE_BYTES:
            try:
                byte = self.link.read(1, deadline)[0]
            except DeadlineExpired:
                return None
            if byte in (ACK, NACK):
                return byte
            self._noise.append(byte)
        raise self._unheard()

    def _unheard(self) -> BoardError:
        if not self._noise:
            return BoardSilent(
                f"{self.link.name}: no answer to 7F: no power, no contact, not in its bootloader, or deaf from earlier bytes"
            )
        heard = bytes(self._noise[:16])
        hint = "; even parity is expected: check adapter and driver" if NACK_OF_WRONG_PARITY in heard else ""
        return BoardGarbled(f"{self.link.name}: {len(self._noise)} bytes, none an ACK or NACK: {heard.hex()}{hint}")

    def _settle(self) -> None:
        """Throw away what comes until the chip is quiet; bounded by what one can have been asked for."""
        limit_bytes = self.timing.recovery_bytes + codec.MAX_DATA_BYTES + MAX_NOISE_BYTES
        while limit_bytes > 0:
            try:
                limit_bytes -= len(self.link.read(4096, Deadline.after(self.timing.quiet_s, self.clock)))
            except DeadlineExpired:
                return
        raise BoardGarbled(f"{self.link.name}: the board never stops sending")

    def read_proven(self, address: int, size_bytes: int, expected: bytes | None = None) -> bytes:
        """Any number of bytes, each chunk of which two witnesses agree on: READ MEMORY carries no checksum. A witness is a read, or
        ``expected``, of the same size: what an earlier read or a write says should stand there.

        Raises BoardProtected, BoardRefused, or BoardGarbled when no two of the bounded number of witnesses agree.
        """
        longest = self.part.transfer_max_bytes
        return b"".join(
            self._read_chunk_proven(
                address + start,
                min(longest, size_bytes - start),
                None if expected is None else expected[start : start + longest],
            )
            for start in range(0, size_bytes, longest)
        )

    def _read_chunk_proven(self, address: int, size_bytes: int, expected: bytes | None) -> bytes:
        seen = [] if expected is None else [expected]
        for _ in range(self.timing.attempts + 1):
            data = self._retrying(lambda: self._read(address, size_bytes))
            if data in seen:
                return data
            seen.append(data)
        raise BoardGarbled(f"{len(seen)} reads of {size_bytes} bytes at {address:#010x} all differ")

    def prove_product_id(self, first: int) -> int:
        """The product id that two answers agree on, ``first`` being one: GET ID carries no checksum either."""
        seen = [first]
        for _ in range(self.timing.attempts):
            product_id = self._retrying(self._product_id)
            if product_id in seen:
                return product_id
            seen.append(product_id)
        raise BoardGarbled(f"{len(seen)} answers to GET ID all differ")

    def write(self, address: int, data: bytes) -> None:
        """One WRITE MEMORY: at most the part's ``transfer_max_bytes``, a multiple of 4.

        Raises Nacked (nothing was stored) or Lapsed (it may have been). An ACK is no proof either: read back.
        """
        what = f"WRITE MEMORY {address:#010x}, {len(data)} bytes"
        self._command(Command.WRITE_MEMORY, what)
        self._turn(codec.address_frame(address), f"{what}: address")
        slow_s = self.part.program_s * self.timing.slow_factor
        self._turn(codec.write_frame(data), f"{what}: data", slow_s)

    def erase(self, pages: Sequence[Page]) -> None:
        """Erase these pages and no others. Raises Nacked or Lapsed (they may be erased)."""
        numbers = [page.number for page in pages]
        what = f"erasing pages {', '.join(map(str, numbers))}"
        if self.part.erase_command == "erase":
            command, frame = Command.ERASE, codec.erase_frame(numbers)
        else:
            command, frame = Command.EXTENDED_ERASE, codec.extended_erase_frame(numbers)
        self._command(command, what)
        self._turn(frame, what, len(pages) * self.part.erase_s * self.timing.slow_factor)

    def _retrying(self, ask: Callable[[], T]) -> T:
        """The result of ``ask``, tried again where that can help: a NACK may come of one garbled byte, and so may silence."""
        problem: BoardError = BoardSilent("nothing was tried")
        for _ in range(self.timing.attempts):
            try:
                return ask()
            except Nacked as refusal:
                problem = refusal
                self._settle()  # some parts send two NACKs while read protection is on (AN3155, "Read Memory command")
            except Lapsed as lapse:
                problem = lapse
                self.wake_again()
        if isinstance(problem, Nacked) and problem.at_command:
            raise BoardProtected(f"{problem}, yet it answers GET ID: its read-out protection is on") from problem
        raise problem

    def _product_id(self) -> int:
        reply = self._command(Command.GET_ID, "GET ID", codec.ID_REPLY_BYTES)
        try:
            return codec.parse_product_id(reply)
        except BoardGarbled as garbled:
            raise Lapsed(str(garbled)) from garbled

    def _read(self, address: int, size_bytes: int) -> bytes:
        what = f"READ MEMORY {address:#010x}, {size_bytes} bytes"
        self._command(Command.READ_MEMORY, what)
        self._turn(codec.address_frame(address), f"{what}: address")
        return self._turn(codec.length_frame(size_bytes), f"{what}: length", reply_bytes=size_bytes)

    def _command(self, command: Command, what: str, reply_bytes: int = 0) -> bytes:
        return self._turn(codec.command_frame(command), what, reply_bytes=reply_bytes, at_command=True)

    def _turn(
        self, frame: bytes, what: str, extra_s: float = 0.0, *, reply_bytes: int = 0, at_command: bool = False
    ) -> bytes:
        """Send a frame; take its ACK and the ``reply_bytes`` behind it, which are returned. Raises Nacked or Lapsed."""
        self._send(frame)
        size_bytes = 1 + reply_bytes
        wait_s = self.timing.reply_s + self.timing.wire_s(len(frame) + size_bytes) + extra_s
        deadline = Deadline.after(wait_s, self.clock)
        received = b""
        while len(received) < size_bytes:
            try:
                received += self.link.read(size_bytes - len(received), deadline)
            except DeadlineExpired as expired:
                heard = f"{len(received)} of {size_bytes} bytes" if received else "nothing"
                raise Lapsed(f"no answer to {what}: {self.link.name}: {heard} came in time") from expired
            if received[0] == NACK:
                raise Nacked(f"the chip refuses {what} (NACK)", at_command=at_command)
            if received[0] != ACK:
                raise Lapsed(f"{received[0]:#04x} came in answer to {what}, neither ACK nor NACK")
        return received[1:]

    def _send(self, data: bytes) -> None:
        self.link.write(data, Deadline.after(self.timing.reply_s + self.timing.wire_s(len(data)), self.clock))
