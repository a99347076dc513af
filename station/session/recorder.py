"""The session of a running cycle: passes everything through and writes it down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from drivers.clock import Clock, Deadline
from drivers.errors import TransportError
from drivers.transport import Framing, ModemLines, SerialTransport, Transport
from station.errors import StationError
from station.model import CycleResult, Step
from station.production_api.http import HttpFailure, HttpPort, HttpRequest, HttpResponse
from station.session.codec import to_plain
from station.session.format import FORMAT_VERSION
from station.session.masking import Masker
from station.session.writer import ClosedLog, SessionWriter

T = TypeVar("T")


class RecordingSession:
    """Implements ``station.session.Session`` on the real world."""

    def __init__(self, writer: SessionWriter, clock: Clock, masker: Masker, lane: str = "main") -> None:
        self._writer = writer
        self._real_clock = clock
        self._masker = masker
        self._lane = lane
        self.clock: Clock = _RecordedClock(self, clock)

    @classmethod
    def start(cls, path: Path, head: dict[str, Any], clock: Clock, masker: Masker) -> RecordingSession:
        """Create the file and write its head. ``head`` adds to the format's version and the wall clock."""
        session = cls(SessionWriter(path, lambda: int(clock.monotonic_s() * 1e9)), clock, masker)
        session.record("head", None, {"format": FORMAT_VERSION, "wall_s": clock.wall_s(), **head})
        return session

    @property
    def path(self) -> Path:
        """Where the log will be when it is closed."""
        return self._writer.path

    @property
    def masker(self) -> Masker:
        return self._masker

    def record(self, kind: str, channel: str | None, fields: dict[str, Any]) -> None:
        """Append one event in this lane."""
        self._writer.append(kind, self._lane, channel, fields)

    def record_bytes(self, kind: str, channel: str, data: bytes, fields: dict[str, Any]) -> None:
        """Append one event that holds bytes, known secrets in them masked."""
        masked, spans = self._masker.mask_bytes(data)
        self.record(kind, channel, {**fields, "hex": masked.hex(), **_mask_field(spans)})

    def lane(self, name: str) -> RecordingSession:
        return RecordingSession(self._writer, self._real_clock, self._masker, name)

    def given(self, name: str, args: dict[str, object], result_type: object, produce: Callable[[], T]) -> T:  # noqa: ARG002
        fields: dict[str, Any] = {"name": name, "args": self._masked_plain(args)}
        try:
            value = produce()
        except StationError as error:
            self.record("given", None, fields | {"raised": _error_fields(error, self._masker)})
            raise
        self.record("given", None, fields | {"value": self._masked_plain(value)})
        return value

    def serial(self, channel: str, opener: Callable[[], SerialTransport]) -> SerialTransport:
        return _RecordedSerial(self, channel, self._open(channel, opener))

    def pipe(self, channel: str, opener: Callable[[], Transport]) -> Transport:
        return _RecordedTransport(self, channel, self._open(channel, opener))

    def http(self, channel: str, port: HttpPort) -> HttpPort:
        return _RecordedHttp(self, channel, port)

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        self.record("step", None, {"step": step.value, "at": "start", "wall_s": self._real_clock.wall_s()})
        try:
            yield
        finally:
            self.record("step", None, {"step": step.value, "at": "end"})
            self._writer.sync()

    def note(self, channel: str, text: str) -> None:
        self.record("note", channel, {"text": self._masker.mask_text(text)})

    def end(self, result: CycleResult) -> None:
        fields = result.to_json()
        self.record("end", None, {"result": fields, "message": self._masker.mask_text(result.message)})

    def close(self) -> ClosedLog:
        """Finish the file. Raises SessionUnwritable."""
        return self._writer.close()

    def _open(self, channel: str, opener: Callable[[], T]) -> T:
        try:
            opened = opener()
        except TransportError as error:
            self.record("open", channel, failure_fields(error, self._masker))
            raise
        degraded = getattr(opened, "degraded", None)
        name = getattr(opened, "name", "")
        self.record("open", channel, {"port": name, **({"degraded": degraded} if degraded else {})})
        return opened

    def _masked_plain(self, value: object) -> Any:
        """The value as plain JSON; masked only where it holds a known secret, which costs a round trip."""
        plain = to_plain(value)
        text = json.dumps(plain)
        masked = self._masker.mask_text(text)
        return plain if masked == text else json.loads(masked)


