"""HTTP itself, over real TCP: what a server sends to the client's port, and what clients send to the API's simulator."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drivers.clock import SystemClock
from station.production_api.http import HttpFailure, HttpRequest
from station.production_api.httpx_port import HttpxPort
from station.production_api.options import ApiOptions, CsidAuth, HttpOptions
from station.production_api.simulator import ApiSimulator, Fault, SimulatorSettings
from station.production_api.simulator.token_desk import CREATE_TOKEN
from station.production_api.strict_json import parse_json
from station.production_api.token_wire import BRAND, csid_request
from station.secrets import Secret
from tests.fuzz.material import assert_line
from tests.fuzz.target import Check, Target, needing_nothing

PATIENCE_S = 10.0
"""Bounds what must come anyway."""
MAX_ANSWER_BYTES = 4096


class _Listener:
    """A server that reads one request and answers it with given bytes, then closes."""

    def __init__(self) -> None:
        self.answer = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(PATIENCE_S)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return  # closed
            with connection:
                connection.settimeout(PATIENCE_S)
                try:
                    connection.recv(65536)
                    connection.sendall(self.answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
                except OSError:
                    pass  # the client has left, which it may


@contextmanager
def _client() -> Iterator[Check]:
    """Whatever stands for an answer: a response of bounded size, or an HttpFailure."""
    listener = _Listener()
    base = f"http://127.0.0.1:{listener.port}"
    options = ApiOptions(
        CsidAuth("x", Secret("x")), base, http=HttpOptions(max_answer_bytes=MAX_ANSWER_BYTES, keepalive_s=0)
    )

    def check(data: bytes) -> None:
        listener.answer = data
        port = HttpxPort(options, SystemClock())
        try:
            response = port.send(HttpRequest("POST", f"{base}/call", (("X-Odd", "1"),), b"{}"), PATIENCE_S)
        except HttpFailure as failure:
            assert_line(str(failure), 1000)
        else:
            assert 100 <= response.status <= 999
            assert len(response.body) <= MAX_ANSWER_BYTES
            assert all(name == name.lower() for name, _ in response.headers)
        finally:
            port.close()

    try:
        yield check
    finally:
        listener.close()


@contextmanager
def _simulator() -> Iterator[Check]:
    """Whatever a client sends, the server answers or closes, no thread of it dies, and its books stay whole."""
    died: list[str] = []
    before, threading.excepthook = threading.excepthook, lambda args: died.append(f"{args.exc_type}: {args.exc_value}")
    try:
        with ApiSimulator(SimulatorSettings(licences=5, token_life_s=1 << 30)) as simulator:
            address = simulator.url.removeprefix("http://").split(":")
            token = _token_of(simulator)

            def check(data: bytes) -> None:
                if b"_faults" in data:
                    return  # may ask for hours of silence, which is what it is for; see ``_faults``
                said = _said((address[0], int(address[1])), data.replace(b"@TOKEN@", token))
                assert said == b"" or said.startswith(b"HTTP/1.1 ")
                assert died == []
                assert simulator.violations() == []

            yield check
    finally:
        threading.excepthook = before


def _faults(data: bytes) -> None:
    """A scripted fault is refused, or of the right types throughout."""
    try:
        fault = Fault.from_json(parse_json(data))
    except ValueError as error:
        assert_line(str(error), 2000)
        return
    assert isinstance(fault.http_status, int)
    assert min(fault.delay_s, fault.count) >= 0
    assert all(
        isinstance(text, str)
        for text in (fault.method, fault.code, fault.body, fault.location, fault.retry_after or "")
    )


def _token_of(simulator: ApiSimulator) -> bytes:
    settings = simulator.settings
    options = ApiOptions(CsidAuth(settings.csid, settings.cs_sec_key), simulator.url)
    assert isinstance(options.auth, CsidAuth)
    port = HttpxPort(options, SystemClock())
    try:
        packet: dict[str, Any] = json.loads(port.send(csid_request(options, options.auth, 0.0), PATIENCE_S).body)
    finally:
        port.close()
    return str(packet["data"]["access_token"]).encode()


def _said(address: tuple[str, int], data: bytes) -> bytes:
    with socket.create_connection(address, PATIENCE_S) as connection:
        said = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                said += more
        except ConnectionError:
            pass  # the server closes on what is no request while we still send
        return said


def _answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join((b"HTTP/1.1 " + status, *headers, b"", body))


def _request(path: bytes, body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: " + str(len(body)).encode()
    return b"\r\n".join(
        (b"POST " + path + b" HTTP/1.1", b"Host: x", b"Content-Type: application/json", length, *headers, b"", body)
    )


def _call(method: str, **params: object) -> bytes:
    body = json.dumps({"method": method, "params": params}).encode()
    return _request(b"/open/production/v2/api", body, b"Authorization: Bearer @TOKEN@")


def _requests() -> tuple[bytes, ...]:
    csid = (b"YS-CSID: csid-simulated", b"YS-SEC: 0", b"KTT-YS-BRAND: " + BRAND.encode())
    return (
        _call("requestDeviceId", size=1),
        _call("requestSN", size=2),
        _call("activateDeviceId", chipId="a1", appEui="70B3D57ED00001C0"),
        _call("activateDeviceId", chipId="a1", appEui="70B3D57ED00001C0", deviceId="x"),
        _call("bindSN", deviceId="x", sn="") + _call("bindSN", deviceId="x"),
        _request(b"/openApi", json.dumps({"method": CREATE_TOKEN, "time": 1}).encode(), *csid),
        _request(b"/open/yolink/token", b"grant_type=refresh_token&refresh_token=x"),
        b"GET /_ledger HTTP/1.1\r\n\r\nGET /_nothing HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    )


TARGETS = (
    Target(
        "api_server-client",
        _client,
        lambda: (
            _answer(b"{}", b"Content-Length: 2"),
            _answer(b"2\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
            _answer(b"", b"Content-Length: 0", status=b"100 Continue") + _answer(b"{}", b"Content-Length: 2"),
            _answer(b"x" * 5000, b"Content-Encoding: gzip", b"Connection: close"),
            _answer(b"", b"Location: http://x/", b"Content-Length: 0", status=b"302 Found"),
        ),
        (
            b"\r\n",
            b"Content-Length: ",
            b"Transfer-Encoding: chunked",
            b"HTTP/1.1 ",
            b"101",
            b"204",
            b"\xff",
            b"Content-Encoding: br",
        ),
        short_inputs=40,
    ),
    Target(
        "api_server-simulator",
        _simulator,
        _requests,
        (
            b"\r\n",
            b"@TOKEN@",
            b"Content-Length: ",
            b"null",
            b"[]",
            b'"size":',
            b'"deviceId":',
            b"true",
            b"-1",
            b'\\ud800"',
        ),
        short_inputs=40,
    ),
    Target(
        "api_server-faults",
        needing_nothing(_faults),
        lambda: (
            b'{"kind": "status", "method": "bindSN", "nth": 2, "times": null, "status": 429, "retry_after": "1"}',
            b'{"kind": "slow", "delay_s": 0.5, "probability": 0.1, "done": true, "count": 2, "code": "010000"}',
            b'{"kind": "raw", "body": "x", "location": "http://x"}',
        ),
        (b"null", b"true", b'""', b"-1", b"[]", b"1.5", b'"kind"'),
    ),
)
