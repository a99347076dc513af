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
from drivers.simulated.wire import Wire

READ_CHUNK_BYTES = 65536


class PtyLink:
    """A UART on a pty.

    ``path`` is what a host opens. ``baud`` paces both directions (``bits_per_byte`` 11 is 8 data bits, parity and one stop
    bit); None is as fast as the machine. ``stable_path``, where given, is a symbolic link that always leads to the current
    pty, as a by-path name leads to a USB adapter that was plugged in again.
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
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_out, False)
        self._closed = threading.Event()
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
        self._wake()

    def lift(self) -> None:
        """Take the board out: bytes vanish from now on."""
        self._wire.set_device(None, time.monotonic())

    def say(self, data: bytes, after_s: float = 0.0) -> None:
        """Let the device send something unasked, such as a scan."""
        self._wire.say([Reply(data, after_s)], time.monotonic())
        self._wake()

    def unplug(self) -> None:
        """Pull the cable: whoever has the port open loses it, and the path is gone."""
        with self._lock:
            self._hang_up()
        self._wake()

    def replug(self) -> None:
        """Plug the cable in again: a new pty, to which ``stable_path`` leads."""
        with self._lock:
            if self._master >= 0:
                return
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self.path = os.ttyname(slave)
            if self._stable_path is not None:
                temporary = self._stable_path.with_name(self._stable_path.name + ".new")
                temporary.unlink(missing_ok=True)
                temporary.symlink_to(self.path)
                temporary.replace(self._stable_path)
            self._master, self._slave = master, slave
        self._wake()

    def close(self) -> None:
        """Stop the thread and release everything."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._wake()
        self._thread.join()
        with self._lock:
            self._hang_up()
        os.close(self._wake_in)
        os.close(self._wake_out)

    def _hang_up(self) -> None:
        for descriptor in (self._master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)
        self._master = self._slave = -1
        if self._stable_path is not None:
            self._stable_path.unlink(missing_ok=True)

    def _wake(self) -> None:
        # A full pipe has a wake-up in it already.
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_out, b"w")

    def _run(self) -> None:
        while not self._closed.is_set():
            next_s = self._wire.next_s()
            wait_s = None if next_s is None else max(0.0, next_s - time.monotonic())
            readers = [self._wake_in, *([self._master] if self._master >= 0 else [])]
            try:
                ready = select.select(readers, [], [], wait_s)[0]
            except OSError:
                continue  # unplugged between listing and waiting
            if self._wake_in in ready:
                os.read(self._wake_in, READ_CHUNK_BYTES)
            with self._lock:
                self._exchange()

    def _exchange(self) -> None:
        if self._master < 0:
            return
        with contextlib.suppress(BlockingIOError):
            if data := os.read(self._master, READ_CHUNK_BYTES):
                self._wire.take_from_host(data, time.monotonic())
        out, hung_up = self._wire.advance(time.monotonic())
        # A pty nobody reads is full after 4 KiB; a UART drops what its reader does not take, and so does this.
        with contextlib.suppress(BlockingIOError):
            while out:
                out = out[os.write(self._master, out) :]
        if hung_up:
            self._hang_up()


class TcpLink:
    """A device behind a TCP port, serving one connection at a time like a label printer: a second one connects and hears
    nothing until the first is gone. A hang-up closes the connection and leaves the port listening."""

    def __init__(
        self,
        device: SimulatedDevice,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults | None = None,
    ) -> None:
        self._wire = Wire(device, 0.0, faults or Faults())
        self._server = socket.create_server((host, port), backlog=16)
        self._server.settimeout(None)
        self.address: tuple[str, int] = self._server.getsockname()[:2]
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_out, False)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tcp-link", daemon=True)
        self._thread.start()

    @property
    def wire(self) -> Wire:
        return self._wire

    def say(self, data: bytes, after_s: float = 0.0) -> None:
        """Let the device send something unasked."""
        self._wire.say([Reply(data, after_s)], time.monotonic())
        self._wake()

    def close(self) -> None:
        """Stop the thread and release everything."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._wake()
        self._thread.join()
        self._server.close()
        os.close(self._wake_in)
        os.close(self._wake_out)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_out, b"w")

    def _run(self) -> None:
        while not self._closed.is_set():
            waiting: list[socket.socket | int] = [self._server, self._wake_in]
            ready = select.select(waiting, [], [])[0]
            if self._wake_in in ready:
                os.read(self._wake_in, READ_CHUNK_BYTES)
            if self._server in ready:
                connection, _ = self._server.accept()
                with connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connection.setblocking(False)
                    with contextlib.suppress(ConnectionError):
                        self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        self._wire.forget_answers()
        pending = b""
        while not self._closed.is_set():
            next_s = self._wire.next_s()
            wait_s = None if next_s is None else max(0.0, next_s - time.monotonic())
            readers: list[socket.socket | int] = [connection, self._wake_in]
            ready = select.select(readers, [connection] if pending else [], [], wait_s)[0]
            if self._wake_in in ready:
                os.read(self._wake_in, READ_CHUNK_BYTES)
            if connection in ready:
                data = connection.recv(READ_CHUNK_BYTES)
                if not data:
                    return
                self._wire.take_from_host(data, time.monotonic())
            out, hung_up = self._wire.advance(time.monotonic())
            pending += out
            with contextlib.suppress(BlockingIOError):
                pending = pending[connection.send(pending) :] if pending else b""
            if hung_up:
                return
