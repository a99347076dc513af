"""The text line driver against the simulated board on a real pty, and against wires that say anything at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bootloader import WritePlan
from drivers.bootloader.fields import FieldFormat
from drivers.bootloader.text_line import Command, Query, TextLineDriver, TextLineOptions, Wake
from drivers.clock import Deadline
from drivers.errors import (
    BoardError,
    BoardGarbled,
    BoardRefused,
    BoardSilent,
    DeadlineExpired,
    DriverMisuse,
    FieldInvalid,
    PortLost,
    WriteNotKept,
)
from drivers.reset import ResetSequence, ResetStep
from drivers.simulated.faults import Fault as WireFault
from drivers.simulated.faults import Faults
from drivers.simulated.text_board import Fault, Manner, Misbehaviour, SimulatedTextBoard
from tests.support.text import (
    APP_EUI,
    CHIP_ID,
    CLOCK,
    DEVICE_ID,
    ManualClock,
    TalkingWire,
    board,
    dialect,
    driver,
    plugged,
)

BRIEF = Wake(attempts=2, timeout_s=0.1)
NEVER = Command("set deviceid {device_id}", timeout_s=0.2)
"""A write whose answer is known never to come."""


def befalls(fault: Fault, command: str = "", nth: int = 1) -> dict[str, Any]:
    return {"misbehaviours": (Misbehaviour(fault, command, nth),)}


# -- identify ------------------------------------------------------------------------------------------------------------


def test_a_new_board_says_who_it_is_and_has_no_device_id() -> None:
    with plugged(board()) as (_, port):
        identity = driver().connect(port, CLOCK).identify()
    assert identity.chip_id == CHIP_ID
    assert identity.app_eui.value == APP_EUI
    assert identity.device_id.is_blank


@pytest.mark.parametrize(
    ("manner", "changes"),
    [
        (Manner(echoes=False), {}),
        (Manner(newline="\n"), {"terminator": "\n"}),
        (Manner(newline="\r"), {"terminator": "\r"}),
        (Manner(has_closing=False), {"closing": None}),
        (Manner(prompt=""), {"prompt": None, "wake": Wake(("version",), "version=.*", 20, 1.0)}),
        (
            Manner(prompt="", has_closing=False, echoes=False, banner=""),
            {"prompt": None, "closing": None, "wake": Wake(("version",), "version=.*", 20, 1.0)},
        ),
        (Manner(prompt="boot# "), {"prompt": "boot# "}),
        (Manner(banner="\0\0\xff\x1b[31mTL-Boot\r\n" * 30), {}),
        (Manner(wakes_needed=3), {"wake": Wake(attempts=10, timeout_s=0.2)}),
    ],
    ids=["no echo", "LF", "CR", "no closing", "no prompt", "bare", "prompt word", "noisy banner", "sleepy"],
)
def test_dialects_read_alike(manner: Manner, changes: dict[str, Any]) -> None:
    with plugged(board(DEVICE_ID, manner=manner)) as (_, port):
        identity = driver(**changes).connect(port, CLOCK).identify()
    assert (identity.chip_id, identity.app_eui.value, identity.device_id.value) == (CHIP_ID, APP_EUI, DEVICE_ID)


def test_answers_in_pieces_of_a_paced_uart_are_put_together() -> None:
    with plugged(board(DEVICE_ID), baud=57600, bits_per_byte=10) as (_, port):
        assert driver().connect(port, CLOCK).identify().device_id.value == DEVICE_ID


def test_the_chip_id_is_canonical_however_the_board_writes_it() -> None:
    with plugged(SimulatedTextBoard("3a:00:41:09", "70-b3-d5-7e-d0-00-01-c0")) as (_, port):
        identity = driver().connect(port, CLOCK).identify()
    assert identity.chip_id == "3A004109"
    assert identity.app_eui.value == APP_EUI


@pytest.mark.parametrize("chip_id", ["none found", "FFFFFFFFFFFFFFFF", "0000"])
def test_a_chip_id_that_is_none_is_no_key(chip_id: str) -> None:
    with plugged(SimulatedTextBoard(chip_id, APP_EUI)) as (_, port):
        talk = driver(chip_id_form=replace(TextLineOptions().chip_id_form, pattern="[0-9A-F]{4,24}"))
        with pytest.raises(FieldInvalid, match="chipId"):
            talk.connect(port, CLOCK).identify()


def test_an_app_eui_is_blank_or_a_problem_but_never_made_up() -> None:
    with plugged(SimulatedTextBoard(CHIP_ID, None)) as (link, port):
        talk = driver().connect(port, CLOCK)
        assert talk.identify().app_eui.is_blank
        link.insert(SimulatedTextBoard(CHIP_ID, "71B3D57ED00001C0"))
        assert "group" in (talk.identify().app_eui.problem or "")


def test_nul_bytes_within_answers_are_nothing() -> None:
    with plugged(board(DEVICE_ID, **befalls(Fault.NUL_BYTES, nth=0))) as (_, port):
        assert driver().connect(port, CLOCK).identify().device_id.value == DEVICE_ID


def test_a_misread_value_is_read_again() -> None:
    """A digit that arrives as another digit fits the pattern: only the second read can tell."""
    device = board(DEVICE_ID, **befalls(Fault.MISREAD, "get appeui"))
    with plugged(device) as (_, port):
        assert driver().connect(port, CLOCK).identify().app_eui.value == APP_EUI


def test_reads_that_keep_differing_are_an_error() -> None:
    misread = tuple(Misbehaviour(Fault.MISREAD, "get chipid", nth) for nth in (2, 4))
    with (
        plugged(board(misbehaviours=misread)) as (_, port),
        pytest.raises(BoardGarbled, match="two reads of chip_id differ"),
    ):
        driver().connect(port, CLOCK).identify()


@pytest.mark.parametrize("fault", [Fault.ENDLESS, Fault.FLOOD, Fault.REFUSED])
def test_a_command_that_goes_wrong_once_is_sent_again(fault: Fault) -> None:
    with plugged(board(**befalls(fault, "get appeui"))) as (_, port):
        assert driver().connect(port, CLOCK).identify().app_eui.value == APP_EUI


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.GARBLED])
def test_an_answer_that_does_not_come_is_asked_for_again(fault: Fault) -> None:
    brief = replace(TextLineOptions().app_eui, timeout_s=1.0)
    with plugged(board(**befalls(fault, "get appeui"))) as (_, port):
        assert driver(app_eui=brief).connect(port, CLOCK).identify().app_eui.value == APP_EUI


def test_a_line_that_never_ends_is_bounded() -> None:
    with (
        plugged(board(**befalls(Fault.ENDLESS, "get chipid", 0))) as (_, port),
        pytest.raises(BoardGarbled, match="a line of more than 256 bytes") as caught,
    ):
        driver().connect(port, CLOCK).identify()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_lines_without_end_are_bounded() -> None:
    with (
        plugged(board(**befalls(Fault.FLOOD, "get chipid", 0))) as (_, port),
        pytest.raises(BoardGarbled, match="no end of the answer"),
    ):
        driver().connect(port, CLOCK).identify()


def test_a_refusal_carries_the_boards_line() -> None:
    with (
        plugged(board(**befalls(Fault.REFUSED, "get chipid", 0))) as (_, port),
        pytest.raises(BoardRefused, match="'get chipid' was answered 'ERROR 9 try again'"),
    ):
        driver().connect(port, CLOCK).identify()


def test_the_refusal_shown_is_the_line_that_refused_and_not_what_follows_it() -> None:
    wire = TalkingWire([b"> ERROR 5 locked\r\n", b"[trace] tick\r\n[trace] tock\r\n> "])
    joined = TalkingWire([b"ERROR 5 locked\r\n[trace] tick\r\n> "])
    for said in (wire, joined):
        with pytest.raises(BoardRefused, match="was answered 'ERROR 5 locked'"):
            driver(verify=Command("selftest")).connect(said, ManualClock()).verify()


def test_an_error_that_stands_for_none_is_blank() -> None:
    query = Query("get serial", "serial=(?P<value>.*)", blank="ERROR 1 .*")
    with plugged(board()) as (_, port):
        assert driver(device_id=query).connect(port, CLOCK).identify().device_id.is_blank


def test_the_reset_comes_before_the_first_wake_and_not_before_a_look_for_a_board() -> None:
    wire, clock = TalkingWire([]), ManualClock()
    reset = ResetSequence(steps=(ResetStep(dtr=True, rts=False, wait_s=0.1), ResetStep(dtr=False, wait_s=0.0)))
    talk = driver(reset=reset, wake=BRIEF)
    assert not talk.is_present(wire, clock)
    assert wire.lines == []
    with pytest.raises(BoardSilent):
        talk.connect(wire, clock).identify()
    assert wire.lines == [(True, False), (False, None)]


def test_an_empty_socket_is_silent() -> None:
    with plugged(None) as (_, port), pytest.raises(BoardSilent, match="2 attempt"):
        driver(wake=BRIEF).connect(port, CLOCK).identify()


def test_chatter_that_is_no_bootloader_is_garbled() -> None:
    with plugged(board(manner=Manner(prompt="$ ", banner=""))) as (_, port), pytest.raises(BoardGarbled, match="wake"):
        driver(wake=replace(BRIEF, send=("version",))).connect(port, CLOCK).identify()


def test_a_cable_pulled_names_the_port() -> None:
    with plugged(board()) as (link, port):
        talk = driver().connect(port, CLOCK)
        talk.identify()
        link.unplug()
        with pytest.raises(PortLost) as caught:
            talk.verify()
    assert caught.value.port == port.name


@pytest.mark.parametrize("position", range(0, 280, 9))
def test_a_flipped_bit_anywhere_never_gives_another_identity(position: int) -> None:
    """One garbled byte in what the board says: the driver gets the truth or raises, but no other chipId, AppEUI or DeviceID."""
    brief = {
        name: replace(getattr(TextLineOptions(), name), timeout_s=0.1) for name in ("chip_id", "app_eui", "device_id")
    }
    with plugged(board(DEVICE_ID, manner=Manner(banner="", prompt="> "))) as (link, port):
        talk = driver(**brief, wake=Wake(attempts=10, timeout_s=0.1)).connect(port, CLOCK)
        link.wire.set_faults(Faults(to_host=(WireFault("garble", at=position, mask=0x01),)))
        try:
            identity = talk.identify()
        except BoardError:
            return
    assert (identity.chip_id, identity.app_eui.value, identity.device_id.value) == (CHIP_ID, APP_EUI, DEVICE_ID)


def test_answers_slipped_by_one_question_are_never_taken_for_another() -> None:
    """A slow board and patterns too wide to tell answers apart: the truth or an error, never one value in another's place."""
    wide = {
        name: Query(send, r"\w+=(?P<value>\w+)", timeout_s=0.05)
        for name, send in (("chip_id", "get chipid"), ("app_eui", "get appeui"), ("device_id", "get deviceid"))
    }
    slow = SimulatedTextBoard("0080E11500000001", APP_EUI, DEVICE_ID, manner=Manner(answer_after_s=0.06))
    with plugged(slow) as (_, port):
        try:
            identity = driver(**wide, attempts=3).connect(port, CLOCK).identify()
        except BoardError:
            return
    assert (identity.chip_id, identity.app_eui.value) == ("0080E11500000001", APP_EUI)


