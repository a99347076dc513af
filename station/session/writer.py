"""The file under a running session: one write per event, a checksum chain, gzip at the end."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.errors import SessionError
from station.session.format import Event, encode_event

PART_SUFFIX = ".part"


class SessionUnwritable(SessionError):
    """Raised when an event could not be put on disk; the cycle must not go on without its record."""

    code = "session.unwritable"


@dataclass(frozen=True, slots=True)
class ClosedLog:
    """A finished file: what the journal's index keeps."""

    path: Path
    sha256: str
    size_bytes: int


class SessionWriter:
    """Appends events from any thread of a cycle.

    While the cycle runs the file is ``<path without .gz>.part``; ``close`` leaves the compressed ``path`` in its place. What a
    crash leaves is the ``.part`` file, readable up to its last whole line.
    """

    def __init__(self, path: Path, monotonic_ns: Callable[[], int]) -> None:
        """``path`` ends in ``.jsonl.gz``; its folders are created with mode 0700, the file with 0600."""
        self.path = path
        self._part = path.with_name(path.name.removesuffix(".gz") + PART_SUFFIX)
        self._monotonic_ns = monotonic_ns
        self._started_ns = monotonic_ns()
        self._lock = threading.Lock()
        self._number = 0
        self._crc = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SessionUnwritable(f"{self._part}: {error.strerror}") from error

    def append(self, kind: str, lane: str, channel: str | None, fields: dict[str, Any]) -> None:
        """Write one event. Raises SessionUnwritable."""
        with self._lock:
            event = Event(self._number, self._monotonic_ns() - self._started_ns, kind, lane, channel, fields)
            line, crc = encode_event(event, self._crc)
            try:
                written = os.write(self._fd, line)
            except OSError as error:
                raise SessionUnwritable(f"{self._part}: {error.strerror}") from error
            if written != len(line):
                raise SessionUnwritable(f"{self._part}: disk full")
            self._number += 1
            self._crc = crc

    def sync(self) -> None:
        """Force what was written onto the disk. Raises SessionUnwritable."""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise SessionUnwritable(f"{self._part}: {error.strerror}") from error

    def close(self) -> ClosedLog:
        """Compress, put the file in its final place and remove the ``.part``. Raises SessionUnwritable; the ``.part`` stays."""
        with self._lock:
            os.close(self._fd)
        return finish_log(self._part)


def finish_log(part: Path) -> ClosedLog:
    """Turn a ``.part`` file, of a cycle that ended or one that was cut off, into its final compressed form."""
    path = part.with_name(part.name.removesuffix(PART_SUFFIX) + ".gz")
    temporary = path.with_name(path.name + ".tmp")
    try:
        packed = gzip.compress(part.read_bytes(), compresslevel=6, mtime=0)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        part.unlink()
    except OSError as error:
        raise SessionUnwritable(f"{path}: {error.strerror}") from error
    return ClosedLog(path, hashlib.sha256(packed).hexdigest(), len(packed))
