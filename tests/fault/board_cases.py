"""Boards that are silent, refuse, garble, forget, lose power or are exchanged; and wires that lose or spoil bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drivers.simulated.faults import Fault, Faults
from drivers.simulated.stm32_faults import ChipFaults, PowerFailure
from drivers.simulated.text_board import Fault as TextFault
from drivers.simulated.text_board import Misbehaviour
from station.events import CycleStarted, Event, StepEnded, StepStarted
from station.model import Step
from tests.fault.case import PASS, Case, Kind, Scene
from tests.fault.limits import NOTHING, ONE_ANSWER, REFUSALS, SILENT_BOARD, TEXT_COMMAND
from tests.support.station import APP_EUI_AT, SHARED_SLOT_AT, Board, Rig

FOREIGN = "1122334455667788"
COMMANDS = tuple(range(1, 26, 3))
"""Every third of a good cycle's, about 25: 1 to wake, 6 reads to identify, the write, its proof, and the same to verify."""


def board(**settings: Any) -> Callable[[Rig, Any], Board]:
    """One made so, whatever varies."""
    return lambda rig, _value: rig.board(**settings)


def faulty(make: Callable[[Any], ChipFaults]) -> Callable[[Rig, Any], Board]:
    """A chip whose faults follow from what varies."""
    return lambda rig, value: rig.board(faults=make(value))


def unruly(fault: TextFault, command: str, nth: int = 1) -> dict[str, Any]:
    """A text line board that misbehaves at this command."""
    misbehaviour = Misbehaviour(fault, command, nth)
    return {"station": {"kind": "text"}, "board": board(misbehaviours=(misbehaviour,))}


def at(kind: type[Event], do: Callable[[Scene], None], step: Step | None = None) -> Callable[[Scene], None]:
    """Do it the first time that this happens."""

    def inject(scene: Scene) -> None:
        pending = [do]

        def on_event(event: Event) -> None:
            if isinstance(event, kind) and (step is None or getattr(event, "step", None) is step) and pending:
                pending.pop()(scene)

        scene.rig.on_event = on_event

    return inject


def exchange(scene: Scene) -> None:
    """Another board takes the place of this one."""
    scene.kept["other"] = other = scene.rig.board()
    scene.rig.places["A"].uart.insert(other)


def other_got_nothing(scene: Scene) -> None:
    assert scene.rig.held_by(scene.kept["other"]) is None


def half_a_command(scene: Scene) -> None:
    """What a client that died had sent."""
    assert scene.board is not None
    scene.board.feed(scene.value)


def wire(**faults: Any) -> Callable[[Scene], None]:
    """Faults of the socket's wire; a number that varies is the byte at which they strike."""

    def inject(scene: Scene) -> None:
        made = {side: (make(scene.value),) for side, make in faults.items()}
        scene.rig.places["A"].uart.wire.set_faults(Faults(**made))

    return inject


def put_back(slot: int, raw: bytes) -> Callable[[Scene], None]:
    """Programs the board's memory behind the station's back."""

    def mend(scene: Scene) -> None:
        board: Any = scene.board
        board.memory.poke(slot, raw)

    return mend


def unplug(scene: Scene) -> None:
    scene.rig.places["A"].uart.unplug()


def lift(scene: Scene) -> None:
    scene.rig.places["A"].uart.lift()


def no_board(_rig: Rig, _value: Any) -> None:
    """The socket stays empty."""


SYNC, WRITE, ERASE, READ = b"\x7f", b"\x31\xce", b"\x44\xbb", b"\x11\xee"
ADDRESS = bytes.fromhex("0800500058")
BYTES = (0, 7, 40, 80)
"""Of about 85 to the board and 150 from it."""
FEW_BYTES = (0, 70)
"""Each waits for answers that stay out."""
_ALWAYS = {"station": {"slot": SHARED_SLOT_AT}}
_FAIL_AGAIN = {"again": ("board.write_not_kept",)}

