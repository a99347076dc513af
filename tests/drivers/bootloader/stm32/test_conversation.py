"""Identify, plan, write and verify a board, and everything that may go wrong with each."""

from __future__ import annotations

import pytest

from drivers.bootloader import WritePlan
from drivers.bootloader.fields import CanonicalForm, FieldFormat
from drivers.bootloader.stm32 import MemoryField
from drivers.bootloader.stm32.codec import Command
from drivers.errors import (
    BoardGarbled,
    BoardProtected,
    BoardRefused,
    BoardSilent,
    BoardSwapped,
    DriverMisuse,
    FieldInvalid,
    PortLost,
    WriteNotKept,
    WrongPart,
)
from drivers.reset import ResetSequence
from drivers.simulated.stm32_faults import ChipFaults, PowerFailure
from tests.support.stm32 import (
    APP_EUI,
    DEVICE_ID,
    F1,
    F4,
    L0_EEPROM,
    L0_FLASH,
    OTHER_DEVICE_ID,
    OTHER_UID,
    SHARED,
    UID64,
    UID_TEXT,
    WL,
    Board,
    DirectLink,
    talk,
)

KINDS = pytest.mark.parametrize(
    "board", [WL, SHARED, F1, L0_EEPROM, L0_FLASH, F4], ids=["WL", "shared page", "F1", "EEPROM", "L0", "F4"]
)
RAW, OTHER_RAW = DEVICE_ID.encode(), OTHER_DEVICE_ID.encode()
RESET = ResetSequence(preset="stm32-dtr-reset-rts-boot0")


def written(board, chip, device_id=DEVICE_ID):
    """Identify, write and verify, as a cycle does; returns what was verified."""
    _, conversation = talk(chip, board)
    conversation.identify()
    conversation.write(conversation.plan_write(device_id))
    return conversation.verify()


@KINDS
def test_a_fresh_board_is_identified_written_and_verified(board):
    chip = board.chip()
    _, conversation = talk(chip, board)
    identity = conversation.identify()
    assert (identity.chip_id, identity.app_eui.value) == (UID_TEXT, APP_EUI.hex().upper())
    assert identity.device_id.is_blank
    plan = conversation.plan_write(DEVICE_ID)
    assert plan.erase_pages == (), "a blank field needs no erase"
    conversation.write(plan)
    verified = conversation.verify()
    assert (verified.chip_id, verified.app_eui.value, verified.device_id.value) == (
        UID_TEXT,
        APP_EUI.hex().upper(),
        DEVICE_ID,
    )
    assert chip.memory.read(board.device_id, 16) == RAW
    assert chip.erases == 0


def test_identifying_takes_the_fewest_turns():
    """Wake, GET ID, and three turns for each of two reads of the UID and of the one block that holds both fields."""
    link, conversation = talk(SHARED.chip(), SHARED)
    conversation.identify()
    assert len(link.sent) == 2 + 2 * 3 + 2 * 3
    link, conversation = talk(WL.chip(), WL)
    conversation.identify()
    assert len(link.sent) == 2 + 2 * 3 + 4 * 3


def test_a_blank_field_is_written_with_what_identifying_read():
    """Three turns of WRITE MEMORY and one read, which finds what was written."""
    link, conversation = talk(WL.chip(), WL)
    conversation.identify()
    before = len(link.sent)
    conversation.write(conversation.plan_write(DEVICE_ID))
    assert len(link.sent) - before == 3 + 3


@KINDS
def test_rewriting_a_field_keeps_all_that_shares_its_page(board):
    page_address, page_bytes = board.page_of_slot() if board is not L0_EEPROM else (board.device_id - 16, 256)
    pattern = bytes((index * 7 + 1) % 251 for index in range(page_bytes))
    chip = board.chip({page_address: pattern})
    chip.memory.poke(board.app_eui, APP_EUI)
    chip.memory.poke(board.device_id, OTHER_RAW)
    expected = bytearray(chip.memory.snapshot())
    at = expected.index(OTHER_RAW)
    expected[at : at + 16] = RAW
    assert written(board, chip).device_id.value == DEVICE_ID
    assert chip.memory.snapshot() == bytes(expected)


