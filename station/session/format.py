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

and, by kind (``err``, ``port`` and ``msg`` in place of a result tell of a transport's error):

===========  ===================================================================================================
``head``     the first event: ``format``, ``wall_s``, ``station``, ``socket`` and what else the station says of itself
``open``     ``port``
``tx``       ``hex``, before it is sent; where sending fails, another ``tx`` with the error and without ``hex`` follows
``rx``       ``want`` (the most bytes asked for), ``hex``
``discard``  ``hex``
``cfg``      ``baud``, ``data_bits``, ``parity``, ``stop_bits``
``line``     ``dtr``, ``rts`` (set; null leaves one as it is), or ``asked`` with ``cts``, ``dsr``, ``dcd``, ``ri``
``close``
``req``      ``method``, ``url``, ``headers`` (name and value each), ``text`` or ``hex`` (the body)
``resp``     ``status``, ``headers``, ``text`` or ``hex``; or ``err`` (the failure's kind) and ``msg``
``given``    ``name``, ``args``, and ``value`` or ``raised`` (``code``, ``msg``)
``step``     ``step``, ``at`` (``start``, ``end``), ``wall_s`` at its start
``note``     ``text``
``end``      the last event: ``result``, ``message``, ``wall_s``; a log without it was cut off
===========  ===================================================================================================

Bytes are lower-case hex. A masked secret is overwritten with ``*`` (0x2a) of the same length, and ``mask`` lists
``[start, length]``, in bytes, of each such place in ``hex`` or ``text``. ``aside`` marks an event that happened while a given
value was produced: it is there to be read, and no part of a replay.
"""

from __future__ import annotations

import gzip
import json
import stat
import zlib
from collections.abc import Iterable, Iterator
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

MAX_LOG_BYTES = 1024 * 1024 * 1024
"""No honest log, unpacked, is longer; one is read into memory."""

MAX_TIME_NS = 1 << 63
"""No cycle lasts 292 years."""

_ENCODE = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_quoted = json.encoder.encode_basestring_ascii
"""A text as ``_ENCODE`` writes it, without what that does to find out that it is one: most of an event is short texts."""
_CRC_FIELD = ',"c":"'
_CRC_TAIL_BYTES = len(_CRC_FIELD) + len('00000000"}')


class Encoded(str):
    """A field's value as the JSON that it is written as."""

    __slots__ = ()


class LogTooLong(SessionError):
    """Raised where a log is longer than any honest one, or than its reader has room for."""


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
    return encode_line(event.number, event.time_ns, event.kind, event.lane, event.channel, event.fields, previous_crc)


def encode_line(
    number: int, time_ns: int, kind: str, lane: str, channel: str | None, fields: dict[str, Any], previous_crc: int
) -> tuple[bytes, int]:
    """The same for what an event is made of."""
    text = f'{{"n":{number},"t":{time_ns},"k":{_quoted(kind)}'
    if lane != "main":
        text += f',"l":{_quoted(lane)}'
    if channel is not None:
        text += f',"ch":{_quoted(channel)}'
    for name, value in fields.items():
        kind_ = type(value)
        written = _quoted(value) if kind_ is str else value if kind_ is int or kind_ is Encoded else _ENCODE(value)
        text += f",{_quoted(name)}:{written}"
    body = text.encode("ascii")
    crc = zlib.crc32(body, previous_crc)
    return b'%s,"c":"%08x"}\n' % (body, crc), crc


def encode_events(events: Iterable[Event]) -> bytes:
    """The lines of a whole log. They are those that were read, but for a last one that a crash cut off."""
    lines, crc = [], 0
    for event in events:
        line, crc = encode_event(event, crc)
        lines.append(line)
    return b"".join(lines)


def decode_event(line: bytes, previous_crc: int) -> tuple[Event, int]:
    """Inverse of ``encode_event``. Raises SessionError for a line that is damaged or does not follow the one before."""
    text = line.removesuffix(b"\n")
    body, tail = text[:-_CRC_TAIL_BYTES], text[-_CRC_TAIL_BYTES:]
    crc = zlib.crc32(body, previous_crc)
    if tail != f'{_CRC_FIELD}{crc:08x}"}}'.encode("ascii"):
        raise SessionError("its checksum does not fit: the line was changed, or a line is missing, doubled or moved")
    try:
        raw = json.loads(body + b"}")
    except (ValueError, RecursionError) as error:
        raise SessionError(f"it is not JSON: {error}") from error
    number, time_ns, kind = (raw.pop(name, None) for name in ("n", "t", "k"))
    lane, channel = raw.pop("l", "main"), raw.pop("ch", None)
    if not (isinstance(number, int) and _is_time(time_ns) and isinstance(kind, str)):
        raise SessionError("its sequence, time or kind is missing")
    if not (isinstance(lane, str) and isinstance(channel, str | None)):
        raise SessionError("its lane or channel is no text")
    if kind not in KINDS:
        raise SessionError(f"its kind {kind!r} is unknown")
    return Event(number, time_ns, kind, lane, channel, raw), crc


def _is_time(time_ns: object) -> bool:
    return isinstance(time_ns, int) and 0 <= time_ns < MAX_TIME_NS


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


class EventChain:
    """Checks the lines of one log, first to last, as they are read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0
        self._crc = 0
        self._ended = False

    def take(self, line: bytes) -> Event:
        """The event of the next line, which ends in a newline. Raises SessionError naming the line (from 1) for damage, and for a
        head that this program does not read."""
        number, where = self._number, self._where()
        try:
            event, self._crc = decode_event(line, self._crc)
        except SessionError as error:
            raise SessionError(where + str(error)) from error
        if event.number != number:
            raise SessionError(f"{where}it is numbered {event.number}")
        if (event.kind == "head") != (number == 0):
            raise SessionError(
                f"{self._path}: not a session log, or more than one: line {number + 1} is {event.kind!r}"
            )
        version = event.fields.get("format")
        if number == 0 and version != FORMAT_VERSION:
            raise SessionError(f"{self._path}: format {version!r}, this program reads {FORMAT_VERSION}")
        self._number += 1
        self._ended = event.kind == "end"
        return event

    def torn(self, line: bytes) -> str:
        """What to say of a last line without a newline. A writer that was cut off leaves the beginning of a line; a whole line with
        something else in the newline's place was changed, which raises SessionError."""
        where = self._where()
        try:
            decode_event(line[:-1], self._crc)
        except SessionError:
            return f"the last line was cut off after {len(line)} bytes"
        raise SessionError(f"{where}its newline was changed")

    def _where(self) -> str:
        where = f"{self._path}: line {self._number + 1} is damaged: "
        if self._ended:
            raise SessionError(where + "it stands after the end")
        return where


def read_log(path: Path, max_bytes: int = MAX_LOG_BYTES) -> SessionLog:
    """Read and check a log, compressed or not, unpacked of at most ``max_bytes``. Raises SessionError naming the line (from 1) of
    the first damage."""
    events: list[Event] = []
    chain, torn = EventChain(path), None
    for line in log_lines(path, max_bytes):
        if not line.endswith(b"\n"):
            torn = chain.torn(line)
            break
        events.append(chain.take(line))
    if not events:
        raise SessionError(f"{path}: not a session log: it holds no whole event")
    return SessionLog(path, tuple(events), torn)


def log_lines(path: Path, max_bytes: int = MAX_LOG_BYTES) -> Iterator[bytes]:
    """The lines of a log, compressed or not, unchecked, each with its newline. Raises SessionError, LogTooLong for more than
    ``max_bytes``."""
    left_bytes = max_bytes
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            # Opening a named pipe would wait for somebody who writes into it.
            raise SessionError(f"{path}: not a file")
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                left_bytes -= len(line)
                if len(line) > MAX_LINE_BYTES or left_bytes < 0:
                    raise LogTooLong(f"{path}: longer than {max_bytes} bytes, or a line of it than {MAX_LINE_BYTES}")
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise SessionError(f"{path}: cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Without the number and the path that an OSError says too."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
