"""What holds for every transport: one suite over serial ports, sockets, RFC 2217, TCP and printer nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.clock import Deadline
from drivers.errors import DeadlineExpired, DriverMisuse, PortLost
from drivers.transport import IncompleteRead, SerialTransport, Transport, read_exactly
from tests.support.links import CLOCK, Pipe, pipe, running, shortly, soon

# pyserial 3.5 starts its reader thread by a name that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")

KINDS = ("serial", "usb", "tcp", "socket", "rfc2217")
EVERY_BYTE = bytes(range(256))


@pytest.fixture(params=KINDS)
def joined(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    with pipe(request.param) as opened:
        yield opened


def _read_on(port: Transport) -> None:
    while True:
        port.read(4096, soon())


def _write_on(port: Transport, size_bytes: int, timeout_s: float) -> None:
    """Write until the port has had enough: buffers take some, and TCP learns of a peer's end by the answer to a write."""
    for _ in range(256):
        port.write(bytes(size_bytes), Deadline.after(timeout_s, CLOCK))


def test_a_port_is_a_transport_and_a_uart_a_serial_one(joined: Pipe) -> None:
    assert isinstance(joined.port, Transport)
    assert isinstance(joined.port, SerialTransport) == (joined.kind in ("serial", "socket", "rfc2217"))


def test_every_byte_value_passes_unchanged_in_both_directions(joined: Pipe) -> None:
    """No translation of line ends, no echo, no flow control characters, no telnet escapes left over."""
    joined.port.write(EVERY_BYTE, soon())
    assert joined.peer.receive(256) == EVERY_BYTE
    joined.peer.send(EVERY_BYTE)
    assert read_exactly(joined.port, 256, soon()) == EVERY_BYTE


def test_a_read_takes_no_more_than_asked_and_leaves_the_rest(joined: Pipe) -> None:
    joined.peer.send(b"abcdef")
    first = joined.port.read(2, soon())
    assert 1 <= len(first) <= 2
    assert first + read_exactly(joined.port, 6 - len(first), soon()) == b"abcdef"


def test_a_read_returns_what_is_there_without_waiting_for_more(joined: Pipe) -> None:
    joined.peer.send(b"x")
    assert joined.port.read(4096, soon()) == b"x"


def test_silence_expires_and_names_the_port(joined: Pipe) -> None:
    with pytest.raises(DeadlineExpired) as caught:
        joined.port.read(16, shortly())
    assert caught.value.port == joined.port.name
    assert str(caught.value).startswith(joined.port.name)


def test_what_has_come_is_read_even_when_the_deadline_has_passed(joined: Pipe) -> None:
    joined.peer.send(b"ab")
    assert joined.port.read(1, soon()) == b"a"
    assert joined.port.read(1, Deadline.after(0, CLOCK)) == b"b"


def test_an_incomplete_read_holds_what_came(joined: Pipe) -> None:
    joined.peer.send(b"abc")
    with pytest.raises(IncompleteRead) as caught:
        read_exactly(joined.port, 4, Deadline.after(0.3, CLOCK))
    assert caught.value.received == b"abc"


@pytest.mark.parametrize("size_bytes", [0, -1])
def test_a_read_of_nothing_is_misuse(joined: Pipe, size_bytes: int) -> None:
    with pytest.raises(DriverMisuse):
        joined.port.read(size_bytes, shortly())


def test_a_peer_that_goes_is_a_lost_port_for_reads_and_writes(joined: Pipe) -> None:
    joined.peer.hang_up()
    with pytest.raises(PortLost):
        _read_on(joined.port)
    with pytest.raises(PortLost) as caught:
        _write_on(joined.port, 512, 20)
    assert caught.value.port == joined.port.name


def test_a_closed_port_is_lost_for_every_call_and_closes_again(joined: Pipe) -> None:
    joined.port.close()
    joined.port.close()
    for call in (
        lambda: joined.port.read(1, shortly()),
        lambda: joined.port.write(b"x", shortly()),
        lambda: joined.port.discard_input(),
    ):
        with pytest.raises(PortLost):
            call()


def test_a_port_whose_peer_has_gone_closes_without_a_word(joined: Pipe) -> None:
    joined.peer.hang_up()
    joined.port.close()


def test_discarding_returns_what_had_come_and_leaves_nothing(joined: Pipe) -> None:
    joined.peer.send(b"stale")
    assert joined.port.read(1, soon()) == b"s"
    assert joined.port.discard_input() == b"tale"
    assert joined.port.discard_input() == b""
    with pytest.raises(DeadlineExpired):
        joined.port.read(1, shortly())


def test_64_kib_pass_a_slow_reader_on_either_side(joined: Pipe) -> None:
    data = EVERY_BYTE * 256
    received = b""
    with running(joined.peer.send, data):
        while len(received) < len(data):
            received += joined.port.read(997, soon())
    assert received == data
    taken: list[bytes] = []
    with running(lambda: taken.extend(joined.peer.receive(1024) for _ in range(64))):
        joined.port.write(data, soon())
    assert b"".join(taken) == data


def test_a_write_that_nobody_takes_expires(joined: Pipe) -> None:
    """Whatever the buffers hold, they are full in the end; the write says how much was taken."""
    with pytest.raises(DeadlineExpired, match="taken in time"):
        _write_on(joined.port, 65536, 0.1)
