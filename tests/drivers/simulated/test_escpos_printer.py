"""The simulated ESC/POS printer behaves as one: it draws what rasters say, whatever the chunks, and answers each in its turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drivers.printer.escpos_status import process_id_answer, process_id_request
from drivers.simulated.escpos_printer import PAPER_DOTS, SimulatedEscposPrinter
from drivers.simulated.print_queue import PrinterManners
from tests.support.labels import chunks, open_png

STRIP = b"\x1dv0\x00\x02\x00\x03\x00" + bytes([0x80, 0x01, 0xFF, 0xFF, 0x00, 0x00])
"""16 x 3 dots: the first and last of row 0, all of row 1."""
CUT = b"\x1dVB\x00"
JOB = b"\x1b@" + STRIP + CUT
STREAM = (
    JOB
    + b"\x10\x04\x01"
    + b"\x1b@\x1bd\x02"
    + STRIP
    + STRIP
    + b"\x1dV\x00"
    + process_id_request(b"AB12")
    + b"\x1dr\x01"
)


def black_dots(picture: Image.Image) -> set[tuple[int, int]]:
    return {
        (x, y)
        for y in range(picture.height)
        for x in range(picture.width)
        if picture.convert("L").getpixel((x, y)) == 0
    }


def test_it_draws_the_raster_dot_by_dot() -> None:
    printer = SimulatedEscposPrinter()
    printer.feed(JOB)
    picture = open_png(printer.labels[0])
    assert picture.size == (PAPER_DOTS, 3)
    assert black_dots(picture) == {(0, 0), (15, 0), *((x, 1) for x in range(16))}


@given(st.lists(st.integers(0, 1000), max_size=30))
def test_any_chunking_gives_the_same_labels_and_answers(cuts: list[int]) -> None:
    printer = SimulatedEscposPrinter()
    answers = [reply.data for chunk in chunks(STREAM, cuts) for reply in printer.feed(chunk)]
    assert answers == [b"\x12", process_id_answer(b"AB12"), b"\x00"]
    assert [open_png(label).height for label in printer.labels] == [3, 8]
    assert printer.text == b""


@given(st.binary(max_size=300))
def test_it_takes_any_bytes(data: bytes) -> None:
    SimulatedEscposPrinter().feed(data)


def test_bytes_that_are_no_command_are_text() -> None:
    printer = SimulatedEscposPrinter()
    printer.feed(b"SN1" + JOB)
    assert printer.text == b"SN1"


def test_a_cut_without_anything_printed_is_no_label() -> None:
    printer = SimulatedEscposPrinter()
    printer.feed(b"\x1b@" + CUT)
    assert printer.labels == []


@pytest.mark.parametrize("problem", ["paper_out", "head_open", "offline", "cutter"])
def test_a_problem_holds_the_label_and_everything_queued_but_not_the_realtime_status(problem: str) -> None:
    printer = SimulatedEscposPrinter()
    printer.queue.problems.add(problem)
    replies = printer.feed(JOB + b"\x1dr\x01" + process_id_request(b"0000"))
    assert (printer.labels, replies) == ([], [])
    statuses = [reply.data for n in (1, 2, 3, 4) for reply in printer.feed(b"\x10\x04" + bytes([n]))]
    assert len(statuses) == 4
    assert statuses != [b"\x12"] * 4
    printer.queue.problems.clear()
    assert len(printer.labels) == 1


def test_a_printer_without_power_prints_and_says_nothing() -> None:
    for size in range(1, len(JOB)):
        printer = SimulatedEscposPrinter(PrinterManners(dies_after_bytes=size))
        assert printer.feed(JOB + b"\x10\x04\x01") == []
        assert printer.labels == []


def test_labels_are_saved_as_png(tmp_path: Path) -> None:
    printer = SimulatedEscposPrinter(directory=tmp_path)
    printer.feed(JOB)
    assert open_png((tmp_path / "label-000001.png").read_bytes()).height == 3


def test_a_power_cycle_loses_what_waits() -> None:
    printer = SimulatedEscposPrinter()
    printer.feed(STRIP)
    printer.power_on()
    printer.feed(CUT)
    assert printer.labels == []
