"""Labels: a design in millimetres, or a raw ZPL format, and the values of one unit become what a printer takes.

Pillow, segno, python-escpos and the like are loaded on first use, and only by the language that needs them: a ZPL label of ASCII
text, QR Codes and Code 128 loads none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from station.errors import LabelError
from station.label.design import LabelDesign
from station.label.layout import lay_out
from station.label.template import label_values
from station.label.zpl_template import ZplTemplate, render_template
from station.ports import LabelData

if TYPE_CHECKING:
    from drivers.printer import Language

__all__ = ["LabelDesign", "ZplTemplate", "preview", "render"]


def render(
    design: LabelDesign | ZplTemplate,
    data: LabelData,
    language: Language,
    dots_per_mm: float,
    *,
    sn_pattern: re.Pattern[str] | None = None,
) -> bytes:
    """One job for a printer of this language and resolution.

    Raises LabelError where a value is not printable exactly as it is, the SN does not match ``sn_pattern`` as a whole, something
    does not fit, or a ZplTemplate meets another language.
    """
    values = label_values(data, sn_pattern)
    if isinstance(design, ZplTemplate):
        if language != "zpl":
            raise LabelError(f"a raw ZPL template cannot be printed as {language}")
        return render_template(design, values)
    layout = lay_out(design, values, dots_per_mm)
    if language == "zpl":
        from station.label.zpl import render_zpl

        return render_zpl(layout)
    if language == "escpos":
        from station.label.escpos import render_escpos

        return render_escpos(layout)
    from station.label.png import render_png

    return render_png(layout, dots_per_mm)


def preview(
    design: LabelDesign | ZplTemplate,
    data: LabelData,
    dots_per_mm: float = 8.0,
    *,
    sn_pattern: re.Pattern[str] | None = None,
) -> bytes:
    """The label as a PNG file. Raises LabelError as ``render`` does, and for a ZplTemplate, which only a printer can draw."""
    return render(design, data, "png", dots_per_mm, sn_pattern=sn_pattern)
