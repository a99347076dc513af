"""What a board says: the STM32 ROM's answers and a text line bootloader's, alone and in whole conversations; and the simulated
boards, which anything may be said to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from drivers.bootloader import Bootloader, BootloaderDriver, Identity, WritePlan
from drivers.bootloader.fields import Reading
from drivers.bootloader.stm32 import codec
from drivers.bootloader.stm32.codec import ACK, NACK, Abilities
from drivers.bootloader.stm32.words import WireDecoder, describe
from drivers.bootloader.text_line import TextLineDriver
from drivers.bootloader.text_options import Query, TextLineOptions, Wake
from drivers.errors import BoardError, BoardGarbled, TransportError
from drivers.simulated import SimulatedDevice
from drivers.simulated.text_board import SimulatedTextBoard
from tests.fuzz.material import Choices, CountingClock, FuzzLink, answers, assert_line
from tests.fuzz.target import Target, needing_nothing
from tests.support.stm32 import APP_EUI, DEVICE_ID, F1, L0_EEPROM, OTHER_UID, SHARED, UID, WL, Board

MAX_CONVERSATION_S = 3600.0
"""Virtual seconds: far more than every wait of a conversation with the default times, each tried as often as may be."""
BOARDS = (WL, SHARED, F1, L0_EEPROM)
TEXT_DEVICE_ID = "d88b4c0100000001"
_ACK = bytes([ACK])


def _codec(data: bytes) -> None:
    """An answer is refused as garbled, or is exactly what its value would be sent as."""
    for parse in (codec.parse_version, codec.parse_product_id):
        try:
            assert 0 <= parse(data) <= 0xFFFF
        except BoardGarbled as error:
            assert_line(str(error))
    try:
        assert Abilities.from_bytes(data).to_bytes() == data
    except BoardGarbled as error:
        assert_line(str(error))


def _words(data: bytes) -> None:
    """Whatever passes a wire comes out in words, of bounded length, whoever says it."""
    choices, decoder, said = Choices(data), WireDecoder(), []
    while choices:
        side = decoder.host if choices.byte() % 2 else decoder.chip
        said += side(choices.chunk())
    said += [*decoder.rest(), describe(data[:256])]
    assert len(said) <= 2 * len(data) + 2
    for line in said[:-1]:
        assert_line(line, 300)
    assert_line(said[-1], 300 * (len(data) + 1))


def _converse(driver: BootloaderDriver, link: FuzzLink, clock: CountingClock, device_id: str) -> list[Identity]:
    """All of a cycle's talk with a board. Only the documented errors may end it, in bounded time."""
    found: list[Identity] = []
    try:
        assert driver.is_present(link, clock) in (True, False)
        board: Bootloader = driver.connect(link, clock)
        found.append(board.identify())
        plan = board.plan_write(device_id)
        board.plan_write(device_id, WritePlan.from_json(plan.to_json()))
        board.write(plan)
        found.append(board.verify())
    except (TransportError, BoardError) as error:
        assert_line(str(error), 2000)
    assert clock.now_s - 1000.0 < MAX_CONVERSATION_S
    for identity in found:
        _assert_identity(identity)
    return found


def _assert_identity(identity: Identity) -> None:
    assert identity.chip_id.isascii()
    assert_line(identity.chip_id, 128)
    for reading in (identity.app_eui, identity.device_id):
        _assert_reading(reading)
    if identity.app_eui.value is not None:
        assert len(bytes.fromhex(identity.app_eui.value)) == 8


def _assert_reading(reading: Reading) -> None:
    assert reading.value is None or reading.problem is None
    assert_line((reading.value or "") + (reading.problem or ""), 2000)


def _stm32_talk(data: bytes) -> None:
    """A ROM that answers anything."""
    choices, clock = Choices(data), CountingClock()
    board = choices.pick(BOARDS)
    link = FuzzLink(choices, clock, endless=choices.byte() % 4 == 0)
    _converse(board.driver(), link, clock, DEVICE_ID)
    _assert_harmless(link)


def _assert_harmless(link: FuzzLink) -> None:
    """Nothing that protects, unprotects or starts a program was said."""
    for command in (0x21, 0x63, 0x73, 0x82, 0x92):
        frame = bytes([command, command ^ 0xFF])
        assert frame not in link.sent, f"{frame.hex()} was sent"


