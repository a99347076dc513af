"""A mistake in a label is told at its own line, in the design's own file where it has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.configuration import GOOD, changed, line_of, loaded, told

DESIGN = GOOD[GOOD.index("  design:") : GOOD.index("label_extra:")]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("kind: qr", "kind: qrr", "label.design.elements.0"),
        ("size_mm: 25", "size_mm: 2", "label.design.elements.0"),
        ("x_mm: 27", "x_mm: 60", "label.design.elements.1"),
        ('text: "{model}"', 'text: "{modell}"', "label.design.elements.1"),
        ('text: "{model}"', 'texts: "{model}"', "label.design.elements.1"),
        ("height_mm: 30", "height_mm: 0", "label.design"),
        ("height_mm: 30", 'height_mm: "30"', "label.design"),
    ],
)
def test_a_mistake_in_the_design_is_one_line(tmp_path: Path, old: str, new: str, where: str) -> None:
    text = changed((old, new))
    (line,) = told(tmp_path, text)
    place, said, _ = line.split(": ", 2)
    assert said.startswith(where)
    assert int(place.split(":")[1]) == line_of(text, new)
    assert " — " in line


def test_a_design_of_its_own_file_is_told_of_by_that_file(tmp_path: Path) -> None:
    text = changed((DESIGN, "  file: label.yaml\n"))
    (tmp_path / "label.yaml").write_text("width_mm: 50\nheight_mm: 30\nelements:\n  - {kind: qrr}\n")
    (line,) = told(tmp_path, text)
    assert line.startswith("label.yaml:4:")
    (tmp_path / "label.yaml").write_text("width_mm: 50\nwidth_mm: 50\n")
    (line,) = told(tmp_path, text)
    assert line.startswith("label.yaml:2:1: width_mm: this key stands already")


@pytest.mark.parametrize("key", ["file", "zpl_template"])
def test_a_file_that_cannot_be_used_is_told_at_the_key_that_names_it(tmp_path: Path, key: str) -> None:
    text = changed((DESIGN, f"  {key}: nowhere\n"))
    (line,) = told(tmp_path, text)
    assert f": label.{key}: nowhere: No such file or directory — name an existing file" in line
    (tmp_path / "nowhere").write_bytes(b"x" * (512 * 1024 + 1))
    (line,) = told(tmp_path, text)
    assert "is larger than 524288 bytes — use a smaller file" in line
    (tmp_path / "nowhere").write_bytes(b"\xff\xfe")
    (line,) = told(tmp_path, text)
    assert "not UTF-8 — save it as UTF-8" in line


@pytest.mark.parametrize("template", ["no label at all", "^XA^FD{sn}", "^XA^FD{nonsense}^FS^XZ"])
def test_a_template_that_is_no_label_is_told(tmp_path: Path, template: str) -> None:
    (tmp_path / "label.zpl").write_text(template)
    (line,) = told(tmp_path, changed((DESIGN, "  zpl_template: label.zpl\n")))
    assert ": label.zpl_template: " in line
    assert line.endswith(" — correct the template")


def test_a_template_needs_printers_that_speak_zpl(tmp_path: Path) -> None:
    (tmp_path / "label.zpl").write_text("^XA^FO0,0^FD{sn}^FS^XZ")
    (line,) = told(tmp_path, changed((DESIGN, "  zpl_template: label.zpl\n"), ("{zpl: {dots_per_mm: 8}}", "{png: {}}")))
    assert ": printers.0.driver: this printer does not speak ZPL" in line


def test_two_kinds_of_label_are_one_too_many(tmp_path: Path) -> None:
    (line,) = told(tmp_path, changed((DESIGN, DESIGN + "  file: label.yaml\n")))
    assert ": label: exactly one of design, file, zpl_template must stand here, not design, file — " in line


def test_the_files_of_a_label_are_kept_as_a_replay_needs_them(tmp_path: Path) -> None:
    (tmp_path / "label.zpl").write_text("^XA^FO0,0^FD{sn}^FS^XZ")
    configuration = loaded(tmp_path, changed((DESIGN, "  zpl_template: label.zpl\n")))
    assert configuration.files == {"label.zpl": b"^XA^FO0,0^FD{sn}^FS^XZ".hex()}
