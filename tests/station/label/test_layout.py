"""Millimetres become whole dots once; what does not fit is refused with the millimetres that are missing."""

from __future__ import annotations

import pytest

from station.errors import LabelError
from station.label.design import Box, Code128, DataMatrix, Element, Image, LabelDesign, Line, QrCode, Text
from station.label.layout import lay_out
from station.label.placed import (
    Layout,
    PlacedCode128,
    PlacedDataMatrix,
    PlacedFill,
    PlacedImage,
    PlacedQr,
    PlacedText,
    Rect,
)
from station.label.symbols import QrShape

VALUES = {"sn": "SN12345678", "device_id": "0011223344556677"}


def place(*elements: Element, width_mm: float = 50, height_mm: float = 30, dots_per_mm: float = 8) -> Layout:
    return lay_out(LabelDesign(width_mm, height_mm, elements), VALUES, dots_per_mm)


def test_everything_stands_where_the_design_says() -> None:
    layout = place(
        QrCode(1, 1, "{sn}", module_mm=0.5),
        DataMatrix(30, 1, "{sn}", module_mm=0.5),
        Code128(1, 17, 5, "{sn}", module_mm=0.25),
        Text(1, 24, 3, "{sn}"),
        Line(0, 29, 50, 0.25),
        Image(44, 10, 5, 4, "logo.png"),
    )
    assert (layout.width_dots, layout.height_dots) == (400, 240)
    assert layout.items == (
        PlacedQr(8 + 16, 8 + 16, 4, QrShape(1, "alphanumeric"), "M", "SN12345678"),
        PlacedDataMatrix(240 + 4, 8 + 4, 4, 14, "SN12345678"),
        PlacedCode128(8 + 20, 136, 2, 40, "SN12345678"),
        PlacedText(Rect(8, 192, 124, 24), "SN12345678", 0),
        PlacedFill(Rect(0, 232, 400, 2)),
        PlacedImage(Rect(352, 80, 40, 32), "logo.png"),
    )


def test_at_another_resolution_it_is_the_same_label() -> None:
    layout = place(QrCode(1, 1, "{sn}", module_mm=0.5), Text(1, 24, 3, "{sn}"), dots_per_mm=12)
    assert (layout.width_dots, layout.height_dots) == (600, 360)
    assert layout.items[0] == PlacedQr(12 + 24, 12 + 24, 6, QrShape(1, "alphanumeric"), "M", "SN12345678")


def test_a_size_is_filled_with_the_largest_whole_modules_centred() -> None:
    """18.5 mm are 148 dots; 21 + 8 modules of 5 dots are 145."""
    (item,) = place(QrCode(0, 0, "{sn}", size_mm=18.5)).items
    assert item == PlacedQr(21, 21, 5, QrShape(1, "alphanumeric"), "M", "SN12345678")


@pytest.mark.parametrize(("align", "left"), [("left", 200), ("center", 200 - 62), ("right", 200 - 124)])
def test_text_is_aligned_at_its_position(align: str, left: int) -> None:
    (item,) = place(Text(25, 1, 3, "{sn}", align=align)).items  # type: ignore[arg-type]
    assert isinstance(item, PlacedText)
    assert item.box == Rect(left, 8, 124, 24)


def test_a_box_is_four_lines_drawn_inwards() -> None:
    layout = place(Box(0, 0, 50, 30, 0.25))
    assert [item.box for item in layout.items if isinstance(item, PlacedFill)] == [
        Rect(0, 0, 400, 2),
        Rect(0, 238, 400, 2),
        Rect(0, 2, 2, 236),
        Rect(398, 2, 2, 236),
    ]


