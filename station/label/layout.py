"""From a design in millimetres and values to whole dots; every renderer draws the result, so that all languages agree.

What does not fit is refused here, with the millimetres that are missing: nothing is clipped or squeezed afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from station.errors import LabelError
from station.label import code128
from station.label.design import (
    Box,
    Code128,
    DataMatrix,
    Element,
    Image,
    LabelDesign,
    Line,
    QrCode,
    Text,
    check_one_measure,
)
from station.label.placed import (
    Layout,
    Placed,
    PlacedCode128,
    PlacedDataMatrix,
    PlacedFill,
    PlacedImage,
    PlacedQr,
    PlacedText,
    Rect,
)
from station.label.symbols import DATA_MATRIX_QUIET_MODULES, QR_QUIET_MODULES, data_matrix_modules, qr_shape
from station.label.template import check_ascii, fill
from station.label.text_width import bold_dots, text_width_dots

MIN_DOTS_PER_MM, MAX_DOTS_PER_MM = 4.0, 50.0
"""Label heads have 150 to 600 dpi (6 to 24 dots/mm); the bounds leave room for coarse and fine previews."""
MAX_DOTS = 40_000_000
"""Largest label in dots: bounds the memory of a picture to 40 MB."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """Millimetres to whole dots at one resolution."""

    dots_per_mm: float

    def dots(self, length_mm: float) -> int:
        return round(length_mm * self.dots_per_mm)

    def at_least_one(self, length_mm: float) -> int:
        return max(1, self.dots(length_mm))

    def missing(self, dots: int) -> str:
        """For messages: ``dots`` in mm, rounded up to 0.1 mm."""
        return f"{math.ceil(10 * dots / self.dots_per_mm) / 10:.1f} mm"


@dataclass(frozen=True, slots=True)
class _Part:
    """One element's primitives, the space each takes, and whether that space must stay free of all others'."""

    path: str
    items: tuple[Placed, ...]
    spaces: tuple[Rect, ...]
    is_symbol: bool = False


def lay_out(design: LabelDesign, values: Mapping[str, str], dots_per_mm: float) -> Layout:
    """Fill the templates with ``values`` (from ``label_values``) and place everything. Raises LabelError, starting with the
    element's dotted path, for what cannot be drawn or does not fit."""
    if not MIN_DOTS_PER_MM <= dots_per_mm <= MAX_DOTS_PER_MM:
        raise LabelError(
            f"resolution: {dots_per_mm:g} dots/mm is not between {MIN_DOTS_PER_MM:g} and {MAX_DOTS_PER_MM:g}"
        )
    scale = _Scale(dots_per_mm)
    label = Rect(0, 0, scale.dots(design.width_mm), scale.dots(design.height_mm))
    if label.width * label.height > MAX_DOTS:
        raise LabelError(f"label: {label.width} x {label.height} dots are more than {MAX_DOTS}")
    parts = []
    for index, element in enumerate(design.elements):
        part = _place(element, values, f"elements.{index}", scale, label)
        _check_inside(part, label, scale)
        parts.append(part)
    _check_free(parts, scale)
    items = tuple(item for part in parts for item in part.items)
    return Layout(label.width, label.height, items, design.font)


def _place(element: Element, values: Mapping[str, str], path: str, scale: _Scale, label: Rect) -> _Part:
    match element:
        case Text():
            return _place_text(element, fill(element.text, values, f"{path}.text"), path, scale, label)
        case QrCode():
            return _place_qr(element, fill(element.data, values, f"{path}.data"), path, scale)
        case Code128():
            return _place_code128(element, fill(element.data, values, f"{path}.data"), path, scale)
        case DataMatrix():
            return _place_data_matrix(element, fill(element.data, values, f"{path}.data"), path, scale)
        case Line():
            length, thickness = scale.at_least_one(element.length_mm), scale.at_least_one(element.thickness_mm)
            width, height = (thickness, length) if element.vertical else (length, thickness)
            return _fills(path, Rect(scale.dots(element.x_mm), scale.dots(element.y_mm), width, height))
        case Box():
            return _fills(path, *_sides(element, path, scale))
        case Image():
            box = _box(element, scale)
            return _Part(path, (PlacedImage(box, element.path),), (box,))


