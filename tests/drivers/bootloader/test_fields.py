"""Fields: every value that can be written reads back as itself, and no bytes of the right size are more than a reading."""

from __future__ import annotations

import binascii
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bootloader.crc import CrcName, crc_of
from drivers.bootloader.fields import (
    CanonicalForm,
    FieldFormat,
    Reading,
    as_eui64,
    check_eui64,
)

ORDERS = st.sampled_from(["big", "little"])
CRCS = st.sampled_from(["none", "crc8", "crc16-ccitt-false", "crc16-modbus", "crc32"])
PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))


@st.composite
def formats(draw: st.DrawFn) -> FieldFormat:
    """Any format that can be constructed."""
    encoding = draw(st.sampled_from(["ascii", "hex"]))
    return FieldFormat(
        size_bytes=draw(st.integers(9, 64)),
        encoding=encoding,
        byte_order=draw(ORDERS),
        case=draw(st.sampled_from(["upper", "lower"] if encoding == "hex" else ["upper", "lower", "keep"])),
        pads=draw(st.sampled_from([(0x00,), (0xFF,), (0x20,), (0x00, 0xFF), (0xFF, 0x00)])),
        terminated=encoding == "ascii" and draw(st.booleans()),
        length_bytes=draw(st.sampled_from([0, 1, 2])),
        length_order=draw(ORDERS),
        crc=draw(CRCS),
        crc_order=draw(ORDERS),
        blanks=draw(st.sampled_from([(), (0xFF,), (0xFF, 0x00)])),
    )


def _values(field: FieldFormat) -> st.SearchStrategy[str]:
    room = field.capacity_bytes - field.terminated
    if field.encoding == "hex":
        least = 1 if field.length_bytes else room
        raw = st.binary(min_size=least, max_size=room)
        return raw.map(lambda data: data.hex().upper() if field.case == "upper" else data.hex())
    texts = st.text(PRINTABLE, min_size=1, max_size=room)
    return texts.map({"upper": str.upper, "lower": str.lower, "keep": str}[field.case])


@given(st.data())
def test_what_is_written_reads_back_as_the_same_value(data: st.DataObject) -> None:
    """The promise of ``encode``: exactly ``value``, or ValueError, never another value in silence."""
    field = data.draw(formats())
    value = data.draw(_values(field))
    try:
        raw = field.encode(value)
    except ValueError:
        # Only what padding or a blank field would swallow may be refused.
        swallowed = not field.length_bytes and value[-1:].encode() in [bytes([pad]) for pad in field.pads]
        blank = (field.encoding == "hex" and set(value.upper()) <= {"0"}) or set(value.upper()) <= {"F"}
        assert swallowed or blank, (field, value)
        return
    assert len(raw) == field.size_bytes
    assert field.decode(raw) == Reading(value, raw)


@given(st.data())
def test_any_bytes_of_the_right_size_are_a_reading(data: st.DataObject) -> None:
    """Decoding never raises, its three outcomes exclude one another, and a problem is one short printable line."""
    field = data.draw(formats())
    raw = data.draw(st.binary(min_size=field.size_bytes, max_size=field.size_bytes))
    reading = field.decode(raw)
    assert reading.raw == raw
    assert [reading.value is not None, reading.is_blank, reading.problem is not None].count(True) == 1
    if reading.problem is not None:
        assert reading.problem.isprintable()
        assert len(reading.problem) < 600


@pytest.mark.parametrize(
    ("name", "check"),
    [
        # The "check" column of the RevEng catalogue: the CRC of the nine digits.
        ("crc8", 0xF4),
        ("crc16-ccitt-false", 0x29B1),
        ("crc16-modbus", 0x4B37),
        ("crc32", 0xCBF43926),
        ("none", 0),
    ],
)
def test_crc_check_values_of_the_public_catalogue(name: CrcName, check: int) -> None:
    assert crc_of(name, b"123456789") == check


