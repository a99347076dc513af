"""The running agent's door for commands: a socket in its state directory, one request and one answer a connection.

A request is one line of JSON, a ``station.desk.Request``; so is the answer: ``{"text": …, "problem": …}`` or
``{"code": …, "message": …}``. Only the user whose agent it is may connect: the socket has mode 0600.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from drivers.errors import DriverError
from station.cycle import describe
from station.desk import Desk, Done, Request, perform
from station.errors import SessionError, StationError
from station.session.codec import from_plain, to_plain

NAME = "control.sock"
MAX_LINE_BYTES = 64 * 1024
REQUEST_TIMEOUT_S = 5.0
"""How long the agent waits for a whole request once somebody has connected."""
RETRY_S = 1.0
"""How soon it tries again to take a command where it could not, out of descriptors say."""
ANSWER_TIMEOUT_S = 300.0
"""How long a command waits: a reprint waits for its printer, a refill for two calls of the API with all their repeats."""

logger = logging.getLogger(__name__)


class RefusedByAgent(StationError):
    """Raised for a request that the running agent did not carry out; code and message are the agent's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ControlServer:
    """Serves ``desk`` from ``folder`` until it is closed; one request after the other. Raises OSError where it cannot listen."""

    def __init__(self, folder: Path, desk: Desk) -> None:
        self._desk = desk
        self._closing = threading.Event()
        self._path = folder / NAME
        self._path.unlink(missing_ok=True)  # its agent has ended: the journal, which is ours now, was free
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _short_path(folder) as path:
                self._listener.bind(path)
            self._path.chmod(0o600)
            self._listener.listen(8)
        except OSError:
            self._listener.close()
            raise
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take no more requests; the one in progress is finished."""
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes ``accept``
        self._thread.join()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if not self._closing.is_set():
                    logger.error("no command can be taken: %s", error.strerror)
                    self._closing.wait(RETRY_S)
                continue
            with connection:
                try:
                    answer = self._answer(_receive(connection, REQUEST_TIMEOUT_S))
                    connection.settimeout(REQUEST_TIMEOUT_S)
                    _send(connection, answer)
                except OSError as error:
                    logger.warning("a command went away before its answer: %s", error)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            plain = json.loads(line)
            if not (isinstance(plain, dict) and "do" in plain):
                raise ValueError("it does not say what to do")
            request: Request = from_plain(Request, plain)
        except (ValueError, RecursionError, SessionError) as error:
            return {"code": "usage.invalid", "message": f"not a request: {error}"}
        logger.info("asked by a command: %s", request)
        try:
            return dict(to_plain(perform(request, self._desk)))
        except (StationError, DriverError) as error:
            return {"code": error.code, "message": str(error)}
        except Exception as error:
            logger.exception("a request ended in a program fault")
            return {"code": "station.defect", "message": describe(error)}


def ask_agent(folder: Path, request: Request) -> Done | None:
    """Hand a request to the agent that runs on this state directory; None where none does. Raises RefusedByAgent, and
    StationError where the answer does not come."""
    with ExitStack() as closing:
        connection = closing.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        # Of a socket with a time-out of Python's own, connecting fails at once where others wait to be taken.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(ANSWER_TIMEOUT_S), 0))
        try:
            connection.connect(closing.enter_context(_short_path(folder)))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except BlockingIOError as error:
            raise StationError(f"{folder / NAME}: the agent takes no command for {ANSWER_TIMEOUT_S:g} s") from error
        except OSError as error:
            raise StationError(f"{folder / NAME}: {error.strerror}") from error
        connection.settimeout(ANSWER_TIMEOUT_S)
        try:
            _send(connection, to_plain(request))
            answer = json.loads(_receive(connection, ANSWER_TIMEOUT_S))
        except (OSError, ValueError) as error:
            raise StationError(f"the running agent took the request and did not answer: {error}") from error
    if "code" in answer:
        raise RefusedByAgent(str(answer["code"]), str(answer.get("message")))
    return Done(str(answer.get("text")), answer.get("problem"))


def _send(connection: socket.socket, plain: object) -> None:
    connection.sendall(json.dumps(plain).encode() + b"\n")


def _receive(connection: socket.socket, timeout_s: float) -> bytes:
    """One line, without its end. Raises OSError for one that does not end, is too long, or not there in time."""
    line, ends_s = b"", time.monotonic() + timeout_s
    while not line.endswith(b"\n"):
        connection.settimeout(max(ends_s - time.monotonic(), 0.001))
        part = connection.recv(4096)
        if not part or len(line) + len(part) > MAX_LINE_BYTES:
            raise OSError("the line has no end" if not part else f"the line is longer than {MAX_LINE_BYTES} bytes")
        line += part
    return line[:-1]


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """The socket's path in 107 bytes (unix(7)), however long the folder's is."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
