"""Simulated devices on real ptys and TCP ports: boards that come and go, cables that are pulled, printers with one ear."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.clock import Deadline
from drivers.errors import DeadlineExpired, PortLost, PortMissing
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated.faults import Fault, Faults
from drivers.simulated.link import HOST_BUFFER_BYTES, PtyLink, TcpLink
from drivers.tcp_port import TcpOptions, open_tcp
from drivers.transport import SerialTransport, read_exactly
from tests.support.links import CLOCK, EchoDevice, shortly, soon, wait_until


@pytest.fixture
def stable_path(tmp_path: Path) -> Path:
    return tmp_path / "by-path"


@pytest.fixture
def link(stable_path: Path) -> Iterator[PtyLink]:
    link = PtyLink(EchoDevice(), stable_path=stable_path)
    yield link
    link.close()


def _open(path: Path | str) -> SerialTransport:
    return open_serial(SerialOptions(str(path)), CLOCK)


def _ask(port: SerialTransport, data: bytes) -> bytes:
    port.write(data, soon())
    return read_exactly(port, len(data), soon())


def test_a_device_answers_hosts_that_come_and_go(link: PtyLink) -> None:
    for data in (b"first", b"second"):
        port = _open(link.path)
        assert _ask(port, data) == data
        port.close()


def test_a_board_that_is_lifted_is_silent_and_the_next_is_powered_on(link: PtyLink) -> None:
    port = _open(link.path)
    link.lift()
    port.write(b"anyone?", soon())
    with pytest.raises(DeadlineExpired):
        port.read(1, shortly())
    link.insert(EchoDevice(banner=b"boot"))
    assert read_exactly(port, 4, soon()) == b"boot"
    port.close()


def test_pulling_the_cable_loses_the_port_and_plugging_it_in_brings_it_back(link: PtyLink, stable_path: Path) -> None:
    port = _open(stable_path)
    link.unplug()
    link.unplug()
    with pytest.raises(PortLost):
        port.read(1, soon())
    with pytest.raises(PortMissing):
        _open(stable_path)
    port.close()
    link.replug()
    link.replug()
    again = _open(stable_path)
    assert _ask(again, b"back") == b"back"
    again.close()


def test_what_was_on_the_wire_when_the_cable_was_pulled_never_comes(stable_path: Path) -> None:
    link = PtyLink(EchoDevice(after_s=0.05), stable_path=stable_path)
    port = _open(stable_path)
    port.write(b"stale", soon())
    wait_until(lambda: link.wire.bytes_from_host == 5)
    link.unplug()
    link.say(b"into the void")
    wait_until(lambda: link.wire.next_s() is None)  # nothing stays due for ever, so nothing is spun on
    port.close()
    link.replug()
    again = _open(stable_path)
    with pytest.raises(DeadlineExpired):
        again.read(1, Deadline.after(0.1, CLOCK))
    again.close()
    link.close()


def test_a_scripted_hang_up_is_a_pulled_cable(link: PtyLink, stable_path: Path) -> None:
    link.wire.set_faults(Faults(to_host=(Fault("hang_up", at=3),)))
    port = _open(stable_path)
    port.write(b"abcdef", soon())
    with pytest.raises(PortLost):
        read_exactly(port, 4, soon())
    port.close()
    wait_until(lambda: not stable_path.exists())
    link.replug()
    again = _open(stable_path)
    assert _ask(again, b"x") == b"x"
    again.close()


def test_nothing_is_lost_when_the_host_reads_late(link: PtyLink) -> None:
    """A pty holds some 4 KiB; the rest waits in the link."""
    data = bytes(range(256)) * 64
    port = _open(link.path)
    port.write(data, soon())
    wait_until(lambda: link.wire.bytes_to_host == len(data))
    assert read_exactly(port, len(data), soon()) == data
    port.close()


def test_a_slow_wire_pushes_back_like_a_uart() -> None:
    """At 300 baud nothing the size of a label is taken at once, however patient the port's buffers."""
    link = PtyLink(EchoDevice(), baud=300)
    port = _open(link.path)
    with pytest.raises(DeadlineExpired, match="taken in time"):
        port.write(bytes(1024 * 1024), Deadline.after(0.1, CLOCK))
    assert link.wire.backlog_bytes <= HOST_BUFFER_BYTES
    port.close()
    link.close()


def test_a_paced_wire_is_never_faster_than_its_baud_rate() -> None:
    link = PtyLink(EchoDevice(), baud=115200)
    port = _open(link.path)
    before_s = time.monotonic()
    _ask(port, bytes(256))
    assert time.monotonic() - before_s >= (256 + 16) * 11 / 115200  # the echo starts with the first piece
    port.close()
    link.close()


def test_a_closed_link_does_nothing_and_closes_again(link: PtyLink, stable_path: Path) -> None:
    link.close()
    link.close()
    link.say(b"x")
    link.insert(EchoDevice(banner=b"x"))
    link.replug()
    link.unplug()
    assert not stable_path.is_symlink()


def test_closing_a_link_loses_the_port() -> None:
    link = PtyLink(EchoDevice())
    port = _open(link.path)
    link.close()
    with pytest.raises(PortLost):
        port.read(1, soon())
    port.close()


def test_a_printer_listens_to_one_connection_at_a_time() -> None:
    device = EchoDevice()
    link = TcpLink(device)
    first = open_tcp(TcpOptions(*link.address), CLOCK)
    first.write(b"one", soon())
    assert read_exactly(first, 3, soon()) == b"one"
    second = open_tcp(TcpOptions(*link.address), CLOCK)
    second.write(b"two", soon())
    with pytest.raises(DeadlineExpired):
        second.read(1, shortly())
    assert device.heard == b"one"
    first.close()
    assert read_exactly(second, 3, soon()) == b"two"
    second.close()
    link.close()


def test_a_job_is_heard_though_the_host_closes_at_once() -> None:
    device = EchoDevice()
    link = TcpLink(device)
    port = open_tcp(TcpOptions(*link.address), CLOCK)
    job = bytes(range(256)) * 256
    port.write(job, soon())
    port.close()
    wait_until(lambda: device.heard == job)
    link.close()


def test_a_connection_that_breaks_leaves_the_printer_listening() -> None:
    link = TcpLink(EchoDevice(), faults=Faults(to_host=(Fault("hang_up", at=2),)))
    port = open_tcp(TcpOptions(*link.address), CLOCK)
    port.write(b"abcd", soon())
    with pytest.raises(PortLost):
        read_exactly(port, 4, soon())
    port.close()
    with socket.create_connection(link.address) as rude:
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a reset
        rude.sendall(b"x")
    again = open_tcp(TcpOptions(*link.address), CLOCK)
    again.write(b"y", soon())
    assert again.read(1, soon()) == b"y"
    again.close()
    link.close()
