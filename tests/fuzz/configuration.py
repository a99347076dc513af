"""Configurations: any text as YAML, and whole configurations changed anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from station.config.loader import MAX_LINE_CHARS, ConfigError, parse
from station.config.quantities import convert
from station.config.references import Surroundings
from station.config.validate import build_configuration
from station.secrets import Secret
from tests.fuzz.material import assert_line
from tests.fuzz.target import Check, Target, needing_nothing
from tests.support.configuration import GOOD, SECRET

TEXT_LINE = """\
  text_line:
    terminator: "\\r\\n"
    prompt: "> "
    chip_id: {send: "get chipid", reply: "chipid=(?P<value>.*)", timeout_s: "200 ms"}
    device_id: {send: g, reply: "(?P<value>.*)", memory: {size_bytes: 8, encoding: hex, case: lower}}
    write: {send: "set deviceid {device_id_hex}", timeout_s: 2}
    wake: {send: [""], attempts: 2}
"""
_ELSEWHERE = GOOD[: GOOD.index("  stm32:")] + TEXT_LINE + GOOD[GOOD.index("label:\n") :]
_FILES = _ELSEWHERE.replace("  design:\n", "  zpl_template: label.zpl\n  unused:\n")


def _yaml(data: bytes) -> None:
    """Any bytes are a document whose every value knows its place, or mistakes that name theirs, one line each."""
    try:
        document = parse(data, "x.yaml")
    except ConfigError as error:
        _assert_told(error)
        return
    for location, (line, column) in document.marks.items():
        assert line >= 1
        assert column >= 1
        document.value_at(location)
        assert document.mark_of((*location, "nothing")) == (line, column)


def _assert_told(error: ConfigError) -> None:
    assert 1 <= len(error.mistakes) <= 200_000
    assert SECRET not in str(error)
    for mistake in error.mistakes[:200]:
        assert_line(str(mistake), MAX_LINE_CHARS)
        assert mistake.line >= 1
        assert mistake.what


@contextmanager
def _whole() -> Iterator[Check]:
    """A whole file is a configuration, or mistakes; no other way out, and no secret in either."""
    with tempfile.TemporaryDirectory(prefix="station-fuzz-") as folder:
        here = Path(folder)
        (here / "label.zpl").write_text("^XA^FO1,1^A0N,20,20^FD{sn}^FS^XZ")
        surroundings = Surroundings(lambda name: here / Path(name).name, lambda _reference: Secret(SECRET))

        def check(data: bytes) -> None:
            try:
                configuration = build_configuration(parse(data, "x.yaml"), surroundings)
            except ConfigError as error:
                _assert_told(error)
            else:
                assert configuration.station.sockets
                assert SECRET not in repr(configuration)

        yield check


def _quantity(data: bytes) -> None:
    """Text with a unit is a number, refused, or left as it is."""
    text = data.decode("utf-8", "replace")
    for key in ("timeout_s", "width_mm", "name"):
        try:
            value = convert(key, text)
        except ValueError as error:
            assert_line(repr(str(error)), 4000)
            continue
        assert value is text or isinstance(value, float)


def _pieces() -> tuple[bytes, ...]:
    """Single faults of syntax and of values."""
    return tuple(
        text.encode()
        for text in (
            "a: 1\nb: [1, 2, {c: 0x1F, d: 0o17, e: 1.5e3}]\n",
            "a: &x [1, *y]\n",
            "&a a: &b [*b, *a]\n",
            "? [1]\n: 2\n",
            "a: |\n  text\nb: >-\n  more\n",
            'a: "\\U00110000"\nb: "\\ud800"\n',
            "a: !!python/object:os.system x\n",
            "<<: {a: 1}\na: 2\n",
            "--- a\n...\n--- b\n",
            "%YAML 1.2\n---\na: 12:30:45\nb: 012\n",
            "timeout_s: 5 lightyears\n",
        )
    )


_WORDS = (
    b": ",
    b"- ",
    b"\n  ",
    b"&a ",
    b"*a",
    b"!!",
    b"? ",
    b"|\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\U",
    b"%",
    b"<<",
    b"null",
    b"-1",
    b"1e999",
)
_KEYS = (
    *(
        b"reset: {preset: stm32-dtr-reset-rts-boot0}",
        b"csid:",
        b"given: {token: x}",
        b"serial: {port: socket://h:1}",
        b"usb: {path: x}",
    ),
    *(
        b"escpos: {}",
        b"png: {}",
        b"keyboard: {}",
        b"presence: {}",
        b"file: {path: x}",
        b"${env:X}",
        b"image",
        b"font: x",
    ),
)

TARGETS = (
    Target("configuration-yaml", needing_nothing(_yaml), lambda: (*_pieces(), GOOD.encode()), _WORDS, max_bytes=1024),
    Target(
        "configuration-whole",
        _whole,
        lambda: tuple(
            text.encode() for text in (GOOD, _ELSEWHERE, _FILES, _FILES.replace("  unused:\n", "label_x:\n"))
        ),
        (*_WORDS, *_KEYS),
        max_bytes=4096,
        short_inputs=80,
    ),
    Target(
        "configuration-quantities",
        needing_nothing(_quantity),
        lambda: (b"500 ms", b"2 min", b"1.5 in", b"-3 cm", b"3 parsecs", b"1e3 s"),
        (b" ms", b"in", "µ".encode(), b"%"),
        max_bytes=400,
        short_inputs=60,
    ),
)