@given(st.binary(max_size=64))
def test_crcs_agree_with_the_standard_library(data: bytes) -> None:
    assert crc_of("crc32", data) == binascii.crc32(data)
    assert crc_of("crc16-ccitt-false", data) == binascii.crc_hqx(data, 0xFFFF)


def test_layouts_byte_by_byte() -> None:
    """The bytes themselves, written out by hand, so that both directions cannot be wrong alike."""
    padded = FieldFormat(8, pads=(0xFF,))
    assert padded.encode("SN01") == b"SN01\xff\xff\xff\xff"
    terminated = FieldFormat(8, pads=(0xFF,), terminated=True)
    assert terminated.encode("SN01") == b"SN01\0\xff\xff\xff"
    little = FieldFormat(8, "hex", "little", "upper")
    assert little.encode("0080E11500000001") == bytes.fromhex("0100000015E18000")
    prefixed = FieldFormat(8, "hex", case="lower", length_bytes=2, length_order="little")
    assert prefixed.encode("d88b4c") == bytes.fromhex("0300 d88b4c 000000")
    checked = FieldFormat(11, crc="crc16-modbus", crc_order="little")
    assert checked.encode("123456789") == b"123456789" + bytes.fromhex("374b")


def test_crc_covers_length_and_padding() -> None:
    """A flipped bit anywhere in the field is a problem, never another value."""
    field = FieldFormat(16, length_bytes=1, crc="crc16-ccitt-false")
    raw = field.encode("d88b4c01")
    for bit in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << (bit % 8)
        assert field.decode(bytes(flipped)).problem is not None


@pytest.mark.parametrize("blank", [0x00, 0xFF])
def test_erased_memory_is_blank_even_with_length_and_crc(blank: int) -> None:
    field = FieldFormat(12, length_bytes=1, crc="crc8")
    assert field.decode(bytes([blank]) * 12).is_blank


def test_only_configured_blanks_are_blank() -> None:
    field = FieldFormat(4, "hex", case="upper", blanks=(0xFF,))
    assert field.decode(b"\0\0\0\0").value == "00000000"
    with pytest.raises(ValueError, match="would read back as blank"):
        field.encode("FFFFFFFF")


@pytest.mark.parametrize(
    ("field", "raw", "problem"),
    [
        (FieldFormat(4), b"ab\x07\0", "is not printable ASCII"),
        (FieldFormat(4), b"a\0b\0", "is not printable ASCII"),
        (FieldFormat(4, terminated=True), b"abcd", "no NUL ends the text"),
        (FieldFormat(6, terminated=True), b"a\0old\0", "is not padding"),
        (FieldFormat(4, length_bytes=1), b"\x09abc", "length 9 is more than"),
        (FieldFormat(4, length_bytes=1), b"\x01abc", "is not padding"),
        (FieldFormat(4, length_bytes=1), b"\x00\xff\xff\xff", "neither blank nor holds a value"),
        (FieldFormat(4, pattern="[0-9]+"), b"12a\0", "does not match"),
        (FieldFormat(4, crc="crc8"), b"abc\0", "crc8 is 00"),
    ],
)
def test_what_does_not_decode_says_why(field: FieldFormat, raw: bytes, problem: str) -> None:
    reading = field.decode(raw)
    assert reading.value is None
    assert problem in (reading.problem or "")


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        (FieldFormat(4), "", "empty"),
        (FieldFormat(4), "abcde", "takes 5 bytes where the field has 4"),
        (FieldFormat(4, terminated=True), "abcd", "takes 5 bytes"),
        (FieldFormat(4), "a\nb", "not printable ASCII"),
        (FieldFormat(4), "ä", "not printable ASCII"),
        (FieldFormat(4, pads=(0x20,)), "ab ", "would read back as 'ab'"),
        (FieldFormat(4, case="upper"), "ab", "not in upper case"),
        (FieldFormat(2, "hex", case="upper"), "ABC", "even number of hex digits"),
        (FieldFormat(2, "hex", case="upper"), "A B ", "even number of hex digits"),
        (FieldFormat(2, "hex", case="upper"), "AB", "takes exactly 2"),
        (FieldFormat(2, "hex", case="lower"), "AB", "not in lower case"),
        (FieldFormat(4, pattern="[0-9]+"), "12\n", "does not match"),
    ],
)
def test_what_cannot_be_written_says_why(field: FieldFormat, value: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        field.encode(value)


def test_decoding_another_number_of_bytes_is_a_defect() -> None:
    with pytest.raises(ValueError, match="4 bytes cannot be decoded from 3"):
        FieldFormat(4).decode(b"abc")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"size_bytes": 0}, "size_bytes must be 1 to 256"),
        ({"size_bytes": 257}, "size_bytes must be 1 to 256"),
        ({"encoding": "utf-8"}, "encoding must be one of ascii, hex"),
        ({"crc": "crc64"}, "crc must be one of none, crc8"),
        ({"length_bytes": 3}, "length_bytes must be one of 0, 1, 2"),
        ({"size_bytes": 4, "crc": "crc32"}, "leave no room"),
        ({"size_bytes": 1, "terminated": True}, "leave no room"),
        ({"pads": ()}, "pads must name"),
        ({"pads": (256,)}, "pads must be bytes"),
        ({"blanks": (-1,)}, "blanks must be bytes"),
        ({"encoding": "hex"}, "case must be upper or lower"),
        ({"encoding": "hex", "case": "upper", "terminated": True}, "cannot be terminated"),
        ({"pattern": "("}, "does not compile"),
        ({"pattern": "x" * 201}, "1 to 200 characters"),
    ],
)
def test_a_format_that_does_not_go_together_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        FieldFormat(**({"size_bytes": 8} | settings))