@given(st.lists(st.binary(max_size=400), max_size=12))
def test_whatever_a_wire_says_ends_in_an_identity_or_a_board_error(pieces: list[bytes]) -> None:
    """No bytes make the driver hang, raise anything else, or put more than one printable line into its error."""
    clock = ManualClock()
    talk = TextLineDriver(TextLineOptions()).connect(TalkingWire(pieces), clock)
    message = ""
    try:
        talk.identify()
    except BoardError as error:
        message = str(error)
    assert message == "" or (message.isprintable() and len(message) < 500)


@given(
    st.lists(
        st.sampled_from(
            b"> |\r\n|\n|OK\r\n|ERROR 1\r\n|chipid=|chipid=1A\r\n|appeui=none\r\n|deviceid=\r\n|get chipid\r\n|\0|\xff".split(
                b"|"
            )
        ),
        max_size=30,
    )
)
def test_words_of_the_dialect_in_any_order_are_borne(pieces: list[bytes]) -> None:
    """The same for pieces that nearly make sense; an identity, if any, holds what the wire said."""
    talk = TextLineDriver(TextLineOptions()).connect(TalkingWire(pieces), ManualClock())
    try:
        identity = talk.identify()
    except BoardError:
        return
    assert identity.chip_id == "1A"


# -- write and verify --------------------------------------------------------------------------------------------------------


