"""Long work that somebody asks of the page, kept away from the station: in a process of its own, one at a time, for a bounded time.

A replay or an export reads a whole log into memory and computes for a while: beside cycles that run it does so at low priority, and
what it takes is given back when it ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import station
from station.errors import StationError

TIMEOUT_S = 60.0
MEMORY_BYTES = 1 << 30
"""Of address space: enough for the longest log there should be."""
MAX_OUTPUT_BYTES = 16 * 1024 * 1024
TURN_S = 2.0
"""How long one who asks waits for what another has asked for."""
_PROGRAM = f"""
import contextlib, os, resource, sys
with contextlib.suppress(OSError, ValueError):
    os.nice(10)
with contextlib.suppress(OSError, ValueError):
    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))
from station.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""A service may set neither (``SystemCallFilter=~@resources``): what is handed to it has to be of bounded length anyway."""
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
"""Of the environment: the rest may hold secrets, and no work here needs them."""


class Busy(StationError):
    """Raised where somebody else's work takes too long to wait for."""

    code = "panel.busy"


class TookTooLong(StationError):
    """Raised where work did not end within ``TIMEOUT_S``, or took more memory or output than there is room for."""

    code = "panel.took_too_long"


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left: ``error`` is its line on standard error."""

    status: int
    output: str
    error: str


class Workshop:
    """Shared by all requests. ``close`` ends what is under way; later work raises Busy."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._turn = threading.Lock()
        self._figures = threading.Lock()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def run(self, *words: str) -> Finished:
        """``station WORDS``. Raises Busy, TookTooLong."""
        with _within(self._turn):
            process = self._begin(words)
            try:
                output, error = process.communicate(timeout=self._timeout_s)
            except subprocess.TimeoutExpired as expired:
                raise TookTooLong(f"station {words[0]} was ended after {self._timeout_s:g} s") from expired
            finally:
                self._finish(process)
        if process.returncode < 0:
            raise TookTooLong(f"station {words[0]} was ended by signal {-process.returncode}")
        if len(output) > MAX_OUTPUT_BYTES:
            raise TookTooLong(f"station {words[0]} said more than {MAX_OUTPUT_BYTES} bytes")
        return Finished(process.returncode, output.decode("utf-8", "replace"), error.decode("utf-8", "replace").strip())

    @contextmanager
    def figures(self) -> Iterator[None]:
        """One at a time: to count a long period keeps a processor busy. Raises Busy."""
        with _within(self._figures):
            yield

    def close(self) -> None:
        """Once the page is served no more."""
        with self._lock:
            self._is_closed = True
            if self._process is not None:
                self._process.kill()

    def __enter__(self) -> Workshop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment["PYTHONPATH"] = str(Path(station.__file__).parents[1])
        with self._lock:
            if self._is_closed:
                raise Busy("the page is being closed")
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
            return self._process

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._process = None
        if process.poll() is None:
            process.kill()
            process.communicate()


@contextmanager
def _within(turn: threading.Lock) -> Iterator[None]:
    if not turn.acquire(timeout=TURN_S):
        raise Busy("somebody else has asked for work that still goes on: try again in a moment")
    try:
        yield
    finally:
        turn.release()
