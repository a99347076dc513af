"""The real port: which failures are certain not to have arrived, and that nothing it waits for or reads is without a bound."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.clock import SystemClock
from station.production_api.errors import ApiConfigError
from station.production_api.http import FailureKind, HttpFailure, HttpRequest
from station.production_api.httpx_port import HttpxPort
from station.production_api.options import ApiOptions, GivenToken, HttpOptions
from station.secrets import Secret

TLS = Path(__file__).parent / "tls"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def options(url: str, **http: object) -> ApiOptions:
    return ApiOptions(GivenToken(Secret("t")), base_url=url, http=HttpOptions(**http))


@contextmanager
def a_port(url: str, **http: object) -> Iterator[HttpxPort]:
    port = HttpxPort(options(url, **http), SystemClock())
    try:
        yield port
    finally:
        port.close()


def post(url: str, body: bytes = b"{}") -> HttpRequest:
    return HttpRequest("POST", url + "/x", (("Content-Type", "application/json"), ("Authorization", "Bearer t")), body)


@contextmanager
def server(serve: Callable[[socket.socket], None], tls: bool = False, host: str = "127.0.0.1") -> Iterator[str]:
    """A server that hands each connection to ``serve`` in a thread of its own."""
    listener = socket.create_server((host, 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if tls:
        context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    stopping = threading.Event()

    def one(sock: socket.socket) -> None:
        try:
            with context.wrap_socket(sock, server_side=True) if tls else sock as wrapped:
                wrapped.settimeout(20)
                serve(wrapped)
        except OSError:
            sock.close()  # A client that leaves is what some of these tests are about.

    def accept() -> None:
        threads = []
        while not stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                break
            threads.append(threading.Thread(target=one, args=(sock,)))
            threads[-1].start()
        for thread in threads:
            thread.join(20)

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"{'https' if tls else 'http'}://{host}:{listener.getsockname()[1]}"
    finally:
        stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join(20)
        listener.close()


def read_request(sock: socket.socket) -> bytes:
    """One whole request as ``post`` makes it, or what came of it before the client left."""
    data = b""
    while not data.endswith(b"}"):
        more = sock.recv(65536)
        if not more:
            break
        data += more
    return data


def answering(data: bytes) -> Callable[[socket.socket], None]:
    """Answer one request with these bytes and send no more; the client's leaving ends it."""

    def serve(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(65536)

    return serve


def failing(url: str, timeout_s: float = 5.0, **http: object) -> HttpFailure:
    with a_port(url, **http) as port, pytest.raises(HttpFailure) as caught:
        port.send(post(url), timeout_s)
    return caught.value


def test_an_answer_comes_back_whole_whatever_its_status():
    data = b"HTTP/1.1 418 Tea\r\nX-One: a\r\nX-One: b\r\nContent-Length: 5\r\n\r\nhello"
    with server(answering(data)) as url, a_port(url) as port:
        response = port.send(post(url), 5.0)
    assert (response.status, response.body) == (418, b"hello")
    assert [value for name, value in response.headers if name == "x-one"] == ["a", "b"]
    assert response.header("X-ONE") == "a"
    assert response.header("absent") is None


def test_exactly_the_given_headers_and_bytes_are_sent():
    got: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        got.append(read_request(sock))
        sock.sendall(OK)

    with server(serve) as url, a_port(url) as port:
        port.send(post(url, b"{exact body}"), 5.0)
        host = url.removeprefix("http://")
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert body == b"{exact body}"
    assert sorted(line.lower() for line in head.decode().split("\r\n")) == sorted(
        [
            "post /x http/1.1",
            f"host: {host}",
            "content-type: application/json",
            "authorization: bearer t",
            "content-length: 12",
        ]
    )


def test_one_connection_serves_call_after_call():
    connections: list[int] = []

    def serve(sock: socket.socket) -> None:
        connections.append(sock.fileno())
        while read_request(sock):
            sock.sendall(OK)

    with server(serve) as url, a_port(url) as port:
        for _ in range(10):
            port.send(post(url), 5.0)
    assert len(connections) == 1


def test_a_refused_connection_has_certainly_not_arrived():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        number = closed.getsockname()[1]
    failure = failing(f"http://127.0.0.1:{number}")
    assert (failure.kind, failure.may_have_arrived) == (FailureKind.CONNECT, False)


def test_a_name_that_does_not_resolve_has_certainly_not_arrived():
    failure = failing("https://no-such-host.invalid")
    assert (failure.kind, failure.may_have_arrived) == (FailureKind.CONNECT, False)


def test_a_connection_that_is_never_accepted_times_out_and_has_certainly_not_arrived():
    """A listener whose queue is full answers nothing, like a host that drops packets."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        failure = failing(f"http://127.0.0.1:{listener.getsockname()[1]}", connect_timeout_s=0.2)
        for filler in fillers:
            filler.close()
    assert (failure.kind, failure.may_have_arrived) == (FailureKind.CONNECT, False)


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent():
    seen: list[bytes] = []
    with server(lambda sock: seen.append(sock.recv(1)), tls=True) as url:
        failure = failing(url)
    assert (failure.kind, failure.may_have_arrived) == (FailureKind.TLS, False)
    assert seen == []


def test_the_configured_authority_is_trusted_for_its_own_names_only():
    with server(answering(OK), tls=True) as url, a_port(url, ca_file=TLS / "cert.pem") as port:
        assert port.send(post(url), 5.0).body == b"{}"
        assert port.warnings == ()
    with server(answering(OK), tls=True, host="127.0.0.2") as url:
        failure = failing(url, ca_file=TLS / "cert.pem")
    assert (failure.kind, failure.may_have_arrived) == (FailureKind.TLS, False)


def test_insecure_is_explicit_and_told():
    with server(answering(OK), tls=True) as url, a_port(url, insecure=True) as port:
        assert port.send(post(url), 5.0).body == b"{}"
        assert "certificate is not checked" in port.warnings[0]


@pytest.mark.parametrize("content", [None, b"not a certificate"])
def test_an_authority_file_that_cannot_be_used_is_a_configuration_error(content, tmp_path):
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_bytes(content)
    with pytest.raises(ApiConfigError, match="ca_file"):
        HttpxPort(options("https://127.0.0.1:1", ca_file=ca_file), SystemClock())


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", FailureKind.BAD_HTTP),
        (b"SSH-2.0-OpenSSH_9.2\r\n", FailureKind.BAD_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Len", FailureKind.BAD_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", FailureKind.BAD_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", FailureKind.BAD_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", FailureKind.BAD_HTTP),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", FailureKind.BAD_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", FailureKind.BAD_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b" " * 9000, FailureKind.TOO_BIG),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 9000, FailureKind.TOO_BIG),
    ],
    ids=lambda value: value[:60].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_an_answer_that_is_none_may_well_have_been_earned(data, kind):
    with server(answering(data)) as url:
        failure = failing(url, max_answer_bytes=4096)
    assert (failure.kind, failure.may_have_arrived) == (kind, True)
    assert str(failure).isprintable()


def test_a_reset_connection_may_have_arrived():
    def serve(sock: socket.socket) -> None:
        sock.recv(1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with server(serve) as url:
        failure = failing(url)
    assert failure.kind in (FailureKind.RECEIVE, FailureKind.BAD_HTTP)
    assert failure.may_have_arrived is True


def test_a_compressed_answer_is_never_unpacked():
    """1 MiB of zeros in 1 kB would be the beginning of a bomb; the bytes come back as they are."""
    import gzip

    packed = gzip.compress(b"\0" * (1 << 20))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with server(answering(head + packed)) as url, a_port(url, max_answer_bytes=4096) as port:
        assert port.send(post(url), 5.0).body == packed


@pytest.mark.parametrize("head_bytes", [10, 1000], ids=["in the head", "in the body"])
def test_a_server_that_drips_is_left_when_the_whole_time_is_up(head_bytes):
    data = b"HTTP/1.1 200 OK\r\nX-Pad: " + b"x" * 900 + b"\r\nContent-Length: 900\r\n\r\n" + b" " * 900

    def serve(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(data[:head_bytes])
        for byte in data[head_bytes:]:
            sock.sendall(bytes([byte]))
            time.sleep(0.02)

    with server(serve) as url:
        started_s = time.monotonic()
        failure = failing(url, timeout_s=0.5)
        took_s = time.monotonic() - started_s
    assert (failure.kind, failure.may_have_arrived) == (FailureKind.TIMEOUT, True)
    assert took_s < 10


def test_a_server_that_reads_nothing_is_left_in_time():
    """The request does not fit the buffers of the sockets, so sending it blocks."""
    leave = threading.Event()
    with server(lambda sock: leave.wait(20) and None) as url:
        with a_port(url) as port, pytest.raises(HttpFailure) as caught:
            port.send(post(url, b" " * (32 << 20)), 0.3)
        leave.set()
    assert caught.value.may_have_arrived is True


def test_when_all_connections_are_busy_the_call_has_certainly_not_arrived():
    arrived, leave = threading.Event(), threading.Event()

    def serve(sock: socket.socket) -> None:
        read_request(sock)
        arrived.set()
        leave.wait(20)
        sock.sendall(OK)

    with server(serve) as url, a_port(url, max_connections=1) as port:
        first = threading.Thread(target=lambda: port.send(post(url), 20.0))
        first.start()
        assert arrived.wait(20)
        failures = []
        for _ in range(2):
            with pytest.raises(HttpFailure) as caught:
                port.send(post(url), 0.2)
            failures.append(caught.value)
        leave.set()
        first.join(20)
    assert {failure.may_have_arrived for failure in failures} == {False}


def test_an_answer_that_sends_us_elsewhere_is_returned_and_not_followed():
    data = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with server(answering(data)) as url, a_port(url) as port:
        assert port.send(post(url), 5.0).status == 302


def test_no_proxy_is_taken_from_the_environment(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with server(answering(OK)) as url, a_port(url) as port:
        assert port.send(post(url), 5.0).status == 200


def test_a_cookie_is_never_sent_back():
    got: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        for _ in range(2):
            got.append(read_request(sock))
            sock.sendall(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"))

    with server(serve) as url, a_port(url) as port:
        port.send(post(url), 5.0)
        port.send(post(url), 5.0)
    assert b"cookie" not in got[1].lower()


def test_neither_request_nor_response_shows_what_it_holds():
    request = HttpRequest("POST", "http://x/", (("Authorization", "Bearer s3cret"),), b"client_secret=s3cret")
    assert "s3cret" not in repr(request)


def test_failures_leave_no_descriptor_and_no_thread():
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}")) as url:
        failing(url)
        before, threads = count(), threading.active_count()
        for _ in range(20):
            failing(url)
        deadline_s = time.monotonic() + 10
        while count() > before and time.monotonic() < deadline_s:
            time.sleep(0.01)  # The server's own end of each connection closes a moment later.
        assert count() <= before
    assert threading.active_count() < threads
