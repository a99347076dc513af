"""The session of a replay: gives the code what the log says it was given, and insists that it does the same.

Each lane of the log is read in strict order. What goes out (bytes, line changes, HTTP requests, the arguments of given
values, steps, the outcome) is compared where it happens; the first difference raises ``Diverged`` at the call that made it.
Bytes sent are compared as a stream: how they are cut into writes is free. Nothing sleeps and nothing is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from drivers import errors as driver_errors
from drivers.clock import Clock, Deadline
from drivers.errors import TransportError
from drivers.transport import Framing, ModemLines, SerialTransport, Transport
from station.errors import StationError
from station.model import CycleResult, Step
from station.production_api.http import FailureKind, HttpFailure, HttpPort, HttpRequest, HttpResponse
from station.session.codec import from_plain, to_plain
from station.session.format import Event, SessionLog
from station.session.masking import Masker, collapse
from station.session.recorder import request_fields

T = TypeVar("T")

_RESULT_FIELDS = ("outcome", "code", "chip_id", "app_eui", "device_id", "sn", "resumed", "label")
"""Of the outcome, what must be the same; the rest is time and place."""

_TRANSPORT_ERRORS: dict[str, type[TransportError]] = {
    error.code: error
    for error in vars(driver_errors).values()
    if isinstance(error, type) and issubclass(error, TransportError)
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the code and the log part. ``wanted`` is what the log holds, ``got`` what the code did, both in words or hex."""

    event: int | None
    lane: str
    step: str | None
    channel: str | None
    wanted: str
    got: str
    first_byte: int | None = None


class Diverged(BaseException):
    """Raised at the call that differs. Not an Exception: no handler in the replayed code may take it for a fault of the
    world and carry on."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(f"event {difference.event}: wanted {difference.wanted}, got {difference.got}")
        self.difference = difference


class RecordedError(StationError):
    """A StationError of then, raised again now; only its code and text survive."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Lane:
    """A cursor over one lane's events."""

    def __init__(self, name: str, events: list[Event]) -> None:
        self.name = name
        self.events = events
        self.position = 0
        self.step: str | None = None
        self.unsent = b""
        """Bytes of the last ``tx`` event that the code has yet to write."""
        self.unsent_event: Event | None = None

    def peek(self) -> Event | None:
        while self.position < len(self.events) and self.events[self.position].kind == "note":
            self.position += 1
        return self.events[self.position] if self.position < len(self.events) else None

    def take(self, kind: str, channel: str | None, doing: str) -> Event:
        if self.unsent:
            raise self.diverged(self.unsent_event, f"tx of {self.unsent.hex()}", doing, channel)
        event = self.peek()
        if event is None or event.kind != kind or event.channel != channel:
            raise self.diverged(event, describe(event), doing, channel)
        self.position += 1
        return event

    def diverged(
        self, event: Event | None, wanted: str, got: str, channel: str | None = None, first_byte: int | None = None
    ) -> Diverged:
        number = event.number if event else None
        return Diverged(Difference(number, self.name, self.step, channel, wanted, got, first_byte))