@KINDS
def test_a_field_that_holds_the_value_is_left_alone(board):
    chip = board.chip({board.device_id: RAW})
    assert written(board, chip).device_id.value == DEVICE_ID
    assert (chip.writes, chip.erases) == (0, 0)


def test_a_unit_that_is_half_used_makes_the_page_be_rewritten():
    """WL programs 8 bytes at once: a field that ends in a unit whose rest is taken cannot be programmed by itself."""
    board = Board("STM32WL", 0x08004000, 0x08005000)
    options = {"device_id": MemoryField(0x08005000, FieldFormat(12))}
    chip = board.chip({0x0800500C: b"DATA"})
    _, conversation = talk(chip, board, **options)
    conversation.identify()
    plan = conversation.plan_write("D1A2B3C4D5E6")
    assert plan.erase_pages == (10,)
    conversation.write(plan)
    assert chip.memory.read(0x08005000, 16) == b"D1A2B3C4D5E6DATA"


def test_a_plan_survives_the_journal():
    _, conversation = talk(WL.chip({WL.device_id: OTHER_RAW}), WL)
    conversation.identify()
    plan = conversation.plan_write(DEVICE_ID)
    assert len(plan.image) == 2048
    assert WritePlan.from_json(plan.to_json()) == plan


def test_planning_changes_nothing():
    chip = WL.chip({WL.device_id: OTHER_RAW})
    before = chip.memory.snapshot()
    _, conversation = talk(chip, WL)
    conversation.plan_write(DEVICE_ID)
    assert chip.memory.snapshot() == before
    assert (chip.writes, chip.erases) == (0, 0)


def test_a_page_too_large_to_rewrite_is_refused_before_anything_changes():
    chip = F4.chip({F4.device_id: OTHER_RAW})
    _, conversation = talk(chip, F4, rewrite_max_bytes=8192)
    conversation.identify()
    with pytest.raises(BoardRefused, match="16384 bytes is more than the 8192"):
        conversation.plan_write(DEVICE_ID)
    assert chip.erases == 0


def test_a_device_id_that_does_not_fit_is_misuse():
    _, conversation = talk(WL.chip(), WL)
    with pytest.raises(DriverMisuse, match="DeviceID does not fit"):
        conversation.plan_write("D" * 17)


# -- who is it -----------------------------------------------------------------------------------------------------------


def test_the_64_bit_uid_is_reversed():
    chip = WL.chip(uid64=UID64)
    _, conversation = talk(chip, WL, chip_id="uid64")
    assert conversation.identify().chip_id == "0080E11500452301"


def test_a_chip_id_of_the_boards_own_follows_the_product_id():
    board = Board("STM32L47x", 0x08004000, 0x08005000)
    chip = board.chip({0x08006000: b"BOARD-0042"})
    own = MemoryField(0x08006000, FieldFormat(10))
    _, conversation = talk(chip, board, chip_id=own, canonical=CanonicalForm(separators=""))
    assert conversation.identify().chip_id == "0415BOARD-0042"


@pytest.mark.parametrize("content", [b"\xff" * 10, b"\x01\x02" * 5], ids=["blank", "not ASCII"])
def test_a_chip_id_that_does_not_decode_is_invalid(content):
    own = MemoryField(0x08006000, FieldFormat(10))
    _, conversation = talk(WL.chip({0x08006000: content}), WL, chip_id=own)
    with pytest.raises(FieldInvalid, match="chipId cannot be read"):
        conversation.identify()


@pytest.mark.parametrize("uid", [b"\xff" * 12, bytes(12)], ids=["FF", "00"])
def test_an_unread_uid_is_invalid(uid):
    _, conversation = talk(WL.chip(uid=uid), WL)
    with pytest.raises(FieldInvalid, match="not usable"):
        conversation.identify()


