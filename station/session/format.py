"""Session log format 1: one JSON object a line, chained by CRC-32.

A line is an event ``{"n": …, "t": …, "k": …, …, "c": "xxxxxxxx"}``:

==========  ====================================================================================================
``n``       sequence number, from 0, no gaps
``t``       nanoseconds since the start of the cycle on the monotonic clock
``k``       kind, one of ``KINDS``
``l``       lane; absent for the main lane
``ch``      channel (``uart``, ``printer``, ``api`` …); absent where the kind has none
``c``       CRC-32, eight hex digits, of the line's text before this field, seeded with the line above's value
==========  ====================================================================================================

The first event is ``head``, the last ``end``; a log without ``end`` was cut off. Bytes are lower-case hex. A masked secret is
overwritten with ``*`` (0x2a) of the same length, and ``mask`` lists ``[start, length]`` of each such place.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from station.errors import SessionError

FORMAT_VERSION = 1

KINDS = frozenset(
    ("head", "open", "tx", "rx", "line", "cfg", "discard", "close", "req", "resp", "given", "step", "note", "end")
)

MAX_LINE_BYTES = 8 * 1024 * 1024
"""No honest event is longer: HTTP answers are bounded to 1 MiB, and escaping makes six bytes of one at most."""

_CRC_FIELD = ',"c":"'
_CRC_TAIL_BYTES = len(_CRC_FIELD) + len('00000000"}')


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``fields`` holds what its kind adds."""

    number: int
    time_ns: int
    kind: str
    lane: str = "main"
    channel: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def encode_event(event: Event, previous_crc: int) -> tuple[bytes, int]:
    """The event as one line with its newline, and the CRC to seed the next line with."""
    head: dict[str, Any] = {"n": event.number, "t": event.time_ns, "k": event.kind}
    if event.lane != "main":
        head["l"] = event.lane
    if event.channel is not None:
        head["ch"] = event.channel
    text = json.dumps(head | event.fields, ensure_ascii=True, separators=(",", ":"))
    body = text[:-1].encode("ascii")
    crc = zlib.crc32(body, previous_crc)
    return body + f'{_CRC_FIELD}{crc:08x}"}}\n'.encode("ascii"), crc


def decode_event(line: bytes, previous_crc: int) -> tuple[Event, int]:
    """Inverse of ``encode_event``. Raises SessionError for a line that is damaged or does not follow the one before."""
    text = line.rstrip(b"\n")
    body, tail = text[:-_CRC_TAIL_BYTES], text[-_CRC_TAIL_BYTES:]
    crc = zlib.crc32(body, previous_crc)
    if tail != f'{_CRC_FIELD}{crc:08x}"}}'.encode("ascii"):
        raise SessionError("its checksum does not fit: the line was changed, or a line is missing, doubled or moved")
    try:
        raw = json.loads(body + b"}")
    except ValueError as error:
        raise SessionError(f"it is not JSON: {error}") from error
    try:
        number, time_ns, kind = int(raw.pop("n")), int(raw.pop("t")), str(raw.pop("k"))
    except (KeyError, TypeError, ValueError) as error:
        raise SessionError("its sequence, time or kind is missing") from error
    if kind not in KINDS:
        raise SessionError(f"its kind {kind!r} is unknown")
    lane, channel = raw.pop("l", "main"), raw.pop("ch", None)
    return Event(number, time_ns, kind, lane, channel, raw), crc


@dataclass(frozen=True, slots=True)
class SessionLog:
    """A log read back. ``torn`` says what is wrong with its last line, where a crash cut it; the rest is good."""

    path: Path
    events: tuple[Event, ...]
    torn: str | None = None

    @property
    def head(self) -> dict[str, Any]:
        return self.events[0].fields

    @property
    def end(self) -> Event | None:
        """The ``end`` event, None where the cycle was cut off."""
        return self.events[-1] if self.events[-1].kind == "end" else None


def read_log(path: Path) -> SessionLog:
    """Read and check a log, compressed or not. Raises SessionError naming the line of the first damage."""
    events: list[Event] = []
    crc, torn, last_good = 0, None, True
    for number, line in enumerate(_lines(path)):
        if not last_good:
            raise SessionError(f"{path}: line {number} is damaged: {torn}")
        try:
            if not line.endswith(b"\n"):
                raise SessionError("it has no end: the writer was cut off")
            event, crc = decode_event(line, crc)
            if event.number != number:
                raise SessionError(f"it is numbered {event.number}")
        except SessionError as error:
            torn, last_good = str(error), False
            continue
        events.append(event)
    if torn is not None and (not events or events[-1].kind == "end" or not torn.endswith("cut off")):
        raise SessionError(f"{path}: line {len(events) + 1} is damaged: {torn}")
    if not events or events[0].kind != "head":
        raise SessionError(f"{path}: not a session log")
    version = events[0].fields.get("format")
    if version != FORMAT_VERSION:
        raise SessionError(f"{path}: format {version!r}, this program reads {FORMAT_VERSION}")
    if any(event.kind in ("head", "end") for event in events[1:-1]):
        raise SessionError(f"{path}: holds more than one cycle")
    return SessionLog(path, tuple(events), torn)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    raise SessionError(f"{path}: a line is longer than {MAX_LINE_BYTES} bytes")
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise SessionError(f"{path}: cannot be read: {error}") from error
