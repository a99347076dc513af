"""``GET /metrics`` over HTTP/1.0, one request after the other: a scrape takes milliseconds; a reader that dawdles is cut off."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from typing import Self

from drivers.clock import Deadline, SystemClock
from station.metrics.exposition import CONTENT_TYPE

REQUEST_TIMEOUT_S = 5.0
"""For the whole of a request to come in and its answer to go out."""
MAX_REQUEST_BYTES = 8 * 1024
PATHS = (b"/", b"/metrics")

logger = logging.getLogger(__name__)


class MetricsServer:
    """Serves ``text`` at host and port until closed; a context manager. Raises OSError where it cannot listen there."""

    def __init__(self, host: str, port: int, text: Callable[[], str]) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._text = text
        self._listener = socket.create_server((host, port), family=family, backlog=8)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """A request in progress is finished first, or cut off by its time-out."""
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                link, _ = self._listener.accept()
            except OSError as error:
                if not self._closing.is_set():
                    # Out of descriptors, say: without a pause the thread would spin.
                    logger.warning("metrics: no connection can be taken: %s", error)
                    self._closing.wait(REQUEST_TIMEOUT_S)
                continue
            with link:
                try:
                    self._serve(link)
                except OSError as error:
                    logger.debug("metrics: a reader has gone: %s", error)

    def _serve(self, link: socket.socket) -> None:
        deadline = Deadline.after(REQUEST_TIMEOUT_S, SystemClock())
        request = b""
        while b"\r\n\r\n" not in request and len(request) <= MAX_REQUEST_BYTES:
            link.settimeout(max(0.001, deadline.remaining_s()))
            data = link.recv(4096)
            if not data:
                return
            request += data
        status, headers, body = self._answer(request)
        link.settimeout(max(0.001, deadline.remaining_s()))
        head = f"HTTP/1.0 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode()
        link.sendall(head + (b"" if request.startswith(b"HEAD ") else body))
        # What the reader still sends must not turn the close into a reset that loses the answer.
        link.shutdown(socket.SHUT_WR)

    def _answer(self, request: bytes) -> tuple[str, str, bytes]:
        """Status, further headers and body."""
        plain = "Content-Type: text/plain; charset=utf-8\r\n"
        words = request.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1.") or b"\r\n\r\n" not in request:
            return "400 Bad Request", plain, b"no HTTP request\n"
        if words[0] not in (b"GET", b"HEAD"):
            return "405 Method Not Allowed", f"Allow: GET, HEAD\r\n{plain}", b"only GET and HEAD\n"
        if words[1].partition(b"?")[0] not in PATHS:
            return "404 Not Found", plain, b"see /metrics\n"
        return "200 OK", f"Content-Type: {CONTENT_TYPE}\r\n", self._text().encode()