def test_fields_that_do_not_decode_are_readings_not_errors():
    chip = WL.chip({WL.device_id: b"\x01" * 16})
    _, conversation = talk(chip, WL)
    reading = conversation.identify().device_id
    assert reading.value is None
    assert not reading.is_blank
    assert reading.raw == b"\x01" * 16


def test_another_part_is_named():
    chip = WL.chip(product_id=0x410)
    _, conversation = talk(chip, WL)
    with pytest.raises(WrongPart, match=r"0x410 \(STM32F1-medium\) where STM32WL has 0x497"):
        conversation.identify()


def test_a_protected_board_is_told_from_one_that_refuses():
    for faults in (ChipFaults(), ChipFaults(double_nack=True)):
        chip = WL.chip(protected=True, faults=faults)
        _, conversation = talk(chip, WL)
        with pytest.raises(BoardProtected, match="read-out protection"):
            conversation.identify()
        assert chip.protected, "nothing is ever unprotected"
    _, conversation = talk(WL.chip(), WL, app_eui=MemoryField(0x1FFF0000, FieldFormat(8, "hex", case="upper")))
    with pytest.raises(BoardRefused, match="refuses READ MEMORY 0x1fff0000, 8 bytes: address"):
        conversation.identify()


def test_nothing_that_protects_erases_all_or_jumps_is_ever_sent():
    """Over a whole cycle with a rewrite, no frame of such a command leaves."""
    forbidden = {
        bytes([command, command ^ 0xFF])
        for command in (
            Command.GO,
            Command.WRITE_PROTECT,
            Command.WRITE_UNPROTECT,
            Command.READOUT_PROTECT,
            Command.READOUT_UNPROTECT,
        )
    }
    link, conversation = talk(F1.chip({F1.device_id: OTHER_RAW}), F1)
    conversation.identify()
    conversation.write(conversation.plan_write(DEVICE_ID))
    conversation.verify()
    assert not forbidden & set(link.sent)


# -- the wire misbehaves -------------------------------------------------------------------------------------------------


def reply_bytes_of_identify(board):
    chip = board.chip()
    talk(chip, board)[1].identify()
    return chip.reply_bytes


@pytest.mark.parametrize("at", range(1, reply_bytes_of_identify(SHARED) + 1))
def test_one_flipped_or_lost_reply_byte_never_changes_an_identity(at):
    """Whichever byte of the conversation it is."""
    expected = talk(SHARED.chip(), SHARED)[1].identify()
    for faults in (ChipFaults(garbled_replies={at: 0x10}), ChipFaults(dropped_replies=frozenset({at}))):
        chip = SHARED.chip(faults=faults)
        assert talk(chip, SHARED)[1].identify() == expected
        assert chip.writes == chip.erases == 0


@pytest.mark.parametrize("at", range(1, 2 + 2 + 2 * 9 + 2 * 9))
def test_one_lost_host_byte_never_changes_an_identity(at):
    """Except the first, without which a chip takes the next for its baud rate and is deaf."""
    chip = SHARED.chip()
    link, conversation = talk(chip, SHARED)
    link.dropped_from_host = frozenset({at})
    if at == 1:
        with pytest.raises(BoardSilent):
            conversation.identify()
    else:
        assert conversation.identify() == talk(SHARED.chip(), SHARED)[1].identify()
    assert chip.writes == chip.erases == 0


def test_a_third_read_decides_between_two_that_differ():
    """WL's identify: ACK, 5 bytes of GET ID, then UID reads of 3 ACKs and 12 bytes each. One bit of the first UID is flipped."""
    chip = WL.chip(faults=ChipFaults(garbled_replies={1 + 5 + 3 + 4: 0x01}))
    link, conversation = talk(chip, WL)
    assert conversation.identify().chip_id == UID_TEXT
    assert link.sent_bytes.count(bytes.fromhex("1fff759005")) == 3


