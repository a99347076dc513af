"""The HTTP archive against its specification and against what was recorded."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from station.model import Step
from station.production_api.http import FailureKind, HttpFailure, HttpRequest, HttpResponse
from station.session.export.har import to_har
from station.session.format import Event, SessionLog
from station.session.recorder import RecordingSession
from tests.support.sessions import ScriptedHttp, record

JSON = (("Content-Type", "application/json"),)
SECRET = "sesame-4711-open"

_TEXTS, _NUMBERS, _LISTS, _OBJECTS = str, (int, float), list, dict
_NAMED = {"name": _TEXTS, "value": _TEXTS}
REQUIRED: dict[str, dict[str, Any]] = {
    "log": {"version": _TEXTS, "creator": _OBJECTS, "entries": _LISTS},
    "creator": {"name": _TEXTS, "version": _TEXTS},
    "entry": {
        "startedDateTime": _TEXTS,
        "time": _NUMBERS,
        "request": _OBJECTS,
        "response": _OBJECTS,
        "cache": _OBJECTS,
        "timings": _OBJECTS,
    },
    "request": {
        "method": _TEXTS,
        "url": _TEXTS,
        "httpVersion": _TEXTS,
        "cookies": _LISTS,
        "headers": _LISTS,
        "queryString": _LISTS,
        "headersSize": int,
        "bodySize": int,
    },
    "response": {
        "status": int,
        "statusText": _TEXTS,
        "httpVersion": _TEXTS,
        "cookies": _LISTS,
        "headers": _LISTS,
        "content": _OBJECTS,
        "redirectURL": _TEXTS,
        "headersSize": int,
        "bodySize": int,
    },
    "postData": {"mimeType": _TEXTS, "text": _TEXTS},
    "content": {"size": int, "mimeType": _TEXTS},
    "timings": {"send": _NUMBERS, "wait": _NUMBERS, "receive": _NUMBERS},
}
"""Fields that HAR 1.2 requires, with their types, by object."""
OPTIONAL: dict[str, set[str]] = {
    "log": {"browser", "pages", "comment"},
    "creator": {"comment"},
    "entry": {"pageref", "serverIPAddress", "connection", "comment"},
    "request": {"postData", "comment"},
    "response": {"comment"},
    "postData": {"comment"},
    "content": {"compression", "text", "encoding", "comment"},
    "timings": {"blocked", "dns", "connect", "ssl", "comment"},
}


def _check(kind: str, value: dict[str, Any]) -> None:
    for name, types in REQUIRED[kind].items():
        assert isinstance(value[name], types), f"{kind}.{name}"
        assert not isinstance(value[name], bool)
    unknown = {name for name in value if not name.startswith("_")} - set(REQUIRED[kind]) - OPTIONAL[kind]
    assert not unknown, f"{kind} has fields that HAR 1.2 does not know: {unknown}"


def _checked(log: SessionLog) -> list[dict[str, Any]]:
    """The entries of the archive of ``log``, after all of it passed the specification's rules."""
    archive = json.loads(to_har(log))
    assert list(archive) == ["log"]
    assert archive["log"]["version"] == "1.2"
    _check("log", archive["log"])
    _check("creator", archive["log"]["creator"])
    entries: list[dict[str, Any]] = archive["log"]["entries"]
    for entry in entries:
        _check("entry", entry)
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo is not None
        _check("request", entry["request"])
        _check("response", entry["response"])
        _check("content", entry["response"]["content"])
        _check("timings", entry["timings"])
        assert entry["time"] == pytest.approx(sum(value for value in entry["timings"].values() if value >= 0))
        if "postData" in entry["request"]:
            _check("postData", entry["request"]["postData"])
        for header in [*entry["request"]["headers"], *entry["response"]["headers"], *entry["request"]["queryString"]]:
            assert header.keys() == _NAMED.keys()
            assert all(isinstance(text, str) for text in header.values())
    assert [entry["startedDateTime"] for entry in entries] == sorted(entry["startedDateTime"] for entry in entries)
    return entries


