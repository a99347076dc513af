"""The other ends of every kind of port: ptys, TCP servers, an RFC 2217 server; and devices that answer simply."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from drivers.clock import Deadline, SystemClock
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated import Reply
from drivers.tcp_port import TcpOptions, open_tcp
from drivers.transport import Framing, Transport
from drivers.usb_printer import UsbPrinterOptions, open_usb_printer

CLOCK = SystemClock()
PATIENCE_S = 20.0
"""Bounds what must come anyway; nothing passes or fails by it."""


def soon() -> Deadline:
    """For what must come."""
    return Deadline.after(PATIENCE_S, CLOCK)


def shortly() -> Deadline:
    """For what must not come."""
    return Deadline.after(0.03, CLOCK)


class Peer(Protocol):
    """The other end of a port under test."""

    def send(self, data: bytes) -> None:
        """Send all of it, waiting for a slow reader."""

    def receive(self, size_bytes: int) -> bytes:
        """Exactly so many bytes; fewer only where the port has gone."""

    def hang_up(self) -> None:
        """Go away. Twice is once."""


class PtyPeer:
    """The master of a pty; ``path`` is its slave."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave

    def opened(self) -> None:
        """The port under test has the slave open now, and shall be the only one to hold it."""
        os.close(self._slave)

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._master, data) :]

    def receive(self, size_bytes: int) -> bytes:
        data = b""
        with contextlib.suppress(OSError):
            while len(data) < size_bytes and (more := os.read(self._master, size_bytes - len(data))):
                data += more
        return data

    def hang_up(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1


class TcpPeer:
    """A TCP server with a small buffer that serves one connection."""

    def __init__(self) -> None:
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._server.bind(("127.0.0.1", 0))
        self._server.listen(1)
        self.port: int = self._server.getsockname()[1]
        self._connection: socket.socket | None = None

    def accept(self) -> None:
        self._server.settimeout(PATIENCE_S)
        self._connection, _ = self._server.accept()
        self._connection.settimeout(PATIENCE_S)

    def send(self, data: bytes) -> None:
        assert self._connection is not None
        self._connection.sendall(data)

    def receive(self, size_bytes: int) -> bytes:
        assert self._connection is not None
        data = b""
        while len(data) < size_bytes and (more := self._connection.recv(size_bytes - len(data))):
            data += more
        return data

    def hang_up(self) -> None:
        self._server.close()
        if self._connection is not None:
            self._connection.close()


@dataclass
class FakeUart:
    """What pyserial's server half asks of the serial port that it serves."""

    baudrate: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 1
    xonxoff: bool = False
    rtscts: bool = False
    cts: bool = True
    dsr: bool = False
    ri: bool = False
    cd: bool = True
    changes: list[tuple[str, bool]] = field(default_factory=list)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("dtr", "rts"):
            self.changes.append((name, value))
        object.__setattr__(self, name, value)

    def reset_input_buffer(self) -> None:
        return

    def reset_output_buffer(self) -> None:
        return


class Rfc2217Peer:
    """An RFC 2217 server: pyserial's own server half over real TCP, in front of a ``FakeUart``.

    It stops reading while more than ``MAX_UNREAD_BYTES`` were not taken with ``receive``, like a UART that sends slowly.
    """

    MAX_UNREAD_BYTES = 4096

    def __init__(self) -> None:
        self.uart = FakeUart()
        self._tcp = TcpPeer()
        self.port = self._tcp.port
        self._arrived = bytearray()
        self._change = threading.Condition()
        self._sending = threading.Lock()
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="rfc2217-peer")
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Called by pyserial to answer the telnet part."""
        with self._sending:
            self._tcp.send(data)

    def send(self, data: bytes) -> None:
        self.write(data.replace(b"\xff", b"\xff\xff"))

    def receive(self, size_bytes: int) -> bytes:
        data = b""
        with self._change:
            while len(data) < size_bytes and not self._gone.is_set():
                self._change.wait_for(lambda: self._arrived or self._gone.is_set(), PATIENCE_S)
                taken = bytes(self._arrived[: size_bytes - len(data)])
                del self._arrived[: len(taken)]
                data += taken
                self._change.notify_all()
        return data

    def hang_up(self) -> None:
        self._gone.set()
        with self._change:
            self._change.notify_all()
        self._thread.join(PATIENCE_S)
        self._tcp.hang_up()

    def _serve(self) -> None:
        from serial.rfc2217 import PortManager

        with contextlib.suppress(OSError):
            self._tcp.accept()
            connection = self._tcp._connection
            assert connection is not None
            manager = PortManager(self.uart, self)
            while not self._gone.is_set():
                with self._change:
                    self._change.wait_for(lambda: len(self._arrived) < self.MAX_UNREAD_BYTES or self._gone.is_set())
                if not select.select([connection], [], [], 0.02)[0]:
                    continue
                if not (data := connection.recv(1024)):
                    break
                with self._change:
                    self._arrived += b"".join(manager.filter(data))
                    self._change.notify_all()


@dataclass
class Pipe:
    """A port under test and its other end."""

    port: Transport
    peer: Any
    kind: str


@contextmanager
def pipe(kind: str, framing: Framing | None = None) -> Iterator[Pipe]:
    """Open one kind of port on a fresh peer, and release both."""
    framing = framing or Framing()
    peer: Any
    with contextlib.ExitStack() as stack:
        if kind in ("serial", "usb"):
            peer = PtyPeer()
            stack.callback(peer.hang_up)
            opener = open_usb_printer(UsbPrinterOptions(peer.path), CLOCK) if kind == "usb" else None
            port: Transport = opener or open_serial(SerialOptions(peer.path, framing), CLOCK)
            peer.opened()
        elif kind == "rfc2217":
            peer = Rfc2217Peer()
            stack.callback(peer.hang_up)
            port = open_serial(SerialOptions(f"rfc2217://127.0.0.1:{peer.port}", framing), CLOCK)
        else:
            peer = TcpPeer()
            stack.callback(peer.hang_up)
            url = f"socket://127.0.0.1:{peer.port}"
            port = (
                open_serial(SerialOptions(url, framing), CLOCK)
                if kind == "socket"
                else open_tcp(TcpOptions("127.0.0.1", peer.port), CLOCK)
            )
            peer.accept()
        stack.callback(port.close)
        yield Pipe(port, peer, kind)


@contextmanager
def running(target: Any, *arguments: Any) -> Iterator[None]:
    """Run something beside the test; it must have ended when the test's part has."""
    thread = threading.Thread(target=target, args=arguments)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def wait_until(condition: Any) -> None:
    """Wait, in bounded time, for what must come true."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_s
        time.sleep(0.002)


@dataclass
class EchoDevice:
    """Says ``banner`` when powered on and gives back what it gets, ``after_s`` later."""

    banner: bytes = b""
    after_s: float = 0.0
    heard: bytearray = field(default_factory=bytearray)
    lines: list[tuple[bool, bool]] = field(default_factory=list)

    def feed(self, data: bytes) -> list[Reply]:
        self.heard += data
        return [Reply(data, self.after_s)]

    def power_on(self) -> list[Reply]:
        return [Reply(self.banner)] if self.banner else []

    def lines_changed(self, dtr: bool, rts: bool) -> list[Reply]:
        self.lines.append((dtr, rts))
        return []
