"""A DeviceID that the board's field cannot hold is found before the API hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.bootloader import BootloaderDriver, Reading
from drivers.bootloader.fields import FieldFormat
from drivers.bootloader.stm32.options import MemoryField, Stm32Options
from drivers.bootloader.stm32.rom import Stm32Driver
from drivers.bootloader.text_line import Command, Query, TextLineDriver, TextLineOptions
from drivers.errors import DriverMisuse
from station.config.validate import Configuration, load_configuration
from station.model import Outcome
from tests.support.station import APP_EUI_AT, PART, SLOT_AT, Rig, Settings

HEX = FieldFormat(8, encoding="hex", case="lower")
STM32 = Stm32Driver(Stm32Options(PART, MemoryField(APP_EUI_AT, HEX), MemoryField(SLOT_AT, HEX)))
DUMP = Query("dump", r"(?P<value>[0-9A-F]+)", memory=HEX)
TEXT = TextLineDriver(TextLineOptions())
TEXT_DUMP = TextLineDriver(TextLineOptions(device_id=DUMP, write=Command("write {device_id_hex}")))

_FIELD = f"device_id: {{address: {SLOT_AT:#x}, format: {{size_bytes: "


class NarrowRig(Rig):
    """A station whose configuration makes the board's field too small for the server's DeviceIDs."""

    def configuration(self) -> Configuration:
        file = super().configuration().document.file
        text = Path(file).read_text("utf-8")
        assert f"{_FIELD}8" in text
        Path(file).write_text(text.replace(f"{_FIELD}8", f"{_FIELD}4"), "utf-8")
        return load_configuration(Path(file))


@pytest.mark.parametrize("driver", [STM32, TEXT, TEXT_DUMP])
def test_an_id_that_fits_is_taken(driver: BootloaderDriver) -> None:
    driver.check_device_id("d88b4c0100000001")


@pytest.mark.parametrize(
    ("driver", "device_id"),
    [
        (STM32, "d88b4c01000001"),
        (STM32, "d88b4c010000000102"),
        (STM32, "D88B4C0100000001"),
        (STM32, "not-hex-digits!!"),
        (STM32, "f" * 16),
        (STM32, ""),
        (TEXT, ""),
        (TEXT, "two words"),
        (TEXT, "x\r\nreboot"),
        (TEXT, "x" * 65),
        (TEXT, "ffffffff"),
        (TEXT_DUMP, "d88b4c01000001"),
        (TEXT_DUMP, "D88B4C0100000001"),
    ],
)
def test_an_id_that_does_not_fit_is_refused_without_a_board(driver: BootloaderDriver, device_id: str) -> None:
    with pytest.raises(DriverMisuse):
        driver.check_device_id(device_id)


def test_nothing_is_spent_on_an_id_that_no_board_can_hold(tmp_path: Path) -> None:
    """The cycle ends before the activation, and goes on with the same ids once the configuration is right."""
    narrow = NarrowRig(tmp_path, Settings(batch=2, low_water=1))
    try:
        board = narrow.board()
        result = narrow.one(board)
        assert (result.outcome, result.code) == (Outcome.ERROR, "unit.device_id_unfit")
        assert result.device_id is not None
        assert result.device_id in result.message
        assert "activate" not in result.steps
        assert narrow.api.ledger()["activated"] == {}
        assert narrow.effects(board) == []
        narrow.check()
        narrow.__class__ = Rig  # type: ignore[assignment]
        again = narrow.one(board)
        assert (again.outcome, again.device_id, again.sn) == (Outcome.PASS, result.device_id, result.sn)
        narrow.check()
    finally:
        narrow.close()


class SparingRig(Rig):
    """A station that may not rewrite a whole page of the board."""

    def configuration(self) -> Configuration:
        file = super().configuration().document.file
        text = Path(file).read_text("utf-8")
        assert "    timing:" in text
        Path(file).write_text(text.replace("    timing:", "    rewrite_max_bytes: 1024\n    timing:"), "utf-8")
        return load_configuration(Path(file))


def test_nothing_is_spent_on_a_board_whose_page_must_not_be_rewritten(tmp_path: Path) -> None:
    """What shares the flash's write unit with the field is programmed already: only the page as a whole could be written."""
    slot = 0x0803F814
    sparing = SparingRig(tmp_path, Settings(slot=slot))
    try:
        board = sparing.board(contents={slot - 4: b"\x12" * 4})
        result = sparing.one(board)
        assert (result.outcome, result.code) == (Outcome.FAIL, "board.refused")
        assert "page of 2048 bytes is more than the 1024" in result.message
        assert "activate" not in result.steps
        assert sparing.api.ledger()["activated"] == {}
        assert sparing.effects(board) == []
        sparing.check()
        sparing.__class__ = Rig  # type: ignore[assignment]
        again = sparing.one(board)
        assert (again.outcome, again.device_id, again.sn) == (Outcome.PASS, result.device_id, result.sn)
        assert board.memory.read(slot - 4, 4) == b"\x12" * 4
        sparing.check()
    finally:
        sparing.close()


OURS = "d88b4c0100000001"
OURS_BYTES = bytes.fromhex(OURS)


def _text(value: str) -> Reading:
    return Reading(value, value.encode("ascii"))


@pytest.mark.parametrize(
    ("driver", "held"),
    [
        *(
            (driver, HEX.decode(OURS_BYTES[:done] + b"\xff" * (8 - done)))
            for driver in (STM32, TEXT_DUMP)
            for done in (2, 4, 8)
        ),
        (STM32, HEX.decode(bytes(byte | 0x55 for byte in OURS_BYTES))),
        (TEXT, _text(OURS)),
        (TEXT, _text("d88b4c01")),
        (TEXT, _text("d88b4c01ffffffff")),
    ],
)
def test_what_a_cut_off_write_can_leave_is_told_as_such(driver: BootloaderDriver, held: Reading) -> None:
    assert driver.may_be_cut_off(OURS, held)


@pytest.mark.parametrize("driver", [STM32, TEXT_DUMP, TEXT])
@pytest.mark.parametrize("other", ["1122334455667788", "d88b4c0200000001", "0000000000000002", "d88b4c01fffffffa"])
def test_what_no_write_of_this_device_id_can_leave_is_another(driver: BootloaderDriver, other: str) -> None:
    held = _text(other) if driver is TEXT else HEX.decode(bytes.fromhex(other))
    assert not driver.may_be_cut_off(OURS, held)


@pytest.mark.parametrize("raw", [b"", b"x" * 200, b"none"])
def test_what_is_no_reading_of_the_field_at_all_is_another(raw: bytes) -> None:
    assert not TEXT_DUMP.may_be_cut_off(OURS, Reading(None, raw, "not a dump"))
