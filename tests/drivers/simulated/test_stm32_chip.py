"""The simulated STM32 answers as a real ROM did, refuses what one refuses, and keeps its memory as its family does."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bootloader.stm32 import codec, part_named
from drivers.bootloader.stm32.codec import Command, address_frame, command_frame, length_frame, write_frame
from drivers.simulated.stm32_chip import SimulatedStm32
from drivers.simulated.stm32_faults import ChipFaults
from tests.support.stm32 import APP_EUI, F1, F4, L0_EEPROM, L0_FLASH, UID, UID64, WL, golden_trace, replies_of

ACK, NACK = b"\x79", b"\x1f"
WAKE = b"\x7f"


def awake(chip):
    assert replies_of(chip, WAKE) == ACK
    return chip


def read(chip, address, size_bytes):
    """The answer to a whole READ MEMORY sent at once."""
    return replies_of(chip, command_frame(Command.READ_MEMORY) + address_frame(address) + length_frame(size_bytes))


def write(chip, address, data):
    return replies_of(chip, command_frame(Command.WRITE_MEMORY) + address_frame(address) + write_frame(data))


def erase(chip, *pages):
    if chip.part.erase_command == "erase":
        return replies_of(chip, command_frame(Command.ERASE) + codec.erase_frame(pages))
    return replies_of(chip, command_frame(Command.EXTENDED_ERASE) + codec.extended_erase_frame(pages))


@pytest.mark.parametrize(("name", "board"), [("stm32flash-f1", F1), ("stm32loader-wl", WL)])
@pytest.mark.parametrize("cut", ["whole", "byte by byte"])
def test_a_golden_trace_draws_exactly_the_recorded_answers(name, board, cut):
    """What an unchanged client said to a chip draws the recorded bytes, however the host's bytes are cut."""
    chip = board.chip()
    answered = b""
    for side, data in golden_trace(f"{name}.jsonl"):
        if side == "host":
            assert answered == b"", "the chip said more than was recorded"
            pieces = [data] if cut == "whole" else [bytes([byte]) for byte in data]
            answered = b"".join(replies_of(chip, piece) for piece in pieces)
        else:
            assert answered == data
            answered = b""
    assert chip.memory.read(0x08005000, 32) == bytes(range(0xA0, 0xC0))


def test_the_first_byte_decides():
    for first in range(256):
        chip = WL.chip()
        answer = replies_of(chip, bytes([first]) + WAKE)
        assert answer == (ACK if first == 0x7F else b""), "7F wakes it, anything else deafens it"
    chip.power_on()
    assert replies_of(chip, WAKE) == ACK


def test_a_further_7f_is_half_a_command():
    chip = awake(WL.chip())
    assert replies_of(chip, WAKE) == b""
    assert replies_of(chip, WAKE) == NACK
    assert replies_of(chip, command_frame(Command.GET_ID)) == bytes.fromhex("7901049779")


def test_every_pair_that_is_no_command_is_refused():
    chip = awake(WL.chip())
    known = {command_frame(command) for command in Command if command is not Command.ERASE}
    for code in range(256):
        for second in (code ^ 0xFF, code ^ 0xFE):
            if bytes([code, second]) not in known:
                assert replies_of(chip, bytes([code, second])) == NACK


@pytest.mark.parametrize("position", range(5))
def test_a_wrong_address_sum_is_refused(position):
    chip = awake(WL.chip())
    frame = bytearray(address_frame(0x08004000))
    frame[position] ^= 0x01
    assert replies_of(chip, command_frame(Command.READ_MEMORY) + bytes(frame)) == ACK + NACK


def test_a_wrong_length_complement_is_refused():
    chip = awake(WL.chip())
    assert (
        replies_of(chip, command_frame(Command.READ_MEMORY) + address_frame(0x08004000) + b"\x07\xf7") == ACK * 2 + NACK
    )


@pytest.mark.parametrize("position", range(18))
def test_a_write_with_any_one_wrong_byte_is_refused_and_nothing_stored(position):
    """A wrong length apart, which makes the chip wait for more or take the rest for commands, and store nothing either."""
    chip = awake(WL.chip())
    before = chip.memory.snapshot()
    frame = bytearray(write_frame(b"D1A2B3C4D5E6F708"))
    frame[position] ^= 0x10
    answer = replies_of(chip, command_frame(Command.WRITE_MEMORY) + address_frame(0x08005000) + bytes(frame))
    assert chip.memory.snapshot() == before
    if position:
        assert answer == ACK * 2 + NACK


