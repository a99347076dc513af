"""Transports and HTTP ports that stand in a log: what came in comes in again, what goes out is compared."""

from __future__ import annotations

from typing import Any

from drivers.clock import Deadline
from drivers.transport import Framing, ModemLines
from station.errors import SessionError
from station.production_api.http import HttpRequest, HttpResponse
from station.session.codec import to_plain
from station.session.format import Event
from station.session.masking import Masker, comparable_field
from station.session.messages import (
    body_of,
    bytes_of,
    comparable_body,
    headers_of,
    raise_recorded,
    request_fields,
    response_of,
)
from station.session.replay_lane import Lane

_FREE_HEADERS = frozenset({"user-agent", "content-length"})
"""Not compared: the first names the program's version; the second counts the body, which is compared itself, masked."""


class ReplayTransport:
    """See ``Transport``. Deadlines are not looked at: whether one expired is in the log."""

    def __init__(self, lane: Lane, masker: Masker, channel: str, name: str) -> None:
        self._lane = lane
        self._masker = masker
        self._channel = channel
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, deadline: Deadline) -> None:  # noqa: ARG002
        if data:
            self._lane.send(self._channel, data, self._masker)

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:  # noqa: ARG002
        doing = f"read of up to {max_bytes} bytes"
        event = self._lane.take("rx", self._channel, doing)
        wanted = event.fields.get("want")
        if wanted != max_bytes:
            raise self._lane.diverged(event, f"read of up to {wanted} bytes", doing, self._channel)
        raise_recorded(event)
        data = bytes_of(event)
        if not 1 <= len(data) <= max_bytes:
            raise SessionError(f"event {event.number} holds {len(data)} bytes where 1 to {max_bytes} were read")
        return data

    def discard_input(self) -> bytes:
        event = self._lane.take("discard", self._channel, "discard of what came in")
        raise_recorded(event)
        return bytes_of(event)

    def close(self) -> None:
        self._lane.take("close", self._channel, "close")


class ReplaySerial(ReplayTransport):
    """See ``SerialTransport``."""

    def set_framing(self, framing: Framing) -> None:
        self._compare("cfg", to_plain(framing))

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        self._compare("line", {"dtr": dtr, "rts": rts})

    def modem_lines(self) -> ModemLines:
        event = self._compare("line", {"asked": True})
        return ModemLines(**{name: bool(event.fields.get(name)) for name in ("cts", "dsr", "dcd", "ri")})

    def _compare(self, kind: str, fields: dict[str, Any]) -> Event:
        event = self._lane.take(kind, self._channel, f"{kind} {fields}")
        wanted = {name: event.fields[name] for name in fields if name in event.fields}
        if wanted != fields:
            raise self._lane.diverged(event, f"{kind} {wanted}", f"{kind} {fields}", self._channel)
        raise_recorded(event)
        return event


class ReplayHttp:
    """See ``HttpPort``. Serves one lane."""

    def __init__(self, lane: Lane, masker: Masker, channel: str) -> None:
        self._lane = lane
        self._masker = masker
        self._channel = channel

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:  # noqa: ARG002
        fields = request_fields(request, self._masker)
        event = self._lane.take("req", self._channel, f"{fields['method']} {fields['url']}")
        got = Event(event.number, event.time_ns, "req", event.lane, event.channel, fields)
        for name in ("method", "url"):
            wanted_text, got_text = str(event.fields.get(name)), str(fields[name])
            if comparable_field(wanted_text) != comparable_field(got_text):
                raise self._lane.diverged(event, f"{name} {wanted_text}", f"{name} {got_text}", self._channel)
        wanted_headers, got_headers = _comparable_headers(event), _comparable_headers(got)
        if wanted_headers != got_headers:
            raise self._lane.diverged(event, f"headers {wanted_headers}", f"headers {got_headers}", self._channel)
        is_masked = "mask" in event.fields or "mask" in got.fields
        wanted_body, got_body = (comparable_body(each) if is_masked else body_of(each) for each in (event, got))
        if wanted_body != got_body:
            raise self._lane.diverged_bytes(event, wanted_body, got_body, "body")
        return response_of(self._lane.take("resp", self._channel, "wait for the answer"))


def _comparable_headers(event: Event) -> list[tuple[str, str]]:
    return [(name, comparable_field(value)) for name, value in headers_of(event) if name.lower() not in _FREE_HEADERS]
