"""What passes between a host and the ROM bootloader, in words, for timelines and difference reports. Pure; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from drivers.bootloader.stm32.codec import ACK, KNOWN_COMMANDS, NACK, SYNC, Command

Stage = Literal["wake", "command", "address", "length", "data", "pages", "wide_pages"]
SHOWN_BYTES = 16
SPECIAL_ERASES = 0xFFF0
_AFTER_COMMAND: dict[Command | None, Stage] = {
    Command.READ_MEMORY: "address",
    Command.GO: "address",
    Command.WRITE_MEMORY: "address",
    Command.ERASE: "pages",
    Command.EXTENDED_ERASE: "wide_pages",
    Command.WRITE_PROTECT: "pages",
}
_AFTER_ADDRESS: dict[Command | None, Stage] = {Command.READ_MEMORY: "length", Command.WRITE_MEMORY: "data"}
_ANSWERED = (Command.GET, Command.GET_VERSION, Command.GET_ID)


def describe(host_bytes: bytes) -> str:
    """What a host says in words, each frame taken to be accepted: ``READ MEMORY 0x1FFF7590, 12 bytes``.

    Starts between commands, or with a waking 7F. What is no whole frame comes out as hex.
    """
    decoder = WireDecoder()
    words: list[str] = []
    for byte in host_bytes:
        for said in decoder.host(bytes([byte])):
            decoder.chip(bytes([ACK]))
            if words and said.startswith(words[-1]):
                words.pop()  # a command's later frame says all that its earlier ones did
            words.append(said)
    return "; ".join(words + decoder.rest())


@dataclass(slots=True)
class WireDecoder:
    """Takes the bytes of both sides in the order in which they passed, cut anywhere, and yields words for each finished frame.

    Never raises: what fits nowhere is shown as hex.
    """

    _stage: Stage = "command"
    _frame: bytearray = field(default_factory=bytearray)
    _command: Command | None = None
    _said: str = ""
    """What of the command at hand the chip has accepted; a frame that is repeated without an answer says nothing more."""
    _saying: str = ""
    _read_bytes: int = 0
    _answer: bytearray = field(default_factory=bytearray)
    _answer_bytes: int | None = 0
    """How long an answer is to come; None where its first byte says."""

    def host(self, data: bytes) -> list[str]:
        """Words for the frames that these bytes of the host finish."""
        words: list[str] = []
        self._answer_bytes = 0
        for index, byte in enumerate(data):
            if self._stage in ("command", "wake") and not self._frame and (byte == SYNC or self._stage == "wake"):
                self._stage = "wake"
                rest = data[index:]
                words.append("wake" if len(rest) == 1 else f"wake, {len(rest)} bytes: {_shown(rest)}")
                break
            self._frame.append(byte)
            if len(self._frame) >= self._frame_bytes():
                frame = bytes(self._frame)
                self._frame.clear()
                words.append(self._words_of(frame))
        return words

    def chip(self, data: bytes) -> list[str]:
        """Words for the answers that these bytes of the chip finish."""
        words: list[str] = []
        for byte in data:
            if self._answer_bytes != 0:
                self._answer.append(byte)
                if self._answer_bytes is None:
                    self._answer_bytes = byte + 3  # a count, one byte more than it says, ACK (AN3155 GET, GET ID)
                if len(self._answer) == self._answer_bytes:
                    words.append(self._words_of_answer(bytes(self._answer)))
                    self._answer_bytes = 0
            elif byte == ACK:
                words.append("ACK")
                self._accept()
            elif byte == NACK:
                words.append("NACK")
                self._frame.clear()
                self._stage = "command"
            else:
                words.append(f"{byte:02X}?")
        return words

    def rest(self) -> list[str]:
        """The bytes of an unfinished host frame as hex, if any."""
        return [f"{_shown(bytes(self._frame))} and no more"] if self._frame else []

    def _frame_bytes(self) -> int:
        """How long the host's frame is, as far as its first bytes tell."""
        frame = self._frame
        match self._stage:
            case "address":
                return 5
            case "data":
                return frame[0] + 3
            case "pages":
                return 2 if frame[0] == 0xFF else frame[0] + 3
            case "wide_pages":
                count = int.from_bytes(frame[:2], "big") if len(frame) > 1 else 0
                return 3 if count >= SPECIAL_ERASES else 2 * count + 5
            case _:
                return 2

    def _words_of(self, frame: bytes) -> str:
        match self._stage:
            case "address":
                self._saying = f"{self._said} 0x{int.from_bytes(frame[:4], 'big'):08X}"
            case "length":
                self._saying = f"{self._said}, {frame[0] + 1} bytes"
                self._read_bytes = frame[0] + 1
            case "data":
                self._saying = f"{self._said}, {frame[0] + 1} bytes: {_shown(frame[1:-1])}"
            case "pages":
                pages = "everything" if frame[0] == 0xFF else ", ".join(map(str, frame[1:-1]))
                self._saying = f"{self._said} {pages}"
            case "wide_pages":
                self._saying = f"{self._said} {_wide_pages(frame)}"
            case _:
                self._command = KNOWN_COMMANDS.get(frame[0]) if frame[0] ^ frame[1] == 0xFF else None
                self._saying = self._command.words if self._command is not None else f"{_shown(frame)} (no command)"
        return self._saying

    def _accept(self) -> None:
        """The chip said ACK: what comes next, from which side?"""
        stage, self._stage = self._stage, "command"
        self._said = self._saying
        self._answer.clear()
        if stage == "command":
            self._stage = _AFTER_COMMAND.get(self._command, "command")
            if self._command in _ANSWERED:
                self._answer_bytes = 4 if self._command is Command.GET_VERSION else None
        elif stage == "address":
            self._stage = _AFTER_ADDRESS.get(self._command, "command")
        elif stage == "length":
            self._answer_bytes = self._read_bytes

    def _words_of_answer(self, answer: bytes) -> str:
        match self._command:
            case Command.GET:
                return f"version {answer[1] >> 4}.{answer[1] & 0xF}, {answer[0]} commands"
            case Command.GET_VERSION:
                return f"version {answer[0] >> 4}.{answer[0] & 0xF}"
            case Command.GET_ID:
                return f"product id 0x{int.from_bytes(answer[1:-1], 'big'):03X}"
            case _:
                return f"{len(answer)} bytes: {_shown(answer)}"


def _wide_pages(frame: bytes) -> str:
    count = int.from_bytes(frame[:2], "big")
    if count >= SPECIAL_ERASES:
        return "everything" if count == 0xFFFF else f"bank (code {count:04X})"
    numbers = [int.from_bytes(frame[at : at + 2], "big") for at in range(2, len(frame) - 1, 2)]
    shown = ", ".join(map(str, numbers[:SHOWN_BYTES]))
    return shown if len(numbers) <= SHOWN_BYTES else f"{shown} and {len(numbers) - SHOWN_BYTES} more"


def _shown(data: bytes) -> str:
    text = data[:SHOWN_BYTES].hex(" ").upper()
    return text if len(data) <= SHOWN_BYTES else f"{text} …"
