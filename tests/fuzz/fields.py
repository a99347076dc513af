"""Texts and bytes that become identifiers: lines, scans, fields of a board's memory, canonical forms."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Callable

from drivers.bootloader import WritePlan
from drivers.bootloader.fields import CanonicalForm, FieldFormat, check_eui64
from drivers.clock import Deadline
from drivers.errors import PortLost, TransportError
from drivers.lines import LineSplitter, printable
from drivers.serial_port import SerialOptions
from drivers.transport import Transport
from drivers.trigger import Trigger
from drivers.trigger.input_events import (
    EV_KEY,
    EV_SYN,
    EVENT,
    KEY_ENTER,
    KEY_TAB,
    LEFT_CTRL,
    LEFT_SHIFT,
    PRESSED,
    RELEASED,
    SYN_DROPPED,
    SYN_REPORT,
    InputEvent,
    keys_of,
)
from drivers.trigger.key_maps import LAYOUTS, key_map
from drivers.trigger.keyboard import KeyboardOptions, KeyboardTrigger
from drivers.trigger.scans import GS
from drivers.trigger.serial_scanner import ScannerOptions, SerialScannerTrigger
from drivers.trigger.typed_scan import Refusal, ScanAssembler
from tests.fuzz.material import Choices, CountingClock, TalkingLink, answers, assert_line
from tests.fuzz.target import Target, needing_nothing

_TERMINATORS = ((b"\r\n", b"\r", b"\n"), (b"\r\n", b"\n"), (b"\n",), (b"\r\n",), (b"\x03", b"ETX\r"))


def _lines(data: bytes) -> None:
    """However the bytes are cut, the same lines come out, none longer than the bound, and no more than that is kept."""
    choices = Choices(data)
    terminators, max_bytes = choices.pick(_TERMINATORS), 1 + choices.number(40)
    pieces = []
    while choices:
        pieces.append(choices.chunk())
    split, whole = LineSplitter(terminators, max_bytes), LineSplitter(terminators, max_bytes)
    cut = []
    for piece in pieces:
        cut += split.feed(piece)
        assert len(split.pending) <= max_bytes + max(map(len, terminators))
    at_once = whole.feed(b"".join(pieces))
    assert [line for line in cut if line.data] == [line for line in at_once if line.data]
    assert all(len(line.data) <= max_bytes for line in cut)
    assert_line(printable(data), 80)


_PATTERNS = (r"[!-~]{1,128}", r"SN[0-9]{4}", r"[ -~\x1d]{1,64}", r"(?i)[0-9a-f:-]+")


def _scans(data: bytes) -> None:
    """What starts is whole, printable and of the pattern; what does not is told in a line."""
    choices, clock = Choices(data), CountingClock()
    pattern, prefix, suffix = choices.pick(_PATTERNS), choices.pick(("", "]C1", "\x02")), choices.pick(("", "\x03"))
    options = ScannerOptions(
        SerialOptions("scanner"), prefix, suffix, pattern=pattern, max_chars=1 + choices.number(70)
    )
    refused: list[str] = []

    def opened(_options: object, _clock: object) -> Transport:
        return TalkingLink(choices, clock)

    trigger = SerialScannerTrigger(options, clock, opened, refused.append)
    for text in _starts_of(trigger, clock, choices):
        assert re.fullmatch(pattern, text), f"{text!r} does not match {pattern}"
        assert len(text) <= options.max_chars + len(prefix + suffix)
        assert_line(text.replace(GS, ""))
    for line in refused:
        assert_line(line, 400)


def _starts_of(trigger: Trigger, clock: CountingClock, choices: Choices) -> list[str]:
    texts: list[str] = []
    for _ in range(200):
        if not choices:
            break
        try:
            event = trigger.wait(Deadline.after(0.4, clock))
        except TransportError as error:
            assert_line(str(error))
            continue
        if event is None:
            assert choices.byte() % 8 or trigger.rearm() >= 0
        elif event.text is not None:
            texts.append(event.text)
    trigger.close()
    return texts


def _typed(data: bytes) -> None:
    """The same of lines on a terminal or a pipe."""
    told, put = os.pipe()
    refused: list[str] = []
    clock = CountingClock()
    try:
        os.write(put, data[:4096])
    finally:
        os.close(put)
    try:
        trigger = KeyboardTrigger(KeyboardOptions(max_chars=40), refused.append, told)
        while (event := trigger.wait(Deadline.after(0, clock))) is not None:
            assert_line(event.text or "", 40)
    except PortLost:
        pass  # the end of input
    finally:
        os.close(told)
    for line in refused:
        assert_line(line, 400)


def _events(data: bytes) -> None:
    """The kernel's bytes are events as they stand, cut to size or refused; a device's keys are bits, or a ValueError."""
    for start in range(0, len(data), EVENT.size):
        raw = data[start : start + EVENT.size]
        try:
            event = InputEvent.from_bytes(raw)
        except struct.error:
            assert len(raw) != EVENT.size
            continue
        assert len(raw) == EVENT.size
        again = InputEvent.from_bytes(InputEvent(event.type, event.code, event.value, 1.5).to_bytes())
        assert again == InputEvent(event.type, event.code, event.value, 1.5)
        if abs(event.at_s) < 1 << 30:
            assert event.to_bytes()[-8:] == raw[-8:]
    text = data.decode("utf-8", "surrogateescape")
    try:
        keys = keys_of(text)
    except ValueError:
        return
    assert 0 <= keys < 1 << 8 * struct.calcsize("@l") * len(text.split()) or keys == 0


_KEY_HEADS = ((EV_KEY, PRESSED), (EV_KEY, RELEASED), (EV_KEY, 2), (EV_SYN, 0), (4, 0))
_GAPS_S = (0.0, 0.005, 0.2, 1.5, -3.0)


def _keys(data: bytes) -> None:
    """Whatever is pressed: a scan is of the layout's characters and bounded, what is none is told in a line, and what comes right
    behind lost keys is never a scan."""
    choices = Choices(data)
    keys, most = key_map(choices.pick(LAYOUTS)), 1 + choices.number(40)
    ends = choices.pick(((KEY_ENTER,), (KEY_ENTER, KEY_TAB)))
    assembler = ScanAssembler(keys, ends, key_gap_s=0.1, max_chars=most)
    known = {char for levels in keys.values() for char in levels if char} | {GS}
    at_s, pressed, lost_s = 100.0, 0, None
    while choices:
        kind, value = choices.pick(_KEY_HEADS)
        code = choices.byte()
        at_s += choices.pick(_GAPS_S)
        event = InputEvent(kind, code % 4 if kind == EV_SYN else code, value, at_s)
        lost_s = at_s if event.is_loss else lost_s
        pressed += (kind, value) == (EV_KEY, PRESSED)
        found = assembler.feed(event)
        if isinstance(found, str):
            assert 1 <= len(found) <= min(most, pressed)
            assert set(found) <= known
            assert lost_s is None or event.at_s != lost_s
            assert (kind, value) == (EV_KEY, PRESSED)
            assert code in ends
        elif isinstance(found, Refusal):
            assert_line(found.reason, 400)
        if found is not None:
            pressed, lost_s = 0, None


def _key_seeds() -> tuple[bytes, ...]:
    """Scans as keys: whole, with a shift, a GS, a gap, a loss, too long, and keys that no layout knows."""
    shift, ctrl, end = _key(LEFT_SHIFT), _key(LEFT_CTRL), _key(KEY_ENTER)
    scan = shift + _key(31) + _key(49) + _key(LEFT_SHIFT, RELEASED) + _key(11) * 3 + _key(2)
    lost, report = bytes([3, SYN_DROPPED, 0]), bytes([3, SYN_REPORT, 0])
    bodies = (
        scan + end,
        scan + report + end + scan + end,
        scan + ctrl + _key(27) + _key(LEFT_CTRL, RELEASED) + scan + end,
        scan + bytes([0, 11, 2]) + end + scan + end,
        scan + lost + _key(2) + report + _key(3) + end + scan + end,
        scan + lost + report + bytes([0, 2, 3]) + end,
        _key(2) * 60 + end + _key(2) + end,
        _key(200) + end + end,
    )
    return tuple(
        bytes([layout, most, 1]) + body for layout in range(len(LAYOUTS)) for most in (3, 30) for body in bodies
    )


def _key(code: int, value: int = PRESSED) -> bytes:
    return bytes([_KEY_HEADS.index((EV_KEY, value)), code, 1])


def _field(data: bytes) -> None:
    """Any bytes decode to a reading in one line; what decodes to a value is what that value encodes to, or stays unwritable."""
    choices = Choices(data)
    try:
        field = FieldFormat(
            1 + choices.number(40),
            choices.pick(("ascii", "hex")),
            choices.pick(("big", "little")),
            choices.pick(("keep", "upper", "lower")),
            choices.pick((None, "[0-9A-F]+", ".{1,16}")),
            choices.pick(((0x00, 0xFF), (0x20,), (0xFF,), (0x30, 0x00))),
            bool(choices.byte() & 1),
            choices.pick((0, 0, 1, 2)),
            choices.pick(("big", "little")),
            choices.pick(("none", "none", "crc8", "crc16-ccitt-false", "crc16-modbus", "crc32")),
            choices.pick(("big", "little")),
            choices.pick(((0xFF, 0x00), (), (0x20,))),
        )
    except ValueError as error:
        assert_line(str(error))
        return
    raw = choices.take(field.size_bytes).ljust(field.size_bytes, b"\xff")
    reading = field.decode(raw)
    assert_line((reading.value or "") + (reading.problem or ""), 2000)
    for value in (reading.value, choices.text()):
        if value is not None:
            _assert_written_as_read(field, value)


def _assert_written_as_read(field: FieldFormat, value: str) -> None:
    try:
        raw = field.encode(value)
    except ValueError as error:
        assert_line(str(error), 3000)
        return
    assert len(raw) == field.size_bytes
    assert field.decode(raw).value == value


def _identifiers(data: bytes) -> None:
    """A canonical form is a fixed point, printable and never what erased memory reads as."""
    text = data.decode("utf-8", "surrogateescape")
    forms: tuple[Callable[[str], str], ...] = (
        CanonicalForm().apply,
        CanonicalForm("lower", "", "[0-9a-f]{4,32}").apply,
        CanonicalForm("keep", ":").apply,
        check_eui64,
        lambda value: check_eui64(value, ("70-b3-d5",)),
    )
    for form in forms:
        try:
            value = form(text)
        except ValueError as error:
            assert_line(str(error))
            continue
        assert form(value) == value
        assert value.isascii()
        assert_line(value, 128)
        assert set(value.upper()) not in ({"0"}, {"F"})


def _plan(data: bytes) -> None:
    """A plan out of a journal or a session log is a plan, or a ValueError."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict):
        try:
            plan = WritePlan.from_json(value)
        except ValueError:
            return
        assert WritePlan.from_json(plan.to_json()) == plan


