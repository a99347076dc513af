"""A simulated STM32 in its ROM bootloader (AN3155), behind any link of ``drivers.simulated``.

It follows the ROM byte by byte: each command reads what it needs and answers, and nothing ever times out. Faithful in what
matters to a client: the first byte must be 7F, or the chip is deaf until it is powered on again; a further 7F is half a command;
reads of the UID are refused where the real ROM refuses them; flash that is not erased does not take data; a page list is read to
its end however long it claims to be, and checked only then. Write protection that a host asks for is noted in
``protected_sectors`` and not enforced.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import reduce
from operator import xor
from pathlib import Path

from drivers.bootloader.stm32.codec import ACK, NACK, SYNC, Abilities, Command
from drivers.bootloader.stm32.parts import Page, Part, part_named
from drivers.simulated import Reply
from drivers.simulated.stm32_faults import ChipFaults
from drivers.simulated.stm32_memory import ChipMemory

HALF_PAGE_BYTES = 64
SPECIAL_ERASES = 0xFFF0
MASS_ERASE = 0xFFFF
ALLOWED_WHEN_PROTECTED = (Command.GET, Command.GET_VERSION, Command.GET_ID, Command.READOUT_UNPROTECT)

Listening = Generator[None, int, None]
"""A routine of the ROM: yields for each byte that it waits for."""


class _StartsAnew(Exception):
    """The chip resets."""


class SimulatedStm32:
    """One chip; a ``SimulatedDevice``.

    ``uid``: 12 bytes in memory order; ``uid64``: 8 bytes as stored. ``contents``: address to bytes. ``product_id`` and ``version``
    (22 = 2.2) replace what the part reports. ``erase_s``, ``program_s``: how long an erase of one page and a write take.
    ``wired``: DTR asserted holds it in reset, and RTS decides, when that is released, whether it starts its bootloader (asserted)
    or its own program. ``path`` keeps the memory in a file.
    """

    def __init__(
        self,
        part: str | Part,
        uid: bytes,
        *,
        uid64: bytes = b"",
        contents: Mapping[int, bytes] | None = None,
        product_id: int | None = None,
        version: int | None = None,
        protected: bool = False,
        erase_s: float = 0.0,
        program_s: float = 0.0,
        wired: bool = False,
        path: Path | None = None,
        faults: ChipFaults | None = None,
    ) -> None:
        self.part = part_named(part) if isinstance(part, str) else part
        self.memory = ChipMemory(self.part, uid, uid64, contents, path)
        self.protected = protected
        self.protected_sectors: set[int] = set()
        self.faults = faults or ChipFaults()
        self._product_id = min(self.part.product_ids) if product_id is None else product_id
        self._version = (0x22 if self.part.erase_command == "erase" else 0x31) if version is None else version
        self._erase_s, self._program_s = erase_s, program_s
        self._wired, self._in_reset = wired, False
        self._replies: list[Reply] = []
        self.starts = self.host_bytes = self.reply_bytes = self.commands = self.writes = self.erases = 0
        self._routines: dict[int, Callable[[], Listening]] = {
            Command.GET: self._get,
            Command.GET_VERSION: self._get_version,
            Command.GET_ID: self._get_id,
            Command.READ_MEMORY: self._read_memory,
            Command.GO: self._go,
            Command.WRITE_MEMORY: self._write_memory,
            Command.WRITE_PROTECT: self._write_protect,
            Command.WRITE_UNPROTECT: self._write_unprotect,
            Command.READOUT_PROTECT: self._readout_protect,
            Command.READOUT_UNPROTECT: self._readout_unprotect,
        }
        if self.part.erase_command == "erase":
            self._routines[Command.ERASE] = self._erase
        else:
            self._routines[Command.EXTENDED_ERASE] = self._extended_erase
        self._start_anew()

    def feed(self, data: bytes) -> list[Reply]:
        """Bytes from the host, cut anywhere; the answers they cause."""
        for byte in data:
            self.host_bytes += 1
            if self._in_reset:
                continue
            try:
                self._listening.send(byte)
            except _StartsAnew:
                self._start_anew()
            if self.host_bytes == self.faults.dead_after_bytes:
                self._start_anew()
        replies, self._replies = self._replies, []
        return replies

    def power_on(self) -> list[Reply]:
        """Power-cycle: the ROM waits for 7F again and says nothing by itself."""
        self._start_anew()
        return []

    def lines_changed(self, dtr: bool, rts: bool) -> list[Reply]:
        """See ``wired``."""
        if self._wired:
            if self._in_reset and not dtr:
                self._start_anew()
                if not rts:
                    self._listen(self._own_program())
            self._in_reset = dtr
        return []

    def _start_anew(self) -> None:
        self.starts += 1
        self._written_half_pages: dict[int, int] = {}
        self._listen(self._main())

    def _listen(self, routine: Listening) -> None:
        self._listening = routine
        next(routine)

    def _say(self, data: bytes, after_s: float = 0.0) -> None:
        sent = bytearray()
        for byte in data:
            self.reply_bytes += 1
            if self.reply_bytes not in self.faults.dropped_replies:
                sent.append(byte ^ self.faults.garbled_replies.get(self.reply_bytes, 0))
        if after_s == 0.0 and self._replies:
            last = self._replies.pop()
            self._replies.append(Reply(last.data + sent, last.after_s))
        elif sent:
            self._replies.append(Reply(bytes(sent), after_s))

    def _own_program(self) -> Listening:
        """Whatever runs instead of the bootloader: it ignores the host."""
        while True:
            yield

    def _main(self) -> Listening:
        if (yield) != SYNC:
            yield from self._own_program()  # the baud rate is measured wrong: as good as deaf
        self._say(bytes([ACK]))
        while True:
            code = yield
            complement = yield
            routine = self._routines.get(code)
            if code ^ complement != 0xFF or routine is None:
                self._nack()
                continue
            self.commands += 1
            if self.protected and code not in ALLOWED_WHEN_PROTECTED:
                self._say(bytes([NACK] * (2 if self.faults.double_nack else 1)))
            elif self.commands in self.faults.nacked_commands or code in self.faults.refused_codes:
                self._nack()
            else:
                self._say(bytes([ACK]))
                yield from routine()

    def _nack(self) -> None:
        self._say(bytes([NACK]))

    def _get(self) -> Listening:
        self._say(Abilities(self._version, tuple(sorted(self._routines))).to_bytes())
        yield from ()

    def _get_version(self) -> Listening:
        self._say(bytes([self._version, 0, 0, ACK]))
        yield from ()

    def _get_id(self) -> Listening:
        self._say(b"\x01" + self._product_id.to_bytes(2, "big") + bytes([ACK]))
        yield from ()

    def _bytes(self, size_bytes: int) -> Generator[None, int, bytes]:
        taken = bytearray()
        for _ in range(size_bytes):
            taken.append((yield))
        return bytes(taken)

    def _address(self, accepted: Callable[[int], bool]) -> Generator[None, int, int | None]:
        """Five bytes; the address, answered with ACK, or None, answered with NACK."""
        frame = yield from self._bytes(5)
        address = int.from_bytes(frame[:4], "big")
        if reduce(xor, frame) or not accepted(address):
            self._nack()
            return None
        self._say(bytes([ACK]))
        return address

    def _read_memory(self) -> Listening:
        address = yield from self._address(self._lets_read_from)
        if address is None:
            return
        length, complement = yield from self._bytes(2)
        if length ^ complement != 0xFF or not self._lets_read(address, length + 1):
            self._nack()
            return
        self._say(bytes([ACK]) + self.memory.read(address, length + 1))

    def _lets_read_from(self, address: int) -> bool:
        part = self.part
        in_uid = part.uid_address <= address < part.uid_address + 12
        return self.memory.has(address, 1) and not (in_uid and part.uid_refused == "address")

    def _lets_read(self, address: int, size_bytes: int) -> bool:
        part = self.part
        if not self.memory.has(address, size_bytes):
            return False
        touches_uid = address < part.uid_address + 12 and part.uid_address < address + size_bytes
        if part.uid_refused == "nowhere" or not touches_uid:
            return True
        return part.uid is not None and (address, size_bytes) == (part.uid.address, part.uid.size_bytes)

    def _go(self) -> Listening:
        address = yield from self._address(lambda address: self.part.area_of(address, 4) == "flash")
        if address is not None:
            yield from self._own_program()

    def _write_memory(self) -> Listening:
        address = yield from self._address(lambda address: self.memory.takes_writes(address, 4) and address % 4 == 0)
        if address is None:
            return
        length = yield
        data = yield from self._bytes(length + 1)
        check = yield
        if check != reduce(xor, data, length) or not self.memory.takes_writes(address, len(data)):
            self._nack()
            return
        self.writes += 1
        self._program(address, data)
        if self.writes not in self.faults.lost_acks:
            self._say(bytes([ACK]), self._program_s)

    def _program(self, address: int, data: bytes) -> None:
        if self.writes in self.faults.unstored_writes or self._loses_half_page(address, len(data)):
            return
        failure = self.faults.power_failure
        fails_here = failure is not None and failure.during == "write" and failure.nth == self.writes
        for index, (at, unit) in enumerate(self.memory.units_of(address, data)):
            if self.part.area_of(at, 1) == "flash" and self.part.page_at(at).number in self.faults.write_protected:
                continue
            if failure is not None and fails_here and index == failure.units:
                self.memory.tear_unit(at, unit)
                raise _StartsAnew
            self.memory.program_unit(at, unit)

    def _loses_half_page(self, address: int, size_bytes: int) -> bool:
        if not self.faults.half_page_loss:
            return False
        touched = range(address // HALF_PAGE_BYTES, (address + size_bytes - 1) // HALF_PAGE_BYTES + 1)
        for half_page in touched:
            self._written_half_pages[half_page] = self._written_half_pages.get(half_page, 0) + 1
        return any(self._written_half_pages[half_page] == 2 for half_page in touched)

    def _erase(self) -> Listening:
        count = yield
        if count == 0xFF:
            if (yield) == 0x00:
                self._carry_out_erase(self.memory.pages())
            else:
                self._nack()
            return
        pages = yield from self._bytes(count + 1)
        check = yield
        self._erase_listed(list(pages), check == reduce(xor, pages, count))

    def _extended_erase(self) -> Listening:
        head = yield from self._bytes(2)
        count = int.from_bytes(head, "big")
        if count >= SPECIAL_ERASES:
            check = yield
            if check == head[0] ^ head[1] and count == MASS_ERASE:
                self._carry_out_erase(self.memory.pages())
            else:
                self._nack()
            return
        listed = yield from self._bytes(2 * (count + 1))
        check = yield
        numbers = [int.from_bytes(listed[at : at + 2], "big") for at in range(0, len(listed), 2)]
        self._erase_listed(numbers, check == reduce(xor, listed, head[0] ^ head[1]))

    def _erase_listed(self, numbers: list[int], is_whole: bool) -> None:
        pages = {page.number: page for page in self.memory.pages()}
        if not is_whole or not all(number in pages for number in numbers):
            self._nack()
        else:
            self._carry_out_erase([pages[number] for number in numbers])

    def _carry_out_erase(self, pages: list[Page]) -> None:
        self.erases += 1
        failure = self.faults.power_failure
        for page in pages:
            if page.number in self.faults.write_protected:
                continue
            if failure is not None and failure.during == "erase" and failure.nth == self.erases:
                self.memory.tear_page(page)
                raise _StartsAnew
            self.memory.erase(page)
        self._say(bytes([ACK]), self._erase_s * len(pages))

    def _write_protect(self) -> Listening:
        count = yield
        sectors = yield from self._bytes(count + 1)
        check = yield
        if check != reduce(xor, sectors, count):
            self._nack()
            return
        self.protected_sectors.update(sectors)
        self._say(bytes([ACK]))
        raise _StartsAnew

    def _write_unprotect(self) -> Listening:
        self.protected_sectors.clear()
        self._say(bytes([ACK]))
        yield from ()
        raise _StartsAnew

    def _readout_protect(self) -> Listening:
        self.protected = True
        self._say(bytes([ACK]))
        yield from ()
        raise _StartsAnew

    def _readout_unprotect(self) -> Listening:
        """Erases all of the flash: the one command that lifts the protection (AN3155 "Readout Unprotect command")."""
        for page in self.memory.pages():
            self.memory.erase(page)
        self.protected = False
        self._say(bytes([ACK]), self._erase_s)
        yield from ()
        raise _StartsAnew
