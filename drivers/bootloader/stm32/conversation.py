"""One conversation with one STM32 board: who is it, what would a write do, do it, prove it."""

from __future__ import annotations

from dataclasses import dataclass, field

from drivers.bootloader import Identity, Reading, WritePlan
from drivers.bootloader.fields import as_eui64
from drivers.bootloader.stm32.commands import Lapsed, Nacked, Rom
from drivers.bootloader.stm32.memory import (
    Span,
    aligned,
    chunks_to_write,
    merge_for_reading,
    needs_erase,
    overlay,
    rewritten,
    write_unit_of,
)
from drivers.bootloader.stm32.options import MemoryField, Stm32Options
from drivers.bootloader.stm32.parts import Page, Part, UidRead, names_of_product
from drivers.bootloader.stm32.plans import check_plan, encode, may_be_cut_off
from drivers.errors import (
    BoardGarbled,
    BoardRefused,
    BoardSwapped,
    DriverMisuse,
    FieldInvalid,
    WriteNotKept,
    WrongPart,
)

UID64_BYTES = 8


@dataclass(slots=True)
class Stm32Conversation:
    """One conversation with one board; see ``Bootloader``."""

    options: Stm32Options
    rom: Rom
    _chip_id: str | None = None
    _proven_at_wake: int = 0
    """How often the chip had been woken when it last proved to be the identified one: woken since, it may be another."""
    _seen: dict[Span, bytes] = field(default_factory=dict)
    """What was read of the identified chip and not written since."""
    _expected: dict[Span, bytes] = field(default_factory=dict)
    """What should stand in the memory of the identified chip, by what was last read of it and written to it. A read that agrees
    needs no second one."""

    @property
    def _part(self) -> Part:
        return self.rom.part

    def identify(self) -> Identity:
        """One turn to wake a fresh chip, one for its product id, three for each read, each read twice. From here on the
        conversation is with this chip and no other."""
        self._chip_id = None
        self._expected.clear()
        identity = self._identity(self.rom.wake())
        self._chip_id = identity.chip_id
        return identity

    def verify(self) -> Identity:
        """As ``identify``, for a chip that is awake, each read once where it finds what was read and written before. A board that
        has taken the chip's place is woken too, and names itself."""
        return self._identity(self.rom.wake_again())

    def plan_write(self, device_id: str, previous: WritePlan | None = None) -> WritePlan:
        """The least that puts ``device_id`` into its field: nothing, its own write units, or its page.

        Raises DriverMisuse for a value that the field cannot hold, and BoardRefused where the page is larger than the configuration
        lets be rewritten.
        """
        raw = encode(self.options.device_id, device_id)
        self._ensure_awake()
        part, slot = self._part, Span(self.options.device_id.address, len(raw))
        if previous is not None and previous.device_id == device_id and self._was_cut_off(previous):
            return previous
        units = aligned(slot, write_unit_of(part, slot.address))
        held = self._held(units)
        image = overlay(held, slot.address - units.address, raw)
        if held == image:
            return WritePlan(device_id, units.address, image, (), f"{units} hold it already")
        if not needs_erase(part, units.address, held, image):
            return WritePlan(device_id, units.address, image, (), f"write {units}")
        page = part.page_at(slot.address)
        if page.size_bytes > self.options.rewrite_max_bytes:
            raise BoardRefused(
                f"the field at {slot.address:#010x} is not blank, and its page of {page.size_bytes} bytes is more than the "
                f"{self.options.rewrite_max_bytes} that may be rewritten"
            )
        content = self._held(Span(page.address, page.size_bytes))
        image = overlay(content, slot.address - page.address, raw)
        kept_bytes = page.size_bytes - slot.size_bytes
        steps = (
            f"erase page {page.number} at {page.address:#010x}, write it back with {slot} changed, {kept_bytes} kept"
        )
        return WritePlan(device_id, page.address, image, (page.number,), steps)

    def _was_cut_off(self, previous: WritePlan) -> bool:
        try:
            span, pages = check_plan(self._part, self.options.device_id, previous)
        except DriverMisuse:
            return False  # made under another configuration: it says nothing of this field
        return bool(pages) and may_be_cut_off(self._part, self.options.device_id, previous, self._held(span))

    def write(self, plan: WritePlan) -> None:
        """See ``Bootloader``. A plan without an erase whose units turn out to hold something else raises WriteNotKept: plan anew.

        Takes at most ``attempts`` times the erase, the writes and two reads of the image, one where that finds the image.
        """
        span, pages = check_plan(self._part, self.options.device_id, plan)
        self._ensure_awake()
        attempts = self.options.timing.attempts
        problem = "every write was acknowledged"
        held = self._held(span)
        for attempt in range(1, attempts + 1):
            if held != plan.image:
                self._seen.clear()
                try:
                    self._program(span.address, plan.image, held, pages, erase_first=attempt == attempts)
                except Nacked as refusal:
                    problem = str(refusal)
                except Lapsed as lapse:  # whether it took effect shows when it is read back
                    problem = str(lapse)
                    self.rom.wake_again()
            held = self._read_of_same_board(span, plan.image)
            if held == plan.image:
                self._expected = rewritten(self._expected, span, plan.image)
                return
        raise WriteNotKept(f"after {attempts} attempts {span} are not as written: {problem}")

    def _program(self, address: int, image: bytes, held: bytes, pages: tuple[Page, ...], *, erase_first: bool) -> None:
        """One attempt at turning ``held`` into ``image``. Erases ``pages`` where it must, and on the last attempt where it may."""
        if needs_erase(self._part, address, held, image) or (erase_first and pages):
            if not pages:
                raise WriteNotKept(f"{Span(address, len(image))} hold other data and the plan has no erase: plan anew")
            self.rom.erase(pages)
            held = bytes([self._part.erased]) * len(image)
        for chunk in chunks_to_write(self._part, address, held, image):
            self.rom.write(chunk.address, chunk.data)

    def _ensure_awake(self) -> None:
        if not self.rom.wakes:
            self._check_part(self.rom.wake())

    def _check_part(self, product_id: int) -> None:
        if product_id in self._part.product_ids:
            return
        product_id = self.rom.prove_product_id(product_id)
        if product_id not in self._part.product_ids:
            expected = ", ".join(f"{known:#05x}" for known in sorted(self._part.product_ids))
            listed = ", ".join(names_of_product(product_id)) or "not in the part table"
            raise WrongPart(f"product id {product_id:#05x} ({listed}) where {self._part.name} has {expected}")

    def _held(self, span: Span) -> bytes:
        """Proven bytes, from what this conversation has read of the chip since it was last woken, or read now."""
        if self._proven_at_wake == self.rom.wakes:
            for seen, data in self._seen.items():
                if seen.holds(span):
                    return data[span.address - seen.address :][: span.size_bytes]
        data = self._read_of_same_board(span)
        self._seen[span] = data
        return data

    def _read_of_same_board(self, span: Span, expected: bytes | None = None) -> bytes:
        """Proven bytes of the board that was identified, if one was. Raises BoardSwapped when the chip had to be woken again and
        turns out to be another; nothing was written to that one."""
        data = self.rom.read_proven(span.address, span.size_bytes, expected)
        if self._chip_id is not None and self.rom.wakes != self._proven_at_wake:
            found = self._identity(self.rom.wake_again()).chip_id
            if found != self._chip_id:
                raise BoardSwapped(
                    f"chip {found} is in the socket where {self._chip_id} was; nothing was written to it"
                )
            data = self.rom.read_proven(span.address, span.size_bytes, expected)
        return data

    def _identity(self, product_id: int) -> Identity:
        """All fields, read of one chip: where it had to be woken again in between, it may be another, so they are read again."""
        self._check_part(product_id)
        for _ in range(self.options.timing.attempts):
            wake = self.rom.wakes
            identity, blocks = self._read_fields(product_id)
            if self.rom.wakes == wake:
                if self._chip_id in (None, identity.chip_id):
                    self._proven_at_wake, self._seen, self._expected = wake, blocks, dict(blocks)
                return identity
        raise BoardGarbled("the chip fell silent in each attempt to read its fields")

    def _read_fields(self, product_id: int) -> tuple[Identity, dict[Span, bytes]]:
        source, app_eui, device_id = self.options.chip_id, self.options.app_eui, self.options.device_id
        # The UID is read by itself: it stands in another memory, and the ROM is particular about how.
        uid = self._uid_read()
        alone = [Span(uid.address, uid.size_bytes)] if uid else []
        fields = [app_eui, device_id, *([source] if isinstance(source, MemoryField) else [])]
        wanted = (Span(each.address, each.size_bytes) for each in fields)
        spans = merge_for_reading(wanted, self._part.transfer_max_bytes)
        blocks = {
            span: self.rom.read_proven(span.address, span.size_bytes, self._expected.get(span))
            for span in [*alone, *spans]
        }
        if isinstance(source, MemoryField):
            product_id = self.rom.prove_product_id(product_id)
            chip_id = self._chip_id_of_memory(product_id, _field_in(blocks, source))
        else:
            chip_id = self._chip_id_of_uid(uid.extract(blocks[alone[0]]) if uid else b"")
        return Identity(chip_id, as_eui64(_field_in(blocks, app_eui)), _field_in(blocks, device_id)), blocks

    def _uid_read(self) -> UidRead | None:
        part = self._part
        if self.options.chip_id == "uid64" and part.uid64_address is not None:
            return UidRead(part.uid64_address, UID64_BYTES, ((0, UID64_BYTES),))
        return part.uid if self.options.chip_id == "uid96" else None

    def _chip_id_of_uid(self, raw: bytes) -> str:
        # The 64-bit UID is stored little-endian (RM0453 "IEEE 64-bit unique device ID"); an EUI-64 is written big-endian.
        text = (raw[::-1] if self.options.chip_id == "uid64" else raw).hex()
        return self._canonical(text, raw)

    def _chip_id_of_memory(self, product_id: int, reading: Reading) -> str:
        if reading.value is None:
            raise FieldInvalid(f"chipId cannot be read: {reading.problem or 'the field is blank'}")
        return self._canonical(f"{product_id:04X}{reading.value}", reading.raw)

    def _canonical(self, text: str, raw: bytes) -> str:
        try:
            return self.options.canonical.apply(text)
        except ValueError as problem:
            raise FieldInvalid(f"chipId {raw.hex()} is not usable: {problem}") from problem


def _field_in(blocks: dict[Span, bytes], wanted: MemoryField) -> Reading:
    span, block = next(
        (span, block) for span, block in blocks.items() if span.holds(Span(wanted.address, wanted.size_bytes))
    )
    offset = wanted.address - span.address
    return wanted.format.decode(block[offset : offset + wanted.size_bytes])
