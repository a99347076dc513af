"""What interrupts a thread that waits in select."""

from __future__ import annotations

import contextlib
import os
import threading

_CLEAR_BYTES = 4096


class Waker:
    """Wakes a thread out of select. Harmless once closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)

    def fileno(self) -> int:
        return self._out

    def wake(self) -> None:
        # A full pipe has a wake-up in it already; a closed one's number may be another file's by now.
        with self._lock, contextlib.suppress(BlockingIOError):
            if not self._closed:
                os.write(self._in, b"w")

    def clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._out, _CLEAR_BYTES)

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._out)
                os.close(self._in)
