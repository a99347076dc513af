"""Printer nodes and files as ports: what may be opened, and that a job is whole or not there."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.clock import Deadline, SystemClock
from drivers.descriptor import DescriptorPort
from drivers.errors import DeadlineExpired, PortDenied, PortLost, PortMissing, PortUnsupported
from drivers.file_sink import FileSinkOptions, open_file_sink
from drivers.tcp_port import TcpOptions, open_tcp
from drivers.transport import Transport
from drivers.usb_printer import PortStatus, UsbPrinterOptions, UsbPrinterPort, open_usb_printer
from tests.support.links import CLOCK, pipe, shortly, soon


def _sink(path: Path, *, one_file_per_job: bool = False, suffix: str = ".bin") -> Transport:
    return open_file_sink(FileSinkOptions(str(path), one_file_per_job, suffix), CLOCK)


def _job(folder: Path, data: bytes) -> None:
    sink = _sink(folder, one_file_per_job=True)
    sink.write(data, soon())
    sink.close()


@contextmanager
def _small_files(size_bytes: int) -> Iterator[None]:
    """The system refuses files to grow over a size, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("path", ["", "lp0", "/dev/usb/lp\n0"])
def test_a_node_must_be_an_absolute_path(path: str) -> None:
    with pytest.raises(ValueError, match="path must be absolute"):
        UsbPrinterOptions(path)


def test_a_node_that_is_gone_is_missing_and_no_file_takes_its_place(tmp_path: Path) -> None:
    """What is created there would take labels in silence."""
    with pytest.raises(PortMissing):
        open_usb_printer(UsbPrinterOptions(str(tmp_path / "lp0")), CLOCK)
    assert not (tmp_path / "lp0").exists()


def test_a_file_or_fifo_in_the_place_of_a_node_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    for name in ("file", "fifo"):
        with pytest.raises(PortUnsupported, match="no character device"):
            open_usb_printer(UsbPrinterOptions(str(tmp_path / name)), CLOCK)


def test_a_node_without_printer_status_says_so() -> None:
    with pipe("usb") as joined:
        assert isinstance(joined.port, UsbPrinterPort)
        with pytest.raises(PortUnsupported):
            joined.port.port_status()
        joined.port.close()
        with pytest.raises(PortLost):
            joined.port.port_status()


@pytest.mark.parametrize(
    ("bits", "status"),
    [
        (0x18, PortStatus(paper_out=False, selected=True, error=False)),
        (0x38, PortStatus(paper_out=True, selected=True, error=False)),
        (0x00, PortStatus(paper_out=False, selected=False, error=True)),
    ],
)
def test_the_bits_of_the_printer_class_are_read_with_their_polarity(bits: int, status: PortStatus) -> None:
    assert PortStatus.from_bits(bits) == status


def test_a_file_takes_jobs_one_after_the_other_and_is_private(tmp_path: Path) -> None:
    for data in (b"one", b"two"):
        sink = _sink(tmp_path / "labels")
        assert isinstance(sink, Transport)
        sink.write(data, soon())
        sink.close()
    assert (tmp_path / "labels").read_bytes() == b"onetwo"
    assert (tmp_path / "labels").stat().st_mode & 0o777 == 0o600


def test_a_file_does_not_answer_and_is_lost_when_closed(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "labels")
    with pytest.raises(DeadlineExpired):
        sink.read(1, shortly())
    assert sink.discard_input() == b""
    sink.close()
    sink.close()
    for call in (lambda: sink.read(1, shortly()), lambda: sink.write(b"x", soon()), sink.discard_input):
        with pytest.raises(PortLost):
            call()


def test_jobs_in_a_folder_are_numbered_on_from_what_is_there(tmp_path: Path) -> None:
    for name in ("label-000007.bin", "label-x.bin", "label-000099.png", "other.bin"):
        (tmp_path / name).touch()
    _job(tmp_path, b"a")
    _job(tmp_path, b"b")
    assert (tmp_path / "label-000008.bin").read_bytes() == b"a"
    assert (tmp_path / "label-000009.bin").read_bytes() == b"b"
    assert len(list(tmp_path.iterdir())) == 6


def test_two_sinks_on_one_folder_never_take_each_others_number(tmp_path: Path) -> None:
    first, second = (_sink(tmp_path, one_file_per_job=True) for _ in range(2))
    second.write(b"second", soon())
    first.write(b"first", soon())
    first.close()
    second.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "label-000001.bin": b"second",
        "label-000002.bin": b"first",
    }


def test_a_job_that_was_never_written_leaves_nothing(tmp_path: Path) -> None:
    sink = _sink(tmp_path, one_file_per_job=True)
    assert list(tmp_path.glob("label-*")) == []
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_loses_the_port_with_its_reason_and_leaves_no_half_job(tmp_path: Path) -> None:
    sink = _sink(tmp_path, one_file_per_job=True)
    with _small_files(4096), pytest.raises(PortLost, match="File too large"):
        sink.write(bytes(10_000), soon())
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_one_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    for path, error in (
        (tmp_path, PortUnsupported),
        (Path("/dev/null"), PortUnsupported),
        (tmp_path / "missing" / "labels", PortMissing),
        (tmp_path / "file" / "labels", PortMissing),
        (tmp_path / "fifo", PortMissing),
    ):
        with pytest.raises(error):
            _sink(path)
    for path in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(PortMissing):
            _sink(path, one_file_per_job=True)


def test_a_folder_of_another_user_is_denied(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(PortDenied):
            _sink(tmp_path / "labels")
    finally:
        if is_root:
            os.seteuid(0)
        tmp_path.chmod(0o755)


@pytest.mark.parametrize("suffix", ["png", "./x", ".p\0g"])
def test_a_suffix_that_would_leave_the_folder_is_refused(suffix: str) -> None:
    with pytest.raises(ValueError, match="suffix"):
        FileSinkOptions("labels", suffix=suffix)


@pytest.mark.parametrize("settings", [("", 9100), ("host\n", 9100), ("host", 0), ("host", 65536), ("host", 1, 0.0)])
def test_an_address_that_cannot_be_one_is_refused(settings: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match=r"host|port|connect_timeout_s"):
        TcpOptions(*settings)


def test_nobody_there_is_missing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for host in ("127.0.0.1", "no-such-host.invalid", "a..b", "x" * 70):
        with pytest.raises(PortMissing, match=f"^{host}"):
            open_tcp(TcpOptions(host, port, connect_timeout_s=1.0), CLOCK)


def test_an_ipv6_address_is_named_in_brackets() -> None:
    assert TcpOptions("::1").address == "[::1]:9100"
    with pytest.raises(PortMissing, match=r"^\[::1\]:1: "):
        open_tcp(TcpOptions("::1", 1), CLOCK)


class _NoSleep(SystemClock):
    def sleep(self, duration_s: float) -> None:
        raise AssertionError(f"a transport slept {duration_s} s on its caller's clock, which a replay does not ask for")


def test_a_false_alarm_is_waited_out_within_the_read_and_not_on_the_callers_clock(tmp_path: Path) -> None:
    """A file at its end is always reported readable and never gives a byte, as a driver with false alarms does."""
    (tmp_path / "end").touch()
    fd = os.open(tmp_path / "end", os.O_RDONLY)
    port = DescriptorPort("node", fd, lambda: os.close(fd), gone="it was switched off")
    with pytest.raises(DeadlineExpired):
        port.read(1, Deadline.after(0.02, _NoSleep()))
    port.close()
