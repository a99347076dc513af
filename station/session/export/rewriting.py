"""The session of a cycle that runs again on other inputs: gives the code what the log says, and writes down what the code says now.

It is a replay that compares the order of events and not what they say. Times, and which events there are, stay those of then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from drivers.clock import Clock, Deadline
from drivers.transport import Framing, ModemLines, SerialTransport, Transport
from station.errors import SessionError
from station.model import CycleResult, Step
from station.production_api.http import HttpPort, HttpRequest, HttpResponse
from station.session.codec import from_plain, to_plain
from station.session.format import Event, SessionLog
from station.session.masking import Masker
from station.session.messages import bytes_of, raise_recorded, request_fields, response_of
from station.session.replay import RecordedError
from station.session.replay_lane import Lane, Lanes

T = TypeVar("T")

_MEASURED = ("duration_s", "steps")
"""Of a result, what the cycle took then."""


class Rewriting:
    """A log on its way to being rewritten. ``session`` is for the cycle; then ``events`` gives the log as the cycle tells it."""

    def __init__(self, log: SessionLog, masker: Masker) -> None:
        self.log = log
        self.masker = masker
        self.lanes = Lanes(log)
        self._fields: dict[int, dict[str, Any]] = {}
        self._dropped: set[int] = set()

    @property
    def session(self) -> RewritingSession:
        """The session of the main lane."""
        return RewritingSession(self, "main")

    def say(self, event: Event, fields: dict[str, Any]) -> None:
        """What ``event`` holds now."""
        self._fields[event.number] = fields

    def said(self, event: Event) -> dict[str, Any]:
        """What ``event`` holds so far."""
        return self._fields.get(event.number, event.fields)

    def drop(self, event: Event) -> None:
        """``event`` does not happen any more: its bytes went with those before it."""
        self._dropped.add(event.number)

    def events(self) -> tuple[Event, ...]:
        """All events, numbered anew. Raises Diverged where the cycle did not come to all of them."""
        self.lanes.check_all_read()
        kept = (event for event in self.log.events if event.number not in self._dropped)
        return tuple(replace(event, number=number, fields=self.said(event)) for number, event in enumerate(kept))


class RewritingSession:
    """Implements ``station.session.Session``. Raises Diverged or LogCutOff as a replay does."""

    def __init__(self, rewriting: Rewriting, lane: str) -> None:
        self._rewriting = rewriting
        self._lane = rewriting.lanes.lane(lane)
        self.clock: Clock = _Clock(self, self._lane)

    def lane(self, name: str) -> RewritingSession:
        return RewritingSession(self._rewriting, name)

    def given(self, name: str, args: dict[str, object], result_type: object, produce: Callable[[], T]) -> T:  # noqa: ARG002
        event = self._lane.take("given", None, f"ask {name}")
        if event.fields.get("name") != name:
            raise self._lane.diverged(event, f"ask {event.fields.get('name')}", f"ask {name}")
        self._rewriting.say(event, event.fields | {"args": self._rewriting.masker.mask_plain(to_plain(args))})
        raised = event.fields.get("raised")
        if isinstance(raised, dict):
            raise RecordedError(str(raised.get("code")), str(raised.get("msg")))
        value: T = from_plain(result_type, event.fields.get("value"))
        return value

    def serial(self, channel: str, opener: Callable[[], SerialTransport]) -> SerialTransport:  # noqa: ARG002
        return _Transport(self._rewriting, self._lane, channel)

    def pipe(self, channel: str, opener: Callable[[], Transport]) -> Transport:  # noqa: ARG002
        return _Transport(self._rewriting, self._lane, channel)

    def http(self, channel: str, port: HttpPort) -> HttpPort:  # noqa: ARG002
        return _Http(self._rewriting, self._lane, channel)

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        self._mark(step, "start")
        try:
            yield
        except Exception:
            self._mark(step, "end")
            raise
        self._mark(step, "end")

    def note(self, channel: str, text: str) -> None:
        """Notes stay as they are."""

    def end(self, result: CycleResult) -> None:
        event = self._lane.take("end", None, f"end with {result.outcome}")
        then, now = event.fields.get("result"), self._rewriting.masker.mask_plain(result.to_json())
        if not isinstance(then, dict):
            raise SessionError(f"event {event.number} holds no result")
        measured = {name: then[name] for name in _MEASURED if name in then}
        message = self._rewriting.masker.mask_text(result.message)
        self._rewriting.say(event, event.fields | {"result": now | measured, "message": message})

    def _mark(self, step: Step, at: str) -> None:
        event = self._lane.take("step", None, f"{at} of step {step}")
        if (event.fields.get("step"), event.fields.get("at")) != (step.value, at):
            raise self._lane.diverged(event, f"{event.fields.get('step')}", f"{at} of step {step}")


class _Clock:
    """Time as it stood in the log."""

    def __init__(self, session: RewritingSession, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    def monotonic_s(self) -> float:
        return self._lane.time_s

    def wall_s(self) -> float:
        return self._session.given("clock.wall_s", {}, float, float)

    def sleep(self, duration_s: float) -> None:
        self._session.given("clock.sleep", {"s": duration_s}, type(None), lambda: None)


class _Transport:
    """Implements ``SerialTransport``. One write is one event, as it was; where this program cuts its writes otherwise, what it
    writes more goes with the last event, and events that it does not come to are dropped."""

    def __init__(self, rewriting: Rewriting, lane: Lane, channel: str) -> None:
        self._rewriting = rewriting
        self._lane = lane
        self._channel = channel
        self._written: Event | None = None
        """The event of the last write, as long as nothing else happened."""
        opened = self._take("open")
        raise_recorded(opened)
        self.name = str(opened.fields.get("port", channel))

    def write(self, data: bytes, deadline: Deadline) -> None:  # noqa: ARG002
        if not data:
            return
        event, before = self._lane.peek(), b""
        if event is None or not self._is_tx(event) or "err" in event.fields:
            event = self._written
            if event is None:
                event = self._take("tx")
            else:
                before = bytes.fromhex(self._rewriting.said(event)["hex"])
        else:
            self._lane.take("tx", self._channel, "write")
        masked, spans = self._rewriting.masker.mask_bytes(before + data)
        mask = {"mask": [list(span) for span in spans]} if spans else {}
        self._rewriting.say(event, {"hex": masked.hex(), **mask})
        self._written = event
        follows = self._lane.peek()
        if follows is not None and self._is_tx(follows) and "err" in follows.fields:
            raise_recorded(self._take("tx"))

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:  # noqa: ARG002
        event = self._take("rx")
        if event.fields.get("want") != max_bytes:
            wanted = f"read of up to {event.fields.get('want')} bytes"
            raise self._lane.diverged(event, wanted, f"read of up to {max_bytes} bytes", self._channel)
        raise_recorded(event)
        return bytes_of(event)

    def discard_input(self) -> bytes:
        event = self._take("discard")
        raise_recorded(event)
        return bytes_of(event)

    def close(self) -> None:
        self._take("close")

    def set_framing(self, framing: Framing) -> None:
        event = self._take("cfg")
        self._rewriting.say(event, event.fields | to_plain(framing))
        raise_recorded(event)

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        event = self._take("line")
        self._rewriting.say(event, event.fields | {"dtr": dtr, "rts": rts})
        raise_recorded(event)

    def modem_lines(self) -> ModemLines:
        event = self._take("line")
        raise_recorded(event)
        return ModemLines(**{name: bool(event.fields.get(name)) for name in ("cts", "dsr", "dcd", "ri")})

    def _take(self, kind: str) -> Event:
        """The next event of this channel, which ends a run of writes."""
        while self._written is not None and (event := self._lane.peek()) is not None and self._is_tx(event):
            if "err" in event.fields:
                break
            self._rewriting.drop(self._lane.take("tx", self._channel, kind))
        self._written = None
        return self._lane.take(kind, self._channel, kind)

    def _is_tx(self, event: Event) -> bool:
        return event.kind == "tx" and event.channel == self._channel


class _Http:
    """Implements ``HttpPort``."""

    def __init__(self, rewriting: Rewriting, lane: Lane, channel: str) -> None:
        self._rewriting = rewriting
        self._lane = lane
        self._channel = channel

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:  # noqa: ARG002
        event = self._lane.take("req", self._channel, f"{request.method} {request.url}")
        self._rewriting.say(event, request_fields(request, self._rewriting.masker))
        return response_of(self._lane.take("resp", self._channel, "wait for the answer"))
