"""Reading and writing a non-blocking file descriptor with deadlines: what a tty, a socket and a printer node share."""

from __future__ import annotations

import os
import select
import termios
from collections.abc import Callable

from drivers.clock import Deadline
from drivers.errors import DeadlineExpired, DriverMisuse, PortLost
from drivers.port_errors import lost

DISCARD_KEPT_BYTES = 4096
"""How much of the discarded input ``Transport.discard_input`` returns."""
CHUNK_BYTES = 65536
MAX_DISCARD_CHUNKS = 64
"""A peer that never stops talking cannot keep ``discard_input`` for ever."""
MAX_POLL_S = 60.0
"""poll(2) counts milliseconds in an int; longer deadlines are waited for in parts."""
FALSE_ALARM_PAUSE_S = 0.005
"""Pause after poll(2) has reported what then did not hold, so that a driver that repeats it cannot take the processor."""

_BROKEN = select.POLLHUP | select.POLLERR | select.POLLNVAL


class DescriptorPort:
    """Implements ``Transport``.

    ``release`` closes the descriptor, which stays its owner's. ``gone`` says, after the port's name, what has happened when
    the other side is there no more. ``empty_is_end``: a read of no bytes is the end by itself, as on a socket; elsewhere only
    together with a hang-up, since usblp hands out empty USB packets as empty reads. ``confirm_taken``: a write ends only
    when the device has taken the last byte.
    """

    def __init__(
        self,
        name: str,
        fd: int,
        release: Callable[[], object],
        *,
        gone: str,
        empty_is_end: bool = False,
        confirm_taken: bool = False,
    ) -> None:
        self._name = name
        self._fd: int | None = fd
        self._release = release
        self._gone = gone
        self._empty_is_end = empty_is_end
        self._confirm_taken = confirm_taken
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(fd, select.POLLIN)
        self._writable.register(fd, select.POLLOUT)

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, deadline: Deadline) -> None:
        fd = self._open_fd()
        view = memoryview(data)
        waited = False
        while view:
            sent = self._write_some(fd, view)
            view = view[sent:]
            if not view:
                break
            if waited and not sent:
                _pause()
            waited = deadline.remaining_s() > 0 and _wait(self._writable, deadline) != 0
            if not waited:
                raise DeadlineExpired(self._name, f"{len(data) - len(view)} of {len(data)} bytes were taken in time")
        if self._confirm_taken and data:
            if not _wait(self._writable, deadline):
                raise DeadlineExpired(self._name, "the last bytes were not taken in time")
            self._write_some(fd, memoryview(b""))  # raises where the wait ended because the device has gone

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        fd = self._open_fd()
        if max_bytes < 1:
            raise DriverMisuse(f"{self._name}: a read of {max_bytes} bytes")
        while events := _wait(self._readable, deadline):
            try:
                data = os.read(fd, min(max_bytes, CHUNK_BYTES))
            except BlockingIOError:
                pass
            except OSError as error:
                raise lost(self._name, error) from error
            else:
                if data:
                    return data
                if self._empty_is_end or events & _BROKEN:
                    raise PortLost(self._name, self._gone)
            if deadline.remaining_s() <= 0:
                break
            _pause()
        raise DeadlineExpired(self._name, "no byte came in time")

    def discard_input(self) -> bytes:
        fd = self._open_fd()
        kept = b""
        for _ in range(MAX_DISCARD_CHUNKS):
            # Looking first: usblp refuses to read from a printer that has no way to answer.
            if not self._readable.poll(0):
                break
            try:
                data = os.read(fd, CHUNK_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                raise lost(self._name, error) from error
            if not data:
                break  # the end, if it is one, is what the next read raises
            kept = (kept + data)[-DISCARD_KEPT_BYTES:]
        return kept

    def close(self) -> None:
        if self._fd is None:
            return
        self._fd = None
        try:
            self._release()
        except (OSError, termios.error):
            return  # the device is gone already; the system has released the descriptor all the same

    def _open_fd(self) -> int:
        if self._fd is None:
            raise PortLost(self._name, "the port is closed")
        return self._fd

    def _write_some(self, fd: int, view: memoryview) -> int:
        try:
            return os.write(fd, view)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise lost(self._name, error) from error


def _pause() -> None:
    """Wait as ``_wait`` does, on the descriptor's side: a pause is a part of the one read or write that a session log records,
    and must not turn up there as a sleep of the caller's, which a replay would not ask for."""
    select.poll().poll(FALSE_ALARM_PAUSE_S * 1000)


def _wait(poller: select.poll, deadline: Deadline) -> int:
    """Wait until the descriptor is ready, and return its events; 0 when the deadline has passed."""
    while True:
        remaining_s = deadline.remaining_s()
        part_s = min(remaining_s, MAX_POLL_S)
        if events := poller.poll(part_s * 1000):
            return events[0][1]
        if part_s == remaining_s:
            return 0
