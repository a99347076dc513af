"""Deciding what to read and what to write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.bootloader.stm32.memory import Span, aligned, chunks_to_write, merge_for_reading, needs_erase, overlay
from drivers.bootloader.stm32.parts import FLASH_ADDRESS, PARTS

PART_NAMES = st.sampled_from(["STM32WL", "STM32F1-medium", "STM32L05x", "STM32U5", "STM32H74x"])


@given(st.lists(st.builds(Span, st.integers(0, 2000), st.integers(1, 256)), min_size=1, max_size=6))
def test_merged_reads_hold_all_that_is_wanted_and_no_read_is_too_long(spans):
    merged = merge_for_reading(spans, 256)
    assert all(any(read.holds(span) for read in merged) for span in spans)
    assert all(1 <= read.size_bytes <= 256 for read in merged)
    assert len(merged) <= len(spans)


def test_neighbours_are_read_at_once_and_strangers_are_not():
    assert merge_for_reading([Span(0x20, 16), Span(0x08, 8)], 256) == (Span(0x08, 0x28),)
    assert merge_for_reading([Span(0x08, 8), Span(0x1000, 16)], 256) == (Span(0x08, 8), Span(0x1000, 16))
    assert merge_for_reading([Span(0, 8), Span(120, 16)], 128) == (Span(0, 8), Span(120, 16))


@given(st.integers(0, 5000), st.integers(1, 300), st.sampled_from([4, 8, 16, 32]))
def test_alignment_adds_less_than_a_unit_at_each_end(address, size_bytes, unit_bytes):
    span = Span(address, size_bytes)
    whole = aligned(span, unit_bytes)
    assert whole.holds(span)
    assert whole.address % unit_bytes == whole.end % unit_bytes == 0
    assert span.address - whole.address < unit_bytes
    assert whole.end - span.end < unit_bytes


@given(PART_NAMES, st.data())
def test_carrying_out_the_chunks_gives_the_image_and_touches_nothing_else(name, data):
    part = PARTS[name]
    units = data.draw(st.integers(1, 40))
    size_bytes = units * max(4, part.write_unit_bytes)
    address = FLASH_ADDRESS + 32 * data.draw(st.integers(0, 20))
    held = data.draw(st.binary(min_size=size_bytes, max_size=size_bytes))
    image = (
        bytes(
            new if data.draw(st.booleans(), label="changed") else old
            for old, new in zip(held[:8], data.draw(st.binary(min_size=8, max_size=8)), strict=False)
        )
        + held[8:]
    )
    written = bytearray(held)
    for chunk in chunks_to_write(part, address, held, image):
        assert len(chunk.data) <= part.transfer_max_bytes
        assert len(chunk.data) % 4 == 0
        assert (
            chunk.address // part.transfer_max_bytes == (chunk.address + len(chunk.data) - 1) // part.transfer_max_bytes
        )
        written[chunk.address - address : chunk.address - address + len(chunk.data)] = chunk.data
    assert bytes(written) == image


def test_erased_stretches_of_an_image_are_not_written():
    part = PARTS["STM32WL"]
    blank = b"\xff" * 2048
    image = overlay(overlay(blank, 0, b"A" * 8), 1024, b"B" * 16)
    chunks = chunks_to_write(part, FLASH_ADDRESS, blank, image)
    assert [(chunk.address - FLASH_ADDRESS, len(chunk.data)) for chunk in chunks] == [(0, 8), (1024, 16)]


def test_an_erase_is_needed_only_over_units_that_hold_something_else():
    part = PARTS["STM32WL"]
    assert not needs_erase(part, FLASH_ADDRESS, b"\xff" * 16, b"A" * 16)
    assert not needs_erase(part, FLASH_ADDRESS, b"A" * 8 + b"\xff" * 8, b"A" * 16)
    assert needs_erase(part, FLASH_ADDRESS, b"A" * 4 + b"\xff" * 12, b"A" * 16), "the unit of 8 bytes is half written"
    low_power = PARTS["STM32L05x"]
    assert not needs_erase(low_power, FLASH_ADDRESS, b"\0" * 16, b"A" * 16), "L0 flash erases to zeros"
    assert needs_erase(low_power, FLASH_ADDRESS, b"\xff" * 16, b"A" * 16)
    assert not needs_erase(low_power, 0x08080000, b"\xff" * 16, b"A" * 16), "EEPROM needs no erase"
