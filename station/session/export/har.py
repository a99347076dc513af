"""The HTTP exchanges of a session log as an HTTP Archive 1.2 (http://www.softwareishard.com/blog/har-12-spec/).

Fields of our own start with an underscore, as the specification asks: ``_lane``, ``_channel``, ``_events`` (numbers of the two
events), ``_step``, ``_hex`` (a body that is not text), ``_mask`` (masked places of a body, ``[start, length]`` in bytes) and
``_error`` (why there is no answer).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from station import __version__
from station.session.format import Event, SessionLog
from station.session.messages import body_of, headers_of

_HTTP_VERSION = "HTTP/1.1"
_LAST_WALL_S = 253_402_300_799.0
_UNKNOWN = -1
"""What the specification has for sizes and times that are not known."""


def to_har(log: SessionLog) -> bytes:
    """The archive as JSON. A request without an answer has status 0 and an ``_error``. Raises SessionError for an event that holds
    no HTTP message."""
    comment = f"session log {log.path.name}: station {log.head.get('station')}, socket {log.head.get('socket')}"
    creator = {"name": "station", "version": __version__}
    entries = sorted(_entries(log), key=lambda entry: entry["_events"][0])
    archive = {"log": {"version": "1.2", "creator": creator, "entries": entries, "comment": comment}}
    return json.dumps(archive, indent=1).encode("ascii") + b"\n"


def _entries(log: SessionLog) -> Iterator[dict[str, Any]]:
    sent: dict[tuple[str, str | None], tuple[Event, str | None]] = {}
    steps: dict[str, str] = {}
    for event in log.events:
        strand = (event.lane, event.channel)
        if event.kind == "step":
            steps.pop(event.lane, None)
            if event.fields.get("at") == "start":
                steps[event.lane] = str(event.fields.get("step"))
        elif event.kind == "req":
            if strand in sent:
                yield _entry(log, *sent.pop(strand), None)
            sent[strand] = (event, steps.get(event.lane))
        elif event.kind == "resp" and strand in sent:
            yield _entry(log, *sent.pop(strand), event)
    for request, step in sent.values():
        yield _entry(log, request, step, None)


def _entry(log: SessionLog, request: Event, step: str | None, answer: Event | None) -> dict[str, Any]:
    time_ms = 0.0 if answer is None else (answer.time_ns - request.time_ns) / 1e6
    return {
        "startedDateTime": _moment(log, request),
        "time": time_ms,
        "request": _request(request),
        "response": _unanswered() if answer is None else _response(answer),
        "cache": {},
        "timings": {"send": 0, "wait": time_ms, "receive": 0},
        "_lane": request.lane,
        "_channel": request.channel,
        "_step": step,
        "_events": [request.number, None if answer is None else answer.number],
        **_why_no_answer(answer),
    }


def _why_no_answer(answer: Event | None) -> dict[str, str]:
    if answer is None:
        return {"_error": "the log holds no answer"}
    if "err" in answer.fields:
        return {"_error": f"{answer.fields['err']}: {answer.fields.get('msg', '')}"}
    return {}


def _request(event: Event) -> dict[str, Any]:
    url, body = str(event.fields.get("url", "")), body_of(event)
    message: dict[str, Any] = {
        "method": str(event.fields.get("method", "")),
        "url": url,
        "httpVersion": _HTTP_VERSION,
        "cookies": [],
        "headers": _headers(event),
        "queryString": _query(url),
        "headersSize": _UNKNOWN,
        "bodySize": len(body),
    }
    if body:
        message["postData"] = {"mimeType": _mime_type(event), **_post_text(event, body)}
    return message


def _post_text(event: Event, body: bytes) -> dict[str, Any]:
    """A request's body: the specification has no encoding for one that is not text."""
    mask = {"_mask": event.fields["mask"]} if "mask" in event.fields else {}
    if "text" in event.fields:
        return {"text": str(event.fields["text"]), **mask}
    return {"text": "", "comment": "not text: see _hex", "_hex": body.hex(), **mask}


def _response(event: Event) -> dict[str, Any]:
    if "err" in event.fields:
        return _unanswered()
    body, status = body_of(event), event.fields.get("status")
    number = status if isinstance(status, int) else 0
    content: dict[str, Any] = {"size": len(body), "mimeType": _mime_type(event)}
    if "text" in event.fields:
        content["text"] = str(event.fields["text"])
    else:
        content |= {"text": base64.b64encode(body).decode("ascii"), "encoding": "base64"}
    if "mask" in event.fields:
        content["_mask"] = event.fields["mask"]
    return {
        "status": number,
        "statusText": _status_text(number),
        "httpVersion": _HTTP_VERSION,
        "cookies": [],
        "headers": _headers(event),
        "content": content,
        "redirectURL": _header(event, "location"),
        "headersSize": _UNKNOWN,
        "bodySize": len(body),
    }


def _unanswered() -> dict[str, Any]:
    return {
        "status": 0,
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": [],
        "content": {"size": 0, "mimeType": "x-unknown"},
        "redirectURL": "",
        "headersSize": _UNKNOWN,
        "bodySize": _UNKNOWN,
    }


def _status_text(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _headers(event: Event) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers_of(event)]


def _header(event: Event, wanted: str) -> str:
    return next((value for name, value in headers_of(event) if name.lower() == wanted), "")


def _mime_type(event: Event) -> str:
    return _header(event, "content-type") or "application/octet-stream"


def _query(url: str) -> list[dict[str, str]]:
    try:
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        return []
    return [{"name": name, "value": value} for name, value in pairs]


def _moment(log: SessionLog, event: Event) -> str:
    """Wall time of an event, ISO 8601 with the zone; the monotonic clock counted from the head's wall time."""
    wall_s = log.head.get("wall_s")
    started_s = wall_s if isinstance(wall_s, int | float) and 0 <= wall_s <= _LAST_WALL_S else 0.0
    moment_s = started_s + (event.time_ns - log.events[0].time_ns) / 1e9
    sane_s = min(max(moment_s, 0.0), _LAST_WALL_S)
    return datetime.fromtimestamp(sane_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
