"""A session that passes everything on and writes nothing down: what recording is measured against."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from drivers.clock import Clock
from drivers.transport import SerialTransport, Transport
from station import recording
from station.model import CycleResult, Step
from station.production_api.http import HttpPort
from station.session.masking import Masker
from station.session.writer import ClosedLog

T = TypeVar("T")


class UnrecordedSession:
    """Implements ``station.session.Session``, and what the jig asks of a recording one."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.clock = clock

    @classmethod
    def start(cls, path: Path, head: dict[str, Any], clock: Clock, masker: Masker) -> UnrecordedSession:  # noqa: ARG003
        return cls(path, clock)

    def lane(self, name: str) -> Self:  # noqa: ARG002
        return self

    def given(self, name: str, args: dict[str, object], result_type: object, produce: Callable[[], T]) -> T:  # noqa: ARG002
        return produce()

    def serial(self, channel: str, opener: Callable[[], SerialTransport]) -> SerialTransport:  # noqa: ARG002
        return opener()

    def pipe(self, channel: str, opener: Callable[[], Transport]) -> Transport:  # noqa: ARG002
        return opener()

    def http(self, channel: str, port: HttpPort) -> HttpPort:  # noqa: ARG002
        return port

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:  # noqa: ARG002
        yield

    def note(self, channel: str, text: str) -> None:
        pass

    def end(self, result: CycleResult) -> None:
        pass

    def close(self) -> ClosedLog:
        return ClosedLog(self.path, hashlib.sha256(b"").hexdigest(), 0)


def without_recording() -> None:
    """Let stations made from now on in this process record nothing."""
    recording.RecordingSession = UnrecordedSession  # type: ignore[attr-defined,assignment]
