"""What the API answers: bodies, headers, dates, tokens, and whole calls of the client."""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any

from station.ports import Confirmed
from station.production_api.batch import IdBatch
from station.production_api.client import ProductionClient
from station.production_api.errors import ApiError
from station.production_api.http import FailureKind, HttpFailure, HttpRequest, HttpResponse
from station.production_api.options import ApiOptions, ClientCredentialsAuth, CsidAuth, GivenToken
from station.production_api.retry import parse_http_date, parse_retry_after
from station.production_api.strict_json import MAX_DEPTH, JsonRefused, NotJson, parse_json
from station.production_api.token_wire import Grant, Refusal, parse_grant
from station.production_api.tokens import TokenSource
from station.production_api.wire import PacketRefused, parse_packet, printable_line
from station.secrets import Secret
from tests.fuzz.material import Choices, CountingClock, answers, assert_line
from tests.fuzz.target import Target, needing_nothing

SECRET = "K3y-of-ours-0123456789"
CHIP_ID, APP_EUI, DEVICE_ID, SN = "3A0041000951303338363633", "70B3D57ED00001C0", "d88b4c0100000001", "SN0001"
_AUTHS = (GivenToken(Secret(SECRET)), CsidAuth("csid", Secret(SECRET)), ClientCredentialsAuth("us", Secret(SECRET)))
_OPTIONS = tuple(ApiOptions(auth) for auth in _AUTHS)
_STATUSES = (200, 200, 200, 200, 201, 302, 400, 401, 403, 404, 429, 500, 503)
_FAILURES = tuple(FailureKind)
_CALLS = (
    ("activate", (CHIP_ID, APP_EUI, DEVICE_ID), DEVICE_ID),
    ("activate", (CHIP_ID, APP_EUI, None), None),
    ("bind", (DEVICE_ID, SN), SN),
    ("bind", (DEVICE_ID, None), None),
    ("request_device_ids", (3,), None),
    ("request_sns", (3,), None),
)
_UNTOUCHED = 0xF0
"""Answers that begin with a byte from here on are failures without an answer, one kind after the other."""
_BODIES: tuple[Any, ...] = (
    {"code": "000000", "data": {"deviceId": DEVICE_ID, "sn": SN, "deviceIdList": [DEVICE_ID, "x"], "snList": [SN]}},
    {"code": "000000", "data": {"access_token": "granted-1", "expires_in": 7200, "scope": ["production/*"]}},
    {"access_token": "granted-2", "expires_in": 60, "refresh_token": "again", "scope": "production/* home"},
    {"code": "010104", "desc": f"the token {SECRET} is expired", "data": None},
    {"code": "010301", "desc": "limits reached\r\n\x1b[2J"},
    {"code": "020100", "desc": "taken"},
    {"code": "999999"},
    {"error": "invalid_client", "error_description": SECRET},
)
"""Whole answers that an input may name instead of spelling them out."""


class _FuzzPort:
    """An ``HttpPort`` that answers with what an input says, and with nothing once that is used up."""

    def __init__(self, choices: Choices, clock: CountingClock, options: ApiOptions) -> None:
        self.calls: list[bytes] = []
        self.may_have_arrived = False
        """Whether any call may have taken effect at the server, as far as its failure tells."""
        self.repeated_in_doubt = False
        self._choices = choices
        self._clock = clock
        self._production = options.url(options.production_path)

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        self._clock.count()
        is_call = request.url == self._production
        if is_call:
            self.repeated_in_doubt = self.repeated_in_doubt or self.may_have_arrived
            self.calls.append(request.body)
        kind = self._choices.byte() if self._choices else _UNTOUCHED
        if kind >= _UNTOUCHED:
            failure = HttpFailure(_FAILURES[kind % len(_FAILURES)], "no answer")
            self.may_have_arrived |= is_call and failure.may_have_arrived
            raise failure
        status = self._choices.pick(_STATUSES)
        headers = tuple(
            (name, self._choices.text())
            for bit, name in ((1, "retry-after"), (2, "date"), (4, "location"))
            if kind & bit
        )
        if kind & 8:
            return HttpResponse(status, headers, json.dumps(self._choices.pick(_BODIES)).encode())
        return HttpResponse(status, headers, self._choices.chunk())


def _call(data: bytes) -> None:
    """Every call ends with what was asked, confirmed, or with an ApiError; an unnamed one is never said twice once it may have
    arrived; no error tells a secret."""
    choices, clock = Choices(data), CountingClock()
    options = choices.pick(_OPTIONS)
    method, arguments, named = choices.pick(_CALLS)
    port = _FuzzPort(choices, clock, options)
    client = ProductionClient(options, port, TokenSource(options, clock), clock, Random(7))
    flags = {"repeated": False} if method in ("activate", "bind") else {}
    try:
        result = getattr(client, method)(*arguments, **flags)
    except ApiError as error:
        _assert_told(error, port)
    else:
        _assert_result(result, named, options)
    assert len(set(port.calls)) <= 1, "a call was repeated with other bytes"
    assert len(port.calls) <= options.retry.attempts + 1
    assert named is not None or not port.repeated_in_doubt, "a call that names no id was repeated in doubt"
    longest_s = max(options.retry.cap_s, options.retry.limited_cap_s, options.retry.retry_after_cap_s)
    assert clock.slept_s <= longest_s * (options.retry.attempts - 1)


