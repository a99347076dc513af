"""The list of units: the forms it is read in, and that nothing hostile, doubled or malformed in it is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.bootloader.fields import FieldFormat
from drivers.bootloader.stm32.options import MemoryField, Stm32Options
from drivers.bootloader.text_options import TextLineOptions
from station.batch import listing
from station.batch.listing import ListedRow, ListError, forms_of, read_list

CHIP, EUI = "0123456789ABCDEF01234567", "70B3D57ED00001C0"
HEX = FieldFormat(8, "hex", case="upper")
STM32 = Stm32Options("STM32WL", MemoryField(0x0803F800, HEX), MemoryField(0x0803F810, HEX))
HEADER = "chipId,appEui\n"


def read(folder: Path, text: str | bytes, board: Stm32Options | TextLineOptions = STM32) -> tuple[ListedRow, ...]:
    path = folder / "chips.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_list(path, forms_of(board))


def refusals(folder: Path, text: str | bytes) -> list[tuple[int, str]]:
    with pytest.raises(ListError) as caught:
        read(folder, text)
    for line in str(caught.value).splitlines():
        assert line.isprintable()
    return [(mistake.line, mistake.code) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}{CHIP},{EUI}\n",
        f"{HEADER}{CHIP},{EUI}",
        f"\N{BYTE ORDER MARK}{HEADER}{CHIP},{EUI}\r\n\r\n",
        f'"appEui","note","chipId"\r\n{EUI},"two\nlines, and a comma",{CHIP.lower()}\r\n',
        f"{HEADER}01:23:45:67:89:ab:cd:ef:01:23:45:67,70-b3-d5-7e-d0-00-01-c0\n",
    ],
)
def test_a_unit_is_read_as_its_board_would_say_who_it_is(tmp_path: Path, text: str) -> None:
    (row,) = read(tmp_path, text)
    assert (row.unit.chip_id, row.unit.app_eui, row.line) == (CHIP, EUI, 2)


def test_a_board_that_speaks_lines_has_its_own_form_of_a_chip_id(tmp_path: Path) -> None:
    (row,) = read(tmp_path, f"{HEADER}node-7f,{EUI}\n", TextLineOptions())
    assert row.unit.chip_id == "NODE7F"
    assert row.chip_id == "node-7f"


def test_a_memory_field_is_a_chip_id_in_the_configured_form(tmp_path: Path) -> None:
    board = Stm32Options(STM32.part, STM32.app_eui, STM32.device_id, chip_id=MemoryField(0x0803F820, HEX))
    (row,) = read(tmp_path, f"{HEADER}04970123456789ABCDEF,{EUI}\n", board)
    assert row.unit.chip_id == "04970123456789ABCDEF"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("\n", 1),
        (HEADER, 1),
        (f"{CHIP},{EUI}\n", 1),
        ("chipId;appEui\n", 1),
        ("chipId,appEui,chipId\n", 1),
        ("chipId,appEui" + ",x" * 100 + "\n", 1),
        (f"{HEADER}{CHIP},\0{EUI}\n", 2),
        (HEADER.encode() + b"\xff\xfe,\n", 2),
        (HEADER.encode("utf-16"), 1),
        ('"chipId\n', 1),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_the_line(tmp_path: Path, text: str | bytes, line: int) -> None:
    assert refusals(tmp_path, text) == [(line, "list.unreadable")]


@pytest.mark.parametrize(
    "row",
    [
        f"{CHIP}",
        f"{CHIP},{EUI},more",
        f",{EUI}",
        f"{CHIP},",
        f"{CHIP[:-1]},{EUI}",
        f"{CHIP[:-1]}G,{EUI}",
        f"{'0' * 24},{EUI}",
        f"{'F' * 24},{EUI}",
        f"{CHIP},{EUI[:-1]}",
        f"{CHIP},{'F' * 16}",
        f"{CHIP},01{EUI[2:]}",
        f"=HYPERLINK(1),{EUI}",
        f"\x1b[2J{CHIP},{EUI}",
        f"{CHIP}\N{FULLWIDTH DIGIT ONE},{EUI}",
        f"{'0' * 10_000},{EUI}",
        f'"{CHIP},{EUI}',
        f"{'0' * 200_000},{EUI}",
    ],
)
def test_a_row_that_is_no_unit_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    assert refusals(tmp_path, f"{HEADER}{'A' * 24},{EUI}\n{row}\n")[0] == (3, "list.row_invalid")


def test_a_chip_that_stands_twice_is_refused_in_whatever_form(tmp_path: Path) -> None:
    other = f"{CHIP[:-1]}8"
    text = f"{HEADER}{CHIP},{EUI}\n{other},{EUI}\n{CHIP.lower()},{EUI}\n"
    assert refusals(tmp_path, text) == [(4, "list.chip_twice")]


def test_every_mistake_is_found_at_once_and_so_many_are_told(tmp_path: Path) -> None:
    rows = "".join(f"bad-{number},{EUI}\n" for number in range(100))
    with pytest.raises(ListError) as caught:
        read(tmp_path, HEADER + rows)
    assert [mistake.line for mistake in caught.value.mistakes] == list(range(2, 102))
    assert len(str(caught.value).splitlines()) == listing.MAX_TOLD + 1


def test_a_list_has_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{number:024X},{EUI}\n" for number in range(1, 12))
    monkeypatch.setattr(listing, "MAX_UNITS", 10)
    assert refusals(tmp_path, HEADER + rows) == [(12, "list.unreadable")]
    monkeypatch.setattr(listing, "MAX_FILE_BYTES", 100)
    assert refusals(tmp_path, HEADER + rows) == [(1, "list.unreadable")]


def test_a_file_that_is_not_there_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"list\.unreadable: .*nowhere\.csv"):
        read_list(tmp_path / "nowhere.csv", forms_of(STM32))
