"""Pictures of labels: PNG and ESC/POS show the same dots; what cannot be drawn is refused; libraries' habits stay contained."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from drivers.simulated.escpos_printer import SimulatedEscposPrinter
from station.errors import LabelError
from station.label import preview, render
from station.label.design import Image as ImageElement
from station.label.design import LabelDesign, QrCode, Text
from station.label.text_width import text_width_dots
from tests.support.labels import DOTS_PER_MM, data, design, open_png

REPOSITORY = Path(__file__).parents[3]


def printed(label: LabelDesign, sn: str = "SN1") -> Image.Image:
    printer = SimulatedEscposPrinter()
    printer.feed(render(label, data(sn), "escpos", DOTS_PER_MM))
    assert printer.text == b""
    (picture,) = printer.labels
    return open_png(picture)


def ink(picture: Image.Image) -> tuple[int, int, int, int] | None:
    return picture.convert("L").point(lambda level: 255 - level).getbbox()


@pytest.mark.parametrize("width_mm", [50, 30.5, 72])
def test_escpos_prints_the_preview_dot_for_dot(width_mm: float) -> None:
    label = LabelDesign(width_mm, 150, (QrCode(1, 1, "{sn}", module_mm=0.5), Text(1, 145, 3, "{sn}")))
    shown, paper = open_png(preview(label, data("SN1"))), printed(label)
    assert paper.size == (576, 1200)
    assert ImageChops.difference(paper.crop((0, 0, *shown.size)).convert("L"), shown.convert("L")).getbbox() is None
    assert ink(paper) == ink(shown)


def test_a_preview_is_one_pixel_a_dot_and_knows_its_size() -> None:
    for dots_per_mm in (8.0, 11.8, 23.6):
        picture = open_png(preview(design(), data("SN1"), dots_per_mm))
        assert picture.size == (round(50 * dots_per_mm), round(30 * dots_per_mm))
        assert picture.mode == "1"
        assert picture.info["dpi"][0] == pytest.approx(dots_per_mm * 25.4, abs=0.1)


def test_the_same_values_give_the_same_bytes() -> None:
    for language in ("zpl", "escpos", "png"):
        first, second = (render(design(), data("SN1"), language, DOTS_PER_MM) for _ in range(2))
        assert first == second


@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_text_fills_its_box_and_no_more(align: str) -> None:
    label = LabelDesign(50, 30, (Text(25, 5, 4, "SN 01234567", align=align, max_width_mm=30),))  # type: ignore[arg-type]
    box = ink(open_png(preview(label, data("SN1"))))
    assert box is not None
    left, top, right, bottom = box
    half = text_width_dots("SN 01234567", 32) / 2
    assert top >= 40
    assert bottom <= 40 + 32
    assert (left + right) / 2 == pytest.approx({"left": 200 + half, "center": 200, "right": 200 - half}[align], abs=8)


def test_no_character_is_cut_off_at_the_top() -> None:
    """An f without its hook reads as a t."""

    def top(text: str) -> int:
        box = ink(open_png(preview(LabelDesign(50, 30, (Text(1, 1, 6, text),)), data("SN1"))))
        assert box is not None
        return box[1]

    assert 8 <= top("|") < top("f") < top("H")


def test_bold_text_has_more_ink() -> None:
    def black(bold: bool) -> int:
        picture = open_png(preview(LabelDesign(50, 30, (Text(1, 1, 6, "SN", bold=bold),)), data("SN1")))
        return picture.convert("L").histogram()[0]

    assert black(True) > black(False) * 1.2


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"GIF89a" + b"\0" * 20])
def test_a_file_that_is_no_png_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(content)
    with pytest.raises(LabelError, match="cannot be read as PNG"):
        preview(LabelDesign(50, 30, (ImageElement(1, 1, 5, 5, str(path)),)), data("SN1"))


def test_a_file_that_is_missing_a_folder_or_cut_short_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.effect_noise((64, 64), 50).save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:-400])
    for path in (tmp_path / "missing.png", tmp_path, cut):
        with pytest.raises(LabelError, match="cannot be read as PNG"):
            preview(LabelDesign(50, 30, (ImageElement(1, 1, 5, 5, str(path)),)), data("SN1"))


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (6000, 6000)).save(path)
    with pytest.raises(LabelError, match="6000 x 6000 pixels are too many"):
        preview(LabelDesign(50, 30, (ImageElement(1, 1, 5, 5, str(path)),)), data("SN1"))


def test_a_font_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "font.ttf").write_bytes(b"no font")
    for name in ("font.ttf", "missing.ttf"):
        with pytest.raises(LabelError, match="cannot be read"):
            preview(LabelDesign(50, 30, (Text(1, 1, 3, "a"),), font=str(tmp_path / name)), data("SN1"))


def test_a_character_that_the_font_lacks_is_refused_not_drawn_as_a_box() -> None:
    with pytest.raises(LabelError, match=r"the font has no character U\+4E2D"):
        preview(LabelDesign(50, 30, (Text(1, 1, 3, "中"),)), data("SN1"))


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=50,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


RENDER = """
import sys
from station.label import LabelDesign, render
from station.ports import LabelData
rows = [{"kind": "text", "x_mm": 1, "y_mm": 1, "height_mm": 3, "text": "SN {sn}"},
        {"kind": "qr", "x_mm": 1, "y_mm": 5, "module_mm": 0.5, "data": "{sn}"},
        {"kind": "code128", "x_mm": 20, "y_mm": 5, "height_mm": 5, "data": "{sn}"}]
job = render(LabelDesign.from_mapping({"width_mm": 50, "height_mm": 30, "elements": rows}),
             LabelData("SN1", "D1", "C1", "E1"), LANGUAGE, 8)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"PIL", "escpos", "segno", "barcode", "ppf", "serial"}))
"""


def test_each_language_loads_only_the_libraries_it_needs() -> None:
    assert run("LANGUAGE = 'zpl'" + RENDER) == "[]\n"
    assert run("LANGUAGE = 'png'" + RENDER) == "['PIL', 'barcode', 'segno']\n"


def test_escpos_prints_nothing_leaves_no_folder_and_no_log_handler(tmp_path: Path) -> None:
    code = (
        "LANGUAGE = 'escpos'"
        + RENDER.replace("print(", "loaded = (")
        + "import logging; print(logging.getLogger().handlers)"
    )
    assert run(code, TMPDIR=str(tmp_path)) == "[]\n"
    assert list(tmp_path.iterdir()) == []


def test_labels_are_drawn_by_several_threads_at_once() -> None:
    before = logging.getLogger().handlers[:]
    jobs: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: jobs.append(render(design(), data("SN1"), "escpos", DOTS_PER_MM)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(jobs) == 4
    assert len(set(jobs)) == 1
    assert logging.getLogger().handlers == before
