"""The cycle against boards that are silent, protected, swapped, torn by a power cut or that keep nothing, and cables that come
loose: a coded outcome, and the next cycle of the same board ends PASS where it can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.bootloader.stm32.parts import Page
from drivers.simulated.faults import Fault, Faults
from drivers.simulated.stm32_faults import ChipFaults, PowerFailure
from drivers.simulated.text_board import Fault as TextFault
from drivers.simulated.text_board import Misbehaviour
from station.events import Event, StepEnded, StepStarted
from station.model import CycleResult, Outcome, Step
from tests.support.station import APP_EUI, APP_EUI_AT, SHARED_SLOT_AT, SLOT_AT, Rig, Start, station


def ends(result: CycleResult) -> tuple[Outcome, str | None]:
    return result.outcome, result.code


def once(rig: Rig, kind: type[StepStarted | StepEnded], step: Step, do: Any) -> None:
    """Do something the first time that this happens."""
    pending = [do]

    def on_event(event: Event) -> None:
        if isinstance(event, kind) and event.step is step and pending:
            pending.pop()()

    rig.on_event = on_event


@pytest.mark.parametrize("kind", ["stm32", "text"])
def test_an_empty_socket_is_told_and_the_next_board_passes(tmp_path: Path, kind: str) -> None:
    with station(tmp_path, kind=kind) as rig:
        empty, passed = rig.run(Start(None), rig.board())
        assert ends(empty) == (Outcome.FAIL, "board.silent")
        assert (empty.chip_id, empty.device_id) == (None, None)
        assert ends(passed) == (Outcome.PASS, None)


def test_a_protected_board_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        assert ends(rig.one(rig.board(protected=True))) == (Outcome.FAIL, "board.protected")
        assert rig.rows("SELECT * FROM units") == []


def test_a_board_of_another_part_is_refused(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        assert ends(rig.one(rig.board(product_id=0x410))) == (Outcome.FAIL, "board.wrong_part")


def test_a_write_that_is_not_kept_fails_and_is_tried_again_by_the_next_cycle(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board: Any = rig.board(faults=ChipFaults(unstored_writes=frozenset({1, 2})))
        first, second = rig.run(board, board)
        assert ends(first) == (Outcome.FAIL, "board.write_not_kept")
        assert first.label == "not_printed"
        assert ends(second) == (Outcome.PASS, None)
        assert [state for kind, state, _ in rig.effects(board) if kind == "write"] == ["done"]


@pytest.mark.parametrize("slot", [0x08005000, SHARED_SLOT_AT], ids=["own page", "shared page"])
def test_a_power_failure_in_the_write_is_made_whole(tmp_path: Path, slot: int) -> None:
    """The conversation notices the chip's new start, and the write ends well in the same cycle or the next."""
    with station(tmp_path, slot=slot) as rig:
        board: Any = rig.board(faults=ChipFaults(power_failure=PowerFailure("write")))
        results = rig.run(board, board)
        assert ends(results[-1]) == (Outcome.PASS, None)
        assert board.memory.read(APP_EUI_AT, 8) == APP_EUI


@pytest.mark.parametrize(
    "tear",
    [
        lambda _written: b"\xff" * 8,
        lambda written: bytes(byte | 0x55 for byte in written),
        lambda written: written[:4] + b"\xff" * 4,
        lambda _written: b"\x00" * 8,
    ],
    ids=["still blank", "half programmed", "half of the words", "zeroed"],
)
@pytest.mark.parametrize("restart", [False, True], ids=["same agent", "agent restarted"])
def test_a_board_taken_out_in_the_middle_of_its_write_goes_on_there(
    tmp_path: Path, tear: Callable[[bytes], bytes], restart: bool
) -> None:
    """What the field then holds may be a well-formed DeviceID that nobody gave: it is not taken for a foreign one."""
    with station(tmp_path) as rig:
        board: Any = rig.board()
        link = rig.places["A"].uart

        def pull() -> None:
            link.lift()
            board.memory.poke(rig.settings.slot, tear(bytes.fromhex(rig.unit(board)["device_id"])))

        once(rig, StepStarted, Step.WRITE, pull)
        first = Start(board)
        cut, passed = [rig.run(first)[0], rig.one(board)] if restart else rig.run(first, board)
        assert cut.outcome is Outcome.FAIL
        assert ends(passed) == (Outcome.PASS, None)
        assert (passed.device_id, passed.resumed) == (cut.device_id, True)


