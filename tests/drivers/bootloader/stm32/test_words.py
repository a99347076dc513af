"""Frames in words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.bootloader.stm32.words import WireDecoder, describe
from tests.support.stm32 import golden_trace


def test_a_read_is_described_whole():
    assert describe(bytes.fromhex("11ee1fff7590050bf4")) == "READ MEMORY 0x1FFF7590, 12 bytes"


def test_several_commands_are_told_apart():
    assert describe(bytes.fromhex("7f02fd44bb0000000a0a")) == "wake; GET ID; EXTENDED ERASE 10"


def test_a_mass_erase_is_called_by_its_name():
    assert describe(bytes.fromhex("44bbffff00")) == "EXTENDED ERASE everything"
    assert describe(bytes.fromhex("43bcff00")) == "ERASE everything"


def test_what_is_no_whole_frame_stays_hex():
    assert describe(bytes.fromhex("31ce0800")) == "WRITE MEMORY; 08 00 and no more"
    assert describe(bytes.fromhex("1234")) == "12 34 (no command)"


def test_a_golden_trace_reads_like_what_its_client_did():
    """The whole session of stm32flash: every frame is known, and the last command's data are shown."""
    decoder, said = WireDecoder(), []
    for side, data in golden_trace("stm32flash-f1.jsonl"):
        said += decoder.host(data) if side == "host" else decoder.chip(data)
    assert "product id 0x410" in said
    assert "READ MEMORY 0x1FFFF7E8, 12 bytes" in said
    assert "8 bytes: 70 B3 D5 7E D0 01 23 45" in said
    assert "ERASE 20" in said
    assert "WRITE MEMORY 0x08005000, 32 bytes: A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 AA AB AC AD AE AF …" in said
    assert not [word for word in said if "?" in word or "no command" in word]


def test_cutting_the_bytes_elsewhere_changes_no_word_after_waking():
    trace = golden_trace("stm32loader-wl.jsonl")[:15]
    whole, cut = WireDecoder(), WireDecoder()
    for side, data in trace:
        at_once = whole.host(data) if side == "host" else whole.chip(data)
        piecewise = [
            word for byte in data for word in (cut.host(bytes([byte])) if side == "host" else cut.chip(bytes([byte])))
        ]
        assert at_once == piecewise


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=30)), max_size=30))
def test_no_conversation_makes_it_raise(pieces):
    decoder = WireDecoder()
    for is_host, data in pieces:
        for word in decoder.host(data) if is_host else decoder.chip(data):
            assert word.isprintable()
            assert len(word) < 2000