def test_addresses_outside_the_memory_are_refused():
    chip = awake(WL.chip())
    for address in (0x00000000, 0x07FFFFFF, 0x08040000, 0x1FFF0000, 0x20000000, 0xFFFFFFFF):
        assert read(chip, address, 4).startswith(ACK + NACK), hex(address)
    assert replies_of(chip, b"") == b""


def test_a_read_past_the_end_is_refused_at_its_length():
    chip = awake(WL.chip())
    assert read(chip, 0x0803FFFC, 8) == ACK * 2 + NACK
    assert read(chip, 0x0803FFFC, 4) == ACK * 3 + b"\xff" * 4


def test_a_write_to_the_system_memory_or_off_the_words_is_refused():
    for address in (0x1FFF7590, 0x08005002):
        chip = awake(WL.chip())
        assert replies_of(chip, command_frame(Command.WRITE_MEMORY) + address_frame(address)) == ACK + NACK


@pytest.mark.parametrize(
    ("name", "address", "size_bytes", "answer"),
    [
        ("STM32WL", 0x1FFF7590, 12, ACK * 3 + UID),
        ("STM32G07x", 0x1FFF7590, 12, ACK * 3 + UID),
        ("STM32F04x", 0x1FFFF7AC, 12, ACK * 3 + UID),
        ("STM32L05x", 0x1FF80050, 12, ACK + NACK),
        ("STM32F401", 0x1FFF7A10, 12, ACK * 2 + NACK),
        ("STM32L47x", 0x1FFF7590, 12, ACK + NACK),
        ("STM32G47x", 0x1FFF7590, 12, ACK + NACK),
        ("STM32L47x", 0x1FFF7500, 256, ACK * 2 + NACK),
    ],
)
def test_the_uid_is_read_and_refused_as_in_the_field(name, address, size_bytes, answer):
    chip = awake(SimulatedStm32(name, UID))
    sent = command_frame(Command.READ_MEMORY) + address_frame(address)
    got = replies_of(chip, sent)
    if got.endswith(ACK):
        got += replies_of(chip, length_frame(size_bytes))
    assert got == answer


@pytest.mark.parametrize("name", ["STM32L05x", "STM32F401", "STM32WL", "STM32F1-medium", "STM32H7A3", "STM32U5"])
def test_the_read_of_the_part_table_works_and_holds_the_uid(name):
    part = part_named(name)
    chip = awake(SimulatedStm32(part, UID))
    block = read(chip, part.uid.address, part.uid.size_bytes)
    assert block[:3] == ACK * 3
    assert part.uid.extract(block[3:]) == UID


def test_the_64_bit_uid_and_the_flash_size_stand_beside():
    chip = awake(WL.chip(uid64=UID64))
    assert read(chip, 0x1FFF7580, 8)[3:] == UID64
    assert read(chip, 0x1FFF75E0, 2)[3:] == (256).to_bytes(2, "little")


def test_read_out_protection_leaves_four_commands_and_lifting_it_erases():
    chip = awake(WL.chip(protected=True))
    assert replies_of(chip, command_frame(Command.GET)).startswith(ACK)
    assert replies_of(chip, command_frame(Command.GET_VERSION)) == bytes.fromhex("7931000079")
    assert replies_of(chip, command_frame(Command.GET_ID)) == bytes.fromhex("7901049779")
    for command in (Command.READ_MEMORY, Command.WRITE_MEMORY, Command.GO, Command.EXTENDED_ERASE):
        assert replies_of(chip, command_frame(command)) == NACK
    assert replies_of(chip, command_frame(Command.READOUT_UNPROTECT)) == ACK + ACK
    assert chip.memory.read(WL.app_eui, 8) == b"\xff" * 8
    assert replies_of(chip, command_frame(Command.GET_ID)) == b"", "it has reset, and 02 is not 7F"


def test_go_leaves_the_bootloader():
    chip = awake(WL.chip())
    assert replies_of(chip, command_frame(Command.GO) + address_frame(0x08000000)) == ACK * 2
    assert replies_of(chip, WAKE * 10) == b""


def test_an_erase_empties_its_pages_and_no_others():
    chip = awake(F1.chip())
    chip.memory.poke(0x08004FFC, b"before  ")
    chip.memory.poke(0x08005000, b"x" * 1024)
    chip.memory.poke(0x08005400, b"behind")
    assert erase(chip, 20) == ACK * 2
    assert chip.memory.read(0x08004FFC, 4) == b"befo"
    assert chip.memory.read(0x08005000, 1024) == b"\xff" * 1024
    assert chip.memory.read(0x08005400, 6) == b"behind"