@pytest.mark.parametrize("slot", [SLOT_AT, SHARED_SLOT_AT], ids=["own page", "shared page"])
def test_a_board_provisioned_elsewhere_while_its_write_is_open_is_not_overwritten(tmp_path: Path, slot: int) -> None:
    """The journal's open write excuses a part of its DeviceID, and no other one, also where the AppEUI is spoilt."""
    foreign = bytes.fromhex("1122334455667788")
    with station(tmp_path, slot=slot) as rig:
        board: Any = rig.board()
        link = rig.places["A"].uart
        once(rig, StepStarted, Step.WRITE, link.lift)
        cut = rig.one(board)
        assert ("write", "in_doubt", 1) in rig.effects(board)
        board.memory.poke(slot, foreign)
        assert ends(rig.one(board)) == (Outcome.FAIL, "unit.foreign_device_id")
        board.memory.poke(APP_EUI_AT, b"\xff" * 8)
        assert ends(rig.one(board)) == (Outcome.FAIL, "unit.foreign_device_id")
        assert board.memory.read(slot, 8) == foreign
        board.memory.poke(APP_EUI_AT, APP_EUI)
        board.memory.poke(slot, b"\xff" * 8)
        passed = rig.one(board)
        assert (ends(passed), passed.device_id) == ((Outcome.PASS, None), cut.device_id)


def test_a_page_half_erased_in_a_power_cut_is_made_whole_from_the_journalled_plan(tmp_path: Path) -> None:
    """The AppEUI shares the page of the slot: the board has lost it, and the plan in the journal has not."""
    with station(tmp_path, slot=SHARED_SLOT_AT) as rig:
        board: Any = rig.board(contents={SHARED_SLOT_AT + 8: b"\x12" * 8})
        link = rig.places["A"].uart

        def cut_off() -> None:
            link.lift()
            board.memory.poke(rig.settings.slot, b"\x00" * 8)

        once(rig, StepStarted, Step.WRITE, cut_off)
        assert rig.one(board).outcome is Outcome.FAIL
        rig.on_event = lambda _event: None
        # The slot is spoilt now, so the next write erases the page; the power fails in the middle of that.
        erase = board.memory.erase

        def tear(page: Page) -> None:
            board.memory.tear_page(page)
            link.lift()

        board.memory.erase = tear
        assert rig.one(board).outcome is Outcome.FAIL
        assert board.memory.read(APP_EUI_AT, 8) != APP_EUI
        board.memory.erase = erase
        passed = rig.one(board)
        assert ends(passed) == (Outcome.PASS, None)
        assert board.memory.read(APP_EUI_AT, 8) == APP_EUI
        assert board.memory.read(SHARED_SLOT_AT + 8, 8) == b"\x12" * 8


