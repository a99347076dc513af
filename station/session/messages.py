"""HTTP messages and failures as the fields of events, masked, and back."""

from __future__ import annotations

from typing import Any

from drivers import errors as driver_errors
from drivers.errors import TransportError
from station.errors import SessionError
from station.production_api.http import FailureKind, Headers, HttpFailure, HttpRequest, HttpResponse
from station.session.format import Event
from station.session.masking import Masker, Spans, comparable

_TRANSPORT_ERRORS: dict[str, type[TransportError]] = {
    error.code: error
    for error in vars(driver_errors).values()
    if isinstance(error, type) and issubclass(error, TransportError)
}


def bytes_fields(data: bytes, masker: Masker) -> dict[str, Any]:
    """Bytes that passed a transport."""
    masked, spans = masker.mask_bytes(data)
    return {"hex": masked.hex(), **_mask_field(spans)} if spans else {"hex": data.hex()}


def bytes_of(event: Event) -> bytes:
    """The bytes of a ``tx``, ``rx`` or ``discard`` event, masked; none for one that tells of an error. Raises SessionError."""
    return _from_hex(event)


def request_fields(request: HttpRequest, masker: Masker) -> dict[str, Any]:
    """A request as the fields of a ``req`` event."""
    return {
        "method": request.method,
        "url": masker.mask_url(request.url),
        "headers": masker.mask_headers(request.headers),
        **_body_fields(request.headers, request.body, masker),
    }


def response_fields(response: HttpResponse, masker: Masker) -> dict[str, Any]:
    """A response as the fields of a ``resp`` event."""
    return {
        "status": response.status,
        "headers": masker.mask_headers(response.headers),
        **_body_fields(response.headers, response.body, masker),
    }


def failed_response_fields(failure: HttpFailure, masker: Masker) -> dict[str, Any]:
    """The want of a response as the fields of a ``resp`` event."""
    return {"err": failure.kind.value, "msg": masker.mask_text(failure.message)}


def response_of(event: Event) -> HttpResponse:
    """The response that a ``resp`` event holds, masked. Raises HttpFailure where it holds one, or SessionError."""
    fields = event.fields
    try:
        if "err" not in fields:
            return HttpResponse(int(fields["status"]), headers_of(event), body_of(event))
        kind = FailureKind(fields["err"])
    except (KeyError, TypeError, ValueError) as error:
        raise SessionError(f"event {event.number} holds no answer: {error}") from error
    raise HttpFailure(kind, str(fields.get("msg", "")))


def headers_of(event: Event) -> Headers:
    """The headers of a ``req`` or ``resp`` event, masked, in order. Raises SessionError."""
    try:
        return tuple((str(name), str(value)) for name, value in event.fields.get("headers", ()))
    except (TypeError, ValueError) as error:
        raise SessionError(f"event {event.number} holds no headers: {error}") from error


def body_of(event: Event) -> bytes:
    """The body of a ``req`` or ``resp`` event, masked, with the length it had. Raises SessionError."""
    if "text" in event.fields:
        return str(event.fields["text"]).encode("utf-8", "surrogatepass")
    return _from_hex(event)


def comparable_body(event: Event) -> bytes:
    """The body of an event, its masked places as single stars."""
    return comparable(body_of(event), spans_of(event.fields))


def spans_of(fields: dict[str, Any]) -> Spans:
    """The masked places of an event's bytes or body. Raises SessionError."""
    try:
        return tuple((int(start), int(length)) for start, length in fields.get("mask", ()))
    except (TypeError, ValueError) as error:
        raise SessionError(f"event holds no list of masked places: {error}") from error


def failure_fields(error: TransportError, masker: Masker) -> dict[str, Any]:
    """A transport's error as fields."""
    return {"err": error.code, "port": masker.mask_text(error.port), "msg": masker.mask_text(error.message)}


def raise_recorded(event: Event) -> None:
    """Raise the transport error that the event holds, if it holds one."""
    code = event.fields.get("err")
    if code is not None:
        error = _TRANSPORT_ERRORS.get(str(code), TransportError)
        raise error(str(event.fields.get("port", "")), str(event.fields.get("msg", "")))


def _from_hex(event: Event) -> bytes:
    try:
        return bytes.fromhex(event.fields.get("hex", ""))
    except (TypeError, ValueError) as error:
        raise SessionError(f"event {event.number} holds no hex: {error}") from error


def _body_fields(headers: Headers, body: bytes, masker: Masker) -> dict[str, Any]:
    """A body as ``text`` where it is UTF-8, else as ``hex``; masked places counted in bytes."""
    masked, spans = masker.mask_body(body, _header(headers, "content-type"), _header(headers, "content-encoding"))
    try:
        return {"text": masked.decode("utf-8"), **_mask_field(spans)}
    except UnicodeDecodeError:
        return {"hex": masked.hex(), **_mask_field(spans)}


def _header(headers: Headers, name: str) -> str:
    return next((value.strip().lower() for key, value in headers if key.lower() == name), "")


def _mask_field(spans: Spans) -> dict[str, Any]:
    return {"mask": [list(span) for span in spans]} if spans else {}
