"""Transports and HTTP ports that write down all that passes them."""

from __future__ import annotations

from typing import Any, Protocol

from drivers.clock import Deadline
from drivers.errors import TransportError
from drivers.transport import Framing, ModemLines, SerialTransport, Transport
from station.production_api.http import HttpFailure, HttpPort, HttpRequest, HttpResponse
from station.session.codec import to_plain
from station.session.masking import Masker
from station.session.messages import (
    bytes_fields,
    failed_response_fields,
    failure_fields,
    request_fields,
    response_fields,
)


class Record(Protocol):
    """What takes the events: a lane of a running session."""

    @property
    def masker(self) -> Masker: ...

    def record(self, kind: str, channel: str | None, fields: dict[str, Any]) -> None: ...


class RecordedTransport:
    """See ``Transport``."""

    def __init__(self, session: Record, channel: str, inner: Transport) -> None:
        self._session = session
        self._channel = channel
        self._inner = inner

    @property
    def name(self) -> str:
        return self._inner.name

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Recorded before it is done, so that what a crash cut off is in the log; a failure follows as an event of its own.
        Writing nothing does nothing."""
        if not data:
            return
        self._session.record("tx", self._channel, bytes_fields(data, self._session.masker))
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
        self._session.record("rx", self._channel, {"want": max_bytes, **bytes_fields(data, self._session.masker)})
        return data

    def discard_input(self) -> bytes:
        try:
            data = self._inner.discard_input()
        except TransportError as error:
            self._failed("discard", error, {})
            raise
        self._session.record("discard", self._channel, bytes_fields(data, self._session.masker))
        return data

    def close(self) -> None:
        self._inner.close()
        self._session.record("close", self._channel, {})

    def _failed(self, kind: str, error: TransportError, fields: dict[str, Any]) -> None:
        self._session.record(kind, self._channel, {**fields, **failure_fields(error, self._session.masker)})


class RecordedSerial(RecordedTransport):
    """See ``SerialTransport``."""

    def __init__(self, session: Record, channel: str, inner: SerialTransport) -> None:
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


class RecordedHttp:
    """See ``HttpPort``. Serves one lane."""

    def __init__(self, session: Record, channel: str, inner: HttpPort) -> None:
        self._session = session
        self._channel = channel
        self._inner = inner

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        masker = self._session.masker
        self._session.record("req", self._channel, request_fields(request, masker))
        try:
            response = self._inner.send(request, timeout_s)
        except HttpFailure as failure:
            self._session.record("resp", self._channel, failed_response_fields(failure, masker))
            raise
        self._session.record("resp", self._channel, response_fields(response, masker))
        return response
