"""Values are printed as they are or refused; placeholders are names and nothing more."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import LabelError
from station.label.template import check_ascii, check_printable, check_template, fill, label_values
from tests.support.labels import data

LEFT = {"L", "EN", "ES", "ET", "CS", "ON", "WS", "NSM", "BN", ""}
"""Bidirectional classes that print from left to right or go with what stands around them."""
VALUES = {"sn": "SN1", "device_id": "D1"}


def test_placeholders_are_replaced_and_doubled_braces_stand_for_one() -> None:
    assert fill("{{{sn}}} of {device_id}{{}}", VALUES, "here") == "{SN1} of D1{}"


def test_a_value_that_looks_like_a_placeholder_is_not_replaced_again() -> None:
    assert fill("{sn}", {"sn": "{device_id}{{", "device_id": "D1"}, "here") == "{device_id}{{"


def test_an_unknown_placeholder_is_named_with_the_known_ones() -> None:
    with pytest.raises(LabelError, match=r"^here: unknown placeholder \{batch\}; known are device_id, sn$"):
        fill("{batch}", VALUES, "here")


@pytest.mark.parametrize(
    "template", ["{", "}", "{sn", "sn}", "{sn}}", "{{sn}", "{ sn }", "{0}", "{SN}", "{sn[0]}", "{}", "{{{"]
)
def test_braces_that_make_no_sense_are_refused(template: str) -> None:
    with pytest.raises(LabelError, match=r"^here: "):
        check_template(template, "here")
    with pytest.raises(LabelError, match=r"^here: "):
        fill(template, VALUES, "here")


def test_a_text_that_comes_out_empty_or_too_long_is_refused() -> None:
    with pytest.raises(LabelError, match="comes out as 0"):
        fill("{sn}", {"sn": ""}, "here")
    with pytest.raises(LabelError, match="comes out as 600"):
        fill("{sn}" * 6, {"sn": "x" * 100}, "here")


@given(st.text(max_size=60))
def test_any_template_is_filled_or_refused(template: str) -> None:
    try:
        said = "here: " + fill(template, VALUES, "here")
    except LabelError as error:
        said = str(error)
    assert said.startswith("here: ")
    assert said.isprintable()


def test_the_values_of_a_label() -> None:
    assert label_values(data("SN1", copy_number=2, extra={"batch": "B7"})) == {
        "sn": "SN1",
        "device_id": "0011223344556677",
        "chip_id": "3A0047",
        "app_eui": "70B3D57ED0001234",
        "copy_number": "2",
        "batch": "B7",
    }


@pytest.mark.parametrize("name", ["sn", "copy_number", "", "Batch", "1st", "a-b", "a b", "x" * 41])
def test_an_extra_must_have_a_free_name(name: str) -> None:
    with pytest.raises(LabelError, match="not a free name"):
        label_values(data("SN1", extra={name: "1"}))


@pytest.mark.parametrize("field", ["device_id", "chip_id", "app_eui"])
def test_every_value_is_checked_and_named(field: str) -> None:
    with pytest.raises(LabelError, match=f"^{field}: character U\\+000A"):
        label_values(data("SN1", **{field: "a\nb"}))
    with pytest.raises(LabelError, match=f"^{field}: has 129 characters"):
        label_values(data("SN1", **{field: "a" * 129}))
    with pytest.raises(LabelError, match=r"^batch: character"):
        label_values(data("SN1", extra={"batch": "\x1b"}))


def test_an_sn_is_given_and_matches_as_a_whole() -> None:
    with pytest.raises(LabelError, match=r"^sn: is empty"):
        label_values(data(""))
    for sn in ("SN12", "SN1\n", " SN1"):
        with pytest.raises(LabelError, match=r"^sn: "):
            label_values(data(sn), re.compile(r"SN[0-9]"))


@given(st.characters())
def test_a_character_is_refused_where_it_would_not_print_as_itself(char: str) -> None:
    if (
        char.isprintable()
        and not unicodedata.category(char).startswith("M")
        and unicodedata.bidirectional(char) in LEFT
    ):
        check_printable(char, "here")
    else:
        with pytest.raises(LabelError, match=rf"^here: character U\+{ord(char):04X} cannot be printed$"):
            check_printable(char, "here")


@pytest.mark.parametrize(
    "char", ["\0", "\t", "\x7f", "\x85", "\xa0", "\xad", "\u0301", "\u200b", "\u2028", "\u202e", "ש", "ع", "\ud800"]
)
def test_these_never_print(char: str) -> None:
    with pytest.raises(LabelError):
        check_printable(f"a{char}b", "here")


def test_only_ascii_stands_in_a_symbol() -> None:
    check_ascii("".join(map(chr, range(0x20, 0x7F))), "here")
    for char in ("é", "\x7f", "\x1f", "Ａ"):
        with pytest.raises(LabelError, match="only ASCII can"):
            check_ascii(char, "here")
