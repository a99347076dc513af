"""The frames of AN3155: what each builder sends and each parser takes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bootloader.stm32 import codec
from drivers.bootloader.stm32.codec import Abilities, Command
from drivers.errors import BoardGarbled


@pytest.mark.parametrize("command", list(Command))
def test_a_command_is_its_code_and_complement(command):
    assert codec.command_frame(command)[0] == command
    assert codec.command_frame(command)[0] ^ codec.command_frame(command)[1] == 0xFF


@given(st.integers(0, 0xFFFFFFFF))
def test_an_address_is_big_endian_and_sums_to_zero(address):
    frame = codec.address_frame(address)
    assert len(frame) == 5
    assert int.from_bytes(frame[:4], "big") == address
    assert codec.checksum(frame) == 0


@given(st.integers(1, 256))
def test_a_length_is_one_less_and_its_complement(size_bytes):
    frame = codec.length_frame(size_bytes)
    assert frame[0] + 1 == size_bytes
    assert frame[0] ^ frame[1] == 0xFF


@given(st.integers(1, 64).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words)))
def test_a_write_holds_its_data_and_sums_to_zero(data):
    frame = codec.write_frame(data)
    assert frame[0] + 1 == len(data) == len(frame) - 2
    assert frame[1:-1] == data
    assert codec.checksum(frame) == 0


@given(st.lists(st.integers(0, 0xFF), min_size=1, max_size=255))
def test_an_erase_lists_pages_in_one_byte_each(pages):
    frame = codec.erase_frame(pages)
    assert list(frame[1:-1]) == pages
    assert frame[0] + 1 == len(pages)
    assert codec.checksum(frame) == 0


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=300))
def test_an_extended_erase_lists_pages_in_two_bytes_each(pages):
    frame = codec.extended_erase_frame(pages)
    assert int.from_bytes(frame[:2], "big") + 1 == len(pages)
    assert [int.from_bytes(frame[at : at + 2], "big") for at in range(2, len(frame) - 1, 2)] == pages
    assert codec.checksum(frame) == 0


@pytest.mark.parametrize(
    ("build", "argument"),
    [
        (codec.address_frame, -1),
        (codec.address_frame, 1 << 32),
        (codec.length_frame, 0),
        (codec.length_frame, 257),
        (codec.write_frame, b""),
        (codec.write_frame, b"abc"),
        (codec.write_frame, bytes(260)),
        (codec.erase_frame, []),
        (codec.erase_frame, [256]),
        (codec.erase_frame, [0] * 256),
        (codec.extended_erase_frame, []),
        (codec.extended_erase_frame, [0x10000]),
        (codec.extended_erase_frame, [0] * 0xFFF1),
    ],
)
def test_what_no_frame_can_carry_is_refused(build, argument):
    with pytest.raises(ValueError, match=r"\d"):
        build(argument)


def test_no_page_list_can_mean_a_mass_erase():
    """FF, and FFF0 up, in the place of the count are special erases; the longest lists stay below."""
    assert codec.erase_frame([0] * 255)[0] == 0xFE
    assert codec.extended_erase_frame([0] * codec.MAX_EXTENDED_PAGES)[:2] == b"\xff\xef"


@given(st.integers(0, 255), st.lists(st.integers(0, 255), max_size=200))
def test_abilities_round_trip(version, commands):
    abilities = Abilities(version, tuple(commands))
    assert Abilities.from_bytes(abilities.to_bytes()) == abilities


@given(st.binary(max_size=40))
def test_no_bytes_make_a_parser_raise_anything_else(reply):
    for parse in (Abilities.from_bytes, codec.parse_version, codec.parse_product_id):
        with contextlib.suppress(BoardGarbled):
            parse(reply)


def test_answers_of_real_chips_parse():
    """From the golden traces."""
    assert Abilities.from_bytes(bytes.fromhex("0b22000102112131436373829279")).commands[7] == Command.WRITE_PROTECT
    assert codec.parse_version(bytes.fromhex("22000079")) == 0x22
    assert codec.parse_product_id(bytes.fromhex("01041079")) == 0x410


def test_a_product_id_of_another_length_is_no_answer():
    with pytest.raises(BoardGarbled, match="GET ID"):
        codec.parse_product_id(bytes.fromhex("0204109779"))