@pytest.mark.parametrize("written", ["ab:12:cd", "AB12CD", "ab-12-cd", " ab_12 cd "])
def test_one_chip_has_one_key(written: str) -> None:
    assert CanonicalForm().apply(written) == "AB12CD"


@given(st.text(string.printable, max_size=40))
def test_the_canonical_form_is_a_fixed_point(text: str) -> None:
    form = CanonicalForm()
    try:
        key = form.apply(text)
    except ValueError:
        return
    assert form.apply(key) == key


@pytest.mark.parametrize("text", ["", ":-_ ", "0000", "FF:ff", "a\nb", "ä", "x" * 129, "\x1d"])
def test_what_is_no_chip_id_never_becomes_a_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"empty|does not match|erased"):
        CanonicalForm().apply(text)


def test_a_key_matches_all_of_the_pattern() -> None:
    form = CanonicalForm(pattern="[0-9A-F]{8}")
    assert form.apply("3a:00:41:09") == "3A004109"
    with pytest.raises(ValueError, match="does not match"):
        form.apply("3A00410")


@pytest.mark.parametrize("written", ["70B3D57ED00001C0", "70-b3-d5-7e-d0-00-01-c0", "70:B3:D5:7E:D0:00:01:C0"])
def test_an_eui64_is_sixteen_digits(written: str) -> None:
    assert check_eui64(written) == "70B3D57ED00001C0"
    assert check_eui64(written, ("70-B3-D5",)) == "70B3D57ED00001C0"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("70B3D57ED00001C", "15 hex digits"),
        ("70B3D57ED00001C0F", "17 hex digits"),
        ("70B3D57ED00001CG", "other than hex"),
        ("", "other than hex"),
        ("0000000000000000", "erased"),
        ("FFFFFFFFFFFFFFFF", "erased"),
        ("71B3D57ED00001C0", "group"),
        ("0080E11500000001", "starts with none of 70B3D5"),
    ],
)
def test_what_is_no_eui64_is_refused(written: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_eui64(written, ("70B3D5",))


def test_an_app_eui_reading_is_canonical_blank_or_a_problem() -> None:
    assert as_eui64(Reading("70b3d57ed00001c0", b"")).value == "70B3D57ED00001C0"
    assert as_eui64(Reading(None, b"\xff")).is_blank
    assert "hex digits" in (as_eui64(Reading("70B3", b"70B3")).problem or "")