def test_reads_that_never_agree_are_garbage():
    every_other = {at: at % 251 + 1 for at in range(10, 400)}
    chip = WL.chip(faults=ChipFaults(garbled_replies=every_other))
    with pytest.raises((BoardGarbled, BoardRefused, BoardProtected)):
        talk(chip, WL)[1].identify()
    own_garbage = {1 + 5 + 3 + 15 * read + 4: read + 1 for read in range(4)}
    chip = WL.chip(faults=ChipFaults(garbled_replies=own_garbage))
    with pytest.raises(BoardGarbled, match="4 reads of 12 bytes at 0x1fff7590 all differ"):
        talk(chip, WL)[1].identify()


def test_a_nack_out_of_nowhere_is_asked_again():
    chip = WL.chip(faults=ChipFaults(nacked_commands=frozenset({2, 4})))
    assert talk(chip, WL)[1].identify().chip_id == UID_TEXT


@pytest.mark.parametrize("at", range(0, 71, 7))
def test_a_pulled_cable_is_a_lost_port_at_once(at):
    link, conversation = talk(SHARED.chip(), SHARED)
    link.lost_after_bytes = at

    def provision():
        conversation.identify()
        conversation.write(conversation.plan_write(DEVICE_ID))

    with pytest.raises(PortLost, match="cable pulled"):
        provision()


# -- writing misbehaves --------------------------------------------------------------------------------------------------


@KINDS
def test_a_lost_acknowledgement_of_a_good_write_is_not_a_failure(board):
    chip = board.chip(faults=ChipFaults(lost_acks=frozenset({1})))
    assert written(board, chip).device_id.value == DEVICE_ID
    assert chip.writes == 1, "it was read back, not written again"


@KINDS
def test_a_write_that_was_acknowledged_and_not_stored_is_done_again(board):
    chip = board.chip(faults=ChipFaults(unstored_writes=frozenset({1})))
    assert written(board, chip).device_id.value == DEVICE_ID
    assert chip.writes == 2


def test_a_write_that_never_stays_is_not_kept():
    chip = WL.chip(faults=ChipFaults(write_protected=frozenset({10})))
    with pytest.raises(WriteNotKept, match="after 3 attempts 16 bytes at 0x08005000 are not as written"):
        written(WL, chip)
    assert chip.writes == 3


def test_a_refused_write_is_tried_again_and_then_not_kept():
    """The eighth command of a cycle on WL, after GET ID and six reads, is the write."""
    chip = WL.chip(faults=ChipFaults(nacked_commands=frozenset({8})))
    assert written(WL, chip).device_id.value == DEVICE_ID
    chip = WL.chip(faults=ChipFaults(refused_codes=frozenset({Command.WRITE_MEMORY})))
    with pytest.raises(WriteNotKept, match="refuses WRITE MEMORY"):
        written(WL, chip)
    assert chip.writes == 0


def test_a_refused_erase_leaves_the_page_as_it_was():
    chip = WL.chip({WL.device_id: OTHER_RAW}, faults=ChipFaults(refused_codes=frozenset({Command.EXTENDED_ERASE})))
    with pytest.raises(WriteNotKept, match="refuses erasing pages 10"):
        written(WL, chip)
    assert chip.memory.read(WL.device_id, 16) == OTHER_RAW


def test_the_second_write_to_a_half_page_of_an_l0_is_repeated():
    """[field] It can be answered and lost. The rewrite of a page with other data in it needs several writes to one half page."""
    page_address, _ = L0_FLASH.page_of_slot()
    chip = L0_FLASH.chip({page_address: b"A" * 4, page_address + 40: b"B" * 4, L0_FLASH.device_id: OTHER_RAW})
    chip.faults = ChipFaults(half_page_loss=True)
    before = chip.memory.read(page_address + 16, 112)
    assert written(L0_FLASH, chip).device_id.value == DEVICE_ID
    assert chip.memory.read(page_address + 16, 112) == before


