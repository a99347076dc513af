"""The session of a running cycle: passes everything through and writes it down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from drivers.clock import Clock
from drivers.errors import TransportError
from drivers.transport import SerialTransport, Transport
from station.errors import StationError
from station.model import CHANGING_STEPS, CycleResult, Step
from station.production_api.http import HttpPort
from station.session.codec import to_json, to_plain
from station.session.format import FORMAT_VERSION, Encoded
from station.session.masking import Masker
from station.session.messages import failure_fields
from station.session.recorder_channels import RecordedHttp, RecordedSerial, RecordedTransport
from station.session.writer import ClosedLog, SessionUnwritable, SessionWriter

T = TypeVar("T")
Opened = TypeVar("Opened", bound=Transport)


class RecordingSession:
    """Implements ``station.session.Session`` on the real world. ``start`` makes one."""

    def __init__(self, writer: SessionWriter, clock: Clock, masker: Masker, lane: str = "main") -> None:
        self._writer = writer
        self._real_clock = clock
        self.masker = masker
        self._lane = lane
        self._inside_given = threading.local()
        self.clock: Clock = _RecordedClock(self, clock)

    @classmethod
    def start(cls, path: Path, head: dict[str, Any], clock: Clock, masker: Masker) -> RecordingSession:
        """Create the file and write its head: ``head``, in which ``station`` and ``socket`` are texts, with the format's
        version and the wall clock added. It is on disk before the journal hears of the cycle: not even a loss of power leaves a
        cycle without a log. Raises SessionUnwritable."""
        session = cls(SessionWriter(path, lambda: int(clock.monotonic_s() * 1e9)), clock, masker)
        masked = {name: session._masked(value) for name, value in head.items()}
        try:
            session.record("head", None, {"format": FORMAT_VERSION, "wall_s": clock.wall_s(), **masked})
            session._writer.sync()
        except SessionUnwritable:
            with suppress(SessionUnwritable):
                session.close()
            raise
        return session

    @property
    def path(self) -> Path:
        """Where the log will be when it is closed."""
        return self._writer.path

    def record(self, kind: str, channel: str | None, fields: dict[str, Any]) -> None:
        """Append one event in this lane. Raises SessionUnwritable."""
        if getattr(self._inside_given, "depth", 0):
            fields = {**fields, "aside": True}
        self._writer.append(kind, self._lane, channel, fields)

    def lane(self, name: str) -> RecordingSession:
        lane = RecordingSession(self._writer, self._real_clock, self.masker, name)
        lane._inside_given = self._inside_given
        return lane

    def given(self, name: str, args: dict[str, object], result_type: object, produce: Callable[[], T]) -> T:  # noqa: ARG002
        """See ``Session``. What happens while the value is produced is recorded for readers (``aside``), not for replay."""
        fields: dict[str, Any] = {"name": name, "args": self._masked(args)}
        try:
            value = self._aside(produce)
        except StationError as error:
            fields["raised"] = {"code": error.code, "msg": self.masker.mask_text(str(error))}
            self.record("given", None, fields)
            raise
        fields["value"] = self._masked(value)
        self.record("given", None, fields)
        return value

    def serial(self, channel: str, opener: Callable[[], SerialTransport]) -> SerialTransport:
        return RecordedSerial(self, channel, self._open(channel, opener))

    def pipe(self, channel: str, opener: Callable[[], Transport]) -> Transport:
        return RecordedTransport(self, channel, self._open(channel, opener))

    def http(self, channel: str, port: HttpPort) -> HttpPort:
        return RecordedHttp(self, channel, port)

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        self.record("step", None, {"step": step.value, "at": "start", "wall_s": self._real_clock.wall_s()})
        try:
            yield
        finally:
            self.record("step", None, {"step": step.value, "at": "end"})
            if step in CHANGING_STEPS:
                self._writer.sync()

    def note(self, channel: str, text: str) -> None:
        self.record("note", channel, {"text": self.masker.mask_text(text)})

    def end(self, result: CycleResult) -> None:
        fields: dict[str, Any] = {"result": self._masked(result.to_json()), "message": self._masked(result.message)}
        self.record("end", None, {**fields, "wall_s": self._real_clock.wall_s()})

    def close(self) -> ClosedLog:
        """Finish the file. Raises SessionUnwritable."""
        return self._writer.close()

    def _open(self, channel: str, opener: Callable[[], Opened]) -> Opened:
        try:
            opened = opener()
        except TransportError as error:
            self.record("open", channel, failure_fields(error, self.masker))
            raise
        self.record("open", channel, {"port": self.masker.mask_text(opened.name)})
        return opened

    def _masked(self, value: object) -> Encoded:
        written = to_json(value)
        return written if self.masker.is_clean(written) else to_json(self.masker.mask_plain(to_plain(value)))

    def _aside(self, produce: Callable[[], T]) -> T:
        """Depth counts per thread, which is what a lane is, so that events of the other lane are not taken for asides."""
        depth = getattr(self._inside_given, "depth", 0)
        self._inside_given.depth = depth + 1
        try:
            return produce()
        finally:
            self._inside_given.depth = depth


class _RecordedClock:
    """Recording of the wall clock and of sleeps; the monotonic clock decides nothing above the transports."""

    def __init__(self, session: RecordingSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self.monotonic_s = clock.monotonic_s

    def wall_s(self) -> float:
        return self._session.given("clock.wall_s", {}, float, self._clock.wall_s)

    def sleep(self, duration_s: float) -> None:
        self._session.record("given", None, {"name": "clock.sleep", "args": {"s": duration_s}, "value": None})
        self._clock.sleep(duration_s)
