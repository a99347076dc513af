"""ZPL: one format that sets all it depends on, whose data mean themselves, and that looks as the preview does."""

from __future__ import annotations

from pathlib import Path

import pytest
import zxingcpp
from PIL import Image, ImageChops

from station.errors import LabelError
from station.label import preview, render
from station.label.design import Code128, DataMatrix, LabelDesign, Line, QrCode, Text
from station.label.design import Image as ImageElement
from station.label.text_width import text_width_dots
from station.label.zpl_fields import graphic, hex_escape
from tests.support.labels import DOTS_PER_MM, HOSTILE_SNS, data, design, open_png, scan, zpl_pictures


def zpl(label: LabelDesign, sn: str = "SN1") -> str:
    return render(label, data(sn), "zpl", DOTS_PER_MM).decode("ascii")


def test_a_format_sets_all_that_it_depends_on_and_prints_one_label() -> None:
    assert zpl(LabelDesign(50, 30, (Text(1, 1, 3, "{sn}"),))) == (
        "^XA^CI28^LH0,0^PW400^LL240\n^FO8,8^A0N,24,24^FH_^FDSN1^FS\n^PQ1^XZ\n"
    )


def test_a_qr_code_names_level_and_mode_and_is_not_moved_by_firmware() -> None:
    assert "^BY2,3,1^FO24,24^BQN,2,4,Q^FH_^FDQA,SN1^FS" in zpl(
        LabelDesign(50, 30, (QrCode(1, 1, "{sn}", module_mm=0.5, error_correction="Q"),))
    )


def test_code128_names_its_code_sets_and_escapes_its_invocation_character() -> None:
    label = LabelDesign(80, 30, (Code128(1, 1, 5, "{sn}"),))
    assert "^BCN,40,N,N,N,N^FH_^FD_3E_3BAB" not in zpl(label, "AB")
    assert "^FH_^FD_3E:AB_3E0C_3E51234^FS" in zpl(label, "AB>C1234")
    assert "^FH_^FD_3E_3B1234_3E6A^FS" in zpl(label, "1234A")


@pytest.mark.parametrize("sn", HOSTILE_SNS, ids=ascii)
def test_no_value_brings_a_command_into_the_format(sn: str) -> None:
    """The format of a hostile SN has the same commands, in the same order, as that of a harmless one of its kind."""
    text = zpl(design(), sn)
    assert text.count("^XA") == text.count("^XZ") == 1
    assert "~" not in text
    letters = zpl(design(), "a" * len(sn))
    assert [part[:2] for part in text.split("^")] == [part[:2] for part in letters.split("^")]


def test_only_harmless_characters_stay_as_they_are() -> None:
    assert hex_escape("aZ09 -.,:/") == "aZ09 -.,:/"
    assert hex_escape("^~_\\>") == "_5E_7E_5F_5C_3E"
    assert hex_escape("é") == "_C3_A9"
    assert hex_escape("a_#", indicator="#") == "a#5F#23"


def test_symbols_and_lines_stand_dot_for_dot_where_the_preview_has_them() -> None:
    label = LabelDesign(
        50,
        30,
        (DataMatrix(1, 1, "{sn}", module_mm=0.5), Code128(12, 1, 5, "{sn}"), Line(0, 20, 50, 0.5)),
    )
    (drawn,) = zpl_pictures(zpl(label, "SN12345678").encode())
    assert ImageChops.difference(drawn, open_png(preview(label, data("SN12345678"))).convert("L")).getbbox() is None


@pytest.mark.parametrize("profile", ["zd621", "specification"])
def test_a_qr_code_stands_where_the_preview_has_it(profile: str) -> None:
    """Printers choose the mask of the pattern themselves, so only the places can be compared."""
    label = LabelDesign(50, 30, (QrCode(1, 1, "{sn}", module_mm=0.5),))
    pictures = [*zpl_pictures(zpl(label).encode(), profile), open_png(preview(label, data("SN1"))).convert("L")]
    first, second = (picture.point(lambda level: 255 - level).getbbox() for picture in pictures)
    assert first == second


