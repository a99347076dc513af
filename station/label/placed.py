"""A label resolved for one resolution and one set of values: what each renderer draws, in whole dots.

x runs right and y down from the label's top left corner. Data and texts hold the values themselves, checked, not yet escaped for
any language.
"""

from __future__ import annotations

from dataclasses import dataclass

from station.label.symbols import QrShape


@dataclass(frozen=True, slots=True)
class Rect:
    """Dots from ``x`` to ``x + width`` and from ``y`` to ``y + height``, the ends not included."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def overlap_dots(self, other: Rect) -> int:
        """How far the two reach into each other, along the axis where it is less; 0 where they are apart."""
        across = min(self.right, other.right) - max(self.x, other.x)
        down = min(self.bottom, other.bottom) - max(self.y, other.y)
        return max(0, min(across, down))


@dataclass(frozen=True, slots=True)
class PlacedText:
    """One line of text in its box; bold text is drawn once more ``bold_dots`` to the right, which ``box`` includes."""

    box: Rect
    text: str
    bold_dots: int


@dataclass(frozen=True, slots=True)
class PlacedQr:
    """A QR Code whose first module stands at (``x``, ``y``)."""

    x: int
    y: int
    module_dots: int
    shape: QrShape
    error_correction: str
    data: str


@dataclass(frozen=True, slots=True)
class PlacedCode128:
    """A Code 128 whose first bar starts at (``x``, ``y``)."""

    x: int
    y: int
    module_dots: int
    height_dots: int
    data: str


@dataclass(frozen=True, slots=True)
class PlacedDataMatrix:
    """A Data Matrix of ``modules`` per side whose first module stands at (``x``, ``y``)."""

    x: int
    y: int
    module_dots: int
    modules: int
    data: str


@dataclass(frozen=True, slots=True)
class PlacedFill:
    """A black rectangle: a line, or one side of a box."""

    box: Rect


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """The PNG file at ``path``, scaled to fill ``box``."""

    box: Rect
    path: str


Placed = PlacedText | PlacedQr | PlacedCode128 | PlacedDataMatrix | PlacedFill | PlacedImage


@dataclass(frozen=True, slots=True)
class Layout:
    """All of a label, in the design's order. ``font`` is a TrueType file for text beyond ASCII, or None."""

    width_dots: int
    height_dots: int
    items: tuple[Placed, ...]
    font: str | None = None
