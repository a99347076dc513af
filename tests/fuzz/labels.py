"""Labels: designs and ZPL templates of any content, and any text as a value on them."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from drivers.simulated.escpos_printer import SimulatedEscposPrinter
from station.errors import LabelError
from station.label import LabelDesign, ZplTemplate, render
from station.label.design import Image
from station.ports import LabelData
from tests.fuzz.material import Choices, answers, assert_line
from tests.fuzz.target import Check, Target, needing_nothing

BENIGN = LabelData("SN0001", "d88b4c0100000001", "3A0041000951303338363633", "70B3D57ED00001C0")
_SHOWN = ("sn", "device_id", "chip_id", "app_eui")
_COMMAND = re.compile(rb"([\^~])([A-Za-z0-9@]{1,2})([^\^~]*)", re.DOTALL)

DESIGN = LabelDesign.from_mapping(
    {
        "width_mm": 100,
        "height_mm": 60,
        "elements": [
            {"kind": "text", "x_mm": 1, "y_mm": 1, "height_mm": 1, "text": "{sn}"},
            {"kind": "text", "x_mm": 1, "y_mm": 3, "height_mm": 1, "text": "{device_id}"},
            {"kind": "qr", "x_mm": 1, "y_mm": 6, "module_mm": 0.25, "data": "{sn}"},
        ],
    }
)
TEMPLATE = ZplTemplate(
    "^XA^CI28^FO10,10^A0N,20,20^FD{sn}^FS^FO10,40^FH#^FDId: {device_id}#21^FS^FO10,70^BY2^BCN,50,N,N,N^FD>:{sn}^FS"
    "^FO10,150^BQN,2,4^FDQA,{sn}^FS^XZ"
)


def _commands(job: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """A ZPL job as a printer reads it: prefix, command, parameters."""
    return [(prefix, name.upper(), rest) for prefix, name, rest in _COMMAND.findall(job)]


def _unescaped(parameters: bytes, indicator: bytes = b"_") -> str:
    """What ^FD prints behind ^FH."""
    pattern = re.escape(indicator) + rb"([0-9A-Fa-f]{2})"
    return re.sub(pattern, lambda match: bytes.fromhex(match[1].decode()), parameters).decode("utf-8")


def _data(choices: Choices) -> LabelData:
    """One value replaced by any text, perhaps two."""
    values = {
        choices.pick(_SHOWN): choices.chunk().decode("utf-8", "surrogateescape") for _ in range(1 + choices.byte() % 2)
    }
    return replace(BENIGN, **values)


def _values(data: bytes) -> None:
    """A value is printed exactly as it is or refused: it never changes what the label does, in any language."""
    choices = Choices(data)
    values = _data(choices)
    try:
        job = render(DESIGN, values, "zpl", 8.0)
    except LabelError as error:
        assert_line(str(error), 2000)
    else:
        _assert_one_label(job)
        texts = [_unescaped(rest) for _, name, rest in _commands(job) if name == b"FD"]
        assert f"MA,{values.sn}" in texts
        pictures = sum(name == b"GF" for _, name, _ in _commands(job))
        assert len(texts) + pictures == 3
        assert set(texts) <= {values.sn, values.device_id, f"MA,{values.sn}"}
    _template_takes(values)
    if choices.byte() % 16 == 0:
        _escpos_takes(values)


def _assert_one_label(job: bytes) -> None:
    names = [prefix + name for prefix, name, _ in _commands(job)]
    assert names[0] == b"^XA"
    assert names[-1] == b"^XZ"
    assert names.count(b"^XA") == names.count(b"^XZ") == 1
    assert not any(name.startswith(b"~") for name in names)
    assert set(names) <= {b"^" + name for name in (*b"XA CI LH PW LL FO A0 FH FD FS BQ BY BC GF GB PQ XZ".split(),)}, (
        names
    )


def _template_takes(values: LabelData) -> None:
    try:
        job = render(TEMPLATE, values, "zpl", 8.0)
    except LabelError as error:
        assert_line(str(error), 2000)
        return
    usual = [name for _, name, _ in _commands(render(TEMPLATE, BENIGN, "zpl", 8.0))]
    found = _commands(job)
    assert [name for _, name, _ in found] == usual
    text, line, bars, code = (rest for _, name, rest in found if name == b"FD")
    assert _unescaped(text) == values.sn
    assert _unescaped(line, b"#") == f"Id: {values.device_id}!"
    assert _unescaped(bars) == ">:" + values.sn.replace(">", ">0")
    assert _unescaped(code) == f"QA,{values.sn}"


def _escpos_takes(values: LabelData) -> None:
    try:
        job = render(DESIGN, values, "escpos", 5.0)
    except LabelError as error:
        assert_line(str(error), 2000)
        return
    printer = SimulatedEscposPrinter()
    assert printer.feed(job) == []
    assert printer.text == b""
    assert len(printer.labels) == 1


@contextmanager
def _designs() -> Iterator[Check]:
    """Any mapping is a design that is drawn in every language, or refused in a line; pictures are read from anywhere."""
    with tempfile.TemporaryDirectory(prefix="station-fuzz-") as folder:
        picture = Path(folder) / "picture.png"

        def check(data: bytes) -> None:
            choices = Choices(data)
            language = choices.pick(("zpl", "zpl", "png"))
            dots_per_mm = choices.pick((8.0, 4.0))
            picture.write_bytes(choices.chunk())
            try:
                mapping = json.loads(choices.rest())
            except (ValueError, RecursionError):
                return
            if not isinstance(mapping, dict):
                return
            try:
                design = LabelDesign.from_mapping(mapping)
                if design.width_mm * design.height_mm > 20_000:
                    return  # bounded too, but slow to draw
                elements = tuple(
                    replace(element, path=str(picture)) if isinstance(element, Image) else element
                    for element in design.elements
                )
                job = render(replace(design, elements=elements, font=None), BENIGN, language, dots_per_mm)
            except LabelError as error:
                assert_line(str(error).replace(folder, ""), 4000)
                return
            if language == "zpl":
                _assert_one_label(job)

        yield check


def _templates(data: bytes) -> None:
    """Any text is a template that stays one label of the same commands whatever stands in its placeholders, or is refused."""
    choices = Choices(data)
    values = _data(choices)
    try:
        template = ZplTemplate(choices.rest().decode("utf-8", "replace"))
        usual = _commands(render(template, BENIGN, "zpl", 8.0))
        found = _commands(render(template, values, "zpl", 8.0))
    except LabelError as error:
        assert_line(repr(str(error)), 4000)
        return
    assert [(prefix, name) for prefix, name, _ in found] == [(prefix, name) for prefix, name, _ in usual]
    others = [each for each in found if each[1] != b"FD"]
    assert others == [each for each in usual if each[1] != b"FD"]
    assert found[-1][1] == b"XZ"


_HOSTILE = (
    "SN0001",
    "^XZ^XA",
    "~JA",
    "_5EXZ",
    ">9>;",
    "{sn}",
    "a\\b",
    "zw\u00f6lf",
    "\u202e",
    "\ufe0f",
    "#7E",
    "\u0e01\u0e31",
    "QA,",
)
_ELEMENTS = [
    {
        "kind": "text",
        "x_mm": 5,
        "y_mm": 1,
        "height_mm": 2,
        "text": "{sn} \u00e4",
        "bold": True,
        "align": "left",
        "max_width_mm": 40,
    },
    {"kind": "qr", "x_mm": 0, "y_mm": 4, "size_mm": 15, "data": "{sn}", "error_correction": "L"},
    {"kind": "code128", "x_mm": 0, "y_mm": 20, "height_mm": 4, "data": "{sn}12345678", "module_mm": 0.12},
    {"kind": "datamatrix", "x_mm": 30, "y_mm": 5, "module_mm": 0.5, "data": "{chip_id}"},
    {"kind": "line", "x_mm": 0, "y_mm": 28, "length_mm": 9, "vertical": False},
    {"kind": "box", "x_mm": 40, "y_mm": 20, "width_mm": 5, "height_mm": 5, "thickness_mm": 0.5},
    {"kind": "image", "x_mm": 20, "y_mm": 5, "width_mm": 5, "height_mm": 5, "path": "x.png"},
]
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)


def _design_seeds() -> tuple[bytes, ...]:
    whole = {"width_mm": 50, "height_mm": 30}
    designs = [{**whole, "elements": [element]} for element in _ELEMENTS] + [{**whole, "elements": _ELEMENTS}]
    return tuple(
        bytes([language, 0]) + answers(_PNG) + json.dumps(design).encode() for design in designs for language in (0, 2)
    )


TARGETS = (
    Target(
        "labels-values",
        needing_nothing(_values),
        lambda: tuple(bytes([0, field]) + answers(text.encode()) + b"\0" for text in _HOSTILE for field in (0, 1)),
        tuple(text.encode() for text in _HOSTILE),
        max_bytes=512,
    ),
    Target(
        "labels-designs",
        _designs,
        _design_seeds,
        (b'"kind"', b"1e999", b"-1", b"null", b"true", b"{{", b"{sn}", b'"module_mm"', b'"size_mm"', b"0.05", b"1000"),
        max_bytes=3000,
        short_inputs=80,
    ),
    Target(
        "labels-templates",
        needing_nothing(_templates),
        lambda: tuple(
            b"\0\0" + answers(text.encode()) + template.encode()
            for text in _HOSTILE[:6]
            for template in (
                TEMPLATE.text,
                "^XA^FO1,1^BXN,4,200,,,,#^FDa_{sn}^FS^FX note^FS^PQ1^XZ",
                "^XA^FO1,1^FB99^FDx{{}}^FS^XZ",
            )
        ),
        (
            b"^FD{sn}",
            b"^FH_",
            b"^FH^",
            b"^FS",
            b"^FO1,1",
            b"^CI",
            b"^A@N",
            b"^BC",
            b"^BX",
            b"{device_id}",
            b"~",
            b"^CC",
            b"^XZ",
            b"^FX",
        ),
    ),
)