class _Garbling(FuzzLink):
    """A wire to a simulated board that changes what the board says as the input tells; what the station says arrives whole."""

    def __init__(self, device: SimulatedDevice, choices: Choices, clock: CountingClock) -> None:
        super().__init__(Choices(b""), clock)
        self.device = device
        self._changes = choices

    def write(self, data: bytes, deadline: object) -> None:
        self._use()
        self.sent.append(data)
        said = b"".join(reply.data for reply in self.device.feed(data))
        if said and self._changes:
            said = self._changed(said)
        self._coming += [said] if said else []

    def _changed(self, said: bytes) -> bytes:
        kind, at = self._changes.byte() % 8, self._changes.byte() % len(said)
        match kind:
            case 0:
                return said[:at] + bytes([said[at] ^ self._changes.byte()]) + said[at + 1 :]
            case 1:
                return said[:at]
            case 2:
                return said[:at] + self._changes.chunk() + said[at:]
            case 3:
                return self._changes.chunk()
            case _:
                return said


def _stm32_garbled(data: bytes) -> None:
    """A real ROM on a bad wire: whatever arrives, no page but the one that holds the DeviceID is touched."""
    choices, clock = Choices(data), CountingClock()
    board: Board = choices.pick(BOARDS)
    chip = board.chip({board.device_id + 64: b"calibration"} if board is not L0_EEPROM else {})
    before = _outside(board, chip)
    link = _Garbling(chip, choices, clock)
    _converse(board.driver(), link, clock, DEVICE_ID)
    _assert_harmless(link)
    assert _outside(board, chip) == before


def _outside(board: Board, chip: object) -> tuple[bytes, ...]:
    """The memory before and behind the page of the slot."""
    memory = chip.memory  # type: ignore[attr-defined]
    if board is L0_EEPROM:
        return memory.read(0x08000000, 0x8000), memory.read(board.device_id + 16, 64)
    address, size_bytes = board.page_of_slot()
    return memory.read(0x08000000, address - 0x08000000), memory.read(address + size_bytes, 0x2000)


_DIALECTS = (
    TextLineOptions(),
    TextLineOptions(prompt=None, wake=Wake(reply="BOOT.*")),
    TextLineOptions(closing=None, attempts=1, max_lines=8, max_line_bytes=64),
    replace(TextLineOptions(), chip_id=Query("id?", r"(?:ID )?(?P<value>[^,]*),.*"), read_twice=("chip_id",)),
)


def _text_talk(data: bytes) -> None:
    """A text line bootloader that answers anything: nothing but whole lines of printable text is said to it."""
    choices, clock = Choices(data), CountingClock()
    driver = TextLineDriver(choices.pick(_DIALECTS))
    link = FuzzLink(choices, clock, endless=choices.byte() % 4 == 0)
    _converse(driver, link, clock, TEXT_DEVICE_ID)
    assert all(line.endswith(b"\r\n") and line[:-2].decode("ascii").isprintable() for line in link.sent)


def _text_garbled(data: bytes) -> None:
    """A board on a bad wire."""
    choices, clock = Choices(data), CountingClock()
    board = SimulatedTextBoard("3A0041000951303338363633", APP_EUI.hex().upper())
    _converse(TextLineDriver(_DIALECTS[0]), _Garbling(board, choices, clock), clock, TEXT_DEVICE_ID)
    assert board.device_id in (None, TEXT_DEVICE_ID)


def _fed(device: Callable[[], SimulatedDevice], data: bytes) -> None:
    """A simulated board takes anything, and says a bounded amount for it."""
    board, choices = device(), Choices(data)
    while choices:
        kind = choices.byte()
        replies = board.lines_changed(bool(kind & 1), bool(kind & 2)) if kind >= 0xFC else board.feed(choices.chunk())
        assert sum(len(reply.data) for reply in replies) <= 300_000
        assert all(reply.after_s >= 0 for reply in replies)


