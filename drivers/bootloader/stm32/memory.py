"""What to read of a chip's memory and what to write into it, decided without a wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drivers.bootloader.stm32.parts import Part


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive bytes of memory."""

    address: int
    size_bytes: int

    @property
    def end(self) -> int:
        return self.address + self.size_bytes

    def holds(self, other: Span) -> bool:
        return self.address <= other.address and other.end <= self.end

    def __str__(self) -> str:
        return f"{self.size_bytes} bytes at {self.address:#010x}"


def merge_for_reading(spans: Iterable[Span], max_bytes: int) -> tuple[Span, ...]:
    """``spans`` in order of address, neighbours joined where one read of at most ``max_bytes`` holds them."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.address):
        if merged and max(span.end, merged[-1].end) - merged[-1].address <= max_bytes:
            first = merged.pop()
            span = Span(first.address, max(span.end, first.end) - first.address)
        merged.append(span)
    return tuple(merged)


def aligned(span: Span, unit_bytes: int) -> Span:
    """The smallest span of whole units that holds ``span``."""
    start = span.address // unit_bytes * unit_bytes
    end = -(-span.end // unit_bytes) * unit_bytes
    return Span(start, end - start)


def write_unit_of(part: Part, address: int) -> int:
    """Bytes that are written together at this address: at least the 4 of a WRITE MEMORY (AN3155)."""
    return 4 if part.area_of(address, 1) == "eeprom" else max(4, part.write_unit_bytes)


def overlay(image: bytes, offset: int, patch: bytes) -> bytes:
    """``image`` with ``patch`` at ``offset``; the length stays."""
    result = image[:offset] + patch + image[offset + len(patch) :]
    if len(result) != len(image):
        raise ValueError(f"{len(patch)} bytes at {offset} do not fit into {len(image)}")
    return result


def rewritten(held: Mapping[Span, bytes], span: Span, image: bytes) -> dict[Span, bytes]:
    """What stands in each span of ``held`` after ``image`` was written to ``span``."""
    return {each: _rewritten(each, data, span, image) for each, data in held.items()}


def _rewritten(held: Span, data: bytes, span: Span, image: bytes) -> bytes:
    start, end = max(held.address, span.address), min(held.end, span.end)
    if start >= end:
        return data
    return overlay(data, start - held.address, image[start - span.address : end - span.address])


@dataclass(frozen=True, slots=True)
class Chunk:
    """One WRITE MEMORY."""

    address: int
    data: bytes


def chunks_to_write(part: Part, address: int, held: bytes, image: bytes) -> tuple[Chunk, ...]:
    """The writes that turn ``held`` into ``image``, both from ``address`` on: only units that differ, neighbours in one write.

    ``address`` and the length are multiples of the write unit; no chunk crosses a multiple of the part's longest transfer.
    """
    unit_bytes = write_unit_of(part, address)
    chunks: list[Chunk] = []
    for start in range(0, len(image), unit_bytes):
        unit = image[start : start + unit_bytes]
        if unit == held[start : start + unit_bytes]:
            continue
        at, last = address + start, chunks[-1] if chunks else None
        if last and last.address + len(last.data) == at and at % part.transfer_max_bytes:
            chunks[-1] = Chunk(last.address, last.data + unit)
        else:
            chunks.append(Chunk(at, unit))
    return tuple(chunks)


def needs_erase(part: Part, address: int, held: bytes, image: bytes) -> bool:
    """True where ``image`` cannot be programmed over ``held``: a flash unit that differs is not erased. EEPROM never needs it."""
    if part.area_of(address, len(image)) == "eeprom":
        return False
    unit_bytes = write_unit_of(part, address)
    blank = bytes([part.erased]) * unit_bytes
    return any(
        held[start : start + unit_bytes] not in (blank, image[start : start + unit_bytes])
        for start in range(0, len(image), unit_bytes)
    )
