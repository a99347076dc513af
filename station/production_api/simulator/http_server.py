"""A small threaded HTTP/1.1 server with keep-alive, quick enough not to be what a test measures, and able to misbehave.

One thread a connection. Requests need a Content-Length; head and body are bounded.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from drivers.clock import Clock

MAX_HEAD_BYTES = 16 << 10
MAX_BODY_BYTES = 1 << 20
_REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came. Header names in lower case; of a header that stands twice the last one."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to send."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    extra: tuple[tuple[str, str], ...] = ()

    def to_bytes(self, wall_s: float) -> bytes:
        """Head and body."""
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}",
            f"Date: {formatdate(wall_s, usegmt=True)}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.extra),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


class Malformed(Exception):
    """Raised for what is no request that this server reads; ``status`` is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class Connection:
    """One client, served by one thread."""

    def __init__(self, sock: socket.socket, stopping: threading.Event, clock: Clock) -> None:
        self._sock = sock
        self._stopping = stopping
        self._clock = clock
        self._buffer = b""

    def receive(self) -> Received | None:
        """The next request, or None where the client has left. Raises Malformed or OSError."""
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise Malformed(431)
            if not self._fill():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        parts = first.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise Malformed(400)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = self._body(headers)
        return None if body is None else Received(parts[0], parts[1], headers, body)

    def send(self, answer: Answer) -> None:
        """Answer."""
        self._sock.sendall(answer.to_bytes(self._clock.wall_s()))

    def send_part(self, answer: Answer, body_bytes: int) -> None:
        """Send the head of the whole answer, but only the first ``body_bytes`` of its body."""
        whole = answer.to_bytes(self._clock.wall_s())
        self._sock.sendall(whole[: len(whole) - len(answer.body) + body_bytes])

    def drip(self, answer: Answer, gap_s: float) -> None:
        """Answer one byte at a time, ``gap_s`` apart, until the client leaves or the server stops."""
        for byte in answer.to_bytes(self._clock.wall_s()):
            if self.pause(gap_s):
                return
            self._sock.sendall(bytes([byte]))

    def flood(self, answer: Answer) -> None:
        """Answer with a chunked body that does not end until the client leaves or the server stops."""
        head = answer.to_bytes(self._clock.wall_s()).partition(b"Content-Length")[0]
        self._sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
        while not self._stopping.is_set():
            self._sock.sendall(chunk)

    def pause(self, duration_s: float) -> bool:
        """Wait; True where the server is stopping."""
        return self._stopping.wait(duration_s)

    def _body(self, headers: dict[str, str]) -> bytes | None:
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
            raise Malformed(411)
        wanted = int(length[:10])
        if wanted > MAX_BODY_BYTES:
            raise Malformed(413)
        while len(self._buffer) < wanted:
            if not self._fill():
                return None
        body, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
        return body

    def _fill(self) -> bool:
        data = self._sock.recv(65536)
        self._buffer += data
        return bool(data)


Handler = Callable[[Received, Connection], bool]
"""Answers one request; False closes the connection."""


class HttpServer:
    """Listens from construction on. ``close`` ends every connection and thread."""

    def __init__(self, host: str, port: int, handler: Handler, clock: Clock) -> None:
        self._handler = handler
        self._clock = clock
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._listener = socket.create_server((host, port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="api-simulator", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """Stop; a second call does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        _shut(self._listener)
        self._acceptor.join(5.0)
        self._listener.close()
        self.drop_connections()
        with self._lock:
            threads = list(self._clients.values())
        for thread in threads:
            thread.join(5.0)

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        with self._lock:
            return len(self._clients)

    def drop_connections(self) -> None:
        """Close every connection from this side, idle or not."""
        with self._lock:
            for sock in self._clients:
                _shut(sock)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock,), name="api-simulator-client", daemon=True)
            with self._lock:
                self._clients[sock] = thread
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        connection = Connection(sock, self._stopping, self._clock)
        try:
            while not self._stopping.is_set():
                request = connection.receive()
                if request is None or not self._handler(request, connection):
                    break
                if request.headers.get("connection", "").lower() == "close":
                    break
        except Malformed as error:
            _try_send(sock, Answer(error.status, str(error).encode(), "text/plain").to_bytes(self._clock.wall_s()))
        except OSError:
            pass  # The client has left, which every client may do at any moment.
        finally:
            _shut(sock)
            with self._lock:
                del self._clients[sock]
            sock.close()


def _try_send(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
    except OSError:
        pass  # As above.


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # Shut already, by whichever side.