@pytest.mark.parametrize("board", [F1, WL, SHARED], ids=["F1", "WL", "shared page"])
@pytest.mark.parametrize("at", range(1, 46, 4))
def test_one_lost_host_byte_while_writing_never_harms_the_neighbours(board, at):
    page_address, page_bytes = board.page_of_slot()
    chip = board.chip({page_address: b"\x55" * page_bytes})
    chip.memory.poke(board.app_eui, APP_EUI)
    chip.memory.poke(board.device_id, OTHER_RAW)
    expected = chip.memory.snapshot().replace(OTHER_RAW, RAW)
    link, conversation = talk(chip, board)
    conversation.identify()
    plan = conversation.plan_write(DEVICE_ID)
    link.dropped_from_host = frozenset({len(link.sent_bytes) + at})
    conversation.write(plan)
    assert conversation.verify().device_id.value == DEVICE_ID
    assert chip.memory.snapshot() == expected


class OffAfterFailure:
    """A board that falls silent for good when its power fails, as when it is lifted in that moment."""

    def __init__(self, chip):
        self.chip = chip
        self.starts = chip.starts

    def feed(self, data):
        replies = [] if self.chip.starts > self.starts else self.chip.feed(data)
        return [] if self.chip.starts > self.starts else replies

    def power_on(self):
        return []

    def lines_changed(self, dtr, rts):
        return []


FAILURES = {
    "in the erase": PowerFailure("erase"),
    "before the first unit": PowerFailure("write", 1, 0),
    "within a write": PowerFailure("write", 1, 5),
    "in the fourth write": PowerFailure("write", 4, 3),
}


def board_with_neighbours(board):
    """A chip whose page is full and whose field holds another DeviceID; what its memory is to become; where the power fails."""
    page_address, page_bytes = board.page_of_slot()
    chip = board.chip({page_address: bytes(index % 250 + 1 for index in range(page_bytes))})
    chip.memory.poke(board.app_eui, APP_EUI)
    chip.memory.poke(board.device_id, OTHER_RAW)
    return chip, chip.memory.snapshot().replace(OTHER_RAW, RAW)


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("board", [SHARED, F1], ids=["shared page", "F1"])
def test_a_write_cut_off_by_a_power_failure_is_made_whole_by_the_same_plan(board, name):
    """The board is put in again, and the journalled plan is carried out, perhaps by another process."""
    chip, expected = board_with_neighbours(board)
    chip.faults = ChipFaults(power_failure=FAILURES[name])
    _, conversation = talk(OffAfterFailure(chip), board)
    conversation.identify()
    plan = conversation.plan_write(DEVICE_ID)
    with pytest.raises(BoardSilent):
        conversation.write(plan)
    assert chip.memory.snapshot() != expected
    chip.faults = ChipFaults()
    _, conversation = talk(chip, board)
    conversation.identify()
    assert conversation.plan_write(DEVICE_ID, WritePlan.from_json(plan.to_json())) == plan
    conversation.write(plan)
    assert conversation.verify().device_id.value == DEVICE_ID
    assert chip.memory.snapshot() == expected


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("board", [SHARED, F1], ids=["shared page", "F1"])
def test_a_power_failure_that_is_over_at_once_costs_one_attempt(board, name):
    chip, expected = board_with_neighbours(board)
    chip.faults = ChipFaults(power_failure=FAILURES[name])
    assert written(board, chip).device_id.value == DEVICE_ID
    assert chip.memory.snapshot() == expected


@pytest.mark.parametrize("failure", [PowerFailure("erase"), PowerFailure("write", 1, 7)], ids=["erase", "write"])
def test_an_l0_page_is_made_whole_too(failure):
    """Its flash erases to zeros."""
    chip, expected = board_with_neighbours(L0_FLASH)
    chip.faults = ChipFaults(power_failure=failure)
    _, conversation = talk(OffAfterFailure(chip), L0_FLASH)
    conversation.identify()
    plan = conversation.plan_write(DEVICE_ID)
    with pytest.raises(BoardSilent):
        conversation.write(plan)
    chip.faults = ChipFaults()
    _, conversation = talk(chip, L0_FLASH)
    assert conversation.plan_write(DEVICE_ID, plan) == plan
    conversation.write(plan)
    assert chip.memory.snapshot() == expected


