"""The part table: each row makes sense, and pages are found by address."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bootloader.stm32.parts import FLASH_ADDRESS, PARTS, names_of_product, part_named

ROWS = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)


@ROWS
def test_a_row_is_whole(part):
    assert part.product_ids
    assert all(0x400 <= product_id <= 0x4FF for product_id in part.product_ids)
    assert part.flash_size_bytes > 0
    assert part.write_unit_bytes in (2, 4, 8, 16, 32)
    assert part.transfer_max_bytes in (128, 256)
    assert all(size_bytes % part.write_unit_bytes == 0 for _, size_bytes in part.page_runs)
    assert part.erased in (0x00, 0xFF)
    assert part.source


@ROWS
def test_the_read_that_works_yields_twelve_bytes_from_the_uid_on(part):
    if part.uid is not None:
        assert sum(size_bytes for _, size_bytes in part.uid.pieces) == 12
        assert part.uid.address + part.uid.pieces[0][0] == part.uid_address
        assert all(offset + size_bytes <= part.uid.size_bytes for offset, size_bytes in part.uid.pieces)
        assert part.uid.size_bytes <= part.transfer_max_bytes
    else:
        assert part.uid_refused != "nowhere", "a part whose UID can be read needs the read"


@ROWS
def test_pages_number_the_flash_without_gaps(part):
    pages = part.pages_covering(FLASH_ADDRESS, part.flash_size_bytes)
    assert [page.number for page in pages] == list(range(len(pages)))
    assert all(page.end == after.address for page, after in pairwise(pages))
    assert pages[-1].end == FLASH_ADDRESS + part.flash_size_bytes
    if part.erase_command == "erase":
        assert len(pages) <= 256, "ERASE names a page in one byte"


def test_no_product_id_belongs_to_two_rows():
    ids = [product_id for part in PARTS.values() for product_id in part.product_ids]
    assert len(ids) == len(set(ids))


@given(st.sampled_from(sorted(PARTS)), st.data())
def test_the_page_of_an_address_holds_it(name, data):
    part = PARTS[name]
    address = data.draw(st.integers(FLASH_ADDRESS, FLASH_ADDRESS + part.flash_size_bytes - 1))
    page = part.page_at(address)
    assert page.address <= address < page.end


@pytest.mark.parametrize(
    ("name", "address", "number"),
    [
        ("STM32F405", 0x0800FFFF, 3),  # RM0090 table "Flash module organization": sector 3 is 0800C000 to 0800FFFF
        ("STM32F405", 0x08010000, 4),
        ("STM32F405", 0x080E0000, 11),
        ("STM32F1-medium", 0x08005000, 20),  # the golden trace of stm32flash erases page 20 for it
        ("STM32L05x", 0x08005000, 160),
        ("STM32WL", 0x08005000, 10),
    ],
)
def test_known_addresses_stand_on_known_pages(name, address, number):
    assert PARTS[name].page_at(address).number == number


def test_an_address_outside_has_no_page():
    with pytest.raises(ValueError, match="STM32WL"):
        PARTS["STM32WL"].page_at(0x08040000)


def test_names_are_found_in_any_case_and_unknown_ones_list_the_known():
    assert part_named("stm32wl") is PARTS["STM32WL"]
    with pytest.raises(ValueError, match=r"unknown STM32 part 'STM8'; known are STM32F03x, .*STM32WL"):
        part_named("STM8")


def test_a_product_id_names_its_parts():
    assert names_of_product(0x497) == ("STM32WL",)
    assert names_of_product(0x999) == ()