# fmt: off
_STM32 = (
    Case(Kind.BOARD, "No board in the socket, or one without power", ("board.silent",), SILENT_BOARD, board=no_board),
    Case(Kind.BOARD, "NACK to any one command", (PASS,), REFUSALS, vary=COMMANDS,
         board=faulty(lambda nth: ChipFaults(nacked_commands=frozenset({nth})))),
    Case(Kind.BOARD, "NACK to every WRITE MEMORY", ("board.write_not_kept",), REFUSALS, **_FAIL_AGAIN,
         board=faulty(lambda _: ChipFaults(refused_codes=frozenset({0x31})))),
    Case(Kind.BOARD, "NACK to every READ MEMORY or GET ID", ("board.protected", "board.refused"), REFUSALS, vary=(0x11,
         0x02),
         again=("board.protected", "board.refused"),
         board=faulty(lambda code: ChipFaults(refused_codes=frozenset({code})))),
    Case(Kind.BOARD, "Read-out protection is on", ("board.protected",), REFUSALS, board=board(protected=True),
         again=("board.protected",)),
    Case(Kind.BOARD, "Read-out protection is on, in a part that answers with two NACKs", ("board.protected",), REFUSALS,
         board=board(protected=True, faults=ChipFaults(double_nack=True)), again=("board.protected",)),
    Case(Kind.BOARD, "The chip is of another part", ("board.wrong_part",), NOTHING, board=board(product_id=0x410),
         again=("board.wrong_part",)),
    Case(Kind.BOARD, "The chip is still in sync from an earlier client", (PASS,), SILENT_BOARD, vary=(SYNC, SYNC * 2),
         inject=at(CycleStarted, half_a_command)),
    Case(Kind.BOARD, "The chip is in the middle of a command of a client that died", (PASS,), ONE_ANSWER,
         vary=(SYNC + WRITE[:1], SYNC + WRITE, SYNC + WRITE + ADDRESS[:2], SYNC + WRITE + ADDRESS, SYNC + READ,
         SYNC + READ + ADDRESS,
               SYNC + WRITE + ADDRESS + b"\x07\x01\x02"),
         inject=at(CycleStarted, half_a_command)),
    Case(Kind.BOARD, "The ACK of a good write is lost", (PASS,), ONE_ANSWER,
         board=board(faults=ChipFaults(lost_acks=frozenset({1})))),
    Case(Kind.BOARD, "A write is ACKed and not stored: once", (PASS,), NOTHING,
         board=board(faults=ChipFaults(unstored_writes=frozenset({1})))),
    Case(Kind.BOARD, "A write is ACKed and not stored: each time in one cycle", ("board.write_not_kept",), NOTHING,
         board=board(faults=ChipFaults(unstored_writes=frozenset({1, 2})))),
    Case(Kind.BOARD, "The page is write-protected: ACKed and never stored", ("board.write_not_kept",), NOTHING,
         **_FAIL_AGAIN,
         board=lambda rig, _: rig.board(faults=ChipFaults(write_protected=frozenset({10})))),
    Case(Kind.BOARD, "A brown-out in the middle of the write", ("board.write_not_kept",), ONE_ANSWER,
         board=board(faults=ChipFaults(power_failure=PowerFailure("write")))),
    Case(Kind.BOARD, "A brown-out in the write to a page that holds the AppEUI too", ("board.write_not_kept",),
         ONE_ANSWER, **_ALWAYS,
         board=lambda rig, _: rig.board(contents={SHARED_SLOT_AT + 8: b"\x12" * 8},
                                        faults=ChipFaults(power_failure=PowerFailure("write")))),
    Case(Kind.BOARD, "A brown-out between two bytes, in a jig that cannot reset: the chip is deaf", ("board.silent",),
         ONE_ANSWER,
         vary=(60,), board=faulty(lambda size: ChipFaults(dead_after_bytes=size))),
    Case(Kind.BOARD, "The board is lifted before the write", ("board.silent",), ONE_ANSWER, at(StepStarted, lift,
         Step.WRITE)),
    Case(Kind.BOARD, "The board is exchanged before the write", ("board.silent",), ONE_ANSWER,
         at(StepEnded, exchange, Step.ACTIVATE), proves=other_got_nothing),
    Case(Kind.BOARD, "The board is exchanged after the write", ("board.swapped",), ONE_ANSWER, at(StepEnded, exchange,
         Step.WRITE),
         proves=other_got_nothing),
    Case(Kind.BOARD, "The board carries a DeviceID of somebody else", ("unit.foreign_device_id",), NOTHING,
         board=board(device_id=FOREIGN), again=("unit.foreign_device_id",)),
    Case(Kind.BOARD, "The board has no AppEUI", ("unit.app_eui_missing",), NOTHING,
         board=board(contents={APP_EUI_AT: b"\xff" * 8}),
         again=("unit.app_eui_missing",)),
    Case(Kind.BOARD, "The AppEUI is no EUI-64", ("unit.app_eui_invalid",), NOTHING,
         board=board(contents={APP_EUI_AT: b"\x01" * 8}),
         again=("unit.app_eui_invalid",)),
    Case(Kind.BOARD, "The chipId reads as erased memory does", ("board.field_invalid",), NOTHING,
         board=board(uid=b"\xff" * 12),
         again=("board.field_invalid",)),
)
_TEXT = (
    Case(Kind.BOARD, "Text line: the board does not answer a query", ("board.silent",), TEXT_COMMAND,
         station={"kind": "text"},
         board=board(misbehaviours=tuple(Misbehaviour(TextFault.SILENT, "get chipid", nth) for nth in range(1, 5)))),
    Case(Kind.BOARD, "Text line: a query is refused", ("board.refused",), TEXT_COMMAND, again=("board.refused",),
         **unruly(TextFault.REFUSED, "get chipid", 0)),
    Case(Kind.BOARD, "Text line: bits of an answer are flipped: once", (PASS,), TEXT_COMMAND,
         **unruly(TextFault.GARBLED, "get chipid")),
    Case(Kind.BOARD, "Text line: a character of an answer is another, as good: once", (PASS,), TEXT_COMMAND,
         **unruly(TextFault.MISREAD, "get chipid")),
    Case(Kind.BOARD, "Text line: an answer without end", ("board.garbled",), TEXT_COMMAND, again=("board.garbled",),
         **unruly(TextFault.ENDLESS, "get chipid", 0)),
    Case(Kind.BOARD, "Text line: more lines than anyone should read", ("board.garbled",), TEXT_COMMAND,
         again=("board.garbled",),
         **unruly(TextFault.FLOOD, "get chipid", 0)),
    Case(Kind.BOARD, "Text line: NUL bytes in every answer", (PASS,), NOTHING, **unruly(TextFault.NUL_BYTES, "get", 0)),
    Case(Kind.BOARD, "Text line: the write is done and its answer lost", (PASS,), TEXT_COMMAND,
         **unruly(TextFault.REPLY_LOST, "set")),
    Case(Kind.BOARD, "Text line: the write is answered OK and not stored: once", (PASS,), TEXT_COMMAND,
         **unruly(TextFault.NOT_STORED, "set")),
    Case(Kind.BOARD, "Text line: the write is refused: once", (PASS,), TEXT_COMMAND,
         **unruly(TextFault.REFUSED, "set")),
    Case(Kind.BOARD, "Text line: a brown-out behind the write", (PASS,), TEXT_COMMAND, **unruly(TextFault.BROWN_OUT,
         "set")),
    Case(Kind.BOARD, "Text line: the board is exchanged before the write", ("board.swapped",), TEXT_COMMAND,
         at(StepEnded, exchange, Step.ACTIVATE), station={"kind": "text"}, proves=other_got_nothing),
)
_WIRE = (
    Case(Kind.WIRE, "Noise before the first ACK", (PASS,), ONE_ANSWER, vary=(b"\x00", b"\x00\x55", b"\xff" * 60),
         inject=wire(to_host=lambda data: Fault("insert", 0, data=data))),
    Case(Kind.WIRE, "Noise without end in place of an answer", ("board.garbled",), SILENT_BOARD,
         inject=wire(to_host=lambda _: Fault("insert", 0, data=b"\x00" * 200, every=1))),
    Case(Kind.WIRE, "Any byte from the board is garbled: once", (PASS,), ONE_ANSWER, vary=BYTES,
         inject=wire(to_host=lambda byte: Fault("garble", byte, mask=0x10))),
    Case(Kind.WIRE, "Any byte from the board is lost: once", (PASS,), ONE_ANSWER, vary=FEW_BYTES,
         inject=wire(to_host=lambda byte: Fault("drop", byte))),
    Case(Kind.WIRE, "Any byte to the board is garbled: once", (PASS, "board.silent"), ONE_ANSWER, vary=BYTES,
         inject=wire(from_host=lambda byte: Fault("garble", byte, mask=0x10))),
    Case(Kind.WIRE, "Any byte to the board is lost: once", (PASS, "board.silent"), ONE_ANSWER, vary=FEW_BYTES,
         inject=wire(from_host=lambda byte: Fault("drop", byte))),
    Case(Kind.WIRE, "The line from the board goes dead at any byte", ("board.silent",), ONE_ANSWER,
         vary=FEW_BYTES,
         inject=wire(to_host=lambda byte: Fault("silence", byte))),
    Case(Kind.WIRE, "The cable is pulled at any byte from the board", ("port.lost",), NOTHING, vary=BYTES,
         inject=wire(to_host=lambda byte: Fault("hang_up", byte))),
    Case(Kind.WIRE, "The cable is pulled at any byte to the board", ("port.lost",), NOTHING, vary=BYTES,
         inject=wire(from_host=lambda byte: Fault("hang_up", byte))),
    Case(Kind.WIRE, "The cable is pulled before or in any step", ("port.lost", "port.missing"), NOTHING,
         vary=(Step.IDENTIFY, Step.WRITE, Step.VERIFY),
         inject=lambda scene: at(StepStarted, unplug, scene.value)(scene)),
)
# fmt: on
CASES = (*_STM32, *_TEXT, *_WIRE)