def test_write_then_verify_reads_the_device_id_from_the_board(tmp_path: Path) -> None:
    path = tmp_path / "board.json"
    with plugged(board(path=path)) as (link, port):
        talk = driver().connect(port, CLOCK)
        talk.identify()
        plan = talk.plan_write(DEVICE_ID)
        assert plan.address is None
        assert plan.erase_pages == ()
        talk.write(WritePlan.from_json(plan.to_json()))
        talk.write(plan)
        assert talk.verify().device_id.value == DEVICE_ID
        # Another process would find the same board.
        link.insert(board(path=path))
        assert talk.identify().device_id.value == DEVICE_ID


def test_a_plan_changes_nothing() -> None:
    device = board()
    with plugged(device) as (_, port):
        talk = driver().connect(port, CLOCK)
        talk.identify()
        before = list(device.commands)
        talk.plan_write(DEVICE_ID)
        assert device.commands == before


@pytest.mark.parametrize(
    "device_id",
    [
        "",
        "AB\r\nset deviceid CD",
        "A B",
        "A;B",
        "A\0",
        "A\x1b",
        "é",
        "A\u2028B",
        "x" * 200,
        "{device_id}",
        "$(reboot)",
        "A'",
    ],
)
def test_a_device_id_can_never_bring_another_command_along(device_id: str) -> None:
    """Not even where the configured form lets everything pass."""
    device = board()
    lax = replace(TextLineOptions().device_id_form, pattern="(?s).*")
    with plugged(device) as (_, port), pytest.raises(DriverMisuse, match="cannot be written"):
        driver(device_id_form=lax).connect(port, CLOCK).plan_write(device_id)
    assert device.commands == []