def _exchange(*pairs: tuple[HttpRequest, HttpResponse | HttpFailure], folder: Path) -> list[dict[str, Any]]:
    def work(session: RecordingSession) -> None:
        port = session.http("api", ScriptedHttp([answer for _, answer in pairs]))
        with session.step(Step.ACTIVATE):
            for request, answer in pairs:
                try:
                    port.send(request, 1.0)
                except HttpFailure:
                    assert isinstance(answer, HttpFailure)

    return _checked(record(folder, work, secrets=[SECRET]))


def test_bodies_are_those_that_passed(tmp_path: Path) -> None:
    text, binary = '{"data": "schön"}'.encode(), b"\x00\xff{\x80"
    first, second = _exchange(
        (HttpRequest("POST", "http://api/x?sn=1&time=", JSON, text), HttpResponse(200, JSON, binary)),
        (HttpRequest("POST", "http://api/y", (), binary), HttpResponse(404, JSON, text)),
        folder=tmp_path,
    )
    assert first["request"]["postData"]["text"].encode() == text
    assert first["request"]["queryString"] == [{"name": "sn", "value": "1"}, {"name": "time", "value": ""}]
    assert first["response"]["content"]["encoding"] == "base64"
    assert base64.b64decode(first["response"]["content"]["text"]) == binary
    assert bytes.fromhex(second["request"]["postData"]["_hex"]) == binary
    assert second["response"]["content"]["text"].encode() == text
    assert (second["response"]["status"], second["response"]["statusText"]) == (404, "Not Found")
    assert (first["_step"], first["_channel"], first["_lane"]) == ("activate", "api", "main")


def test_a_request_without_a_body_has_no_post_data(tmp_path: Path) -> None:
    (entry,) = _exchange((HttpRequest("GET", "http://api/", (), b""), HttpResponse(204, (), b"")), folder=tmp_path)
    assert "postData" not in entry["request"]
    assert entry["response"]["bodySize"] == 0


def test_a_lost_answer_is_an_entry_that_says_why(tmp_path: Path) -> None:
    lost = HttpFailure(FailureKind.TIMEOUT, "it never came")
    (entry,) = _exchange((HttpRequest("POST", "http://api/", JSON, b"{}"), lost), folder=tmp_path)
    assert entry["response"]["status"] == 0
    assert "it never came" in entry["_error"]


def test_a_request_that_the_log_leaves_open_is_an_entry(tmp_path: Path) -> None:
    log = record(tmp_path, lambda session: None)
    sent = Event(
        1, log.events[0].time_ns, "req", channel="api", fields={"method": "GET", "url": "http://[", "headers": []}
    )
    again = Event(2, log.events[0].time_ns, "req", channel="api", fields={"method": "GET", "url": "", "text": "x"})
    entries = _checked(SessionLog(log.path, (log.events[0], sent, again)))
    assert [entry["_error"] for entry in entries] == ["the log holds no answer"] * 2


def test_no_secret_is_in_the_archive_wherever_it_was(tmp_path: Path) -> None:
    request = HttpRequest(
        "POST",
        f"http://user:{SECRET}@api/{SECRET}?key={SECRET}",
        (*JSON, ("Authorization", f"Bearer {SECRET}"), ("X-Other", SECRET)),
        json.dumps({"access_token": SECRET, "data": SECRET}).encode(),
    )
    answer = HttpResponse(200, (("set-cookie", SECRET),), b"\xff" + SECRET.encode())
    entries = _exchange((request, answer), folder=tmp_path)
    assert SECRET not in json.dumps(entries)
    assert SECRET.encode() not in base64.b64decode(entries[0]["response"]["content"]["text"])
    assert entries[0]["request"]["postData"]["_mask"]


def test_a_clock_of_nonsense_still_makes_an_archive(tmp_path: Path) -> None:
    log = record(
        tmp_path,
        lambda session: (
            session.http("api", ScriptedHttp([HttpResponse(200, (), b"")])).send(
                HttpRequest("GET", "http://api/", (), b""), 1.0
            )
            and None
        ),
    )
    head = Event(0, 0, "head", fields={**log.head, "wall_s": float("nan")})
    (entry,) = _checked(SessionLog(log.path, (head, *log.events[1:])))
    assert entry["startedDateTime"].startswith("1970-01-01")
