"""Is a page what a cut-off write may have left, or was it written since?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.bootloader import WritePlan
from drivers.bootloader.stm32 import part_named
from drivers.bootloader.stm32.plans import check_plan, may_be_cut_off
from tests.support.stm32 import DEVICE_ID, L0_FLASH, SHARED, SLOT_BYTES

PAGE = 2048


def plan_of(board, image):
    address, _ = board.page_of_slot()
    number = part_named(board.part).page_at(address).number
    offset = board.device_id - address
    image = image[:offset] + DEVICE_ID.encode() + image[offset + SLOT_BYTES :]
    return WritePlan(DEVICE_ID, address, image, (number,), "")


@given(st.binary(min_size=64, max_size=64), st.binary(min_size=64, max_size=64), st.sampled_from([SHARED, L0_FLASH]))
def test_any_mixture_of_erased_programmed_and_torn_bytes_is_cut_off(content, mask, board):
    part = part_named(board.part)
    _, page_bytes = board.page_of_slot()
    image = (content * (page_bytes // 64))[:page_bytes]
    plan = plan_of(board, image)
    masks = (mask * (page_bytes // 64))[:page_bytes]
    held = bytes(
        (byte | bits) if part.erased else (byte & ~bits & 0xFF) for byte, bits in zip(plan.image, masks, strict=True)
    )
    assert check_plan(part, board.options().device_id, plan)[1]
    assert may_be_cut_off(part, board.options().device_id, plan, held)


def test_one_byte_that_neither_erasing_nor_programming_explains_is_newer():
    part, field = part_named(SHARED.part), SHARED.options().device_id
    plan = plan_of(SHARED, b"\x0f" * PAGE)
    held = bytearray(plan.image)
    held[100] = 0x0E
    assert not may_be_cut_off(part, field, plan, bytes(held))


def test_what_stands_in_the_field_itself_does_not_matter():
    part, field = part_named(SHARED.part), SHARED.options().device_id
    plan = plan_of(SHARED, b"\x0f" * PAGE)
    held = plan.image.replace(DEVICE_ID.encode(), bytes(SLOT_BYTES))
    assert may_be_cut_off(part, field, plan, held)
