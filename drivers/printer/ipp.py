"""Requests to a print service and its answers, IPP in HTTP/1.1, as a pure codec.

Source: RFC 8010 (encoding: 3.1 to 3.9), RFC 8011 (operations 4.2 and 4.3, job-state 5.3.7, printer-state 5.4.11, status codes
appendix B), RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import IntEnum

MAX_ANSWER_BYTES = 65536
"""The attributes that are asked for take some hundred bytes."""
_MAX_HEAD_BYTES = 8192
_VERSION = b"\x02\x00"
_OPERATION_GROUP, _END = 0x01, 0x03
_LAST_GROUP_TAG = 0x0F
_OUT_OF_BAND = range(0x10, 0x20)
"""Value tags that stand for the want of a value: no-value, unknown."""
_INTEGERS = frozenset({0x21, 0x23})
_BOOLEAN = 0x22
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)


class Operation(IntEnum):
    """RFC 8011, 5.4.15."""

    PRINT_JOB = 0x0002
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_PRINTER_ATTRIBUTES = 0x000B


class AnswerGarbled(ValueError):
    """Raised for bytes that are no answer to an IPP request."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a request; several values make a set. ``tag`` is its syntax, RFC 8010, 3.5.2."""

    tag: int
    name: str
    values: tuple[str | int, ...]


def integer(name: str, value: int) -> Attribute:
    return Attribute(0x21, name, (value,))


def keywords(name: str, *values: str) -> Attribute:
    return Attribute(0x44, name, values)


def title(name: str, value: str) -> Attribute:
    return Attribute(0x42, name, (value,))


def mime_type(name: str, value: str) -> Attribute:
    return Attribute(0x49, name, (value,))


def request(
    operation: Operation, path: str, attributes: tuple[Attribute, ...], document: bytes = b"", authorization: str = ""
) -> bytes:
    """A whole HTTP request. ``path`` is the printer's, such as ``/printers/label``; all texts are ASCII."""
    target = (
        Attribute(0x47, "attributes-charset", ("utf-8",)),
        Attribute(0x48, "attributes-natural-language", ("en",)),
        Attribute(0x45, "printer-uri", (f"ipp://localhost{path}",)),
    )
    body = _VERSION + struct.pack(">HIB", operation, 1, _OPERATION_GROUP)
    body += b"".join(_encoded(attribute) for attribute in (*target, *attributes)) + bytes((_END,)) + document
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/ipp"]
    lines += [f"Authorization: {authorization}"] if authorization else []
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("ascii") + body


def _encoded(attribute: Attribute) -> bytes:
    parts = []
    for index, value in enumerate(attribute.values):
        name = attribute.name.encode("ascii") if index == 0 else b""
        raw = struct.pack(">i", value) if isinstance(value, int) else value.encode("ascii")
        parts.append(struct.pack(">BH", attribute.tag, len(name)) + name + struct.pack(">H", len(raw)) + raw)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` is the operation's status code; ``attributes`` the values by name, integers and texts, a set in its order; an
    attribute without a value is an empty tuple."""

    status: int
    attributes: dict[str, tuple[int | str, ...]]

    @property
    def is_successful(self) -> bool:
        return self.status < 0x0100

    def number(self, name: str) -> int | None:
        """An integer's or enum's value, or None."""
        value = next(iter(self.attributes.get(name, ())), None)
        return value if isinstance(value, int) else None

    def words(self, name: str) -> tuple[str, ...]:
        """A text's or a keyword's values."""
        return tuple(value for value in self.attributes.get(name, ()) if isinstance(value, str))


def is_complete(received: bytes) -> bool:
    """True when a whole HTTP answer has come, or what can be none, so that reading may stop. "100 Continue" is passed over."""
    received = _without_continue(received)
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        return len(received) > _MAX_HEAD_BYTES
    length = _LENGTH.search(head + b"\r\n")
    return length is None or len(body) >= min(int(length[1]), MAX_ANSWER_BYTES)


def parse(received: bytes) -> Answer:
    """A whole HTTP answer. Raises AnswerGarbled, also for one that HTTP refused (its status line is the message)."""
    head, _, body = _without_continue(received).partition(b"\r\n\r\n")
    status_line = head.partition(b"\r\n")[0]
    if not re.fullmatch(rb"HTTP/1\.[01] 200( [ -~]{0,64})?", status_line):
        raise AnswerGarbled(f"HTTP answers {status_line[:80]!r}")
    length = _LENGTH.search(head + b"\r\n")
    if length is None or int(length[1]) != len(body):
        raise AnswerGarbled(f"an HTTP body of {len(body)} bytes is not what its head announces")
    try:
        return _decoded(body)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise AnswerGarbled(f"not an IPP answer: {body[:32].hex(' ')}") from error


def _without_continue(received: bytes) -> bytes:
    while received.startswith(b"HTTP/1.1 100"):
        received = received.partition(b"\r\n\r\n")[2]
    return received


def _decoded(body: bytes) -> Answer:
    (status,) = struct.unpack_from(">H", body, 2)
    attributes: dict[str, tuple[int | str, ...]] = {}
    at, name = 8, ""
    while body[at] != _END:
        tag, at = body[at], at + 1
        if tag <= _LAST_GROUP_TAG:
            continue
        raw_name, at = _sized(body, at)
        raw, at = _sized(body, at)
        name = raw_name.decode("utf-8") or name
        value: tuple[int | str, ...]
        if tag in _OUT_OF_BAND:
            value = ()
        elif tag == _BOOLEAN:
            value = (raw[0],)
        elif tag in _INTEGERS:
            value = struct.unpack(">i", raw)
        else:
            value = (raw.decode("utf-8", "replace"),)
        attributes[name] = (attributes.get(name, ()) if not raw_name else ()) + value
    return Answer(status, attributes)


def _sized(body: bytes, at: int) -> tuple[bytes, int]:
    (size_bytes,) = struct.unpack_from(">H", body, at)
    end = at + 2 + int(size_bytes)
    if end > len(body):
        raise IndexError(end)
    return body[at + 2 : end], end