def _place_text(element: Text, text: str, path: str, scale: _Scale, label: Rect) -> _Part:
    x, height = scale.dots(element.x_mm), scale.at_least_one(element.height_mm)
    bold = bold_dots(height) if element.bold else 0
    width = text_width_dots(text, height) + bold
    room = {"left": label.width - x, "center": 2 * min(x, label.width - x), "right": x}[element.align]
    if element.max_width_mm is not None:
        room = min(room, scale.dots(element.max_width_mm))
    if width > room:
        raise LabelError(f"{path}: text {text!r} is {scale.missing(width - room)} too wide")
    left = x - {"left": 0, "center": width // 2, "right": width}[element.align]
    box = Rect(left, scale.dots(element.y_mm), width, height)
    return _Part(path, (PlacedText(box, text, bold),), (box,))


def _place_qr(element: QrCode, data: str, path: str, scale: _Scale) -> _Part:
    check_ascii(data, f"{path}.data")
    shape = qr_shape(data, element.error_correction, path)
    space, module = _square(element, shape.modules, QR_QUIET_MODULES, path, scale)
    margin = (space.width - module * shape.modules) // 2
    item = PlacedQr(space.x + margin, space.y + margin, module, shape, element.error_correction, data)
    return _Part(path, (item,), (space,), is_symbol=True)


def _place_data_matrix(element: DataMatrix, data: str, path: str, scale: _Scale) -> _Part:
    check_ascii(data, f"{path}.data")
    modules = data_matrix_modules(data, path)
    space, module = _square(element, modules, DATA_MATRIX_QUIET_MODULES, path, scale)
    margin = (space.width - module * modules) // 2
    item = PlacedDataMatrix(space.x + margin, space.y + margin, module, modules, data)
    return _Part(path, (item,), (space,), is_symbol=True)


def _square(element: QrCode | DataMatrix, modules: int, quiet: int, path: str, scale: _Scale) -> tuple[Rect, int]:
    """The space of a square symbol and the dots of one module: as many as ``size_mm`` holds, or ``module_mm`` rounded."""
    check_one_measure(element, path)
    with_quiet = modules + 2 * quiet
    if element.module_mm is not None:
        module = scale.at_least_one(element.module_mm)
        side = module * with_quiet
    else:
        side = scale.dots(element.size_mm or 0.0)
        module = side // with_quiet
        if module < 1:
            raise LabelError(
                f"{path}: size_mm is {scale.missing(with_quiet - side)} too small for {modules} x {modules} modules and quiet zone"
            )
    return Rect(scale.dots(element.x_mm), scale.dots(element.y_mm), side, side), module


def _place_code128(element: Code128, data: str, path: str, scale: _Scale) -> _Part:
    check_ascii(data, f"{path}.data")
    values = code128.symbol_values(code128.plan_runs(data, path))
    module, height = scale.at_least_one(element.module_mm), scale.at_least_one(element.height_mm)
    quiet = code128.QUIET_MODULES * module
    width = code128.width_modules(values) * module + 2 * quiet
    space = Rect(scale.dots(element.x_mm), scale.dots(element.y_mm), width, height)
    item = PlacedCode128(space.x + quiet, space.y, module, height, data)
    return _Part(path, (item,), (space,), is_symbol=True)


def _box(element: Box | Image, scale: _Scale) -> Rect:
    return Rect(
        scale.dots(element.x_mm),
        scale.dots(element.y_mm),
        scale.at_least_one(element.width_mm),
        scale.at_least_one(element.height_mm),
    )


def _sides(element: Box, path: str, scale: _Scale) -> tuple[Rect, ...]:
    box, thick = _box(element, scale), scale.at_least_one(element.thickness_mm)
    if 2 * thick > min(box.width, box.height):
        raise LabelError(f"{path}: thickness_mm is more than half of the box")
    inner_height = box.height - 2 * thick
    sides = (
        Rect(box.x, box.y, box.width, thick),
        Rect(box.x, box.bottom - thick, box.width, thick),
        Rect(box.x, box.y + thick, thick, inner_height),
        Rect(box.right - thick, box.y + thick, thick, inner_height),
    )
    return tuple(side for side in sides if side.height > 0)


def _fills(path: str, *boxes: Rect) -> _Part:
    return _Part(path, tuple(PlacedFill(box) for box in boxes), boxes)


def _check_inside(part: _Part, label: Rect, scale: _Scale) -> None:
    for space in part.spaces:
        beyond = max(space.right - label.right, -space.x)
        below = max(space.bottom - label.bottom, -space.y)
        if beyond > 0 or below > 0:
            side = "wide" if beyond >= below else "high"
            quiet = ", its quiet zone included" if part.is_symbol else ""
            raise LabelError(f"{part.path}: stands {scale.missing(max(beyond, below))} too {side} for the label{quiet}")


def _check_free(parts: list[_Part], scale: _Scale) -> None:
    """A symbol with ink in its quiet zone may not scan, so nothing else may stand in its space."""
    for symbol in (part for part in parts if part.is_symbol):
        for other in parts:
            overlap = max(space.overlap_dots(symbol.spaces[0]) for space in other.spaces)
            if other is not symbol and overlap > 0:
                raise LabelError(
                    f"{other.path}: reaches {scale.missing(overlap)} into the space of {symbol.path} (quiet zone included)"
                )