def test_a_page_that_was_written_since_is_newer_than_the_plan():
    """The interrupted plan is not carried out over it: what stands there is preserved."""
    chip = SHARED.chip({SHARED.device_id: OTHER_RAW})
    _, conversation = talk(chip, SHARED)
    conversation.identify()
    old = conversation.plan_write(DEVICE_ID)
    chip.memory.poke(0x08005100, b"calibration")
    _, conversation = talk(chip, SHARED)
    chip.power_on()
    plan = conversation.plan_write(DEVICE_ID, old)
    assert plan != old
    conversation.write(plan)
    assert chip.memory.read(0x08005100, 11) == b"calibration"


def test_a_plan_of_another_configuration_is_not_resumed():
    _, conversation = talk(F1.chip({F1.device_id: OTHER_RAW}), F1)
    foreign = conversation.plan_write(DEVICE_ID)
    chip = WL.chip({WL.device_id: OTHER_RAW})
    _, conversation = talk(chip, WL)
    assert conversation.plan_write(DEVICE_ID, foreign).image != foreign.image


def test_a_plan_without_an_erase_stops_at_other_data():
    chip = WL.chip()
    _, conversation = talk(chip, WL)
    conversation.identify()
    plan = conversation.plan_write(DEVICE_ID)
    chip.memory.poke(WL.device_id, OTHER_RAW)
    _, conversation = talk(chip, WL)
    with pytest.raises(WriteNotKept, match="plan anew"):
        conversation.write(plan)
    assert chip.memory.read(WL.device_id, 16) == OTHER_RAW


def test_carrying_out_a_plan_twice_changes_nothing_more():
    chip = SHARED.chip({SHARED.device_id: OTHER_RAW})
    _, conversation = talk(chip, SHARED)
    conversation.identify()
    plan = conversation.plan_write(DEVICE_ID)
    conversation.write(plan)
    once, writes = chip.memory.snapshot(), chip.writes
    conversation.write(plan)
    assert (chip.memory.snapshot(), chip.writes, chip.erases) == (once, writes, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"address": None},
        {"image": b""},
        {"address": 0x08005004},
        {"address": 0x20000000},
        {"device_id": OTHER_DEVICE_ID},
        {"erase_pages": (10,)},
        {"erase_pages": (0, 1)},
        {"image": b"\xff" * 16},
    ],
)
def test_a_plan_that_is_not_this_configurations_is_misuse(changes):
    """A journal is read from disk: what it says is checked before the chip hears of it."""
    plan = WritePlan(DEVICE_ID, WL.device_id, RAW, (), "")
    fields = {name: getattr(plan, name) for name in ("device_id", "address", "image", "erase_pages", "steps")}
    chip = WL.chip()
    link, conversation = talk(chip, WL)
    with pytest.raises(DriverMisuse):
        conversation.write(WritePlan(**{**fields, **changes}))
    assert link.sent == []


def test_what_is_known_of_the_board_stands_in_for_the_second_read_of_a_verification():
    """The probe's two bytes, GET ID, and three turns each for the UID and the two blocks."""
    link, conversation = talk(WL.chip(), WL)
    conversation.identify()
    conversation.write(conversation.plan_write(DEVICE_ID))
    before = len(link.sent)
    assert conversation.verify().device_id.value == DEVICE_ID
    assert len(link.sent) - before == 2 + 3 * 3


def replies_until_verified(board):
    chip = board.chip()
    written(board, chip)
    return chip.reply_bytes


