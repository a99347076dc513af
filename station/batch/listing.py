"""The list of units: a CSV file with the columns chipId and appEui, all of it checked before anything begins.

Pure but for reading the file. Both ids are brought into the form in which a board of the configured kind gives them, so that the
unit is found again when its board comes to a jig.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.bootloader.fields import SEPARATORS, check_eui64
from drivers.bootloader.stm32.options import Stm32Options
from drivers.bootloader.text_options import TextLineOptions
from station.batch.unit import ListedUnit
from station.errors import CATALOGUE, StationError
from station.text import printable

CHIP_ID, APP_EUI = "chipId", "appEui"
MAX_FILE_BYTES = 32 << 20
MAX_UNITS = 100_000
MAX_COLUMNS = 64
MAX_TOLD = 20
"""Mistakes told one by one; the rest is counted."""
MAX_LINE_CHARS = 500
_UID_BYTES = {"uid96": 12, "uid64": 8}
_FORMULA = ("=", "+", "-", "@")
"""What makes a spreadsheet take a cell for a formula."""


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One unit, and the line of the file it stands in, counted from 1; ``chip_id`` and ``app_eui`` as they stand there."""

    line: int
    chip_id: str
    app_eui: str
    unit: ListedUnit


@dataclass(frozen=True, slots=True)
class ListMistake:
    """One row that cannot be taken, or the reason why the file cannot."""

    line: int
    code: str
    what: str


class ListError(StationError):
    """Raised for a list that cannot be used; ``mistakes`` holds one or more, in the file's order. Nothing has begun."""

    code = "list.unreadable"

    def __init__(self, path: Path, mistakes: list[ListMistake]) -> None:
        self.mistakes = tuple(mistakes)
        lines = [
            printable(
                f"station: {each.code}: {path}:{each.line}: {each.what} — {CATALOGUE[each.code].action}", MAX_LINE_CHARS
            )
            for each in self.mistakes[:MAX_TOLD]
        ]
        if len(self.mistakes) > MAX_TOLD:
            lines.append(f"station: {len(self.mistakes) - MAX_TOLD} more rows cannot be taken")
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Forms:
    """How a kind of board gives its ids. Both raise ValueError, one sentence, for what no such board can give."""

    chip_id: Callable[[str], str]
    app_eui: Callable[[str], str]


def forms_of(options: Stm32Options | TextLineOptions) -> Forms:
    """The forms for the configured kind of board."""
    if isinstance(options, TextLineOptions):
        return Forms(options.chip_id_form.apply, lambda text: check_eui64(text, options.eui_prefixes))
    source, form = options.chip_id, options.canonical
    if not isinstance(source, str):
        return Forms(form.apply, check_eui64)
    return Forms(lambda text: form.apply(_uid(text, _UID_BYTES[source])), check_eui64)


def read_list(path: Path, forms: Forms) -> tuple[ListedRow, ...]:
    """All units of the file, in its order. Raises ListError with every row that cannot be taken."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, 1, error.strerror or str(error)) from error
    if len(raw) > MAX_FILE_BYTES:
        raise _unreadable(path, 1, f"longer than {MAX_FILE_BYTES >> 20} MiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, raw.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
    if "\0" in text:
        raise _unreadable(path, text.count("\n", 0, text.index("\0")) + 1, "a NUL character")
    rows: list[ListedRow] = []
    mistakes: list[ListMistake] = []
    lines: dict[str, int] = {}
    for found in _rows(path, text, forms):
        if isinstance(found, ListMistake):
            mistakes.append(found)
        elif (earlier := lines.setdefault(found.unit.chip_id, found.line)) != found.line:
            what = f"chip {found.unit.chip_id} stands in line {earlier} already"
            mistakes.append(ListMistake(found.line, "list.chip_twice", what))
        else:
            rows.append(found)
        if len(rows) > MAX_UNITS:
            raise _unreadable(path, found.line, f"more than {MAX_UNITS} units")
    if mistakes:
        raise ListError(path, mistakes)
    if not rows:
        raise _unreadable(path, 1, "no unit stands in it")
    return tuple(rows)


def _rows(path: Path, text: str, forms: Forms) -> Iterator[ListedRow | ListMistake]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if header is None:
                raise _unreadable(path, line, f"no CSV: {error}") from None
            yield ListMistake(line, "list.row_invalid", f"no CSV from here on: {error}")
            return
        if cells is None:
            break
        if header is None:
            header = cells
            _check_header(path, line, header)
        elif cells:
            yield _row(line, cells, header, forms)
    if header is None:
        raise _unreadable(path, 1, "it is empty")


def _check_header(path: Path, line: int, header: list[str]) -> None:
    for name in (CHIP_ID, APP_EUI):
        if header.count(name) != 1:
            raise _unreadable(path, line, f"its first line must name {name} once, and says {','.join(header)[:100]!r}")
    if len(header) > MAX_COLUMNS:
        raise _unreadable(path, line, f"more than {MAX_COLUMNS} columns")


def _row(line: int, cells: list[str], header: list[str], forms: Forms) -> ListedRow | ListMistake:
    if len(cells) != len(header):
        return ListMistake(line, "list.row_invalid", f"{len(cells)} fields where the first line names {len(header)}")
    chip_id, app_eui = cells[header.index(CHIP_ID)], cells[header.index(APP_EUI)]
    try:
        for name, text in ((CHIP_ID, chip_id), (APP_EUI, app_eui)):
            if text.startswith(_FORMULA):
                raise ValueError(f"{name} {text[:64]!r} would be a formula in a spreadsheet")
        return ListedRow(line, chip_id, app_eui, ListedUnit(forms.chip_id(chip_id), forms.app_eui(app_eui)))
    except ValueError as problem:
        return ListMistake(line, "list.row_invalid", str(problem))


def _uid(text: str, size_bytes: int) -> str:
    """The lower-case hex digits of a UID, as they are read from a chip."""
    digits = text.translate({ord(separator): None for separator in SEPARATORS})
    if len(digits) != 2 * size_bytes or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
        raise ValueError(f"chipId {text[:64]!r} is not the {2 * size_bytes} hex digits of this board's UID")
    return digits.lower()


def _unreadable(path: Path, line: int, what: str) -> ListError:
    return ListError(path, [ListMistake(line, "list.unreadable", what)])
