"""Wrong options are one clear sentence each."""

from __future__ import annotations

import pytest

from drivers.bootloader.fields import FieldFormat
from drivers.bootloader.stm32 import MemoryField, Stm32Options, Stm32Timing
from tests.support.stm32 import WL

EUI = FieldFormat(8, "hex", case="upper")
SLOT = FieldFormat(16)


def options(**changes):
    fields = {"part": "STM32WL", "app_eui": MemoryField(0x08004000, EUI), "device_id": MemoryField(0x08005000, SLOT)}
    return Stm32Options(**{**fields, **changes})


def test_the_default_is_sound():
    assert options().row.name == "STM32WL"
    assert options() == options()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"part": "STM32X9"}, "unknown STM32 part 'STM32X9'; known are"),
        ({"device_id": MemoryField(0x08004004, SLOT)}, "app_eui and device_id overlap"),
        ({"device_id": MemoryField(0x08005002, SLOT)}, "multiple of 4"),
        ({"device_id": MemoryField(0x080057F8, SLOT)}, "crosses a page boundary"),
        ({"device_id": MemoryField(0x0803FFF8, SLOT)}, "neither in the flash nor in the data EEPROM of STM32WL"),
        ({"device_id": MemoryField(0x08080000, SLOT)}, "neither in the flash nor in the data EEPROM of STM32WL"),
        ({"app_eui": MemoryField(0x1FFF758C, EUI)}, "app_eui overlaps the UID"),
        ({"chip_id": MemoryField(0x08005008, SLOT)}, "chip_id and device_id overlap"),
        ({"chip_id": "uid128"}, "chip_id must be uid96, uid64 or a memory field"),
        ({"part": "STM32L47x"}, "not known to let its UID be read"),
        ({"part": "STM32G07x", "chip_id": "uid64"}, "no 64-bit UID"),
        ({"rewrite_max_bytes": -1}, "rewrite_max_bytes"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message) as refusal:
        options(**changes)
    assert "\n" not in str(refusal.value)


def test_a_part_whose_uid_is_refused_takes_a_chip_id_of_its_own():
    assert options(part="STM32L47x", chip_id=MemoryField(0x08006000, EUI)).row.uid is None


@pytest.mark.parametrize(
    "changes",
    [
        {"reply_s": 0},
        {"sync_s": 11},
        {"quiet_s": -1},
        {"attempts": 0},
        {"attempts": 11},
        {"slow_factor": 0.5},
        {"recovery_bytes": 10},
        {"baud": 300},
    ],
)
def test_times_and_counts_are_bounded(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        Stm32Timing(**changes)


def test_a_field_ends_within_the_address_space():
    with pytest.raises(ValueError, match="32 bits"):
        MemoryField(0xFFFFFFFC, EUI)
    assert MemoryField(0xFFFFFFF8, EUI).end == 1 << 32


def test_the_label_names_the_part():
    assert WL.driver().label == "stm32 STM32WL"