def _assert_told(error: ApiError, port: _FuzzPort) -> None:
    assert_line(str(error), 2000)
    assert_line(error.desc, 300)
    assert SECRET not in str(error) + error.desc
    assert error.may_have_happened or not port.may_have_arrived, "an effect in doubt was told as none"


def _assert_result(result: Confirmed | IdBatch, named: str | None, options: ApiOptions) -> None:
    if isinstance(result, Confirmed):
        assert named is None or result.value == named
        assert_line(result.value, 128)
        return
    assert len(set(result.accepted)) == len(result.accepted)
    for value in (*result.accepted, *(rejected.value for rejected in result.rejected)):
        assert_line(value, 300)


def _strict_json(data: bytes) -> None:
    """What is taken is what every reader understands, and shallow; what is not is refused in a line that quotes nothing."""
    try:
        value = parse_json(data)
    except (NotJson, JsonRefused) as error:
        assert_line(str(error), 100)
        return
    assert value == json.loads(data.decode("utf-8"))
    assert _depth(value) <= MAX_DEPTH


def _depth(value: object) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if below is None else 1 + max(map(_depth, below), default=0)


def _packet(data: bytes) -> None:
    """An answer is a packet or refused; the same bytes asked for a token are a grant, a refusal or refused."""
    try:
        packet = parse_packet(data)
        assert len(packet.code) == 6
        if isinstance(packet.desc, str):
            assert_line(printable_line(packet.desc), 300)
    except (NotJson, PacketRefused) as error:
        assert_line(str(error), 300)
    try:
        answer = parse_grant(HttpResponse(200, (), data))
    except (NotJson, PacketRefused) as error:
        assert_line(str(error), 300)
        return
    if isinstance(answer, Grant):
        assert answer.token
        assert answer.expires_in_s > 0
    else:
        assert isinstance(answer, Refusal)
        assert_line(printable_line(answer.text), 300)


def _dates(data: bytes) -> None:
    """Text from a header: a finite number of seconds, or none."""
    text = data.decode("latin-1")
    for wall_s in (0.0, 1_734_595_441.9):
        asked_s = parse_retry_after(text, wall_s)
        assert asked_s is None or (asked_s >= 0 and math.isfinite(asked_s))
    moment_s = parse_http_date(text)
    assert moment_s is None or math.isfinite(moment_s)


def _call_seeds() -> tuple[bytes, ...]:
    """How tokens are got, which call, and answers: a named body with flag 8, or bytes."""
    seeds = [
        bytes([auth, call]) + bytes([8, 0, 1]) * (auth > 0) + bytes([8, 0, 0]) for auth in range(3) for call in range(6)
    ]
    for first in ((8, 0, 3), (8, 0, 4), (8, 0, 5), (8, 0, 6), (0xF0,), (0xF5,), (8, 10, 6)):
        seeds += [bytes([0, call, *first, 8, 0, 0]) for call in (0, 1, 3)]
    seeds.append(
        bytes([0, 0, 1, 12])
        + answers(b"120", b"<html>")
        + bytes([2, 11])
        + answers(b"Thu, 19 Dec 2024 08:04:01 GMT", b"")
    )
    seeds.append(
        bytes([0, 0, 4, 5]) + answers(b"https://[::1/elsewhere", b"") + bytes([0, 0]) + answers(b'{"code":"000000"}')
    )
    seeds.append(bytes([2, 0, 8, 0, 2, 8, 0, 3, 8, 0, 7]))
    return tuple(seeds)


_JSON_WORDS = (
    b'"code":"000000"',
    b'"data":',
    b"NaN",
    b"1e999",
    b"[[[[",
    b"{",
    b'"\\ud800"',
    b"\\u0000",
    b"null",
    b'"scope":',
)

TARGETS = (
    Target(
        "api-call",
        needing_nothing(_call),
        _call_seeds,
        (b"\x08\x00\x00", b"\x08\x00\x03", b"\xf3", b'{"code":"000000"}'),
    ),
    Target(
        "api-json",
        needing_nothing(_strict_json),
        lambda: (
            *(json.dumps(body).encode() for body in _BODIES),
            b"[" * 20 + b"]" * 20,
            b'{"a":1,"a":2}',
            b'["\\"[[[", 1.5e3, -0]',
        ),
        _JSON_WORDS,
    ),
    Target(
        "api-packet",
        needing_nothing(_packet),
        lambda: tuple(json.dumps(body).encode() for body in _BODIES),
        _JSON_WORDS,
    ),
    Target(
        "api-dates",
        needing_nothing(_dates),
        lambda: (
            b"120",
            b"Thu, 19 Dec 2024 08:04:01 GMT",
            b"Thursday, 19-Dec-24 08:04:01 GMT",
            b"Thu Dec 19 08:04:01 2024 -0000",
        ),
        (b"GMT", b"-0000", b"+9999", b"Jan", b"99999", b":", b",", b"(", b"0001"),
        max_bytes=80,
        short_inputs=200,
    ),
)
