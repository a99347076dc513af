"""The session of a replay: gives the code what the log says it was given, and insists that it does the same.

Each lane of the log is read in strict order. What goes out (bytes, line changes, HTTP requests, the arguments of given
values, steps, the outcome) is compared where it happens; the first difference raises ``Diverged`` at the call that made it.
Bytes sent are compared as a stream: how they are cut into writes is free. Nothing sleeps and nothing is opened. Where the log
was cut off, ``LogCutOff`` is raised by the first call that comes after its last event.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from drivers.clock import Clock
from drivers.transport import SerialTransport, Transport
from station.errors import SessionError, StationError
from station.model import CycleResult, Step
from station.production_api.http import HttpPort
from station.session.codec import from_plain, to_plain
from station.session.difference import Difference, Diverged, LogCutOff
from station.session.format import Event, SessionLog
from station.session.masking import Masker, comparable_text
from station.session.messages import raise_recorded
from station.session.replay_channels import ReplayHttp, ReplaySerial, ReplayTransport
from station.session.replay_lane import Lane, Lanes

__all__ = ["Difference", "Diverged", "LogCutOff", "RecordedError", "ReplaySession"]

T = TypeVar("T")

RESULT_FIELDS = ("outcome", "code", "chip_id", "app_eui", "device_id", "sn", "resumed", "label")
"""Of the outcome, what must be the same; the rest is time and place."""


class RecordedError(StationError):
    """A StationError of then, raised again now; only its code and text survive."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ReplaySession:
    """Implements ``station.session.Session`` on a recorded log.

    ``masker`` knows the secrets that the replayed code holds; they need not be those of then. After the code has run, or has
    raised Diverged or LogCutOff, call ``check_all_read``.
    """

    def __init__(self, log: SessionLog, masker: Masker, lane: str = "main", lanes: Lanes | None = None) -> None:
        self._log = log
        self._masker = masker
        self._lanes = lanes or Lanes(log)
        self._lane = self._lanes.lane(lane)
        self.clock: Clock = _ReplayClock(self, self._lane)

    def lane(self, name: str) -> ReplaySession:
        return ReplaySession(self._log, self._masker, name, self._lanes)

    def given(self, name: str, args: dict[str, object], result_type: object, produce: Callable[[], T]) -> T:  # noqa: ARG002
        event = self._lane.take("given", None, f"ask {name}")
        wanted_name, wanted_args = str(event.fields.get("name")), _as_text(event.fields.get("args"))
        got_args = _as_text(self._masker.mask_plain(to_plain(args)))
        if (wanted_name, comparable_text(wanted_args)) != (name, comparable_text(got_args)):
            raise self._lane.diverged(event, f"ask {wanted_name} {wanted_args}", f"ask {name} {got_args}")
        raised = event.fields.get("raised")
        if raised is not None:
            raise _recorded_error(event)
        value: T = from_plain(result_type, event.fields.get("value"))
        return value

    def serial(self, channel: str, opener: Callable[[], SerialTransport]) -> SerialTransport:  # noqa: ARG002
        return ReplaySerial(self._lane, self._masker, channel, self._open(channel))

    def pipe(self, channel: str, opener: Callable[[], Transport]) -> Transport:  # noqa: ARG002
        return ReplayTransport(self._lane, self._masker, channel, self._open(channel))

    def http(self, channel: str, port: HttpPort) -> HttpPort:  # noqa: ARG002
        return ReplayHttp(self._lane, self._masker, channel)

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        self._mark(step, "start")
        self._lane.step = step.value
        try:
            yield
        except Exception:
            self._end(step)
            raise
        self._end(step)

    def note(self, channel: str, text: str) -> None:
        """Notes are for readers; none is compared."""

    def end(self, result: CycleResult) -> None:
        event = self._lane.take("end", None, f"end with {result.outcome}")
        wanted, got = event.fields.get("result"), self._masker.mask_plain(result.to_json())
        if not isinstance(wanted, dict):
            raise SessionError(f"event {event.number} holds no result")
        for name in RESULT_FIELDS:
            if _result_text(wanted.get(name)) != _result_text(got[name]):
                raise self._lane.diverged(event, f"{name} {wanted.get(name)!r}", f"{name} {got[name]!r}")

    def check_all_read(self) -> None:
        """Raise Diverged where any lane differed, or the log holds events that the code never came to."""
        self._lanes.check_all_read()

    def _open(self, channel: str) -> str:
        event = self._lane.take("open", channel, f"open {channel}")
        raise_recorded(event)
        return str(event.fields.get("port", channel))

    def _end(self, step: Step) -> None:
        self._mark(step, "end")
        self._lane.step = None

    def _mark(self, step: Step, at: str) -> None:
        event = self._lane.take("step", None, f"{at} of step {step}")
        wanted = (event.fields.get("step"), event.fields.get("at"))
        if wanted != (step.value, at):
            raise self._lane.diverged(event, f"{wanted[1]} of step {wanted[0]}", f"{at} of step {step}")


class _ReplayClock:
    """Time as it stood in the log; sleeping returns at once."""

    def __init__(self, session: ReplaySession, lane: Lane) -> None:
        self._session = session
        self._lane = lane

    def monotonic_s(self) -> float:
        return self._lane.time_s

    def wall_s(self) -> float:
        return self._session.given("clock.wall_s", {}, float, float)

    def sleep(self, duration_s: float) -> None:
        self._session.given("clock.sleep", {"s": duration_s}, type(None), lambda: None)


def _recorded_error(event: Event) -> RecordedError:
    """What a ``given`` event holds that raised. Raises SessionError."""
    raised = event.fields["raised"]
    if not isinstance(raised, dict):
        raise SessionError(f"event {event.number} holds no error")
    return RecordedError(str(raised.get("code")), str(raised.get("msg")))


def _as_text(plain: Any) -> str:
    """A JSON-ready value as text, which tells 1, 1.0 and true apart."""
    return json.dumps(plain, sort_keys=True)


def _result_text(plain: Any) -> str:
    return comparable_text(_as_text(plain))
