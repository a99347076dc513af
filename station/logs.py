"""Where log records go: to journald with fields, to standard error as JSON lines, or there as lines for people.

Everything from outside is escaped: no value ends a line early or moves a terminal's cursor. A record may carry fields of its own,
``extra={"station_fields": {"socket": "A"}}``: they become STATION_SOCKET=A in the journal (``journalctl STATION_SOCKET=A``) and
keys of the JSON line.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from station.text import printable

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")
MAX_MESSAGE_CHARS = 2000
MAX_FIELD_CHARS = 500
MAX_TRACEBACK_CHARS = 16_000
MAX_FIELDS = 32
SEND_BUFFER_BYTES = 8 << 20
"""As sd_journal_send(3) asks for: a burst waits here for a journald that is busy."""

_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Lowest level, priority of syslog(3); below all of them: 7, debug."""


class LogStyle(StrEnum):
    """How records are written."""

    AUTO = "auto"
    """To the journal where standard error leads there; as JSON in any other service; else as lines for people."""
    JOURNAL = "journal"
    JSON = "json"
    PLAIN = "plain"


def chosen_style(style: LogStyle, environment: Mapping[str, str], stderr_descriptor: int) -> LogStyle:
    """What AUTO means here. $JOURNAL_STREAM (systemd.exec(5)) names the device and inode of the journal's stream."""
    if style is not LogStyle.AUTO:
        return style
    status = os.fstat(stderr_descriptor)
    if environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}" and JOURNAL_SOCKET.exists():
        return LogStyle.JOURNAL
    return LogStyle.JSON if "INVOCATION_ID" in environment else LogStyle.PLAIN


@contextmanager
def logging_to(style: LogStyle, stream: TextIO | None = None, journal: Path = JOURNAL_SOCKET) -> Iterator[None]:
    """Send all records from INFO on there while the context lasts. ``style`` is not AUTO."""
    stream = stream or sys.stderr
    handler: logging.Handler
    if style is LogStyle.JOURNAL:
        handler = JournalHandler(journal, stream)
    else:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JsonFormatter() if style is LogStyle.JSON else PlainFormatter())
        if style is LogStyle.PLAIN:
            handler.setLevel(logging.WARNING)
    root = logging.getLogger()
    level_before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level_before)
        root.removeHandler(handler)
        handler.close()


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """The record's own fields, printable and bounded."""
    given = getattr(record, "station_fields", None)
    if not isinstance(given, dict):
        return {}
    pairs = list(given.items())[:MAX_FIELDS]
    return {str(name): printable(str(value), MAX_FIELD_CHARS) for name, value in pairs if value is not None}


class PlainFormatter(logging.Formatter):
    """``station: warning: message``: standard error belongs to people, who know what time it is."""

    def format(self, record: logging.LogRecord) -> str:
        trace = _traceback(record)
        line = f"station: {record.levelname.lower()}: {printable(record.getMessage(), MAX_MESSAGE_CHARS)}"
        return line + (f"\n{trace}" if trace else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time (UTC), level, logger, message, its own fields, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        row = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": printable(record.getMessage(), MAX_MESSAGE_CHARS),
            **fields_of(record),
        }
        trace = _traceback(record)
        return json.dumps(row | ({"traceback": trace} if trace else {}))


class JournalHandler(logging.Handler):
    """Speaks journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). What cannot be handed over goes to ``stream``."""

    def __init__(self, address: Path, stream: TextIO) -> None:
        super().__init__()
        self._address = str(address)
        self._stream = stream
        self._plain = PlainFormatter()
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._link.sendto(datagram(record), self._address)
        except OSError:
            try:
                self._stream.write(self._plain.format(record) + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                self.handleError(record)

    def close(self) -> None:
        self._link.close()
        super().close()


def datagram(record: logging.LogRecord) -> bytes:
    """A record as journald takes it."""
    priority = next((priority for level, priority in _PRIORITIES if record.levelno >= level), 7)
    fields = {
        "MESSAGE": printable(record.getMessage(), MAX_MESSAGE_CHARS),
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "station",
        "STATION_LOGGER": record.name,
        "STATION_THREAD": printable(record.threadName or "", MAX_FIELD_CHARS),
    }
    fields |= {f"STATION_{_key(name)}": value for name, value in fields_of(record).items()}
    trace = _traceback(record)
    if trace:
        fields["STATION_TRACEBACK"] = trace
    return b"".join(_assignment(name, value.encode("utf-8", "backslashreplace")) for name, value in fields.items())


def _assignment(name: str, value: bytes) -> bytes:
    if b"\n" not in value:
        return name.encode() + b"=" + value + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"


def _key(name: str) -> str:
    """A name of upper-case letters, digits and underscores, as journald asks for."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name.upper())[:48]


def _traceback(record: logging.LogRecord) -> str:
    """The record's traceback, each line printable; its end where it is too long."""
    if record.exc_info is None or record.exc_info[0] is None:
        return ""
    lines = logging.Formatter().formatException(record.exc_info).splitlines()
    return "\n".join(printable(line) for line in lines)[-MAX_TRACEBACK_CHARS:]
