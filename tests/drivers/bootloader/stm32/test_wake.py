"""Waking a chip that a dead client left anywhere: always possible, and never completes the command.

Exhaustive over every command and every byte at which its client may have stopped, with every length, count and page number. The
chips count what they carried out (``writes``, ``erases``, sectors protected, programs started), so nothing can slip past.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from operator import xor

import pytest

from drivers.bootloader.stm32 import codec
from drivers.bootloader.stm32.codec import Command, address_frame, command_frame
from drivers.bootloader.stm32.commands import Rom
from drivers.bootloader.stm32.options import Stm32Timing
from drivers.bootloader.stm32.parts import PARTS
from drivers.bootloader.stm32.wake import PROBE, wake_bytes
from drivers.errors import BoardGarbled, BoardSilent
from drivers.reset import ResetSequence
from drivers.simulated import Reply
from drivers.simulated.stm32_chip import SimulatedStm32
from tests.support.stm32 import UID, DirectLink

WAKE = b"\x7f"
SMALL_ERASE, SMALL_EXTENDED = PARTS["STM32F1-low"], PARTS["STM32L01x"]
TIMING = Stm32Timing(reply_s=0.2, sync_s=0.05, quiet_s=0.02)
DEFAULT_BYTES = TIMING.recovery_bytes
LONGEST_S = 3 * (2 * 0.05 + 1.0)
WRITE = command_frame(Command.WRITE_MEMORY) + address_frame(0x08000400)
ERASE, EXTENDED = command_frame(Command.ERASE), command_frame(Command.EXTENDED_ERASE)
PROTECT = command_frame(Command.WRITE_PROTECT)


def chip_left_behind(sent, part=SMALL_ERASE):
    """A chip whose client woke it, said ``sent``, and died."""
    chip = SimulatedStm32(part, UID)
    chip.feed(WAKE + sent)
    return chip


def wake(chip, timing=TIMING):
    link = DirectLink(chip)
    product_id = Rom(link, link.clock, chip.part, timing).wake()
    return product_id, link


def done(chip):
    """What the chip has carried out so far."""
    return chip.writes, chip.erases, frozenset(chip.protected_sectors), chip.protected


def assert_wakes_unharmed(sent, part=SMALL_ERASE, timing=TIMING):
    chip = chip_left_behind(sent, part)
    before = done(chip)
    started_s = 1000.0
    product_id, link = wake(chip, timing)
    assert product_id in part.product_ids, sent.hex()
    assert done(chip) == before, f"waking completed a command left at {sent.hex()}"
    assert len(link.sent_bytes) <= timing.recovery_bytes + 3 * 8
    assert link.clock.now_s - started_s <= LONGEST_S + timing.wire_s(timing.recovery_bytes)


def test_between_commands_and_after_any_half_of_one():
    assert_wakes_unharmed(b"")
    for code in range(256):
        assert_wakes_unharmed(bytes([code]))


@pytest.mark.parametrize("command", list(Command))
def test_after_every_command(command):
    for part in (SMALL_ERASE, SMALL_EXTENDED):
        if command is Command.EXTENDED_ERASE and part is SMALL_EXTENDED:
            continue  # see test_a_chip_that_awaits_the_page_count_of_an_extended_erase
        assert_wakes_unharmed(command_frame(command), part)


@pytest.mark.parametrize("command", [Command.READ_MEMORY, Command.WRITE_MEMORY, Command.GO])
def test_within_an_address(command):
    for address in (0x08000000, 0x08000400, 0x08001234, 0x08003FFC):
        for sent_bytes in range(5):
            assert_wakes_unharmed(command_frame(command) + address_frame(address)[:sent_bytes])


def test_behind_the_address_of_a_read_and_behind_any_length():
    read = command_frame(Command.READ_MEMORY) + address_frame(0x08000400)
    assert_wakes_unharmed(read)
    for length in range(256):
        assert_wakes_unharmed(read + bytes([length]))


def test_behind_the_address_of_a_write_and_behind_any_length():
    assert_wakes_unharmed(WRITE)
    for length in range(256):
        assert_wakes_unharmed(WRITE + bytes([length]))


@pytest.mark.parametrize("before", [ERASE, PROTECT], ids=["erase", "write protect"])
def test_behind_any_count_of_an_erase_or_a_write_protect(before):
    for count in range(256):
        assert_wakes_unharmed(before + bytes([count]))


def test_within_the_erase_of_any_one_page():
    for page in range(256):
        frame = codec.erase_frame([page])
        for sent_bytes in range(len(frame)):
            if sent_bytes == 2 and page == WAKE[0]:
                continue  # the check byte of page 7F is 7F, which any waking must begin with: see the limits below
            assert_wakes_unharmed(ERASE + frame[:sent_bytes])


def test_within_the_extended_erase_of_any_one_page():
    for page in range(512):
        frame = codec.extended_erase_frame([page])
        for sent_bytes in range(1, len(frame)):
            if sent_bytes == 4 and frame[4] == WAKE[0]:
                continue
            assert_wakes_unharmed(EXTENDED + frame[:sent_bytes], SMALL_EXTENDED)


def test_behind_any_count_of_an_extended_erase_that_the_default_reaches():
    for count in range((DEFAULT_BYTES - 3) // 2 - 1):
        assert_wakes_unharmed(EXTENDED + count.to_bytes(2, "big"), SMALL_EXTENDED)


@pytest.mark.parametrize("sent", [b"", b"\x00", b"\x01", b"\x7f", b"\xff"], ids=["no byte", "00", "01", "7F", "FF"])
def test_a_chip_that_awaits_the_page_count_of_an_extended_erase(sent):
    """Its count comes out as 7Fxx, some 65 000 bytes of pages: reached where the configuration lets so much be sent, and otherwise
    reported as silent, with nothing done."""
    left_at = EXTENDED + sent
    chip = chip_left_behind(left_at, SMALL_EXTENDED)
    if sent != b"\x00" and sent != b"\x01":  # 007F and 017F pages are within reach
        with pytest.raises(BoardSilent):
            wake(chip)
        assert done(chip) == (0, 0, frozenset(), False)
    assert_wakes_unharmed(left_at, SMALL_EXTENDED, Stm32Timing(recovery_bytes=132_000))


def test_every_count_of_an_extended_erase_by_its_sums():
    """What the chips above show for small counts, computed for all: the check byte never fits."""
    sequence = wake_bytes(140_000)
    sums = list(accumulate(sequence, xor, initial=0))
    for count in range(0xFFF0):
        assert sums[2 * (count + 1) + 1] != (count >> 8) ^ (count & 0xFF)
    for special in range(0xFFF0, 0x10000):
        assert sums[1] != (special >> 8) ^ (special & 0xFF)


def patterns(size_bytes):
    yield bytes(size_bytes)
    yield b"\xff" * size_bytes
    yield bytes(range(size_bytes))
    yield bytes((37 * index * index + 11) % 256 for index in range(size_bytes))


@pytest.mark.parametrize("size_bytes", [4, 16, 128, 256])
def test_within_the_data_of_a_write(size_bytes):
    """Where the client stopped inside its data, one value in 256 of what it had sent fits for any sequence (``wake.py``). Exactly
    those are completed, no other, and then nothing but the range that the write named is touched."""
    sums = list(accumulate(wake_bytes(600), xor, initial=0))
    for data in patterns(size_bytes):
        frame = codec.write_frame(data)
        for sent_bytes in range(2, len(frame)):
            chip = chip_left_behind(WRITE + frame[:sent_bytes])
            outside = chip.memory.read(0x08000000, 0x400), chip.memory.read(0x08000400 + size_bytes, 0x1000)
            fits = sums[len(frame) - sent_bytes] == codec.checksum(frame[:sent_bytes])
            wake(chip)
            assert chip.writes == fits, f"{data[:4].hex()}… cut at {sent_bytes}"
            assert outside == (chip.memory.read(0x08000000, 0x400), chip.memory.read(0x08000400 + size_bytes, 0x1000))


def test_a_write_of_erased_or_zero_bytes_is_never_completed():
    """The data that are the likeliest, cut off anywhere but right before a check byte that is 7F."""
    for size_bytes in (4, 8, 16, 64, 128, 256):
        for fill in (b"\x00", b"\xff"):
            frame = codec.write_frame(fill * size_bytes)
            for sent_bytes in range(2, len(frame) - (frame[-1] == WAKE[0])):
                chip = chip_left_behind(WRITE + frame[:sent_bytes])
                wake(chip)
                assert chip.writes == 0, (size_bytes, fill, sent_bytes)


def test_a_lost_byte_of_an_erase_or_a_write_does_not_erase_or_write_elsewhere():
    """One byte of the last frame never arrived: the chip takes the check byte for a page or for data, and waits for one more."""
    for page in range(32):
        frame = codec.erase_frame([page])
        for lost in range(len(frame)):
            chip = chip_left_behind(ERASE + frame[:lost] + frame[lost + 1 :])
            wake(chip)
            assert chip.erases == 0
    frame = codec.write_frame(b"D1A2B3C4D5E6F708")
    for lost in range(len(frame)):
        chip = chip_left_behind(WRITE + frame[:lost] + frame[lost + 1 :])
        wake(chip)
        assert chip.writes == 0


def test_flooding_with_7f_is_what_must_not_be_done():
    """The reason for all this: it programs 128 bytes behind a WRITE address and erases page 7F behind an ERASE of one page."""
    flooded = chip_left_behind(WRITE)
    flooded.feed(WAKE * 130)
    assert flooded.memory.read(0x08000400, 128) == WAKE * 128
    assert flooded.writes == 1
    erased = chip_left_behind(ERASE + b"\x00", PARTS["STM32F1-medium"])
    erased.feed(WAKE * 2)
    assert erased.erases == 1


def test_ff_00_pairs_must_not_be_sent_either():
    """Behind ERASE they are the mass erase."""
    chip = chip_left_behind(ERASE)
    chip.memory.poke(0x08000000, b"program")
    chip.feed(b"\xff\x00")
    assert chip.memory.read(0x08000000, 7) == b"\xff" * 7


def states_between_turns():
    """Where a client that is killed leaves a chip: each answer received, nothing more sent."""
    yield b""
    for command in (Command.READ_MEMORY, Command.WRITE_MEMORY, Command.GO):
        yield command_frame(command)
        yield command_frame(command) + address_frame(0x08000400)
    yield from (ERASE, EXTENDED, PROTECT)
    for count in range(256):
        if count != WAKE[0]:
            yield WRITE + bytes([count])
            yield ERASE + bytes([count])
            yield PROTECT + bytes([count])


@pytest.mark.parametrize("part", [SMALL_ERASE, SMALL_EXTENDED], ids=["erase", "extended erase"])
def test_looking_for_a_board_again_and_again_completes_nothing(part):
    """300 probes of two bytes each, sent to a chip left between turns or behind any length or count (except 7F, 128 bytes or pages,
    one of the values that fit); then it still wakes."""
    for left_at in states_between_turns():
        chip = chip_left_behind(left_at, part)
        chip.feed(PROBE * 300)
        assert done(chip) == (0, 0, frozenset(), False), left_at.hex()


def test_a_board_that_was_probed_wakes_in_one_turn():
    chip = SimulatedStm32(SMALL_ERASE, UID)
    chip.feed(PROBE)
    chip.feed(PROBE)
    _, link = wake(chip)
    assert link.sent_bytes == WAKE + command_frame(Command.GET_ID)


def test_a_fresh_board_wakes_in_one_turn_and_an_idle_one_in_two():
    _, link = wake(SimulatedStm32(SMALL_ERASE, UID))
    assert link.sent_bytes == WAKE + command_frame(Command.GET_ID)
    _, link = wake(chip_left_behind(b""))
    assert link.sent_bytes == PROBE + command_frame(Command.GET_ID)
    assert link.clock.now_s - 1000.0 == pytest.approx(TIMING.sync_s)


def test_no_two_neighbours_form_a_command():
    sequence = wake_bytes(140_000)
    assert all(first ^ second != 0xFF for first, second in pairwise(sequence))
    assert sequence[:2] == PROBE


def test_a_missing_board_is_silent_after_a_bounded_number_of_bytes():
    link = DirectLink(None)
    with pytest.raises(BoardSilent, match="no answer to 7F"):
        Rom(link, link.clock, SMALL_ERASE, TIMING).wake()
    assert len(link.sent_bytes) == TIMING.recovery_bytes
    assert link.clock.now_s - 1000.0 < 0.5


def test_a_deaf_board_is_silent():
    """Another byte than 7F came first: it measured a wrong baud rate."""
    chip = SimulatedStm32(SMALL_ERASE, UID)
    chip.feed(b"\x00")
    with pytest.raises(BoardSilent, match="deaf"):
        wake(chip)


class Babbler:
    """Answers each run of bytes with the same, whatever it is."""

    def __init__(self, answer):
        self.answer = answer

    def feed(self, data):
        return [Reply(self.answer)]

    def power_on(self):
        return []

    def lines_changed(self, dtr, rts):
        return []


def test_noise_before_the_first_answer_is_tolerated():
    link = DirectLink(SimulatedStm32(SMALL_ERASE, UID))
    rom = Rom(link, link.clock, SMALL_ERASE, TIMING)
    link.device = Noisy(link.device, b"\x00\xf0\x80")
    assert rom.wake() == 0x412


class Noisy(Babbler):
    """A chip with a glitch before its first answer."""

    def __init__(self, chip, noise):
        super().__init__(noise)
        self.chip = chip

    def feed(self, data):
        noise, self.answer = self.answer, b""
        return [Reply(noise), *self.chip.feed(data)] if noise else self.chip.feed(data)


def test_noise_after_one_reset_is_gone_after_the_next():
    chip = SimulatedStm32(SMALL_ERASE, UID, wired=True)
    link = DirectLink(chip)
    noisy = Noisy(chip, b"\x00" * 100)
    noisy.lines_changed = chip.lines_changed
    link.device = noisy
    reset = ResetSequence(preset="stm32-dtr-reset-rts-boot0")
    assert Rom(link, link.clock, SMALL_ERASE, TIMING, reset).wake() == 0x412


def test_nothing_but_noise_is_garbage_and_wrong_parity_is_named():
    link = DirectLink(Babbler(b"\x3f"))
    with pytest.raises(BoardGarbled, match=r"none an ACK or NACK: 3f.*even parity"):
        Rom(link, link.clock, SMALL_ERASE, TIMING).wake()
    link = DirectLink(Babbler(b"\x00" * 100))
    with pytest.raises(BoardGarbled, match="65 bytes, none an ACK or NACK") as garbled:
        Rom(link, link.clock, SMALL_ERASE, TIMING).wake()
    assert "parity" not in str(garbled.value)


def test_a_device_that_answers_anything_with_ack_is_no_chip():
    link = DirectLink(Babbler(b"\x79"))
    with pytest.raises(BoardGarbled):
        Rom(link, link.clock, SMALL_ERASE, TIMING).wake()
    assert link.clock.now_s - 1000.0 < 5.0


def test_an_endless_talker_is_cut_off():
    link = DirectLink(Babbler(b"\x79" * 5000))
    with pytest.raises(BoardGarbled):
        Rom(link, link.clock, SMALL_ERASE, TIMING).wake()
