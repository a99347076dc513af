"""The simulated ZPL printer behaves as one: by format, whatever the chunks; status at once; nothing out without paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.printer.zpl_status import HostStatus
from drivers.simulated.print_queue import PrinterManners
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from tests.support.labels import chunks

FORMAT = b"^XA^FO0,0^FDA^FS^XZ"
STREAM = b"~JX^XA^FO0,0^FDA^FS^XZ\r\n~HS^xa^PQ2^FDB^FS^xz noise ^XZ~HS^XA^FDcut off~JA^FS^XA^FDC^FS^XZ^XA^FDhalf~HS"


@given(st.lists(st.integers(0, 1000), max_size=30))
def test_any_chunking_gives_the_same_labels_and_answers(cuts: list[int]) -> None:
    printer = SimulatedZplPrinter()
    answers = [reply.data for chunk in chunks(STREAM, cuts) for reply in printer.feed(chunk)]
    assert answers == [HostStatus(0, 0).to_bytes()] * 2 + [HostStatus(0, 0, (), True).to_bytes()]
    assert printer.labels == [FORMAT, *[b"^XA^PQ2^FDB^FS^XZ"] * 2, b"^XA^FDC^FS^XZ"]


@given(st.binary(max_size=300))
def test_it_takes_any_bytes(data: bytes) -> None:
    printer = SimulatedZplPrinter()
    printer.feed(data)
    printer.feed(b"~JX" + FORMAT)
    assert printer.labels[-1] == FORMAT


@pytest.mark.parametrize("problem", ["paper_out", "paused", "head_open", "ribbon_out"])
def test_a_problem_holds_formats_in_ram_and_is_told(problem: str) -> None:
    printer = SimulatedZplPrinter()
    printer.queue.problems.add(problem)
    (reply,) = printer.feed(FORMAT + b"~HS")
    assert HostStatus.from_bytes(reply.data) == HostStatus(1, 0, (problem,))
    assert printer.labels == []
    printer.queue.problems.clear()
    assert printer.labels == [FORMAT]


def test_paper_runs_out_after_so_many_labels() -> None:
    printer = SimulatedZplPrinter(PrinterManners(paper_for=2))
    (reply,) = printer.feed(FORMAT * 3 + b"~HS")
    assert HostStatus.from_bytes(reply.data) == HostStatus(1, 0, ("paper_out",))
    assert len(printer.labels) == 2


def test_cancel_all_and_a_power_cycle_lose_what_waits() -> None:
    for forget in (lambda p: p.feed(b"~JA"), lambda p: p.power_on()):
        printer = SimulatedZplPrinter()
        printer.queue.problems.add("paused")
        printer.feed(FORMAT * 2)
        forget(printer)
        printer.queue.problems.clear()
        assert printer.labels == []


def test_a_printer_without_power_prints_and_says_nothing() -> None:
    for size in range(1, len(FORMAT)):
        printer = SimulatedZplPrinter(PrinterManners(dies_after_bytes=size))
        assert printer.feed(FORMAT + b"~HS") == []
        assert printer.labels == []
    printer = SimulatedZplPrinter(PrinterManners(dies_after_bytes=len(FORMAT)))
    assert printer.feed(FORMAT + b"~HS") == []
    assert printer.labels == [FORMAT]


def test_labels_are_saved_one_file_each(tmp_path: Path) -> None:
    printer = SimulatedZplPrinter(directory=tmp_path / "labels")
    printer.feed(FORMAT * 2)
    assert sorted(file.name for file in (tmp_path / "labels").iterdir()) == ["label-000001.zpl", "label-000002.zpl"]
    assert (tmp_path / "labels" / "label-000001.zpl").read_bytes() == FORMAT


def test_an_endless_format_does_not_grow_for_ever() -> None:
    printer = SimulatedZplPrinter()
    printer.feed(b"^XA")
    for _ in range(6):
        printer.feed(bytes(1024 * 1024))
    printer.feed(b"^XZ")
    assert len(printer.labels[0]) <= 4 * 1024 * 1024 + 16
