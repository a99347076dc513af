"""A layout drawn with Pillow: what the preview shows, an ESC/POS printer prints, and ZPL takes for what it has no command for.

Loads Pillow on import, so other modules import this one only where a picture is needed.
"""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from station.errors import LabelError
from station.label.matrices import Modules, code128_modules, data_matrix_modules, qr_modules
from station.label.placed import Layout, PlacedCode128, PlacedDataMatrix, PlacedFill, PlacedImage, PlacedQr, PlacedText
from station.label.text_width import BASELINE_PER_MILLE

BLACK, WHITE = 0, 255
MAX_IMAGE_PIXELS = 20_000_000
"""Largest PNG file that a label may show: bounds memory before anything is decoded."""
_THRESHOLD = 128
_TRIAL_SIZE = 200.0
"""Large enough to measure a font's proportions in whole pixels."""
_ASCII = "".join(map(chr, range(0x20, 0x7F)))
"""All text of ASCII has one size at one height, whatever its characters."""
_NO_SUCH_CHARACTER = "\U0010fffd"
"""A private-use character that no font has: it shows what a font draws for a missing one."""
_IMAGE_FAULTS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files that are missing, not PNG, broken, or absurdly large."""

Font = ImageFont.FreeTypeFont


def draw(layout: Layout) -> Image.Image:
    """The label as a picture of mode "1", one pixel a dot. Raises LabelError."""
    canvas = Image.new("L", (layout.width_dots, layout.height_dots), WHITE)
    for item in layout.items:
        match item:
            case PlacedFill(box):
                canvas.paste(BLACK, (box.x, box.y, box.right, box.bottom))
            case PlacedText():
                _paste_ink(canvas, text_picture(item, layout.font), item.box.x, item.box.y)
            case PlacedImage():
                _paste_ink(canvas, image_picture(item), item.box.x, item.box.y)
            case PlacedQr():
                _paste_modules(canvas, qr_modules(item), item.x, item.y, item.module_dots, item.module_dots)
            case PlacedDataMatrix():
                _paste_modules(canvas, data_matrix_modules(item), item.x, item.y, item.module_dots, item.module_dots)
            case PlacedCode128():
                _paste_modules(canvas, code128_modules(item), item.x, item.y, item.module_dots, item.height_dots)
    return canvas.convert("1", dither=Image.Dither.NONE)


def text_picture(item: PlacedText, font_path: str | None) -> Image.Image:
    """One line of text in a picture the size of its box, mode "L", black or white only; narrowed where the font is wider than
    the box, smaller where characters reach out of it, as accents on capitals do. Raises LabelError for a character the font
    lacks."""
    height = item.box.height
    font = _font(font_path, height, _ASCII if item.text.isascii() else item.text)
    _check_glyphs(item.text, font)
    natural = max(1, round(font.getlength(item.text)))
    line = Image.new("L", (natural, height), WHITE)
    baseline = round(height * BASELINE_PER_MILLE / 1000)
    ImageDraw.Draw(line).text((0, baseline), item.text, font=font, fill=BLACK, anchor="ls")
    room = item.box.width - item.bold_dots
    if natural > room:
        line = line.resize((room, height), Image.Resampling.BOX)
    line = line.point(_to_black_or_white)
    picture = Image.new("L", (item.box.width, height), WHITE)
    for shift in range(item.bold_dots + 1):
        _paste_ink(picture, line, shift, 0)
    return picture


def image_picture(item: PlacedImage) -> Image.Image:
    """The PNG file scaled to its box, mode "L", black or white only; transparent is white. Raises LabelError."""
    try:
        with Image.open(item.path, formats=["PNG"]) as file:
            if file.width * file.height > MAX_IMAGE_PIXELS:
                raise LabelError(f"image {item.path}: {file.width} x {file.height} pixels are too many")
            coloured = file.convert("RGBA")
    except _IMAGE_FAULTS as fault:
        raise LabelError(f"image {item.path}: cannot be read as PNG: {fault}") from fault
    flat = Image.new("RGBA", coloured.size, (WHITE, WHITE, WHITE, 255))
    flat.alpha_composite(coloured)
    grey = flat.convert("L").resize((item.box.width, item.box.height), Image.Resampling.BOX)
    return grey.point(_to_black_or_white)


@lru_cache(maxsize=32)
def _font(path: str | None, height_dots: int, text: str) -> Font:
    """The font at the largest size at which no character of ``text`` is cut off above or below the line box."""
    _, top, _, bottom = _load_font(path, _TRIAL_SIZE).getbbox(text, anchor="ls")
    above, below = BASELINE_PER_MILLE / 1000 * height_dots, (1 - BASELINE_PER_MILLE / 1000) * height_dots
    scales = [room / reach for room, reach in ((above, -top), (below, bottom)) if reach > 0]
    if not scales:
        raise LabelError(f"text {text!r}: the font draws nothing")
    return _load_font(path, _TRIAL_SIZE * min(scales))


def _load_font(path: str | None, size: float) -> Font:
    if path is None:
        built_in = ImageFont.load_default(size)
        if not isinstance(built_in, Font):
            raise LabelError("font: this Pillow has no scalable built-in font; configure a font file")
        return built_in
    try:
        return ImageFont.truetype(path, size)
    except OSError as fault:
        raise LabelError(f"font {path}: cannot be read: {fault}") from fault


def _check_glyphs(text: str, font: Font) -> None:
    missing = bytes(font.getmask(_NO_SUCH_CHARACTER))
    for char in text:
        if char != " " and bytes(font.getmask(char)) == missing:
            raise LabelError(f"text {text!r}: the font has no character U+{ord(char):04X}; configure one that has")


def _to_black_or_white(level: int) -> int:
    return WHITE if level >= _THRESHOLD else BLACK


def _paste_ink(canvas: Image.Image, picture: Image.Image, x: int, y: int) -> None:
    """Black pixels of ``picture`` onto ``canvas``; white ones leave it as it is."""
    ink = picture.point(lambda level: WHITE - level)
    canvas.paste(BLACK, (x, y), ink)


def _paste_modules(canvas: Image.Image, modules: Modules, x: int, y: int, width_dots: int, height_dots: int) -> None:
    small = Image.frombytes(
        "L", (len(modules[0]), len(modules)), bytes(BLACK if module else WHITE for row in modules for module in row)
    )
    canvas.paste(
        small.resize((small.width * width_dots, small.height * height_dots), Image.Resampling.NEAREST),
        (x, y),
    )