class _RecordedClock:
    """Recording of the wall clock and of sleeps; the monotonic clock decides nothing above the transports."""

    def __init__(self, session: RecordingSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()

    def wall_s(self) -> float:
        return self._session.given("clock.wall_s", {}, float, self._clock.wall_s)

    def sleep(self, duration_s: float) -> None:
        self._session.record("given", None, {"name": "clock.sleep", "args": {"s": duration_s}, "value": None})
        self._clock.sleep(duration_s)


class _RecordedTransport:
    def __init__(self, session: RecordingSession, channel: str, inner: Transport) -> None:
        self._session = session
        self._channel = channel
        self._inner = inner

    @property
    def name(self) -> str:
        return self._inner.name

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Recorded before it is done: what a crash cut off is in the log."""
        self._session.record_bytes("tx", self._channel, data, {})
        try:
            self._inner.write(data, deadline)
        except TransportError as error:
            self._failed("tx", error, {})
            raise

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        try:
            data = self._inner.read(max_bytes, deadline)
        except TransportError as error:
            self._failed("rx", error, {"want": max_bytes})
            raise
        self._session.record_bytes("rx", self._channel, data, {"want": max_bytes})
        return data

    def discard_input(self) -> bytes:
        try:
            data = self._inner.discard_input()
        except TransportError as error:
            self._failed("discard", error, {})
            raise
        self._session.record_bytes("discard", self._channel, data, {})
        return data

    def close(self) -> None:
        self._inner.close()
        self._session.record("close", self._channel, {})

    def _failed(self, kind: str, error: TransportError, fields: dict[str, Any]) -> None:
        self._session.record(kind, self._channel, {**fields, **failure_fields(error, self._session.masker)})


class _RecordedSerial(_RecordedTransport):
    def __init__(self, session: RecordingSession, channel: str, inner: SerialTransport) -> None:
        super().__init__(session, channel, inner)
        self._serial = inner

    def set_framing(self, framing: Framing) -> None:
        fields = to_plain(framing)
        try:
            self._serial.set_framing(framing)
        except TransportError as error:
            self._failed("cfg", error, fields)
            raise
        self._session.record("cfg", self._channel, fields)

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        fields = {"dtr": dtr, "rts": rts}
        try:
            self._serial.set_lines(dtr=dtr, rts=rts)
        except TransportError as error:
            self._failed("line", error, fields)
            raise
        self._session.record("line", self._channel, fields)

    def modem_lines(self) -> ModemLines:
        try:
            lines = self._serial.modem_lines()
        except TransportError as error:
            self._failed("line", error, {"asked": True})
            raise
        self._session.record("line", self._channel, {"asked": True, **to_plain(lines)})
        return lines


class _RecordedHttp:
    def __init__(self, session: RecordingSession, channel: str, inner: HttpPort) -> None:
        self._session = session
        self._channel = channel
        self._inner = inner

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        self._session.record("req", self._channel, request_fields(request, self._session.masker))
        try:
            response = self._inner.send(request, timeout_s)
        except HttpFailure as failure:
            text = self._session.masker.mask_text(failure.message)
            self._session.record("resp", self._channel, {"err": failure.kind.value, "msg": text})
            raise
        masker = self._session.masker
        fields = {"status": response.status, "headers": masker.mask_headers(response.headers)}
        self._session.record(
            "resp", self._channel, fields | body_fields(response.body, content_type(response.headers), masker)
        )
        return response


def request_fields(request: HttpRequest, masker: Masker) -> dict[str, Any]:
    """A request as the fields of a ``req`` event, masked."""
    return {
        "method": request.method,
        "url": masker.mask_text(request.url),
        "headers": masker.mask_headers(request.headers),
        **body_fields(request.body, content_type(request.headers), masker),
    }


def body_fields(body: bytes, kind: str, masker: Masker) -> dict[str, Any]:
    """A body as ``text`` where it is UTF-8 that survives the trip, else as ``hex``; masked places counted in bytes."""
    masked, spans = masker.mask_body(body, kind)
    try:
        return {"text": masked.decode("utf-8"), **_mask_field(spans)}
    except UnicodeDecodeError:
        return {"hex": masked.hex(), **_mask_field(spans)}


def content_type(headers: tuple[tuple[str, str], ...]) -> str:
    """The media type, lower case, "" where none is given."""
    return next((value.lower() for name, value in headers if name.lower() == "content-type"), "")


def failure_fields(error: TransportError, masker: Masker) -> dict[str, Any]:
    """A transport's error as fields; ``station.session.replay`` raises it again from them."""
    return {"err": error.code, "port": error.port, "msg": masker.mask_text(error.message)}


def _error_fields(error: StationError, masker: Masker) -> dict[str, Any]:
    return {"code": error.code, "msg": masker.mask_text(str(error))}


def _mask_field(spans: tuple[tuple[int, int], ...]) -> dict[str, Any]:
    return {"mask": [list(span) for span in spans]} if spans else {}
