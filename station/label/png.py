"""A layout as a PNG file."""

from __future__ import annotations

import io

from station.label.placed import Layout
from station.label.raster import draw

_MM_PER_INCH = 25.4


def render_png(layout: Layout, dots_per_mm: float) -> bytes:
    """Black and white, one pixel a dot, with the resolution in the file so that it prints at its true size."""
    file = io.BytesIO()
    dots_per_inch = dots_per_mm * _MM_PER_INCH
    draw(layout).save(file, "PNG", dpi=(dots_per_inch, dots_per_inch))
    return file.getvalue()
