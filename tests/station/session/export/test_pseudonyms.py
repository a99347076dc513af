"""Pseudonyms: of the same shape, one for one value, and unlike the value as often as the value is unlike others."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bootloader.fields import check_eui64
from station.session.export.pseudonyms import NoPseudonym, Pseudonyms, as_near, is_cut_off, is_near

KEY = b"k" * 32


def _anything(_kind: str, _value: str) -> bool:
    return True


def _one(value: str, kind: str = "sn", pattern: str | None = None) -> str:
    accepted = re.compile(pattern or ".*")
    pseudonyms = Pseudonyms(KEY, lambda _kind, text: accepted.fullmatch(text) is not None)
    pseudonyms.add(kind, value)
    found = pseudonyms.of(value)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("2D134F2D15CD547EC0174D6F08E45060", "[0-9A-F]{32}"),
        ("d88b4c1a92ea0aa2", "[0-9a-f]{16}"),
        ("0012345678", "[0-9]{10}"),
        ("QX-2024-000471", "[A-Z]{2}-[0-9]{4}-[0-9]{6}"),
        ("Board.7x", "[A-Z][a-z]{4}\\.[0-9][a-z]"),
    ],
)
def test_the_shape_stays(value: str, shape: str) -> None:
    pseudonym = _one(value)
    assert re.fullmatch(shape, pseudonym)
    assert pseudonym != value


@pytest.mark.parametrize("pattern", ["SN[0-9]{8}", "SN2024[0-9]{4}", "[A-Z0-9]{10}"])
def test_what_a_pattern_asks_of_a_value_it_gets_of_the_pseudonym(pattern: str) -> None:
    pseudonym = _one("SN20240815", pattern=pattern)
    assert re.fullmatch(pattern, pseudonym)
    assert pseudonym != "SN20240815"


def test_a_value_that_is_refused_gets_a_pseudonym_that_is_refused() -> None:
    assert not re.fullmatch("[0-9]{8}", _one("1234567X", pattern="[0-9]{8}"))


def test_an_eui64_stays_one_of_a_device() -> None:
    def accept(_kind: str, text: str) -> bool:
        try:
            return bool(check_eui64(text, ("70B3D5",)))
        except ValueError:
            return False

    pseudonyms = Pseudonyms(KEY, accept)
    pseudonyms.add("app_eui", "70B3D57ED0012345")
    assert check_eui64(pseudonyms.of("70B3D57ED0012345") or "", ("70B3D5",)) != "70B3D57ED0012345"


def test_no_pseudonym_is_an_error_where_only_one_value_passes() -> None:
    pseudonyms = Pseudonyms(KEY, lambda _kind, text: text == "ABCD1234")
    with pytest.raises(NoPseudonym):
        pseudonyms.add("sn", "ABCD1234")


@pytest.mark.parametrize("value", ["", "GO", "FFFFFFFFFFFFFFFF", "0000000000000000", "ffffffff"])
def test_what_names_no_board_has_no_pseudonym(value: str) -> None:
    pseudonyms = Pseudonyms(KEY, _anything)
    pseudonyms.add("device_id", value)
    assert list(pseudonyms.pairs()) == []


def test_one_key_gives_one_pseudonym_and_another_key_another() -> None:
    first, second, other = (Pseudonyms(key, _anything) for key in (KEY, KEY, b"o" * 32))
    for pseudonyms in (first, second, other):
        pseudonyms.add("chip_id", "A48B4F85CC4C5A6F7C301029")
    assert first.of("A48B4F85CC4C5A6F7C301029") == second.of("a48b4f85cc4c5a6f7c301029".upper())
    assert first.of("A48B4F85CC4C5A6F7C301029") != other.of("A48B4F85CC4C5A6F7C301029")
    assert (first.of("a48b4f85cc4c5a6f7c301029") or "").islower()


@given(st.sets(st.text(string.hexdigits.upper(), min_size=8, max_size=24).map(str.upper), max_size=20))
def test_two_values_never_share_a_pseudonym(values: set[str]) -> None:
    pseudonyms = Pseudonyms(KEY, _anything)
    for value in sorted(values):
        pseudonyms.add("chip_id", value)
    found = [pseudonym.upper() for _, _, pseudonym in pseudonyms.pairs()]
    assert len(set(found)) == len(found)
    assert not set(found) & values


def test_a_disturbed_read_differs_from_the_pseudonym_in_the_same_bits() -> None:
    known, disturbed = "A48B4F85CC4C5A6F7C301029", "A48B4F85CC4C5A6F7C301428"
    assert is_near(known, disturbed)
    pseudonym = "39F7A1E2D4C3B5A697880716"
    found = as_near(known, disturbed, pseudonym)
    assert int(found, 16) ^ int(pseudonym, 16) == int(disturbed, 16) ^ int(known, 16)


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8))
def test_a_cut_off_write_stays_one(known: bytes, left: bytes, pseudonym: bytes) -> None:
    """Each bit of what a cut-off write left is the one written or the blank one, also with pseudonyms."""
    found = bytes(was | blank for was, blank in zip(known, left, strict=True))
    if found == known or pseudonym == b"\xff" * 8:
        return
    names = known.hex().upper(), found.hex().upper(), pseudonym.hex().upper()
    assert is_cut_off(*names[:2])
    moved = bytes.fromhex(as_near(*names))
    assert moved != pseudonym
    assert all(now | was == now for now, was in zip(moved, pseudonym, strict=True))


def test_the_beginning_of_a_value_becomes_the_beginning_of_its_pseudonym() -> None:
    pseudonyms = Pseudonyms(KEY, _anything)
    pseudonyms.add("device_id", "d88b4c1a92ea0aa2")
    pseudonyms.add_read("device_id", "d88b4c1a")
    assert (pseudonyms.of("d88b4c1a92ea0aa2") or "").startswith(pseudonyms.of("d88b4c1a") or "?")


def test_two_boards_of_one_maker_are_not_taken_for_one_disturbed() -> None:
    assert not is_near("D88B4C05B7699BE0", "D88B4C09E02DFE52")
