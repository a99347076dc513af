"""Serial ports where they are more than a pipe: opening, locking, framing, control lines, RFC 2217."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import PortBusy, PortDenied, PortLost, PortMissing, PortUnsupported
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated.link import PtyLink
from drivers.transport import Framing, ModemLines, SerialTransport
from tests.support.links import CLOCK, EchoDevice, Rfc2217Peer, TcpPeer, pipe, soon, wait_until

pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")

EVEN = Framing(115200, parity="even")

HOLDER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
if sys.argv[2] == "lock":
    fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(path: str, how: str, folder: Path) -> Iterator[int]:
    """A second process that has the port open, with flock or without; its pid."""
    program = folder / "flasher.py"
    program.write_text(HOLDER)
    process = subprocess.Popen(
        [sys.executable, str(program), path, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.kill()


@pytest.fixture
def link() -> Iterator[PtyLink]:
    link = PtyLink(EchoDevice())
    yield link
    link.close()


def _open(path: str, **settings: Any) -> Any:
    return open_serial(SerialOptions(path, **settings), CLOCK)


@pytest.mark.parametrize(
    "settings",
    [
        {"port": ""},
        {"port": "/dev/tty\nUSB0"},
        {"port": "spy:///dev/ttyUSB0"},
        {"port": "loop://"},
        {"port": "socket://host"},
        {"port": "socket://:4000"},
        {"port": "socket://host:4000?logging=debug"},
        {"port": "rfc2217://host:99999"},
        {"port": "rfc2217://host:port"},
        {"port": "/dev/ttyUSB0", "framing": Framing(baud=49)},
        {"port": "/dev/ttyUSB0", "framing": Framing(baud=4_000_001)},
        {"port": "/dev/ttyUSB0", "framing": Framing(data_bits=5)},
        {"port": "/dev/ttyUSB0", "framing": Framing(stop_bits=3)},
        {"port": "/dev/ttyUSB0", "framing": Framing(parity="mark")},  # type: ignore[arg-type]
    ],
)
def test_what_no_port_can_be_is_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"port|framing"):
        SerialOptions(**settings)


def test_a_path_that_leads_nowhere_is_missing(tmp_path: Path) -> None:
    (tmp_path / "by-path").symlink_to(tmp_path / "gone")
    for path in (tmp_path / "gone", tmp_path / "by-path"):
        with pytest.raises(PortMissing) as caught:
            _open(str(path))
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("path", ["/dev/null", "file"])
def test_what_is_no_tty_is_unsupported(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(PortUnsupported):
        _open(str(tmp_path / path))  # an absolute second part stands alone
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_a_port_of_another_user_is_denied_and_names_the_group(link: PtyLink) -> None:
    _open(link.path).close()  # all is imported before rights are given up
    group = Path(link.path).group()
    Path(link.path).chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(PortDenied, match=f"group {group}"):
            _open(link.path)
    finally:
        if is_root:
            os.seteuid(0)


def test_a_locked_port_is_busy_and_names_who_holds_it(link: PtyLink, tmp_path: Path) -> None:
    with held(link.path, "lock", tmp_path) as pid, pytest.raises(PortBusy) as caught:
        _open(link.path)
    assert f"flasher.py (pid {pid})" in str(caught.value)
    _open(link.path).close()


def test_a_port_that_is_merely_open_elsewhere_is_opened(link: PtyLink, tmp_path: Path) -> None:
    with held(link.path, "open", tmp_path):
        _open(link.path).close()


def test_a_lock_is_not_asked_for_where_it_is_not_wanted(link: PtyLink, tmp_path: Path) -> None:
    with held(link.path, "lock", tmp_path):
        _open(link.path, exclusive=False).close()


def test_one_port_for_two_sockets_is_busy_and_free_again_after_close(link: PtyLink) -> None:
    first = _open(link.path)
    with pytest.raises(PortBusy, match="this program itself"):
        _open(link.path)
    first.close()
    _open(link.path).close()


def test_a_by_path_link_leads_to_the_port(tmp_path: Path) -> None:
    link = PtyLink(EchoDevice(), stable_path=tmp_path / "by-path")
    port = _open(str(tmp_path / "by-path"))
    port.write(b"hello", soon())
    assert port.read(1, soon()) == b"h"
    assert port.name == str(tmp_path / "by-path")
    port.close()
    link.close()


def test_what_came_before_opening_is_not_read(link: PtyLink) -> None:
    """A board that talked while nobody listened must not answer the first question."""
    link.say(b"stale")
    descriptor = os.open(link.path, os.O_RDWR | os.O_NOCTTY)
    wait_until(lambda: struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))[0] == 5)
    os.close(descriptor)
    port = _open(link.path)
    port.write(b"x", soon())
    assert port.read(100, soon()) == b"x"
    port.close()


def test_even_parity_on_a_pty_works_and_is_told(link: PtyLink) -> None:
    port = _open(link.path, framing=EVEN)
    assert "even parity" in port.degraded
    port.set_framing(EVEN)
    port.set_framing(Framing(9600, 7, "odd", 2))
    assert "7 data bits" in port.degraded
    port.write(b"x", soon())
    assert port.read(1, soon()) == b"x"
    port.set_framing(Framing(9600))
    assert port.degraded is None
    port.close()


def test_a_framing_reaches_the_terminal(link: PtyLink) -> None:
    port = _open(link.path, framing=Framing(57600))
    descriptor = os.open(link.path, os.O_RDWR | os.O_NOCTTY)
    assert termios.tcgetattr(descriptor)[4:6] == [termios.B57600] * 2
    port.set_framing(Framing(9600, stop_bits=2))
    _, _, control, local, _, speed, _ = termios.tcgetattr(descriptor)
    os.close(descriptor)
    assert speed == termios.B9600
    assert control & termios.CSTOPB
    assert not local & (termios.ECHO | termios.ICANON)
    port.close()


def test_a_pty_has_no_control_lines(link: PtyLink) -> None:
    port = _open(link.path)
    for call in (lambda: port.set_lines(dtr=True), lambda: port.modem_lines()):
        with pytest.raises(PortUnsupported):
            call()
    port.close()


def test_lines_to_hold_from_open_on_are_told_where_there_are_none(link: PtyLink) -> None:
    port = _open(link.path, dtr=False)
    assert "control lines" in port.degraded
    port.close()


def test_an_unplugged_port_is_lost_for_every_call_that_needs_it(link: PtyLink) -> None:
    port = _open(link.path)
    link.unplug()
    for call in (
        lambda: port.read(1, soon()),
        lambda: port.write(b"x", soon()),
        lambda: port.set_framing(Framing(9600)),
        lambda: port.set_lines(dtr=True),
        lambda: port.modem_lines(),
    ):
        with pytest.raises(PortLost):
            call()
    port.close()
    port.close()


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_an_address_where_nobody_listens_or_that_is_none_is_missing(scheme: str) -> None:
    peer = TcpPeer()
    peer.hang_up()
    for host in ("127.0.0.1", "no-such-host.invalid", "a..b"):
        with pytest.raises(PortMissing):
            _open(f"{scheme}://{host}:{peer.port}")


def test_a_server_that_speaks_no_rfc_2217_is_unsupported() -> None:
    peer = TcpPeer()
    with pytest.raises(PortUnsupported):
        _open(f"rfc2217://127.0.0.1:{peer.port}?timeout=0.1")
    peer.hang_up()


def test_a_socket_port_has_no_lines_and_tells_whose_the_framing_is() -> None:
    with pipe("socket", EVEN) as joined:
        assert isinstance(joined.port, SerialTransport)
        with pytest.raises(PortUnsupported):
            joined.port.modem_lines()
        with pytest.raises(PortUnsupported):
            joined.port.set_lines(rts=True)
        joined.port.set_framing(Framing(9600))


def test_rfc_2217_carries_framing_and_lines() -> None:
    with pipe("rfc2217", EVEN) as joined:
        port, uart = joined.port, joined.peer.uart
        assert isinstance(port, SerialTransport)
        assert (uart.baudrate, uart.bytesize, uart.parity, uart.stopbits) == (115200, 8, "E", 1)
        assert port.modem_lines() == ModemLines(cts=True, dsr=False, dcd=True, ri=False)
        port.set_framing(Framing(9600, stop_bits=2))
        assert (uart.baudrate, uart.parity, uart.stopbits) == (9600, "N", 2)
        del uart.changes[:]
        port.set_lines(dtr=False, rts=True)
        port.set_lines()
        port.set_lines(rts=False)
        assert uart.changes == [("dtr", False), ("rts", True), ("rts", False)]


def test_lines_of_a_lost_rfc_2217_port_are_lost_not_remembered() -> None:
    """pyserial keeps the last state it was told: a pedal that hung on it would seem pressed for ever."""
    with pipe("rfc2217") as joined:
        assert isinstance(joined.port, SerialTransport)
        joined.port.modem_lines()
        joined.peer.hang_up()
        with pytest.raises(PortLost):
            joined.port.read(1, soon())
        for call in (joined.port.modem_lines, lambda: joined.port.set_lines(dtr=True)):
            with pytest.raises(PortLost):
                call()


def test_rfc_2217_holds_the_lines_asked_for_from_open_on() -> None:
    peer = Rfc2217Peer()
    port = _open(f"rfc2217://127.0.0.1:{peer.port}", dtr=False, rts=False)
    wait_until(lambda: len(peer.uart.changes) >= 2)
    assert peer.uart.changes == [("dtr", False), ("rts", False)]
    port.close()
    peer.hang_up()
