"""A layout as one ZPL format. Source: Zebra, ZPL II Programming Guide.

Texts of ASCII use the printer's font 0, QR Codes ^BQ and Code 128 ^BC, which keeps a format small on a slow port. Everything
else goes as ^GF: pictures, other text (fonts in printers differ), and Data Matrix, since ^FH does not protect data in ^BX.
"""

from __future__ import annotations

from station.label import code128
from station.label.matrices import code128_modules, data_matrix_modules, qr_modules
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
from station.label.zpl_fields import FOREIGN_IN_FONT_0, code128_data, field, graphic, modules_graphic

MAX_MODULE_DOTS = 10
"""Largest module width of ^BY and magnification of ^BQ."""


def render_zpl(layout: Layout) -> bytes:
    """One format, ^XA to ^XZ, that sets all it depends on and prints one label. Raises LabelError."""
    commands = [
        f"^XA^CI28^LH0,0^PW{layout.width_dots}^LL{layout.height_dots}",
        *(_command(item, layout.font) for item in layout.items),
        "^PQ1^XZ",
    ]
    return ("\n".join(commands) + "\n").encode("ascii")


def _command(item: Placed, font: str | None) -> str:
    match item:
        case PlacedFill(box):
            return f"{_origin(box.x, box.y)}{_fill(box)}^FS"
        case PlacedText():
            return _text(item, font)
        case PlacedImage():
            return _picture(item, font)
        case PlacedQr():
            return _qr(item)
        case PlacedDataMatrix():
            modules = data_matrix_modules(item)
            return _origin(item.x, item.y) + modules_graphic(modules, item.module_dots, item.module_dots)
        case PlacedCode128():
            return _code128(item)


def _origin(x: int, y: int) -> str:
    return f"^FO{x},{y}"


def _fill(box: Rect) -> str:
    """A box whose sides are thick enough to fill it."""
    return f"^GB{box.width},{box.height},{min(box.width, box.height)}"


def _text(item: PlacedText, font: str | None) -> str:
    if not item.text.isascii() or not FOREIGN_IN_FONT_0.isdisjoint(item.text):
        return _picture(item, font)
    height = item.box.height
    return "".join(
        f"{_origin(item.box.x + shift, item.box.y)}^A0N,{height},{height}{field(item.text)}"
        for shift in dict.fromkeys((0, item.bold_dots))
    )


def _picture(item: PlacedText | PlacedImage, font: str | None) -> str:
    from station.label.raster import image_picture, text_picture

    picture = text_picture(item, font) if isinstance(item, PlacedText) else image_picture(item)
    ink = picture.point(lambda level: 255 - level).convert("1")
    return _origin(item.box.x, item.box.y) + graphic(picture.width, picture.height, ink.tobytes())


def _qr(item: PlacedQr) -> str:
    """^BQ, model 2. Before the data stand the error correction level and A for automatic mode: without them the first characters
    of the data are taken for them. Firmware moves the symbol down by the height that ^BY sets, hence height 1."""
    if item.module_dots > MAX_MODULE_DOTS:
        return _origin(item.x, item.y) + modules_graphic(qr_modules(item), item.module_dots, item.module_dots)
    level = item.error_correction
    return f"^BY2,3,1{_origin(item.x, item.y)}^BQN,2,{item.module_dots},{level}{field(f'{level}A,{item.data}')}"


def _code128(item: PlacedCode128) -> str:
    if item.module_dots > MAX_MODULE_DOTS:
        return _origin(item.x, item.y) + modules_graphic(code128_modules(item), item.module_dots, item.height_dots)
    data = code128_data(code128.plan_runs(item.data, "code128"))
    height = item.height_dots
    return f"^BY{item.module_dots},3,{height}{_origin(item.x, item.y)}^BCN,{height},N,N,N,N{field(data)}"
