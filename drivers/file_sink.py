"""Files as transports: what a printer would get is appended to a file, or each job becomes a new file in a folder."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import Clock, Deadline
from drivers.errors import DeadlineExpired, PortLost, PortUnsupported
from drivers.port_errors import lost, opening_error


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
    """Implements ``Transport`` for writing; a file never answers, so every read expires at once.

    With a ``folder``, what is written goes to a file without a name that anyone looks for; the first complete write, which is
    a job, gives it the next free number. A job that failed leaves nothing behind.
    """

    def __init__(
        self, name: str, fd: int, *, folder: Path | None = None, draft: Path | None = None, suffix: str = ""
    ) -> None:
        self._name = name
        self._fd: int | None = fd
        self._folder = folder
        self._draft = draft
        self._suffix = suffix

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, deadline: Deadline) -> None:  # noqa: ARG002 (a disk has no deadline)
        """On disk when it returns. Raises PortLost where the disk is full."""
        fd = self._open_fd()
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
            if self._folder is not None and self._draft is not None:
                _publish(self._draft, self._folder, self._suffix)
                self._draft = None
        except OSError as error:
            raise lost(self._name, error) from error

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:  # noqa: ARG002
        self._open_fd()
        raise DeadlineExpired(self._name, "a file does not answer")

    def discard_input(self) -> bytes:
        self._open_fd()
        return b""

    def close(self) -> None:
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        try:
            os.close(fd)
            if self._draft is not None:
                self._draft.unlink(missing_ok=True)
        except OSError:
            return  # each write was synced; what remains is a draft that nobody looks for

    def _open_fd(self) -> int:
        if self._fd is None:
            raise PortLost(self._name, "the file is closed")
        return self._fd


def open_file_sink(options: FileSinkOptions, clock: Clock) -> FileSink:  # noqa: ARG001 (one signature for all openers)
    """Open the file for appending, or a new one in the folder. Raises PortMissing (no such folder), PortDenied, or
    PortUnsupported where the path leads to something else than a file."""
    try:
        return _open_in_folder(options) if options.one_file_per_job else _open_file(options.path)
    except OSError as error:
        raise opening_error(options.path, error) from error


def _open_file(path: str) -> FileSink:
    # O_NONBLOCK: opening a FIFO that nobody reads would wait for ever.
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise PortUnsupported(path, "is no plain file")
    return FileSink(path, fd)


def _open_in_folder(options: FileSinkOptions) -> FileSink:
    folder = Path(options.path)
    fd, draft = tempfile.mkstemp(prefix=".draft-", suffix=options.suffix, dir=folder)
    return FileSink(options.path, fd, folder=folder, draft=Path(draft), suffix=options.suffix)


def _publish(draft: Path, folder: Path, suffix: str) -> None:
    """Give a draft the next number. A link never replaces a file, so that two sinks on one folder cannot collide."""
    number = 1 + max((_number_of(name) for name in folder.glob(f"label-*{suffix}")), default=0)
    while True:
        try:
            (folder / f"label-{number:06d}{suffix}").hardlink_to(draft)
            break
        except FileExistsError:
            number += 1
    draft.unlink()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _number_of(name: Path) -> int:
    """The number in ``label-000001.png``; 0 for another name."""
    digits = name.name.removeprefix("label-").split(".", 1)[0]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 12 else 0
