"""Simulated devices behind real file descriptors: a pty that is a UART, a TCP port that is a network printer."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
import tty
from pathlib import Path

from drivers.simulated import Reply, SimulatedDevice
from drivers.simulated.faults import Faults
from drivers.simulated.waker import Waker
from drivers.simulated.wire import Wire

READ_CHUNK_BYTES = 65536
HOST_BUFFER_BYTES = 4096
"""What the host may have written ahead of the wire: Linux's UARTs buffer a page (include/linux/serial_core.h,
UART_XMIT_SIZE)."""
MAX_UNREAD_BYTES = 65536
"""Answers beyond this that the host does not read are lost on a UART, and make a printer wait."""


class PtyLink:
    """A UART on a pty.

    ``path`` is what a host opens. ``baud`` paces both directions (``bits_per_byte`` 11 is 8 data bits, parity and one stop
    bit); None is as fast as the machine. ``stable_path``, where given, is a symbolic link that always leads to the current
    pty, as a by-path name leads to a USB adapter that was plugged in again. Thread-safe; after ``close`` nothing happens.
    """

    def __init__(
        self,
        device: SimulatedDevice | None = None,
        *,
        baud: int | None = None,
        bits_per_byte: int = 11,
        faults: Faults | None = None,
        stable_path: Path | None = None,
    ) -> None:
        self._wire = Wire(None, bits_per_byte / baud if baud else 0.0, faults or Faults())
        self._stable_path = stable_path
        self._lock = threading.Lock()
        self._master = self._slave = -1
        self._unread = b""
        self._closed = threading.Event()
        self._waker = Waker()
        self._thread = threading.Thread(target=self._run, name="pty-link", daemon=True)
        self.path = ""
        self.replug()
        if device is not None:
            self.insert(device)
        self._thread.start()

    @property
    def wire(self) -> Wire:
        """The wire, for its transcript and its faults."""
        return self._wire

    def insert(self, device: SimulatedDevice) -> None:
        """Put a board in: it is powered on."""
        self._wire.set_device(device, time.monotonic())
        self._waker.wake()

    def lift(self) -> None:
        """Take the board out: bytes vanish from now on."""
        self._wire.set_device(None, time.monotonic())

    def say(self, data: bytes, after_s: float = 0.0) -> None:
        """Let the device send something unasked, such as a scan."""
        self._wire.say([Reply(data, after_s)], time.monotonic())
        self._waker.wake()

    def unplug(self) -> None:
        """Pull the cable: whoever has the port open loses it, the path is gone, and so is what was on the wire."""
        with self._lock:
            self._hang_up()
        self._waker.wake()

    def replug(self) -> None:
        """Plug the cable in again: a new pty, to which ``stable_path`` leads."""
        with self._lock:
            if self._master >= 0 or self._closed.is_set():
                return
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self.path = os.ttyname(self._slave)
            if self._stable_path is not None:
                temporary = self._stable_path.with_name(self._stable_path.name + ".new")
                temporary.unlink(missing_ok=True)
                temporary.symlink_to(self.path)
                temporary.replace(self._stable_path)
        self._waker.wake()

    def close(self) -> None:
        """Stop the thread and release everything."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._waker.wake()
        self._thread.join()
        with self._lock:
            self._hang_up()
        self._waker.close()

    def _hang_up(self) -> None:
        for descriptor in (self._master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)
        self._master = self._slave = -1
        self._unread = b""
        self._wire.clear()
        if self._stable_path is not None:
            self._stable_path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wait()
            self._waker.clear()
            with self._lock:
                self._exchange()

    def _wait(self) -> None:
        with self._lock:
            master, unread = self._master, self._unread
        readers: list[Waker | int] = [self._waker]
        if master >= 0 and self._wire.backlog_bytes < HOST_BUFFER_BYTES:
            readers.append(master)
        # Unplugged between listing and waiting, the descriptor is bad: look again.
        with contextlib.suppress(OSError):
            select.select(readers, [master] if unread else [], [], _time_to(self._wire.next_s()))

    def _exchange(self) -> None:
        if self._master < 0:
            self._wire.clear()  # nobody is there to hear it
            return
        room_bytes = HOST_BUFFER_BYTES - self._wire.backlog_bytes
        with contextlib.suppress(BlockingIOError):
            if room_bytes > 0 and (data := os.read(self._master, room_bytes)):
                self._wire.take_from_host(data, time.monotonic())
        out, hung_up = self._wire.advance(time.monotonic())
        self._unread = (self._unread + out)[:MAX_UNREAD_BYTES]
        with contextlib.suppress(BlockingIOError):
            while self._unread:
                self._unread = self._unread[os.write(self._master, self._unread) :]
        if hung_up:
            self._hang_up()


class TcpLink:
    """A device behind a TCP port, serving one connection at a time like a label printer: a second one connects and hears
    nothing until the first is gone. A hang-up closes the connection and leaves the port listening. Thread-safe."""

    def __init__(
        self,
        device: SimulatedDevice,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults | None = None,
    ) -> None:
        self._wire = Wire(device, 0.0, faults or Faults())
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server = socket.create_server((host, port), family=family, backlog=16)
        self._server.setblocking(False)
        self.address: tuple[str, int] = self._server.getsockname()[:2]
        self._waker = Waker()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tcp-link", daemon=True)
        self._thread.start()

    @property
    def wire(self) -> Wire:
        """The wire, for its transcript and its faults."""
        return self._wire

    def say(self, data: bytes, after_s: float = 0.0) -> None:
        """Let the device send something unasked."""
        self._wire.say([Reply(data, after_s)], time.monotonic())
        self._waker.wake()

    def close(self) -> None:
        """Stop the thread and release everything."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._waker.wake()
        self._thread.join()
        self._server.close()
        self._waker.close()

    def _run(self) -> None:
        while not self._closed.is_set():
            select.select([self._server.fileno(), self._waker.fileno()], [], [])
            self._waker.clear()
            # A client may have gone between the two, and one that resets its connection ends no more than that.
            with contextlib.suppress(OSError):
                connection, _ = self._server.accept()
                with connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connection.setblocking(False)
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        self._wire.forget_answers()
        unread = b""
        while not self._closed.is_set():
            readers: list[Waker | socket.socket] = [self._waker]
            if len(unread) < MAX_UNREAD_BYTES:
                readers.append(connection)
            writers: list[Waker | socket.socket] = [connection] if unread else []
            ready = select.select(readers, writers, [], _time_to(self._wire.next_s()))[0]
            self._waker.clear()
            if connection in ready:
                data = connection.recv(READ_CHUNK_BYTES)
                if not data:
                    return
                self._wire.take_from_host(data, time.monotonic())
            out, hung_up = self._wire.advance(time.monotonic())
            unread += out
            with contextlib.suppress(BlockingIOError):
                unread = unread[connection.send(unread) :] if unread else b""
            if hung_up:
                return


def _time_to(moment_s: float | None) -> float | None:
    return None if moment_s is None else max(0.0, moment_s - time.monotonic())