_FRESH = (_ACK, b"\x01\x04\x97" + _ACK, _ACK, _ACK, _ACK, UID, _ACK, _ACK, _ACK, UID)
_TEXT_ANSWERS = (
    b"> ",
    b"chipid=3A0041000951303338363633\r\nOK\r\n> ",
    b"appeui=70B3D57ED00001C0\r\nOK\r\n> ",
    b"deviceid=none\r\nOK\r\n> ",
)
_FRAMES = (
    b"\x7f",
    b"\x00\xff",
    b"\x02\xfd",
    b"\x11\xee",
    codec.address_frame(0x08005000),
    codec.length_frame(16),
    b"\x31\xce",
    codec.address_frame(0x08005000),
    codec.write_frame(bytes(16)),
    b"\x44\xbb",
    codec.extended_erase_frame([10]),
    b"\x43\xbc",
    codec.erase_frame([3]),
    b"\x44\xbb",
    b"\xff\xff\x00",
    b"\x21\xde",
    b"\x82\x7d",
)
"""What a host says to wake a chip, read, write, erase, start and protect; the last two the station never says."""


def _stm32_seeds() -> tuple[bytes, ...]:
    """Which board, whether the last answer goes on for ever, and the answers."""
    heads = [bytes([board, 1]) for board in range(len(BOARDS))] + [b"\0\0"]
    whole = answers(_ACK, *_FRESH, *[_ACK + UID] * 20)
    return (
        *(head + whole for head in heads),
        b"\x00\x01" + answers(b"", b"", bytes([NACK])),
        b"\x01\x01" + answers(b"?" * 9),
    )


def _said(*frames: bytes) -> bytes:
    """A seed that says each of these to a simulated board."""
    return b"".join(b"\0" + answers(frame) for frame in frames)


TARGETS = (
    Target(
        "boards-stm32-codec",
        needing_nothing(_codec),
        lambda: (Abilities(0x31, (0, 1, 2, 17)).to_bytes(), b"\x01\x04\x97\x79"),
    ),
    Target(
        "boards-stm32-words",
        needing_nothing(_words),
        lambda: (
            b"".join(b"\1" + answers(frame) + b"\0" + answers(_ACK) for frame in _FRAMES),
            b"\1" + answers(*_FRAMES),
        ),
    ),
    Target("boards-stm32-talk", needing_nothing(_stm32_talk), _stm32_seeds, (b"\x01\x79", b"\x01\x1f", UID)),
    Target(
        "boards-stm32-garbled",
        needing_nothing(_stm32_garbled),
        lambda: (b"\0", b"\1", b"\2", b"\3", bytes([0, *[7, 0] * 12, 0, 2, 1]), bytes([1, *[7, 0] * 40, 1, 0])),
        (b"\x07\x00" * 8,),
    ),
    Target(
        "boards-text-talk",
        needing_nothing(_text_talk),
        lambda: (
            *(bytes([dialect, 1]) + answers(*_TEXT_ANSWERS, *_TEXT_ANSWERS[1:], b"OK\r\n> ") for dialect in range(4)),
            b"\0\0" + answers(b"trace\r\n", *_TEXT_ANSWERS),
        ),
        (b"\r\n", b"OK", b"ERROR 1", b"> ", b"none", b"chipid=", b"\xfe", b"\xfd", b"BOOT"),
    ),
    Target(
        "boards-text-garbled",
        needing_nothing(_text_garbled),
        lambda: (b"\7\0", bytes([*[7, 0] * 4, 0, 3, 1]), b"\3\4OK\r\n"),
        (b"\x07\x00" * 4, b"\r\n", b"> "),
    ),
    Target(
        "boards-simulated-stm32",
        needing_nothing(partial(_fed, lambda: WL.chip(uid=OTHER_UID, wired=True))),
        lambda: (
            _said(*_FRAMES),
            _said(b"".join(_FRAMES)),
            b"\xfd\xfe" + _said(b"\x7f"),
            _said(b"\x7f\x92\x6d", b"\x7f"),
        ),
    ),
    Target(
        "boards-simulated-text",
        needing_nothing(partial(_fed, lambda: SimulatedTextBoard("3A00", "70B3D57ED00001C0"))),
        lambda: (_said(b"\r\n", b"get chipid\r\n", b"set deviceid ab\r\n"), _said(b"x" * 250, b"\r\nversion\r\n")),
        (b"\r\n", b"get ", b"set deviceid ", b"chipid"),
    ),
)
