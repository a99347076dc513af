"""Judging a write plan that comes back from the journal: is it this configuration's, and was it cut off?"""

from __future__ import annotations

from drivers.bootloader import WritePlan
from drivers.bootloader.stm32.memory import Span, aligned, write_unit_of
from drivers.bootloader.stm32.options import MemoryField
from drivers.bootloader.stm32.parts import Page, Part
from drivers.errors import DriverMisuse


def check_plan(part: Part, field: MemoryField, plan: WritePlan) -> tuple[Span, tuple[Page, ...]]:
    """What the plan writes and the pages it erases, which it writes back whole. Raises DriverMisuse for any other plan."""
    if plan.address is None or not plan.image:
        raise DriverMisuse("the plan writes nothing")
    span = Span(plan.address, len(plan.image))
    area = part.area_of(span.address, span.size_bytes)
    if area is None:
        raise DriverMisuse(f"the plan's {span} are outside the flash and EEPROM of {part.name}")
    holds_field = span.holds(Span(field.address, field.size_bytes))
    if not holds_field or aligned(span, write_unit_of(part, span.address)) != span:
        raise DriverMisuse(f"the plan's {span} do not hold the field at {field.address:#010x} in whole write units")
    offset = field.address - span.address
    if plan.image[offset : offset + field.size_bytes] != encode(field, plan.device_id):
        raise DriverMisuse("the plan's image holds another DeviceID than the plan names")
    if not plan.erase_pages:
        return span, ()
    pages = part.pages_covering(span.address, span.size_bytes) if area == "flash" else ()
    numbers, erased_bytes = tuple(page.number for page in pages), sum(page.size_bytes for page in pages)
    if (plan.erase_pages, span.size_bytes) != (numbers, erased_bytes):
        raise DriverMisuse(f"the plan erases pages {plan.erase_pages} and does not write all of them back")
    return span, pages


def may_be_cut_off(part: Part, field: MemoryField, plan: WritePlan, held: bytes) -> bool:
    """True where ``held``, read from all of the plan's range, is what a power failure while carrying it out may have left.

    Outside the field, each byte is then the image's, or lies on the way between that and erased: erasing only moves bits towards
    the erased value, programming only away from it. A byte that is anything else was written since, and is newer than the plan.
    """
    start = field.address - (plan.address or 0)
    inside = range(start, start + field.size_bytes)
    blank = part.erased
    return all(
        (now & then == then if blank else now | then == then)
        for at, (now, then) in enumerate(zip(held, plan.image, strict=True))
        if at not in inside
    )


def encode(field: MemoryField, device_id: str) -> bytes:
    """The field's bytes for a DeviceID. Raises DriverMisuse where it cannot hold it."""
    try:
        return field.format.encode(device_id)
    except ValueError as problem:
        raise DriverMisuse(f"DeviceID does not fit its field: {problem}") from problem
