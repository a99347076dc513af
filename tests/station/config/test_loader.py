"""Reading YAML: strict, with the place of every mistake, and bounded whatever the file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.config.loader import MAX_FILE_BYTES, ConfigError, load, parse


def mistake_in(raw: bytes) -> str:
    """The one line that is said of a file."""
    with pytest.raises(ConfigError) as caught:
        parse(raw, "f.yaml")
    (mistake,) = caught.value.mistakes
    return str(mistake)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("012", "012"),
        ("0o12", 10),
        ("0x1F", 31),
        ("12:30:45", "12:30:45"),
        ("yes", "yes"),
        ("on", "on"),
        ("True", "True"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        ("2024-01-01", "2024-01-01"),
        ("'7'", "7"),
        ('"true"', "true"),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("9" * 30, "9" * 30),
    ],
)
def test_plain_values_are_read_by_the_core_rules_of_yaml_1_2(text: str, value: Any) -> None:
    found = parse(f"key: {text}\n".encode(), "f.yaml").values["key"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: this key stands already in line 1 — remove one of the two"),
        (b"a:\n  b: 1\n  b: 1\n", "f.yaml:3:3: a.b: this key stands already in line 2 — remove one of the two"),
        (b"a: {b: 1, b: 2}\n", "f.yaml:1:11: a.b: this key stands already in line 1 — remove one of the two"),
        (b"? [1, 2]\n: 3\n", "f.yaml:1:3: a key that is not text — use a plain word as key"),
        (b"a: !!python/object:os.system x\n", "the tag tag:yaml.org,2002:python/object:os.system is not taken here"),
        (b'a: !secret "x"\n', "f.yaml:1:4: a: the tag !secret is not taken here — remove the tag"),
        (b"a: !!set {x}\n", "the tag tag:yaml.org,2002:set is not taken here"),
        (b"a: &x {b: 1}\nc:\n  <<: *x\n", "f.yaml:3:3: c: merge keys are not taken here — write the keys out"),
        (b'a: "\\ud800"\n', "f.yaml:1:4: a: half of a surrogate pair is no character"),
        (b'a: "\\UFFFFFFFF"\n', "f.yaml:1:1: an escape that is no character — correct the \\U escape"),
        (b"a: 1\n\tb: 2\n", "f.yaml:2:1: while scanning for the next token found character '\\t'"),
        (b"a:\n  b: 1\n\tc: 2\n", "f.yaml:3:1: while scanning for the next token found character '\\t'"),
        (b"a: [1, 2\nb: 3\n", "f.yaml:2:2: while parsing a flow sequence"),
        (b"a: 'x\n", "found unexpected end of stream — correct the YAML there"),
        (b"a: *nowhere\n", "f.yaml:1:4: found undefined alias"),
        (b"a: 1\n---\nb: 2\n", "f.yaml:2:1: expected a single document in the stream"),
        (b"a: 1\nb: \xff\n", "f.yaml:2:1: not UTF-8 — save it as UTF-8"),
        ("a: 1\n".encode("utf-16"), "f.yaml:1:1: not UTF-8 — save it as UTF-8"),
        (b"a: 1\nb: \x07\n", "f.yaml:2:1: the character U+0007 may not stand in YAML — remove it"),
        (b"", "f.yaml:1:1: not a mapping of keys to values — start from an example in configs/"),
        (b"- 1\n", "f.yaml:1:1: not a mapping of keys to values"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "f.yaml:1:1: the character U+007F may not stand in YAML"),
        (b"[" * 100_000, "f.yaml:1:1: nested too deep — simplify it"),
        (b"a: " + b"[" * 40 + b"]" * 40, "nested too deep or too large — simplify it"),
        (b"a: &a [*a]\n", "nested too deep or too large — simplify it"),
    ],
)
def test_what_is_wrong_with_the_yaml_is_one_line(raw: bytes, line: str) -> None:
    assert line in mistake_in(raw)


def test_an_alias_bomb_is_refused_in_bounded_time_and_memory() -> None:
    """Nine levels of ten aliases each stand for 10^9 values in under a kilobyte."""
    rows = ["l0: &l0 [x]"] + [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "nested too deep or too large" in mistake_in("\n".join(rows).encode())


def test_a_wide_alias_bomb_is_refused_in_bounded_time() -> None:
    wide = b"a: &a [" + b"x," * 20_000 + b"]\nb: [" + b"*a," * 20_000 + b"]\n"
    assert "nested too deep or too large" in mistake_in(wide)


def test_anchors_and_aliases_stand_for_their_values() -> None:
    document = parse(b"a: &a {x_s: 5 ms}\nb: *a\n", "f.yaml")
    assert document.values == {"a": {"x_s": 0.005}, "b": {"x_s": 0.005}}


def test_marks_tell_where_each_value_stands() -> None:
    document = parse(b"a:\n  - b: 1\n    c: 2\n", "f.yaml")
    assert document.mark_of(("a", 0, "c")) == (3, 5)
    assert document.mark_of(("a", 0, "missing", "deeper")) == (2, 5)
    assert document.mark_of(("nowhere",)) == (1, 1)
    assert document.value_at(("a", 0, "c")) == 2
    assert document.value_at(("a", 1)) is None
    assert document.value_at(("a", 0, "c", "d")) is None


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=why) as caught:
            load(path)
        assert str(caught.value).startswith(f"{path}:1:1: cannot be read: ")
        assert str(caught.value).endswith(" — name an existing file that this user may read")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ConfigError, match="larger than 1048576 bytes"):
        load(path)


@given(st.binary(max_size=200) | st.text("ab:{}[]&*!-?|>'\"\\ \n\t#,%@0x", max_size=60).map(str.encode))
def test_any_bytes_are_values_or_a_mistake(raw: bytes) -> None:
    """Nothing else is ever raised, and every mistake is one printable line."""
    lines: list[str] = []
    try:
        assert isinstance(parse(raw, "f.yaml").values, dict)
    except ConfigError as error:
        lines = [str(mistake) for mistake in error.mistakes]
    assert all(line.isprintable() and line.startswith("f.yaml:") for line in lines)
