"""Boards whose bootloader speaks lines of text: commands, replies and time-outs are configuration (``text_options``).

Text lines carry no checksum, so values are read twice: chipId, appEui and DeviceID in one round, then those of ``read_twice``
in another, which also shows up answers that have slipped by one question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.bootloader import Bootloader, Identity, WritePlan
from drivers.bootloader.fields import SEPARATORS, CanonicalForm, FieldFormat, Reading, as_eui64, may_be_cut_off
from drivers.bootloader.text_options import PRESENCE_TIMEOUT_S, Command, Query, TextLineOptions, Wake
from drivers.bootloader.text_talk import Answer, Question, TextTalk
from drivers.clock import Clock
from drivers.errors import (
    BoardError,
    BoardGarbled,
    BoardRefused,
    BoardSilent,
    BoardSwapped,
    DeadlineExpired,
    DriverMisuse,
    FieldInvalid,
    WriteNotKept,
)
from drivers.transport import SerialTransport

__all__ = ["Command", "Query", "TextLineDriver", "TextLineOptions", "Wake"]

_SAFE_VALUE = re.compile(r"[0-9A-Za-z._:-]{1,128}")
"""What may stand in a command, whatever pattern is configured: nothing that ends, separates or quotes a word."""
_SAFE_COMMAND = re.compile(r"[ -~]{1,512}")


@dataclass(frozen=True, slots=True)
class TextLineDriver:
    """The driver for boards of one dialect."""

    options: TextLineOptions

    @property
    def label(self) -> str:
        return f"text {self.options.name}"

    def connect(self, link: SerialTransport, clock: Clock) -> Bootloader:
        return _Conversation(self.options, TextTalk(link, clock, self.options))

    def is_present(self, link: SerialTransport, clock: Clock) -> bool:
        """One attempt at waking, with no reset before it and nothing sent but the wake lines."""
        timeout_s = min(self.options.wake.timeout_s, PRESENCE_TIMEOUT_S)
        try:
            return TextTalk(link, clock, self.options).wake_once(timeout_s)
        except DeadlineExpired:
            return False

    def check_device_id(self, device_id: str) -> None:
        _write_line(self.options, device_id)

    def may_be_cut_off(self, device_id: str, held: Reading) -> bool:
        """Dumped memory is judged bit by bit, and so is text that is hex digits; other text may lack its end."""
        _write_line(self.options, device_id)
        memory = self.options.device_id.memory
        if memory is not None:
            return may_be_cut_off(memory.encode(device_id), held.raw, memory.blanks)
        text = (held.value or held.raw.decode("ascii", "replace")).strip()
        return device_id.startswith(text) or _hex_may_be_cut_off(device_id, text)


class _Conversation:
    """One conversation with one board."""

    def __init__(self, options: TextLineOptions, talk: TextTalk) -> None:
        self._options = options
        self._talk = talk
        self._chip_id: str | None = None

    def identify(self) -> Identity:
        self._talk.wake()
        identity = self._identity()
        self._chip_id = identity.chip_id
        return identity

    def plan_write(self, device_id: str, previous: WritePlan | None = None) -> WritePlan:  # noqa: ARG002
        """The plan's image is the command line, without terminator; ``previous`` changes nothing, since a line shares no page.
        Raises DriverMisuse for a DeviceID that the configured form or what may safely stand in a command forbids."""
        line = _write_line(self._options, device_id)
        return WritePlan(device_id, None, line.encode("ascii"), (), f"send {line!r}, then read the DeviceID back")

    def write(self, plan: WritePlan) -> None:
        """Send the planned line and read the DeviceID back; the board's memory decides, not its answer to the command. Raises
        BoardSwapped, nothing sent, where another board than the one identified stands in the socket by now."""
        line = plan.image.decode("latin-1")
        if plan.address is not None or plan.erase_pages or not _SAFE_COMMAND.fullmatch(line):
            raise DriverMisuse("not a plan of a text line bootloader")
        for _ in range(self._options.attempts):
            self._check_same_board()
            failure = self._send_write(line)
            found = self._awake(self._options.device_id)
            reading = _reading_of(found, self._options.device_id, self._options.device_id_form)
            if reading.value == plan.device_id:
                return
        if isinstance(failure, BoardRefused):
            raise failure
        holds = reading.problem or reading.value or "none"
        raise WriteNotKept(
            f"{line!r} {'was acknowledged' if failure is None else f'failed ({failure})'}; DeviceID in the board: {holds}"
        )

    def verify(self) -> Identity:
        if self._options.verify is not None:
            self._awake(self._options.verify)
        return self._identity()

    def _check_same_board(self) -> None:
        """Ask once more for the chipId of a board that was identified: a swap since then would put one unit's id into another."""
        if self._chip_id is None:
            return
        found = _reading_of(self._awake(self._options.chip_id), self._options.chip_id, self._options.chip_id_form).value
        if found != self._chip_id:
            raise BoardSwapped(f"chip {found} is in the socket where {self._chip_id} was; nothing was written to it")

    def _send_write(self, line: str) -> BoardError | None:
        """Send the write and what follows it, once each; what went wrong is returned, since the write may have worked."""
        write = self._options.write
        questions = [Question(line, write.reply, write.timeout_s), *map(_question, self._options.after_write)]
        try:
            for question in questions:
                self._talk.ask(question, attempts=1)
        except (BoardRefused, BoardGarbled, BoardSilent) as failure:
            self._talk.settle()
            return failure
        return None

    def _identity(self) -> Identity:
        options = self._options
        chip, eui, device = self._proven_answers()
        chip_id = _reading_of(chip, options.chip_id, options.chip_id_form)
        if chip_id.value is None:
            raise FieldInvalid(f"chipId: {chip_id.problem or 'the board says it has none'}")
        return Identity(
            chip_id=chip_id.value,
            app_eui=as_eui64(_reading_of(eui, options.app_eui, None), options.eui_prefixes),
            device_id=_reading_of(device, options.device_id, options.device_id_form),
        )

    def _proven_answers(self) -> list[Answer]:
        """The answers for chipId, appEui and DeviceID, in this order. Raises BoardGarbled where two reads keep differing."""
        queries = {
            "chip_id": self._options.chip_id,
            "app_eui": self._options.app_eui,
            "device_id": self._options.device_id,
        }
        differing = ""
        for _ in range(self._options.attempts):
            first = {name: self._awake(query) for name, query in queries.items()}
            again = {name: self._awake(queries[name]) for name in queries if name in self._options.read_twice}
            odd = next((name for name, answer in again.items() if answer.value != first[name].value), None)
            if odd is None:
                return list(first.values())
            differing = f"two reads of {odd} differ: {first[odd].line!r} and {again[odd].line!r}"
            self._talk.settle()
        raise BoardGarbled(differing)

    def _awake(self, asked: Query | Command) -> Answer:
        """The answer, from a board that may have fallen back to sleep or been reset: then it is woken once more."""
        question = _question(asked)
        try:
            return self._talk.ask(question, self._options.attempts)
        except BoardSilent:
            self._talk.wake()
            return self._talk.ask(question, self._options.attempts)