class ReplaySession:
    """Implements ``station.session.Session`` on a recorded log."""

    def __init__(
        self, log: SessionLog, masker: Masker, lane: str = "main", shared: dict[str, _Lane] | None = None
    ) -> None:
        if shared is None:
            shared = {}
            for event in log.events:
                shared.setdefault(event.lane, _Lane(event.lane, [])).events.append(event)
            shared["main"].position = 1
        self._log = log
        self._masker = masker
        self._lanes = shared
        self._lane = shared.setdefault(lane, _Lane(lane, []))
        self.clock: Clock = _ReplayClock(self)

    @property
    def cursor(self) -> _Lane:
        return self._lane

    @property
    def masker(self) -> Masker:
        return self._masker

    def lane(self, name: str) -> ReplaySession:
        return ReplaySession(self._log, self._masker, name, self._lanes)

    def given(self, name: str, args: dict[str, object], result_type: object, produce: Callable[[], T]) -> T:  # noqa: ARG002
        event = self._lane.take("given", None, f"ask {name}")
        wanted, got = (event.fields.get("name"), event.fields.get("args")), (name, to_plain(args))
        if wanted != got:
            raise self._lane.diverged(event, f"ask {wanted[0]} {wanted[1]}", f"ask {name} {got[1]}")
        raised = event.fields.get("raised")
        if raised is not None:
            raise RecordedError(str(raised["code"]), str(raised["msg"]))
        value: T = from_plain(result_type, event.fields.get("value"))
        return value

    def serial(self, channel: str, opener: Callable[[], SerialTransport]) -> SerialTransport:  # noqa: ARG002
        return _ReplaySerial(self, channel, self._open(channel))

    def pipe(self, channel: str, opener: Callable[[], Transport]) -> Transport:  # noqa: ARG002
        return _ReplayTransport(self, channel, self._open(channel))

    def http(self, channel: str, port: HttpPort) -> HttpPort:  # noqa: ARG002
        return _ReplayHttp(self, channel)

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        self._mark(step, "start")
        self._lane.step = step.value
        try:
            yield
        finally:
            self._mark(step, "end")
            self._lane.step = None

    def note(self, channel: str, text: str) -> None:
        """Notes are for readers; none is compared."""

    def end(self, result: CycleResult) -> None:
        event = self._lane.take("end", None, f"end with {result.outcome}")
        wanted, got = event.fields.get("result", {}), result.to_json()
        for name in _RESULT_FIELDS:
            if wanted.get(name) != got[name]:
                raise self._lane.diverged(event, f"{name} {wanted.get(name)!r}", f"{name} {got[name]!r}")

    def check_all_read(self) -> None:
        """Raise Diverged where the log holds events that the code never came to."""
        for lane in self._lanes.values():
            event = lane.unsent_event if lane.unsent else lane.peek()
            if event is not None:
                raise lane.diverged(event, describe(event), "nothing more", event.channel)

    def _open(self, channel: str) -> str:
        event = self._lane.take("open", channel, f"open {channel}")
        raise_recorded(event)
        return str(event.fields.get("port", channel))

    def _mark(self, step: Step, at: str) -> None:
        event = self._lane.take("step", None, f"{at} of step {step}")
        wanted = (event.fields.get("step"), event.fields.get("at"))
        if wanted != (step.value, at):
            raise self._lane.diverged(event, f"{wanted[1]} of step {wanted[0]}", f"{at} of step {step}")


class _ReplayClock:
    """Time as it stood in the log; sleeping returns at once."""

    def __init__(self, session: ReplaySession) -> None:
        self._session = session

    def monotonic_s(self) -> float:
        cursor = self._session.cursor
        index = min(max(cursor.position - 1, 0), len(cursor.events) - 1)
        return cursor.events[index].time_ns / 1e9 if cursor.events else 0.0

    def wall_s(self) -> float:
        return self._session.given("clock.wall_s", {}, float, float)

    def sleep(self, duration_s: float) -> None:
        self._session.given("clock.sleep", {"s": duration_s}, type(None), lambda: None)


class _ReplayTransport:
    def __init__(self, session: ReplaySession, channel: str, name: str) -> None:
        self._session = session
        self._channel = channel
        self._lane = session.cursor
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, deadline: Deadline) -> None:  # noqa: ARG002
        """Compare with the bytes sent then, as a stream."""
        masked, spans = self._session.masker.mask_bytes(data)
        rest = collapse(masked, spans)
        while rest:
            if not self._lane.unsent:
                event = self._lane.take("tx", self._channel, f"tx of {rest.hex()}")
                self._lane.unsent, self._lane.unsent_event = _recorded_bytes(event), event
            recorded = self._lane.unsent
            shared = min(len(rest), len(recorded))
            if rest[:shared] != recorded[:shared]:
                at = next(i for i in range(shared) if rest[i] != recorded[i])
                event_at = self._lane.unsent_event
                raise self._lane.diverged(event_at, f"tx of {recorded.hex()}", f"tx of {rest.hex()}", self._channel, at)
            rest, self._lane.unsent = rest[shared:], recorded[shared:]
        follows = self._lane.peek()
        if follows and follows.kind == "tx" and "err" in follows.fields and follows.channel == self._channel:
            self._lane.position += 1
            raise_recorded(follows)

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:  # noqa: ARG002
        event = self._lane.take("rx", self._channel, f"read of up to {max_bytes} bytes")
        wanted = event.fields.get("want")
        if wanted != max_bytes:
            raise self._lane.diverged(
                event, f"read of up to {wanted} bytes", f"read of up to {max_bytes} bytes", self._channel
            )
        raise_recorded(event)
        return bytes.fromhex(event.fields["hex"])

    def discard_input(self) -> bytes:
        event = self._lane.take("discard", self._channel, "discard of what came in")
        raise_recorded(event)
        return bytes.fromhex(event.fields["hex"])

    def close(self) -> None:
        self._lane.take("close", self._channel, "close")