_SCAN_HEADS = (b"\0\0\0\x40", b"\0\1\0\x46", b"\0\2\1\x46", b"\1\0\0\x0a", b"\2\0\0\x3f")

TARGETS = (
    Target(
        "fields-lines",
        needing_nothing(_lines),
        lambda: tuple(
            bytes([kind, 20]) + answers(b"one\r\ntw", b"o\rthr", b"ee\n", b"x" * 60, b"y\r", b"\n") for kind in range(5)
        ),
        (b"\r\n", b"\r", b"\n", b"ETX\r", b"\x03"),
    ),
    Target(
        "fields-scans",
        needing_nothing(_scans),
        lambda: tuple(
            head + answers(b"SN0001\r\n", b"]C1SN12\r", b"\x02SN0002\x03\r\n", b"SN\x1d12\n") for head in _SCAN_HEADS
        ),
        (b"\r\n", b"\x1d", b"]C1", b"\x02", b"\x03\r", b"SN0001"),
    ),
    Target(
        "fields-typed",
        needing_nothing(_typed),
        lambda: (b"SN0001\r\n\n", "Zeichen\u00fc\n".encode(), b"x" * 300 + b"\nq"),
    ),
    Target(
        "fields-events",
        needing_nothing(_events),
        lambda: (
            InputEvent(EV_KEY, KEY_ENTER, PRESSED, 1734595441.25).to_bytes()
            + InputEvent(EV_SYN, SYN_DROPPED, 0).to_bytes(),
            InputEvent(EV_SYN, SYN_REPORT, 0, 0.000001).to_bytes()[:-1],
            b"1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe",
        ),
        (b" ", b"ffffffffffffffff", b"-1", b"0x1", b"1_0"),
        max_bytes=256,
    ),
    Target(
        "fields-keys",
        needing_nothing(_keys),
        _key_seeds,
        (_key(KEY_ENTER), bytes([3, SYN_DROPPED, 0]), bytes([3, SYN_REPORT, 0]), _key(LEFT_CTRL), _key(27), _key(100)),
        max_bytes=512,
    ),
    Target(
        "fields-memory",
        needing_nothing(_field),
        lambda: (
            bytes([15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) + b"D1A2B3C4\xff\xff\xff\xff\xff\xff\xff\xff" + b"\x04ABCD",
            bytes([7, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]) + bytes(range(8)) + b"\x10D88B4C0100000001",
            bytes([15, 0, 0, 0, 0, 0, 1, 2, 0, 2, 0, 0]) + b"\x04ABCD\0\0\0\0\0\0\0\0\0\0\xc1",
        ),
    ),
    Target(
        "fields-identifiers",
        needing_nothing(_identifiers),
        lambda: (b"70B3D57ED00001C0", b"70:b3:d5:7e:d0:00:01:c0", b"3A-00", b"0000", b"ffff", "\u0131\u00df".encode()),
        (b":", b"-", b"70b3d5", "\u017f".encode()),
    ),
    Target(
        "fields-plan",
        needing_nothing(_plan),
        lambda: (json.dumps(WritePlan("D1", 134217728, b"\1\2", (3, 4), "erase").to_json()).encode(),),
        (b'"device_id"', b'"erase_pages"', b"null", b"[", b"1e999", b"-1"),
    ),
)
