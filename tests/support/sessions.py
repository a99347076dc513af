"""Sessions recorded for tests, on real sockets, and the values they are made of."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from drivers.clock import Deadline, SystemClock
from drivers.errors import DeadlineExpired, PortLost, TransportError
from drivers.transport import Framing, ModemLines
from station.model import CycleResult, LabelFate, Outcome
from station.production_api.http import HttpFailure, HttpRequest, HttpResponse
from station.session.format import SessionLog, read_log
from station.session.masking import Masker
from station.session.recorder import RecordingSession

CLOCK = SystemClock()
SOON = Deadline.after(3600.0, CLOCK)
HEAD = {"station": "bench", "socket": "left", "driver": "test"}


class PairTransport:
    """A serial transport on one end of a real socket pair; lines and framing are kept, not wired."""

    def __init__(self, end: socket.socket, name: str = "/dev/pair") -> None:
        self._end = end
        self._end.settimeout(10.0)
        self.name = name
        self.framing = Framing()

    def write(self, data: bytes, deadline: Deadline) -> None:
        try:
            self._end.sendall(data)
        except OSError as error:
            raise PortLost(self.name, error.strerror or str(error)) from error

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        self._end.setblocking(deadline.remaining_s() > 0)
        try:
            data = self._end.recv(max_bytes)
        except BlockingIOError:
            raise DeadlineExpired(self.name, "nothing came") from None
        except OSError as error:
            raise PortLost(self.name, error.strerror or str(error)) from error
        if not data:
            raise PortLost(self.name, "the other end closed")
        return data

    def discard_input(self) -> bytes:
        self._end.setblocking(False)
        try:
            return self._end.recv(4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self._end.close()

    def set_framing(self, framing: Framing) -> None:
        self.framing = framing

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Taken as they are."""

    def modem_lines(self) -> ModemLines:
        return ModemLines(cts=True, dsr=False, dcd=False, ri=False)


class ScriptedTransport(PairTransport):
    """Gives what its script says: bytes, or an error to raise; writes go nowhere, or fail where ``failing_writes`` says."""

    def __init__(self, answers: Iterable[bytes | TransportError] = (), failing_writes: Iterable[int] = ()) -> None:
        self.name = "/dev/scripted"
        self._answers = iter(answers)
        self._failing = set(failing_writes)
        self._writes = 0

    def write(self, data: bytes, deadline: Deadline) -> None:
        self._writes += 1
        if self._writes - 1 in self._failing:
            raise PortLost(self.name, "unplugged")

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        answer = next(self._answers)
        if isinstance(answer, TransportError):
            raise answer
        return answer[:max_bytes]

    def discard_input(self) -> bytes:
        return b"\x00"

    def close(self) -> None:
        """Nothing is open."""


class ScriptedHttp:
    """An HttpPort that answers from a list."""

    def __init__(self, answers: Iterable[HttpResponse | HttpFailure]) -> None:
        self._answers = iter(answers)

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        answer = next(self._answers)
        if isinstance(answer, HttpFailure):
            raise answer
        return answer


def result_of(outcome: Outcome = Outcome.PASS, **changes: Any) -> CycleResult:
    """A result with every field filled."""
    fields: dict[str, Any] = {
        "cycle": 7,
        "station": "bench",
        "socket": "left",
        "outcome": outcome,
        "code": None,
        "chip_id": "35003200",
        "app_eui": "D88B4C0000000001",
        "device_id": "d88b4c0000000002",
        "sn": "SN0001",
        "resumed": False,
        "label": LabelFate.PRINTED,
        "duration_s": 0.25,
    }
    return CycleResult(**{**fields, **changes})


def start(folder: Path, secrets: Iterable[str] = (), name: str = "log.jsonl.gz") -> RecordingSession:
    """A running recording; the caller closes it."""
    known = tuple(secrets)
    return RecordingSession.start(folder / "sessions" / name, HEAD, CLOCK, Masker(lambda: known))


def record(folder: Path, work: Callable[[RecordingSession], None], secrets: Iterable[str] = ()) -> SessionLog:
    """The log of ``work``, ended with PASS, read back."""
    session = start(folder, secrets)
    work(session)
    session.end(result_of())
    return read_log(session.close().path)