@pytest.mark.parametrize("height_mm", [1.5, 2, 2.5, 3, 4, 6, 10])
def test_text_is_never_wider_than_the_layout_reckons(height_mm: float) -> None:
    height = round(height_mm * DOTS_PER_MM)
    characters = "".join(map(chr, range(0x21, 0x7F)))
    for text in ("SN 0123456789", "WWWW", "illi", characters[:30], characters[30:60], characters[60:]):
        label = LabelDesign(300, 30, (Text(0, 1, height_mm, text.replace("{", "{{").replace("}", "}}")),))
        (picture,) = zpl_pictures(zpl(label).encode())
        box = picture.point(lambda level: 255 - level).getbbox()
        assert box is not None
        assert box[2] <= text_width_dots(text, height)
        assert box[3] <= 8 + height * 1.1


def test_bold_text_is_drawn_twice_beside_itself() -> None:
    assert zpl(LabelDesign(50, 30, (Text(1, 1, 6, "{sn}", bold=True),))).count("^FDSN1^FS") == 2


@pytest.mark.parametrize("text", ["±5 °C", "a\\b", "`"])
def test_text_that_a_printers_font_lacks_or_changes_goes_as_a_picture(text: str) -> None:
    """A ZD621 prints a backslash as a cent sign."""
    label = LabelDesign(50, 30, (Text(1, 1, 3, text, bold=True),))
    assert "^A0" not in zpl(label)
    (picture,) = zpl_pictures(zpl(label).encode())
    expected = open_png(preview(label, data("SN1"))).convert("L")
    assert ImageChops.difference(picture, expected).getbbox() is None


def test_text_that_no_font_at_hand_has_is_refused() -> None:
    with pytest.raises(LabelError, match=r"the font has no character U\+00F6"):
        zpl(LabelDesign(50, 30, (Text(1, 1, 3, "Größe"),)))


def test_modules_larger_than_printers_draw_go_as_a_picture() -> None:
    label = LabelDesign(100, 60, (QrCode(1, 1, "{sn}", size_mm=50), Code128(1, 52, 5, "1", module_mm=1.5)))
    text = zpl(label)
    assert "^BQ" not in text
    assert "^BC" not in text
    (picture,) = zpl_pictures(text.encode())
    assert scan(picture) == {"QR Code": ["SN1"], "Code 128": ["1"]}


def test_an_image_file_is_printed_as_the_preview_shows_it(tmp_path: Path) -> None:
    logo = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    logo.paste((10, 20, 30, 255), (0, 0, 33, 17))
    logo.save(tmp_path / "logo.png")
    label = LabelDesign(50, 30, (ImageElement(1, 1, 6, 4, str(tmp_path / "logo.png")),))
    (picture,) = zpl_pictures(zpl(label).encode())
    expected = open_png(preview(label, data("SN1"))).convert("L")
    assert expected.point(lambda level: 255 - level).getbbox() == (8, 8, 34, 21)
    assert ImageChops.difference(picture, expected).getbbox() is None


def test_a_graphic_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes are not 2 rows of 2"):
        graphic(16, 2, b"abc")


def test_the_compression_of_graphics_is_undone_by_a_renderer_that_is_not_ours() -> None:
    rows = [
        b"\xff\x00\x00",
        b"\xff\x00\x00",
        b"\x00\x00\x00",
        b"\x00\x00\x00",
        b"\x0f\xf0\x01",
        b"\x12\x34\x50",
        b"\0\0\0",
    ]
    (picture,) = zpl_pictures(b"^XA^FO0,0" + graphic(24, len(rows), b"".join(rows)).encode() + b"^XZ")
    got = picture.crop((0, 0, 24, len(rows))).point(lambda level: 255 - level).convert("1").tobytes()
    assert got == b"".join(rows)


def test_the_scanner_sees_what_it_is_shown() -> None:
    """The proof of all scanning tests: without a symbol nothing is read."""
    assert zxingcpp.read_barcodes(Image.new("L", (400, 240), 255)) == []