@pytest.mark.parametrize(
    "plan",
    [
        WritePlan(DEVICE_ID, 0x0800F800, b"set deviceid x", (), ""),
        WritePlan(DEVICE_ID, None, b"set deviceid x", (3,), ""),
        WritePlan(DEVICE_ID, None, b"set deviceid x\r\nreboot", (), ""),
        WritePlan(DEVICE_ID, None, b"set deviceid \xff", (), ""),
        WritePlan(DEVICE_ID, None, b"", (), ""),
    ],
)
def test_a_plan_of_another_kind_is_not_carried_out(plan: WritePlan) -> None:
    device = board()
    with plugged(device) as (_, port), pytest.raises(DriverMisuse, match="not a plan"):
        driver().connect(port, CLOCK).write(plan)
    assert device.commands == []


@pytest.mark.parametrize("fault", [Fault.REPLY_LOST, Fault.BROWN_OUT])
def test_a_write_whose_reply_is_lost_is_read_back_before_it_counts_as_failed(fault: Fault) -> None:
    device = board(**befalls(fault, "set deviceid"))
    with plugged(device) as (_, port):
        talk = driver(write=NEVER).connect(port, CLOCK)
        talk.write(talk.plan_write(DEVICE_ID))
    assert device.device_id == DEVICE_ID
    assert device.commands.count(f"set deviceid {DEVICE_ID}") == 1


def test_a_write_acknowledged_but_not_stored_is_repeated() -> None:
    device = board(**befalls(Fault.NOT_STORED, "set deviceid"))
    with plugged(device) as (_, port):
        talk = driver().connect(port, CLOCK)
        talk.write(talk.plan_write(DEVICE_ID))
    assert device.device_id == DEVICE_ID