def test_a_mass_erase_needs_its_whole_frame():
    for board, frame in ((F1, b"\xff\x00"), (WL, b"\xff\xff\x00")):
        chip = awake(board.chip())
        command = Command.ERASE if board is F1 else Command.EXTENDED_ERASE
        wrong = frame[:-1] + b"\x01"
        assert replies_of(chip, command_frame(command) + wrong) == ACK + NACK
        assert chip.memory.read(board.app_eui, 8) == APP_EUI
        assert replies_of(chip, command_frame(command) + frame) == ACK * 2
        assert chip.memory.read(board.app_eui, 8) == b"\xff" * 8


def test_a_page_that_does_not_exist_is_refused_with_the_whole_list():
    chip = awake(WL.chip())
    assert erase(chip, 8, 128) == ACK + NACK
    assert chip.memory.read(WL.app_eui, 8) == APP_EUI


@pytest.mark.parametrize(
    ("board", "address", "second", "held"),
    [
        (
            WL,
            0x08005000,
            b"\x0f" * 8,
            b"\xf0" * 8,
        ),  # a double word that is not erased is left alone (RM0453 3.3.8 PROGERR)
        (WL, 0x08005000, bytes(8), bytes(8)),  # except for all zeros
        (F1, 0x08005000, b"\x0f" * 8, b"\xf0" * 8),  # PM0075 2.3.3: PGERR
        (F4, 0x08004100, b"\x0f" * 8, bytes(8)),  # further ones can be cleared
        (L0_FLASH, 0x08005000, b"\x0f" * 8, b"\xf0" * 8),  # RM0377 3.3.4: NOTZEROERR
        (L0_EEPROM, 0x08080010, b"\x0f" * 8, b"\x0f" * 8),  # EEPROM takes anything
    ],
    ids=["WL", "WL zeros", "F1", "F4", "L0 flash", "EEPROM"],
)
def test_writing_over_what_is_not_erased_does_what_the_family_does(board, address, second, held):
    chip = awake(board.chip())
    assert write(chip, address, b"\xf0" * 8) == ACK * 3
    assert write(chip, address, second) == ACK * 3, "acknowledged in any case"
    assert chip.memory.read(address, 8) == held


def test_l0_erases_to_zeros():
    chip = awake(L0_FLASH.chip({0x08005000: b"x" * 128}))
    assert erase(chip, 160) == ACK * 2
    assert chip.memory.read(0x08005000, 128) == bytes(128)


def test_an_erase_takes_the_time_it_is_given():
    chip = awake(WL.chip(erase_s=0.02, program_s=0.003))
    replies = chip.feed(command_frame(Command.EXTENDED_ERASE) + codec.extended_erase_frame([3, 4]))
    assert [(reply.data, reply.after_s) for reply in replies] == [(ACK, 0.0), (ACK, 0.04)]


def test_faults_strike_where_they_are_told():
    chip = awake(WL.chip(faults=ChipFaults(nacked_commands=frozenset({1}), garbled_replies={3: 0x01})))
    assert replies_of(chip, command_frame(Command.GET_ID)) == NACK
    assert replies_of(chip, command_frame(Command.GET_ID)) == bytes.fromhex("7801049779")
    chip = awake(WL.chip(faults=ChipFaults(dropped_replies=frozenset({2}), dead_after_bytes=5)))
    assert replies_of(chip, command_frame(Command.GET_ID)) == bytes.fromhex("01049779")
    assert replies_of(chip, command_frame(Command.GET_ID)) == bytes.fromhex("7901049779")
    assert replies_of(chip, command_frame(Command.GET_ID)) == b""


@given(st.binary(max_size=400))
def test_no_bytes_break_the_chip_and_it_can_always_be_powered_on_again(data):
    chip = WL.chip()
    chip.feed(WAKE + data)
    chip.power_on()
    assert replies_of(chip, WAKE + command_frame(Command.GET_ID)) == bytes.fromhex("797901049779")


def test_the_memory_outlives_its_process(tmp_path):
    """The process is killed right after the write was acknowledged."""
    path = tmp_path / "chip.bin"
    script = """
import os, signal, sys
from pathlib import Path
from drivers.simulated.stm32_chip import SimulatedStm32
chip = SimulatedStm32("STM32L05x", bytes(12), contents={0x08000000: b"kept"}, path=Path(sys.argv[1]))
chip.memory.poke(0x08080000, b"EEPROM")
chip.feed(bytes.fromhex("7f" "31ce" "0800500058" "03" "41424344" "07"))
assert chip.writes == 1
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=30).returncode == -9
    chip = SimulatedStm32("STM32L05x", bytes(12), contents={0x08000000: b"new "}, path=path)
    assert chip.memory.read(0x08000000, 4) == b"kept"
    assert chip.memory.read(0x08080000, 6) == b"EEPROM"
    assert chip.memory.read(0x08005000, 4) == b"ABCD"
