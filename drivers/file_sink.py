"""Files as transports: what a printer would get is appended to a file, or each job becomes a new file in a folder."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import Clock, Deadline
from drivers.errors import DeadlineExpired, PortDenied, PortLost, PortMissing, TransportError


@dataclass(frozen=True, slots=True)
class FileSinkOptions:
    """``path`` is a file that jobs are appended to; with ``one_file_per_job`` a folder in which each job becomes
    ``label-000001`` and so on with ``suffix``."""

    path: str
    one_file_per_job: bool = False
    suffix: str = ".bin"

    def __post_init__(self) -> None:
        if not self.path or "\0" in self.path:
            raise ValueError("path must be a path")
        if not self.suffix.startswith(".") or "/" in self.suffix or not self.suffix.isprintable():
            raise ValueError(f"suffix must be like .png, not {self.suffix!r}")


class FileSink:
    """Implements ``Transport`` for writing; a file never answers, so every read expires at once."""

    def __init__(self, name: str, target: Path, temporary: Path | None, fd: int) -> None:
        self._target = target
        self._temporary = temporary
        self._fd: int | None = fd
        self._name = name
        self._written = False

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, deadline: Deadline) -> None:  # noqa: ARG002 (a disk has no deadline)
        """On disk when it returns. Raises PortLost where the disk is full."""
        if self._fd is None:
            raise PortLost(self._name, "the file is closed")
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
            os.fsync(self._fd)
            if self._temporary is not None and not self._written:
                os.link(self._temporary, self._target)
                self._temporary.unlink()
        except OSError as error:
            raise PortLost(self._name, error.strerror or "cannot be written") from error
        self._written = True

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:  # noqa: ARG002
        if self._fd is None:
            raise PortLost(self._name, "the file is closed")
        raise DeadlineExpired(self._name, "a file does not answer")

    def discard_input(self) -> bytes:
        if self._fd is None:
            raise PortLost(self._name, "the file is closed")
        return b""

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            if self._temporary is not None and not self._written:
                self._temporary.unlink(missing_ok=True)


def open_file_sink(options: FileSinkOptions, clock: Clock) -> FileSink:  # noqa: ARG001 (one signature for all openers)
    """Open the file for appending, or a new one in the folder. Raises PortMissing (no such folder) or PortDenied."""
    path = Path(options.path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    try:
        if not options.one_file_per_job:
            return FileSink(options.path, path, None, os.open(path, flags | os.O_APPEND, 0o600))
        target = _next_name(path, options.suffix)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        return FileSink(str(target), target, temporary, os.open(temporary, flags | os.O_EXCL, 0o600))
    except OSError as error:
        raise _opening_error(options.path, error) from error


def _next_name(folder: Path, suffix: str) -> Path:
    numbers = [
        int(name.stem.removeprefix("label-")) for name in folder.glob(f"label-[0-9]*{suffix}") if _is_numbered(name)
    ]
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder")
    return folder / f"label-{max(numbers, default=0) + 1:06d}{suffix}"


def _is_numbered(name: Path) -> bool:
    return name.stem.removeprefix("label-").isdecimal()


def _opening_error(name: str, error: OSError) -> TransportError:
    kind = PortDenied if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else PortMissing
    return kind(name, error.strerror or "cannot be opened")
