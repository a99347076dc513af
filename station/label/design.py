"""A label design in millimetres: what stands where. Knows nothing of dots, printers or values.

Origin is the label's top left corner, x to the right, y down. A symbol's (QR Code, Code 128, Data Matrix) position is the top
left corner of the *space* it owns, its quiet zone included, so nothing else may stand in that space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from station.errors import LabelError
from station.label.reading import Choice, Number, Switch, Template, Words, read_fields, read_list, reject_unknown

Align = Literal["left", "center", "right"]
ErrorCorrection = Literal["L", "M", "Q", "H"]

MAX_SIDE_MM = 1000.0
"""Longer than any label of a desktop printer (ZPL II Programming Guide, ^LL: 32000 dots = 4 m at 203 dpi)."""
MAX_ELEMENTS = 100

_POSITION = Number(0.0, MAX_SIDE_MM)
_LENGTH = Number(0.05, MAX_SIDE_MM)
_MODULE = Number(0.08, 5.0)


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text. ``height_mm`` is the height of its line box; capitals are about three quarters of it.

    (``x_mm``, ``y_mm``) is the top left, top centre or top right of the box, by ``align``. A text wider than ``max_width_mm``
    (by default: than the room to the label's edge) is an error, never squeezed.
    """

    x_mm: float = field(metadata={"rule": _POSITION})
    y_mm: float = field(metadata={"rule": _POSITION})
    height_mm: float = field(metadata={"rule": Number(0.8, 100.0)})
    text: str = field(metadata={"rule": Template()})
    bold: bool = field(default=False, metadata={"rule": Switch()})
    align: Align = field(default="left", metadata={"rule": Choice(("left", "center", "right"))})
    max_width_mm: float | None = field(default=None, metadata={"rule": _LENGTH})


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR Code (ISO/IEC 18004, model 2) of ``data`` (ASCII). Give ``module_mm``, the side of one module, or ``size_mm``, that of
    the square it may fill, quiet zone of 4 modules included; not both."""

    x_mm: float = field(metadata={"rule": _POSITION})
    y_mm: float = field(metadata={"rule": _POSITION})
    data: str = field(metadata={"rule": Template()})
    module_mm: float | None = field(default=None, metadata={"rule": _MODULE})
    size_mm: float | None = field(default=None, metadata={"rule": _LENGTH})
    error_correction: ErrorCorrection = field(default="M", metadata={"rule": Choice(("L", "M", "Q", "H"))})


@dataclass(frozen=True, slots=True)
class Code128:
    """A Code 128 (ISO/IEC 15417) of ``data`` (ASCII), ``height_mm`` high, its quiet zone of 10 modules on either side included
    in the width. It carries no line of text: put a Text below it."""

    x_mm: float = field(metadata={"rule": _POSITION})
    y_mm: float = field(metadata={"rule": _POSITION})
    height_mm: float = field(metadata={"rule": _LENGTH})
    data: str = field(metadata={"rule": Template()})
    module_mm: float = field(default=0.25, metadata={"rule": _MODULE})


@dataclass(frozen=True, slots=True)
class DataMatrix:
    """A square Data Matrix ECC 200 (ISO/IEC 16022) of ``data`` (ASCII). Give ``module_mm`` or ``size_mm`` (quiet zone of
    1 module included), not both."""

    x_mm: float = field(metadata={"rule": _POSITION})
    y_mm: float = field(metadata={"rule": _POSITION})
    data: str = field(metadata={"rule": Template()})
    module_mm: float | None = field(default=None, metadata={"rule": _MODULE})
    size_mm: float | None = field(default=None, metadata={"rule": _LENGTH})


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line of ``length_mm`` to the right of its position, or a vertical one downwards."""

    x_mm: float = field(metadata={"rule": _POSITION})
    y_mm: float = field(metadata={"rule": _POSITION})
    length_mm: float = field(metadata={"rule": _LENGTH})
    thickness_mm: float = field(default=0.25, metadata={"rule": Number(0.05, 20.0)})
    vertical: bool = field(default=False, metadata={"rule": Switch()})


@dataclass(frozen=True, slots=True)
class Box:
    """A frame, its lines ``thickness_mm`` thick, drawn inwards."""

    x_mm: float = field(metadata={"rule": _POSITION})
    y_mm: float = field(metadata={"rule": _POSITION})
    width_mm: float = field(metadata={"rule": _LENGTH})
    height_mm: float = field(metadata={"rule": _LENGTH})
    thickness_mm: float = field(default=0.25, metadata={"rule": Number(0.05, 20.0)})


@dataclass(frozen=True, slots=True)
class Image:
    """A PNG file scaled to fill the given box; darker than half becomes black. ``path`` is opened when the label is drawn."""

    x_mm: float = field(metadata={"rule": _POSITION})
    y_mm: float = field(metadata={"rule": _POSITION})
    width_mm: float = field(metadata={"rule": _LENGTH})
    height_mm: float = field(metadata={"rule": _LENGTH})
    path: str = field(metadata={"rule": Words()})


Element = Text | QrCode | Code128 | DataMatrix | Line | Box | Image

KINDS: dict[str, type[Element]] = {
    "text": Text,
    "qr": QrCode,
    "code128": Code128,
    "datamatrix": DataMatrix,
    "line": Line,
    "box": Box,
    "image": Image,
}
"""What ``kind`` may say in a mapping."""


@dataclass(frozen=True, slots=True)
class LabelDesign:
    """A whole label. Texts and data are templates: ``{sn}``, ``{device_id}``, ``{chip_id}``, ``{app_eui}``, ``{copy_number}``
    and the configured extras stand for values; ``{{`` and ``}}`` for braces.

    ``font`` is a TrueType file for text that holds more than ASCII; without it such text must be in Pillow's small built-in font.
    """

    width_mm: float = field(metadata={"rule": Number(5.0, MAX_SIDE_MM)})
    height_mm: float = field(metadata={"rule": Number(5.0, MAX_SIDE_MM)})
    elements: tuple[Element, ...]
    font: str | None = field(default=None, metadata={"rule": Words()})

    @classmethod
    def from_mapping(cls, data: Mapping[str, object]) -> LabelDesign:
        """The design that a mapping (from YAML, say) describes; each element names its ``kind`` (``KINDS``).

        Types are strict: a number is an int or a float, never a bool or a string. Raises LabelError whose message starts with
        a dotted path, such as ``elements.2.x_mm: …``.
        """
        rows = read_list(data, "elements", MAX_ELEMENTS)
        elements = tuple(_element(row, f"elements.{index}.") for index, row in enumerate(rows))
        reject_unknown(cls, data, "", also=("elements",))
        return cls(elements=elements, **read_fields(cls, data, ""))


def _element(row: Mapping[str, object], path: str) -> Element:
    kind = Choice(tuple(KINDS)).check(row.get("kind"), f"{path}kind")
    element_type = KINDS[kind]
    reject_unknown(element_type, row, path, also=("kind",))
    element = element_type(**read_fields(element_type, row, path))
    if isinstance(element, QrCode | DataMatrix):
        check_one_measure(element, path.removesuffix("."))
    return element


def check_one_measure(symbol: QrCode | DataMatrix, path: str) -> None:
    """Raise LabelError unless exactly one of ``module_mm`` and ``size_mm`` is given."""
    if (symbol.module_mm is None) == (symbol.size_mm is None):
        raise LabelError(f"{path}: give either module_mm or size_mm")