def test_a_write_never_kept_says_what_the_board_holds() -> None:
    device = board("old-id", **befalls(Fault.NOT_STORED, "set deviceid", 0))
    with plugged(device) as (_, port):
        talk = driver().connect(port, CLOCK)
        with pytest.raises(WriteNotKept, match="was acknowledged; DeviceID in the board: old-id"):
            talk.write(talk.plan_write(DEVICE_ID))
    assert device.commands.count(f"set deviceid {DEVICE_ID}") == 2


def test_a_write_refused_raises_the_refusal() -> None:
    device = board("old-id", manner=Manner(write_once=True))
    with plugged(device) as (_, port):
        talk = driver().connect(port, CLOCK)
        with pytest.raises(BoardRefused, match="ERROR 4 already set"):
            talk.write(talk.plan_write(DEVICE_ID))
    assert device.device_id == "old-id"


def test_a_write_refused_because_it_was_done_before_is_done() -> None:
    with plugged(board(DEVICE_ID, manner=Manner(write_once=True))) as (_, port):
        talk = driver().connect(port, CLOCK)
        talk.write(talk.plan_write(DEVICE_ID))


def test_a_write_misread_on_its_way_is_repaired() -> None:
    """A garbled byte towards the board: what it stores, if anything, is not what was sent, and the read-back sees it."""
    device = board()
    with plugged(device) as (link, port):
        talk = driver(write=NEVER).connect(port, CLOCK)
        plan = talk.plan_write(DEVICE_ID)
        link.wire.set_faults(Faults(from_host=(WireFault("garble", at=len("set deviceid d8"), mask=0x01),)))
        talk.write(plan)
    assert device.device_id == DEVICE_ID


def test_commands_after_the_write_and_the_boards_own_check_are_sent() -> None:
    device = board()
    options = {"after_write": (Command("version", "version=.*"),), "verify": Command("get appeui", "appeui=.*")}
    with plugged(device) as (_, port):
        talk = driver(**options).connect(port, CLOCK)
        talk.write(talk.plan_write(DEVICE_ID))
        assert device.commands == [f"set deviceid {DEVICE_ID}", "version", "get deviceid"]
        talk.verify()
        assert device.commands[3] == "get appeui"
        assert device.commands[4] == "get chipid"


def test_a_check_that_the_board_fails_is_a_refusal() -> None:
    with plugged(board(DEVICE_ID)) as (_, port), pytest.raises(BoardRefused, match="unknown command"):
        driver(verify=Command("selftest")).connect(port, CLOCK).verify()


def test_verify_sees_a_board_exchanged_in_the_meantime() -> None:
    with plugged(board()) as (link, port):
        talk = driver().connect(port, CLOCK)
        talk.identify()
        link.insert(SimulatedTextBoard("3A0041000951303338363634", APP_EUI))
        assert talk.verify().chip_id == "3A0041000951303338363634"


def test_verify_wakes_a_board_that_was_reset() -> None:
    with plugged(board(DEVICE_ID, manner=Manner(wakes_needed=2, echoes=False, banner=""))) as (_, port):
        brief = {name: replace(getattr(TextLineOptions(), name), timeout_s=0.5) for name in ("chip_id", "app_eui")}
        talk = driver(**brief, attempts=1, wake=Wake(attempts=10, timeout_s=0.5)).connect(port, CLOCK)
        assert talk.verify().chip_id == CHIP_ID


def test_a_device_id_may_stand_as_raw_memory() -> None:
    """Boards that show and take hex dumps: length and CRC are checked, and the value is what they frame."""
    memory = FieldFormat(20, length_bytes=1, crc="crc8")
    options = {
        "device_id": Query("get deviceid", "deviceid=(?P<value>.*)", blank="deviceid=none", memory=memory),
        "write": Command("set deviceid {device_id_hex}"),
    }
    device = board()
    with plugged(device) as (link, port):
        talk = driver(**options).connect(port, CLOCK)
        talk.write(talk.plan_write(DEVICE_ID))
        assert device.device_id == memory.encode(DEVICE_ID).hex().upper()
        assert talk.verify().device_id.value == DEVICE_ID
        with pytest.raises(DriverMisuse, match="takes 19 bytes where the field has 18"):
            talk.plan_write("x" * 19)
        for dump, problem in (("00" * 19 + "01", "crc8"), ("AB12", "not a dump of 20 bytes"), ("xyz", "not a dump")):
            link.insert(board(dump))
            assert problem in (talk.identify().device_id.problem or "")