class _ReplaySerial(_ReplayTransport):
    def set_framing(self, framing: Framing) -> None:
        self._compare("cfg", to_plain(framing))

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        self._compare("line", {"dtr": dtr, "rts": rts})

    def modem_lines(self) -> ModemLines:
        event = self._compare("line", {"asked": True})
        return ModemLines(**{name: bool(event.fields[name]) for name in ("cts", "dsr", "dcd", "ri")})

    def _compare(self, kind: str, fields: dict[str, Any]) -> Event:
        event = self._lane.take(kind, self._channel, f"{kind} {fields}")
        wanted = {name: event.fields.get(name) for name in fields}
        if wanted != fields:
            raise self._lane.diverged(event, f"{kind} {wanted}", f"{kind} {fields}", self._channel)
        raise_recorded(event)
        return event


class _ReplayHttp:
    def __init__(self, session: ReplaySession, channel: str) -> None:
        self._session = session
        self._channel = channel

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:  # noqa: ARG002
        lane = self._session.cursor
        event = lane.take("req", self._channel, f"{request.method} {request.url}")
        got = request_fields(request, self._session.masker)
        for name in ("method", "url"):
            if event.fields.get(name) != got[name]:
                raise lane.diverged(event, f"{name} {event.fields.get(name)}", f"{name} {got[name]}", self._channel)
        wanted_headers, got_headers = _comparable_headers(event.fields["headers"]), _comparable_headers(got["headers"])
        if wanted_headers != got_headers:
            raise lane.diverged(event, f"headers {wanted_headers}", f"headers {got_headers}", self._channel)
        wanted_body, got_body = _body_of(event.fields), _body_of(got)
        if wanted_body != got_body:
            at = next(
                (i for i, pair in enumerate(zip(wanted_body, got_body, strict=False)) if pair[0] != pair[1]), None
            )
            at = min(len(wanted_body), len(got_body)) if at is None else at
            wanted_text, got_text = wanted_body.decode("utf-8", "replace"), got_body.decode("utf-8", "replace")
            raise lane.diverged(event, f"body {wanted_text}", f"body {got_text}", self._channel, at)
        answer = lane.take("resp", self._channel, "wait for the answer")
        if "err" in answer.fields:
            raise HttpFailure(FailureKind(answer.fields["err"]), str(answer.fields["msg"]))
        headers = tuple((str(name), str(value)) for name, value in answer.fields["headers"])
        return HttpResponse(int(answer.fields["status"]), headers, _raw_body(answer.fields))


def raise_recorded(event: Event) -> None:
    """Raise the transport error that the event holds, if it holds one."""
    code = event.fields.get("err")
    if code is not None:
        error = _TRANSPORT_ERRORS.get(str(code), TransportError)
        raise error(str(event.fields.get("port", "")), str(event.fields.get("msg", "")))


def describe(event: Event | None) -> str:
    """One event in a few words."""
    if event is None:
        return "nothing more"
    fields = event.fields
    match event.kind:
        case "tx" | "rx" | "discard" if "hex" in fields:
            return f"{event.kind} of {fields['hex']}" + (f" (asked for {fields['want']})" if "want" in fields else "")
        case "req":
            return f"{fields['method']} {fields['url']}"
        case "given":
            return f"ask {fields['name']}"
        case "step":
            return f"{fields['at']} of step {fields['step']}"
        case _:
            return f"{event.kind} {fields}"


def _recorded_bytes(event: Event) -> bytes:
    return collapse(bytes.fromhex(event.fields["hex"]), _spans(event.fields))


def _raw_body(fields: dict[str, Any]) -> bytes:
    return str(fields["text"]).encode("utf-8") if "text" in fields else bytes.fromhex(fields["hex"])


def _body_of(fields: dict[str, Any]) -> bytes:
    return collapse(_raw_body(fields), _spans(fields))


def _spans(fields: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    return tuple((int(start), int(length)) for start, length in fields.get("mask", ()))


def _comparable_headers(headers: list[list[str]]) -> list[tuple[str, str]]:
    """Names and values; a value that is all mask counts as masked whatever its length."""
    return [(name.lower(), "*" if value and not value.strip("*") else value) for name, value in headers]