def test_thin_lines_have_one_dot_at_least() -> None:
    (item,) = place(Line(1, 1, 0.05, 0.05)).items
    assert item == PlacedFill(Rect(8, 8, 1, 1))


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (
            QrCode(40, 1, "{sn}", module_mm=0.5),
            "elements.0: stands 4.5 mm too wide for the label, its quiet zone included",
        ),
        (
            QrCode(1, 16.5, "{sn}", module_mm=0.5),
            "elements.0: stands 1.0 mm too high for the label, its quiet zone incl",
        ),
        (QrCode(1, 1, "{sn}", size_mm=3), "elements.0: size_mm is 0.7 mm too small for 21 x 21 modules and quiet zone"),
        (DataMatrix(1, 1, "{sn}", size_mm=1.5), "elements.0: size_mm is 0.5 mm too small for 14 x 14 modules"),
        (Code128(1, 1, 5, "{sn}{device_id}", module_mm=0.25), "elements.0: stands 6.0 mm too wide for the label"),
        (Code128(1, 1, 29.5, "{sn}"), "elements.0: stands 0.5 mm too high for the label"),
        (Text(1, 1, 3, "{sn}", max_width_mm=10), "elements.0: text 'SN12345678' is 5.5 mm too wide"),
        (Text(40, 1, 3, "{sn}"), "elements.0: text 'SN12345678' is 5.5 mm too wide"),
        (Text(5, 1, 3, "{sn}", align="right"), "elements.0: text 'SN12345678' is 10.5 mm too wide"),
        (Text(3, 1, 3, "{sn}", align="center"), "elements.0: text 'SN12345678' is 9.5 mm too wide"),
        (Text(1, 28, 3, "{sn}"), "elements.0: stands 1.0 mm too high for the label"),
        (Line(1, 1, 50), "elements.0: stands 1.0 mm too wide for the label"),
        (Box(0, 0, 51, 30), "elements.0: stands 1.0 mm too wide for the label"),
        (Box(0, 0, 5, 5, 3), "elements.0: thickness_mm is more than half"),
        (Image(46, 1, 5, 5, "logo.png"), "elements.0: stands 1.0 mm too wide for the label"),
        (QrCode(-1, 1, "{sn}", module_mm=0.5), "elements.0: stands 1.0 mm too wide for the label"),
        (QrCode(1, 1, "{sn}"), "elements.0: give either module_mm or size_mm"),
        (QrCode(1, 1, "{batch}", module_mm=0.5), "elements.0.data: unknown placeholder {batch}"),
        (Text(1, 1, 3, "{batch}"), "elements.0.text: unknown placeholder {batch}"),
        (QrCode(1, 1, "é", module_mm=0.5), "elements.0.data: character U+00E9 cannot stand in a symbol"),
        (Code128(1, 1, 5, "é"), "elements.0.data: character U+00E9 cannot stand in a symbol"),
        (DataMatrix(1, 1, "é", module_mm=0.5), "elements.0.data: character U+00E9 cannot stand in a symbol"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_missing(element: Element, message: str) -> None:
    with pytest.raises(LabelError) as caught:
        place(element)
    assert str(caught.value).startswith(message)


def test_nothing_may_stand_in_a_symbols_quiet_zone() -> None:
    """The symbol owns 14.5 mm; a text that touches it is one dot too near."""
    symbol = QrCode(1, 1, "{sn}", module_mm=0.5)
    place(symbol, Text(15.5, 5, 3, "{sn}"))
    with pytest.raises(LabelError, match=r"^elements\.1: reaches 0\.2 mm into the space of elements\.0 \(quiet zone"):
        place(symbol, Text(15.375, 5, 3, "{sn}"))
    with pytest.raises(LabelError, match=r"^elements\.0: reaches .* into the space of elements\.1"):
        place(Line(0, 10, 50), symbol)
    with pytest.raises(LabelError, match=r"^elements\.1: reaches"):
        place(symbol, DataMatrix(10, 10, "{sn}", module_mm=0.5))


def test_a_box_around_a_symbol_does_not_disturb_it() -> None:
    assert place(Box(0, 0, 17, 17, 0.5), QrCode(1, 1, "{sn}", module_mm=0.5)).items


@pytest.mark.parametrize("dots_per_mm", [0.0, 3.9, 51.0, float("nan"), -8.0])
def test_a_resolution_no_printer_has_is_refused(dots_per_mm: float) -> None:
    with pytest.raises(LabelError, match=r"^resolution: "):
        place(dots_per_mm=dots_per_mm)


def test_a_label_too_large_to_draw_is_refused() -> None:
    with pytest.raises(LabelError, match=r"^label: 24000 x 24000 dots"):
        place(width_mm=1000, height_mm=1000, dots_per_mm=24)