def _write_line(options: TextLineOptions, device_id: str) -> str:
    """The command that writes a DeviceID. Raises DriverMisuse for one that the configured form or what may safely stand in a
    command forbids."""
    memory, write = options.device_id.memory, options.write
    try:
        if options.device_id_form.apply(device_id) != device_id or not _SAFE_VALUE.fullmatch(device_id):
            raise ValueError(f"{device_id!r} is not in the configured form")
        if memory is None:
            return write.send.replace("{device_id}", device_id)
        return write.send.replace("{device_id_hex}", memory.encode(device_id).hex().upper())
    except ValueError as problem:
        raise DriverMisuse(f"this DeviceID cannot be written: {problem}") from problem


def _question(asked: Query | Command) -> Question:
    blank = asked.blank if isinstance(asked, Query) else None
    return Question(asked.send, asked.reply, asked.timeout_s, blank)


def _reading_of(answer: Answer, query: Query, form: CanonicalForm | None) -> Reading:
    """An answer as a reading: dumped memory decoded, and the value in its canonical form."""
    if answer.value is None:
        return Reading(None, answer.line.encode("ascii"))
    if query.memory is not None:
        reading = _decode_dump(answer.value, query.memory)
    else:
        reading = Reading(answer.value, answer.value.encode("ascii"))
    if reading.value is None or form is None:
        return reading
    try:
        return Reading(form.apply(reading.value), reading.raw)
    except ValueError as problem:
        return Reading(None, reading.raw, str(problem))


def _hex_may_be_cut_off(device_id: str, text: str) -> bool:
    try:
        return may_be_cut_off(bytes.fromhex(device_id), bytes.fromhex(text), (0xFF, 0x00))
    except ValueError:
        return False


def _decode_dump(dump: str, memory: FieldFormat) -> Reading:
    try:
        raw = bytes.fromhex(dump.translate({ord(separator): None for separator in SEPARATORS}))
        return memory.decode(raw)
    except ValueError:
        return Reading(None, dump.encode("ascii"), f"{dump[:80]!r} is not a dump of {memory.size_bytes} bytes")
