"""What a board said of itself, byte for byte, where a session log holds it: also what no driver made sense of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.bootloader.fields import FieldFormat
from drivers.bootloader.stm32.codec import Command
from drivers.bootloader.stm32.options import MemoryField, Stm32Options
from drivers.bootloader.text_options import Query, TextLineOptions
from station.session.format import Event, SessionLog
from station.session.messages import bytes_of

UID96_BYTES, UID64_BYTES = 12, 8
_READ_COMMAND = bytes((Command.READ_MEMORY, Command.READ_MEMORY ^ 0xFF))
_LINE_ENDS = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Place:
    """One byte that came in: which event holds it, and where."""

    event: int
    offset: int


@dataclass(frozen=True, slots=True)
class BoardField:
    """One value that a board was asked for. ``raw`` is what it said, perhaps damaged, perhaps only the beginning; ``layout`` None
    where it is the value's own bytes or text."""

    kind: str
    raw: bytes
    layout: FieldFormat | None = None
    is_text: bool = False
    """``raw`` is a text that the board wrote, of the value or of its memory in hex digits."""


def stm32_reads(log: SessionLog) -> Iterator[tuple[int, list[Place]]]:
    """``(address, places)`` of each READ MEMORY whose answer began to come (AN3155: command, address and number of bytes, each
    answered by an ACK, then the bytes). Reads that go on where the one before ended are one."""
    address: int | None = None
    places: list[Place] = []
    for start, found in _single_reads(log):
        if address is not None and start == address + len(places):
            places = places + found
            continue
        if address is not None:
            yield address, places
        address, places = start, found
    if address is not None:
        yield address, places


def stm32_fields(log: SessionLog, options: Stm32Options) -> Iterator[BoardField]:
    """What stood in the fields that name the board, read by read."""
    fields = list(_stm32_fields(options))
    for address, places in stm32_reads(log):
        data = bytes(bytes_of(log.events[place.event])[place.offset] for place in places)
        for kind, start, size, layout in fields:
            offset = start - address
            raw = data[max(offset, 0) : max(offset + size, 0)]
            if offset >= 0 and raw:
                yield BoardField(kind, raw, layout)


def text_fields(log: SessionLog, options: TextLineOptions) -> Iterator[BoardField]:
    """The values in lines that answer a question for one of the three fields."""
    data = b"".join(bytes_of(event) for event in log.events if _came_in(event))
    for line in _LINE_ENDS.split(data):
        text = line.decode("ascii", "replace").removeprefix(options.prompt or "")
        for kind in ("chip_id", "app_eui", "device_id"):
            query: Query = getattr(options, kind)
            if query.blank is not None and re.fullmatch(query.blank, text.strip()):
                continue
            match = re.fullmatch(query.reply, text.strip())
            if match is not None and match["value"]:
                yield BoardField(kind, match["value"].encode("ascii", "replace"), query.memory, is_text=True)


def _single_reads(log: SessionLog) -> Iterator[tuple[int, list[Place]]]:
    frames: list[bytes] = []
    pending: tuple[int, int] | None = None
    places: list[Place] = []
    for event in log.events:
        if event.channel != "uart" or "err" in event.fields or event.kind not in ("tx", "rx"):
            continue
        data = bytes_of(event)
        if event.kind == "rx":
            places += [Place(event.number, offset) for offset in range(len(data))]
            continue
        if pending is not None and len(places) > 1:
            yield pending[0], places[1 : 1 + pending[1]]  # the first byte is the ACK of the number of bytes
        places, pending = [], None
        frames = [*frames[-2:], data]
        if len(frames) == 3 and frames[0] == _READ_COMMAND and len(frames[1]) == 5 and len(data) == 2:
            pending = int.from_bytes(frames[1][:4], "big"), data[0] + 1
    if pending is not None and len(places) > 1:
        yield pending[0], places[1 : 1 + pending[1]]


def _stm32_fields(options: Stm32Options) -> Iterator[tuple[str, int, int, FieldFormat | None]]:
    """Kind, address, size in bytes and layout of the fields that name a board."""
    row = options.row
    yield "chip_id", row.uid_address, UID96_BYTES, None
    if row.uid64_address is not None:
        yield "chip_id", row.uid64_address, UID64_BYTES, None
    for kind, field in (("chip_id", options.chip_id), ("app_eui", options.app_eui), ("device_id", options.device_id)):
        if isinstance(field, MemoryField):
            yield kind, field.address, field.size_bytes, field.format


def _came_in(event: Event) -> bool:
    return event.kind in ("rx", "discard") and event.channel == "uart" and "hex" in event.fields