def test_another_board_put_in_between_write_and_verify_fails_and_both_can_go_on(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board, other = rig.board(), rig.board()
        link = rig.places["A"].uart
        once(rig, StepEnded, Step.WRITE, lambda: link.insert(other))
        swapped, first, second = rig.run(board, board, other)
        assert ends(swapped) == (Outcome.FAIL, "board.swapped")
        assert rig.labels()[0][2] == rig.chip_id(board)
        assert ends(first) == ends(second) == (Outcome.PASS, None)


@pytest.mark.parametrize(("kind", "code"), [("stm32", "board.silent"), ("text", "board.swapped")])
def test_another_board_put_in_before_the_write_is_not_written_to(tmp_path: Path, kind: str, code: str) -> None:
    """A fresh STM32 whose first byte is a command measures the baud rate wrong and is deaf until it is powered on again."""
    with station(tmp_path, kind=kind) as rig:
        board, other = rig.board(), rig.board()
        link = rig.places["A"].uart
        once(rig, StepEnded, Step.ACTIVATE, lambda: link.insert(other))
        (swapped,) = rig.run(board)
        assert ends(swapped) == (Outcome.FAIL, code)
        assert rig.held_by(other) is None
        first, second = rig.run(board, other)
        assert ends(first) == ends(second) == (Outcome.PASS, None)


@pytest.mark.parametrize("step", [Step.IDENTIFY, Step.WRITE, Step.VERIFY])
def test_a_cable_that_is_pulled_names_the_port_and_the_next_cycle_goes_on(tmp_path: Path, step: Step) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        link = rig.places["A"].uart
        once(rig, StepStarted, step, link.unplug)
        lost, passed = rig.run(Start(board), Start(board, before=link.replug))
        assert lost.outcome is Outcome.ERROR
        assert lost.code in ("port.lost", "port.missing")
        assert str(rig.places["A"].uart_path) in lost.message
        assert ends(passed) == (Outcome.PASS, None)


@pytest.mark.parametrize("at", [0, 1, 20, 40, 60, 100, 130])
def test_a_line_that_breaks_at_any_byte_ends_in_a_coded_outcome_and_the_next_cycle_passes(
    tmp_path: Path, at: int
) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        link = rig.places["A"].uart
        link.wire.set_faults(Faults(to_host=(Fault("hang_up", at),)))

        def mend() -> None:
            link.wire.set_faults(Faults())
            link.replug()

        first, second = rig.run(Start(board), Start(board, before=mend))
        assert ends(first) in ((Outcome.ERROR, "port.lost"), (Outcome.PASS, None))
        assert ends(second) == (Outcome.PASS, None)


def test_noise_and_lost_bytes_on_the_wire_never_make_a_wrong_pass(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        link = rig.places["A"].uart
        for fault in (Fault("garble", 30, 1, 0x10), Fault("drop", 25), Fault("insert", 0, data=b"\x00\x55")):
            link.wire.set_faults(Faults(to_host=(fault,)))
            board = rig.board()
            first = rig.one(board)
            assert first.outcome in (Outcome.PASS, Outcome.FAIL)
            link.wire.set_faults(Faults())
            assert ends(rig.one(board)) == (Outcome.PASS, None)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (TextFault.SILENT, "board.silent"),
        (TextFault.REFUSED, "board.refused"),
        (TextFault.GARBLED, "board.garbled"),
    ],
)
def test_a_text_line_board_that_does_not_tell_its_chip_id_fails(tmp_path: Path, fault: TextFault, code: str) -> None:
    with station(tmp_path, kind="text") as rig:
        board = rig.board(misbehaviours=(Misbehaviour(fault, "get chipid", 0),))
        result = rig.one(board)
        assert result.outcome is Outcome.FAIL
        assert result.code in (code, "board.silent")
        assert rig.rows("SELECT * FROM units") == []


@pytest.mark.parametrize("fault", [TextFault.NOT_STORED, TextFault.REFUSED, TextFault.REPLY_LOST, TextFault.BROWN_OUT])
def test_a_text_line_boards_write_is_judged_by_its_memory(tmp_path: Path, fault: TextFault) -> None:
    with station(tmp_path, kind="text") as rig:
        board = rig.board(misbehaviours=(Misbehaviour(fault, "set", 1),))
        results = [rig.one(board)]
        if results[0].outcome is not Outcome.PASS:
            assert results[0].outcome is Outcome.FAIL
            results.append(rig.one(board))
        assert ends(results[-1]) == (Outcome.PASS, None)