# -- presence ----------------------------------------------------------------------------------------------------------------


def test_presence_is_a_board_that_answers() -> None:
    device = board()
    patient = TextLineDriver(TextLineOptions())
    with plugged(device) as (link, port):
        assert any(patient.is_present(port, CLOCK) for _ in range(20))
        link.lift()
        port.discard_input()
        assert not patient.is_present(port, CLOCK)
        link.insert(board(manner=Manner(prompt="login: ", banner="")))
        assert not patient.is_present(port, CLOCK)
        link.unplug()
        with pytest.raises(PortLost):
            patient.is_present(port, CLOCK)
    assert device.commands == []


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_presence_bears_any_bytes(pieces: list[bytes]) -> None:
    """Whatever comes: an answer, True or False, and nothing sent but the wake lines."""
    wire = TalkingWire(pieces)
    TextLineDriver(TextLineOptions()).is_present(wire, ManualClock())
    assert wire.sent == b"\r\n"


def test_a_port_that_takes_no_bytes_shows_no_board() -> None:
    class StuckWire(TalkingWire):
        def write(self, data: bytes, deadline: Deadline) -> None:
            raise DeadlineExpired(self.name, "0 bytes were taken in time")

    assert not driver().is_present(StuckWire([]), ManualClock())


# -- options -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"accepted_terminators": ()}, "at least one must be accepted"),
        ({"terminator": ""}, "terminators must be"),
        ({"prompt": " "}, "prompt must be printable"),
        ({"prompt": None}, "wake.reply is needed"),
        ({"closing": "("}, "closing: pattern .* does not compile"),
        ({"errors": ("[",)}, "errors: pattern .* does not compile"),
        ({"write": Command("set deviceid")}, r"write must hold {device_id} once"),
        ({"write": Command("set {device_id} {device_id}")}, r"write must hold {device_id} once"),
        ({"write": Command("set {device_id} {chip_id}")}, "no other placeholder"),
        ({"write": Command("set {device_id_hex}")}, r"write must hold {device_id} once"),
        ({"after_write": (Command("save {device_id}"),)}, "only write takes a placeholder"),
        ({"verify": Command("check {device_id}")}, "only write takes a placeholder"),
        ({"read_twice": ("sn",)}, "read_twice may name chip_id"),
        ({"attempts": 0}, "attempts must be 1 to 50"),
        ({"max_line_bytes": 100_000}, "max_line_bytes must be 16 to 4096"),
        ({"max_lines": 0}, "max_lines must be 1 to 1000"),
        ({"quiet_s": 0.0}, "quiet_s must be above 0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        dialect(**changes)


@pytest.mark.parametrize(
    ("part", "settings", "problem"),
    [
        (Query, {"send": "get x", "reply": "x=(.*)"}, "exactly one named group"),
        (Query, {"send": "get x", "reply": "(?P<value>.)(?P<other>.)"}, "exactly one named group"),
        (Query, {"send": "get x", "reply": "("}, "does not compile"),
        (Query, {"send": "get {x}", "reply": "(?P<value>.)"}, "takes no placeholder"),
        (Query, {"send": "get x", "reply": "(?P<value>.)", "blank": "["}, "blank: pattern"),
        (Command, {"send": "a\r\nb"}, "printable ASCII"),
        (Command, {"send": ""}, "printable ASCII"),
        (Command, {"send": "save", "timeout_s": 0.0}, "above 0"),
        (Command, {"send": "save", "timeout_s": 61.0}, "at most 60"),
        (Wake, {"send": ()}, "lines of ASCII"),
        (Wake, {"send": ("ä",)}, "lines of ASCII"),
        (Wake, {"attempts": 0}, "1 to 50"),
        (Wake, {"reply": "("}, "does not compile"),
    ],
)
def test_parts_that_cannot_work_are_refused(part: Any, settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        part(**settings)


def test_the_label_names_the_dialect() -> None:
    assert driver(name="gateway-2").label == "text gateway-2"