@pytest.mark.parametrize("at", range(reply_bytes_of_identify(WL) + 1, replies_until_verified(WL) + 1))
def test_one_flipped_or_lost_reply_byte_never_changes_what_is_verified(at):
    """Whichever byte behind the identification it is: what differs from what is known is read again."""
    for faults in (ChipFaults(garbled_replies={at: 0x10}), ChipFaults(dropped_replies=frozenset({at}))):
        chip = WL.chip(faults=faults)
        verified = written(WL, chip)
        assert (verified.chip_id, verified.device_id.value) == (UID_TEXT, DEVICE_ID)
        assert chip.memory.read(WL.device_id, 16) == RAW


def test_memory_that_lost_what_was_written_is_reported_as_it_is():
    """Two reads agree against what is known."""
    chip = WL.chip()
    link, conversation = talk(chip, WL)
    conversation.identify()
    conversation.write(conversation.plan_write(DEVICE_ID))
    chip.memory.poke(WL.device_id, bytes(8))
    before = len(link.sent)
    assert conversation.verify().device_id.value != DEVICE_ID
    assert len(link.sent) - before == 2 + 3 * 4


# -- boards come and go --------------------------------------------------------------------------------------------------


def test_a_swapped_board_is_seen_when_it_is_verified():
    chip = WL.chip()
    link, conversation = talk(chip, WL)
    assert conversation.identify().chip_id == UID_TEXT
    conversation.write(conversation.plan_write(DEVICE_ID))
    link.device = WL.chip(uid=OTHER_UID)
    assert conversation.verify().chip_id == OTHER_UID.hex().upper()


def test_a_swapped_board_is_never_written_to():
    """Put in between planning and writing. Without a reset line it is deaf to the middle of a conversation; with one it is woken,
    asked who it is, and left alone."""
    for wired, error in ((False, BoardSilent), (True, BoardSwapped)):
        other = WL.chip(uid=OTHER_UID, wired=wired)
        link = DirectLink(WL.chip(wired=wired))
        conversation = WL.driver(reset=RESET if wired else None).connect(link, link.clock)
        conversation.identify()
        plan = conversation.plan_write(DEVICE_ID)
        link.device = other
        with pytest.raises(error):
            conversation.write(plan)
        assert other.writes == other.erases == 0


def test_a_conversation_stays_with_the_board_it_identified():
    """Told once that another board is there, it goes on refusing to write; identifying anew starts with that one."""
    link = DirectLink(WL.chip(wired=True))
    conversation = WL.driver(reset=RESET).connect(link, link.clock)
    conversation.identify()
    plan = conversation.plan_write(DEVICE_ID)
    link.device = WL.chip(uid=OTHER_UID, wired=True)
    for _ in range(2):
        with pytest.raises(BoardSwapped):
            conversation.write(plan)
    assert conversation.verify().chip_id == OTHER_UID.hex().upper()
    with pytest.raises(BoardSwapped):
        conversation.write(plan)
    assert link.device.writes == 0
    assert conversation.identify().chip_id == OTHER_UID.hex().upper()
    conversation.write(plan)
    assert conversation.verify().device_id.value == DEVICE_ID


def test_a_brown_out_while_identifying_is_silence_and_with_a_reset_line_nothing_at_all():
    for at in (3, 5, 9, 14, 20):
        chip = WL.chip(faults=ChipFaults(dead_after_bytes=at))
        with pytest.raises(BoardSilent):
            talk(chip, WL)[1].identify()
        chip = WL.chip(faults=ChipFaults(dead_after_bytes=at), wired=True)
        assert talk(chip, WL, reset=RESET)[1].identify().chip_id == UID_TEXT


def test_a_reset_line_brings_a_board_out_of_its_own_program():
    chip = WL.chip(wired=True)
    chip.lines_changed(True, False)
    chip.lines_changed(False, False)
    with pytest.raises(BoardSilent):
        talk(chip, WL)[1].identify()
    assert talk(chip, WL, reset=RESET)[1].identify().chip_id == UID_TEXT


def test_a_missing_board_is_reset_and_tried_the_configured_number_of_times():
    link, conversation = talk(None, WL, reset=RESET)
    with pytest.raises(BoardSilent):
        conversation.identify()
    assert link.sent.count(b"\x7f") == 3
