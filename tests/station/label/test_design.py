"""A design is read strictly, and each mistake is told with the dotted path of its place."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import LabelError
from station.label.design import KINDS, Box, Code128, DataMatrix, Image, LabelDesign, Line, QrCode, Text
from station.label.reading import MAX_TEMPLATE_CHARS

TEXT: dict[str, object] = {"kind": "text", "x_mm": 1, "y_mm": 2.5, "height_mm": 3, "text": "SN {sn}"}
QR: dict[str, object] = {"kind": "qr", "x_mm": 1, "y_mm": 2, "size_mm": 18, "data": "{sn}"}


def read(*elements: dict[str, object], **top: object) -> LabelDesign:
    return LabelDesign.from_mapping({"width_mm": 50, "height_mm": 30, "elements": list(elements), **top})


def test_every_kind_is_read_with_all_its_keys() -> None:
    place = {"x_mm": 1, "y_mm": 2}
    design = read(
        {**TEXT, "bold": True, "align": "right", "max_width_mm": 20},
        {**QR, "error_correction": "H"},
        {"kind": "code128", **place, "height_mm": 8, "data": "{chip_id}", "module_mm": 0.25},
        {"kind": "datamatrix", **place, "module_mm": 0.5, "data": "{sn}"},
        {"kind": "line", **place, "length_mm": 10, "thickness_mm": 0.5, "vertical": True},
        {"kind": "box", **place, "width_mm": 10, "height_mm": 5, "thickness_mm": 0.5},
        {"kind": "image", **place, "width_mm": 10, "height_mm": 5, "path": "logo.png"},
        font="font.ttf",
    )
    assert design == LabelDesign(
        width_mm=50.0,
        height_mm=30.0,
        font="font.ttf",
        elements=(
            Text(1.0, 2.5, 3.0, "SN {sn}", bold=True, align="right", max_width_mm=20.0),
            QrCode(1.0, 2.0, "{sn}", size_mm=18.0, error_correction="H"),
            Code128(1.0, 2.0, 8.0, "{chip_id}", module_mm=0.25),
            DataMatrix(1.0, 2.0, "{sn}", module_mm=0.5),
            Line(1.0, 2.0, 10.0, 0.5, vertical=True),
            Box(1.0, 2.0, 10.0, 5.0, 0.5),
            Image(1.0, 2.0, 10.0, 5.0, "logo.png"),
        ),
    )


def test_what_may_be_left_out_has_its_documented_default() -> None:
    assert read(TEXT).elements == (Text(1.0, 2.5, 3.0, "SN {sn}", bold=False, align="left", max_width_mm=None),)
    assert read({**TEXT, "max_width_mm": None}).elements == read(TEXT).elements
    assert read().elements == ()


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ({**TEXT, "size": 3}, "elements.0.size: unknown key"),
        ({**TEXT, "x_mm": True}, "elements.0.x_mm: must be a number, not True"),
        ({**TEXT, "x_mm": "1"}, "elements.0.x_mm: must be a number, not '1'"),
        ({**TEXT, "x_mm": None}, "elements.0.x_mm: must be a number"),
        ({**TEXT, "x_mm": float("nan")}, "elements.0.x_mm: nan is not between 0 and 1000"),
        ({**TEXT, "x_mm": float("inf")}, "elements.0.x_mm: inf is not between 0 and 1000"),
        ({**TEXT, "x_mm": -0.1}, "elements.0.x_mm: -0.1 is not between 0 and 1000"),
        ({**TEXT, "height_mm": 0}, "elements.0.height_mm: 0 is not between"),
        ({**TEXT, "x_mm": 10**5000}, "elements.0.x_mm: a huge number is not between"),
        ({**TEXT, "text": 12345}, "elements.0.text: must be a text, not 12345"),
        ({**TEXT, "text": ""}, "elements.0.text: must have 1 to 512 characters"),
        ({**TEXT, "text": "x" * (MAX_TEMPLATE_CHARS + 1)}, "elements.0.text: must have 1 to 512 characters"),
        ({**TEXT, "text": "a\nb"}, "elements.0.text: must not hold control characters"),
        ({**TEXT, "text": "{sn"}, "elements.0.text: lone '{'"),
        ({**TEXT, "text": "sn}"}, "elements.0.text: lone '}'"),
        ({**TEXT, "text": "{}"}, "elements.0.text: {} is no placeholder"),
        ({**TEXT, "text": "{sn.__class__}"}, "elements.0.text: {sn.__class__} is no placeholder"),
        ({**TEXT, "text": "{sn!r:>9}"}, "elements.0.text: {sn!r:>9} is no placeholder"),
        ({**TEXT, "bold": 1}, "elements.0.bold: must be true or false, not 1"),
        ({**TEXT, "bold": None}, "elements.0.bold: must be true or false"),
        ({**TEXT, "align": "middle"}, "elements.0.align: must be one of left, center, right"),
        ({**TEXT, "kind": "txt"}, "elements.0.kind: must be one of text, qr"),
        ({**TEXT, "kind": ["text"]}, "elements.0.kind: must be one of text, qr"),
        ({"x_mm": 1}, "elements.0.kind: must be one of"),
        ({"kind": "text", "x_mm": 1, "y_mm": 1, "text": "a"}, "elements.0.height_mm: is missing"),
        ({**QR, "module_mm": 0.5}, "elements.0: give either module_mm or size_mm"),
        ({"kind": "qr", "x_mm": 1, "y_mm": 2, "data": "{sn}"}, "elements.0: give either module_mm or size_mm"),
        ({**QR, "error_correction": "m"}, "elements.0.error_correction: must be one of L, M, Q, H"),
        ({**QR, 7: 1}, "elements.0.7: unknown key"),
    ],
)
def test_a_mistake_in_an_element_is_told_with_its_place(element: dict[str, object], message: str) -> None:
    with pytest.raises(LabelError) as caught:
        read(element)
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ({"width_mm": 4}, "width_mm: 4 is not between 5 and 1000"),
        ({"height_mm": "30mm"}, "height_mm: must be a number"),
        ({"elements": {}}, "elements: must be a list"),
        ({"elements": "abc"}, "elements: must be a list"),
        ({"elements": [1]}, "elements.0: must be a mapping, not 1"),
        ({"elements": [TEXT] * 101}, "elements: must be a list of at most 100"),
        ({"dpi": 203}, "dpi: unknown key"),
        ({"font": 7}, "font: must be a text"),
    ],
)
def test_a_mistake_at_the_top_is_told_with_its_key(top: dict[str, object], message: str) -> None:
    with pytest.raises(LabelError) as caught:
        LabelDesign.from_mapping({"width_mm": 50, "height_mm": 30, "elements": [TEXT], **top})
    assert str(caught.value).startswith(message)


def test_the_second_element_is_number_1() -> None:
    with pytest.raises(LabelError, match=r"^elements\.1\.y_mm: is missing"):
        read(TEXT, {"kind": "text", "x_mm": 1})


def test_every_field_of_every_element_has_a_rule() -> None:
    """A field without one could not be configured."""
    assert all("rule" in field.metadata for kind in KINDS.values() for field in fields(kind))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KEYS = sorted({field.name for kind in KINDS.values() for field in fields(kind)} | {"kind"})
elements = st.dictionaries(st.sampled_from(KEYS), values | st.sampled_from(list(KINDS)), max_size=8)


@given(st.dictionaries(st.sampled_from(["width_mm", "height_mm", "elements", "font"]), values | st.lists(elements)))
def test_any_mapping_is_a_design_or_a_label_error(mapping: dict[str, object]) -> None:
    said = "a design"
    try:
        LabelDesign.from_mapping(mapping)
    except LabelError as error:
        said = str(error)
    assert said.isprintable()
