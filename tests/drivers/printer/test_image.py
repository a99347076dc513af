"""A PNG "printer": each label a file, and nothing called printed that the sink did not take."""

from __future__ import annotations

from pathlib import Path

from drivers.file_sink import FileSinkOptions, open_file_sink
from drivers.printer import Fate, LabelPrinter
from drivers.printer.image import ImageOptions, ImagePrinter
from tests.support.labels import CLOCK

JOB = b"\x89PNG\r\n\x1a\n" + bytes(100)


def test_it_is_a_label_printer() -> None:
    printer: LabelPrinter = ImagePrinter(ImageOptions(dots_per_mm=12))
    assert (printer.language, printer.dots_per_mm) == ("png", 12)


def test_each_label_is_a_file_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        link = open_file_sink(FileSinkOptions(str(tmp_path), one_file_per_job=True, suffix=".png"), CLOCK)
        try:
            ImagePrinter().check(link, CLOCK)
            assert ImagePrinter().send(link, JOB, CLOCK).fate is Fate.PRINTED
        finally:
            link.close()
    assert [file.read_bytes() for file in tmp_path.glob("*.png")] == [JOB, JOB]


def test_a_sink_that_is_gone_leaves_the_job_in_doubt(tmp_path: Path) -> None:
    link = open_file_sink(FileSinkOptions(str(tmp_path), one_file_per_job=True, suffix=".png"), CLOCK)
    link.close()
    receipt = ImagePrinter().send(link, JOB, CLOCK)
    assert receipt.fate is Fate.IN_DOUBT
    assert str(tmp_path) in receipt.detail
