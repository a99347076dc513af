"""Checks of ports and printers, on ptys, on TCP and on what is not there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.clock import SystemClock
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated.link import PtyLink, TcpLink
from drivers.simulated.relay import SimulatedRelay
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from station.doctor import Finding, Grade, printers, serial_ports, signals, start_devices
from tests.support.configuration import changed, line_of
from tests.support.cups import QUEUE, private_cups
from tests.support.doctor import findings, survey, the_bad_one
from tests.support.text import board

ABSENT = ("/dev/ttyABSENT0", "/dev/ttyABSENT1")
PRINTER = "{tcp: {host: 192.0.2.50}}"
HURRIED = ("{zpl: {dots_per_mm: 8}}", "{zpl: {status_timeout_s: 0.2}}")


@contextmanager
def two_ptys() -> Iterator[tuple[PtyLink, PtyLink]]:
    with closing(PtyLink(board())) as uart, closing(PtyLink()) as scanner:
        yield uart, scanner


def ports(folder: Path, uart: str, scanner: str, agent_pid: int | None = None) -> dict[str, Finding]:
    """The one finding on the socket's and on the scanner's port."""
    text = changed((ABSENT[0], uart), (ABSENT[1], scanner))
    checks = serial_ports.checks(survey(folder, text, agent_pid=agent_pid))
    found = {}
    for check in checks:
        (found[check.name],) = check.look()
    return found


def test_ports_that_open_are_good_and_are_closed_again(tmp_path: Path) -> None:
    with two_ptys() as (uart, scanner):
        for _ in range(2):
            found = ports(tmp_path, uart.path, scanner.path)
            assert [finding.grade for finding in found.values()] == [Grade.GOOD, Grade.GOOD]
            assert found["port of socket A"].what.startswith(f"{uart.path} opens")


def test_a_port_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    with two_ptys() as (_, scanner):
        found = ports(tmp_path, ABSENT[0], scanner.path)
        assert found["scanner of socket A"].grade is Grade.GOOD
        bad = found["port of socket A"]
        line = line_of(changed(), ABSENT[0])
        assert (bad.grade, bad.what) == (Grade.BAD, f"{tmp_path}/station.yaml:{line}: {ABSENT[0]} is not there")
        assert "/dev/serial/by-path" in bad.remedy


def test_a_port_that_another_program_holds_is_bad(tmp_path: Path) -> None:
    with two_ptys() as (uart, scanner), closing(open_serial(SerialOptions(uart.path), SystemClock())):
        bad = ports(tmp_path, uart.path, scanner.path)["port of socket A"]
        assert bad.grade is Grade.BAD
        assert "in use by" in bad.what
        assert bad.remedy == "close the other program"


def test_a_path_that_is_no_port_is_bad(tmp_path: Path) -> None:
    with two_ptys() as (_, scanner):
        bad = ports(tmp_path, "/dev/null", scanner.path)["port of socket A"]
        assert (bad.grade, bad.remedy) == (Grade.BAD, "correct framing, dtr and rts, or use another adapter")


def test_a_remote_port_that_nobody_serves_is_bad(tmp_path: Path) -> None:
    with two_ptys() as (_, scanner), closing(socket.create_server(("127.0.0.1", 0))) as unserved:
        port = unserved.getsockname()[1]
        unserved.close()
        bad = ports(tmp_path, f"socket://127.0.0.1:{port}", scanner.path)["port of socket A"]
        assert bad.grade is Grade.BAD
        assert "refused" in bad.what


def test_no_port_is_opened_while_a_station_runs(tmp_path: Path) -> None:
    """The same paths that cannot be opened are good then: they are only looked at."""
    found = ports(tmp_path, "/dev/null", "/dev/zero", agent_pid=4711)
    assert {finding.grade for finding in found.values()} == {Grade.GOOD}
    assert found["port of socket A"].what == "/dev/null is left to the running station (pid 4711)"
    assert ports(tmp_path, ABSENT[0], "/dev/zero", agent_pid=4711)["port of socket A"].grade is Grade.BAD


@contextmanager
def zpl_printer() -> Iterator[tuple[SimulatedZplPrinter, str]]:
    printer = SimulatedZplPrinter()
    link = TcpLink(printer)
    try:
        yield printer, f"{{tcp: {{host: {link.address[0]}, port: {link.address[1]}}}}}"
    finally:
        link.close()


def test_a_printer_that_answers_is_good_and_prints_nothing(tmp_path: Path) -> None:
    with zpl_printer() as (printer, connection):
        (finding,) = findings(printers.checks(survey(tmp_path, changed((PRINTER, connection)))))
        assert finding.grade is Grade.GOOD
        assert finding.what.endswith(" is ready")
        assert printer.labels == []


def test_a_queue_is_ready_only_as_far_as_cups_tells_and_a_stopped_one_can_be_started(tmp_path: Path) -> None:
    with private_cups("127.0.0.1:9") as cups:
        connection = f"{{cups: {{queue: {QUEUE}, server: {cups.socket}}}}}"
        text = changed((PRINTER, connection), ("{zpl: {dots_per_mm: 8}}", "{zpl: {status: none}}"))
        (finding,) = findings(printers.checks(survey(tmp_path, text)))
        assert finding.grade is Grade.GOOD
        assert finding.what == f"cups:{QUEUE} is ready as far as CUPS tells, which proves no label"
        cups.command("cupsdisable", QUEUE)
        finding = the_bad_one(printers.checks(survey(tmp_path, text)))
        assert "stopped" in finding.what
        assert "cupsenable" in finding.remedy


def test_a_printer_without_paper_says_so(tmp_path: Path) -> None:
    with zpl_printer() as (printer, connection):
        printer.queue.problems.add("paper_out")
        finding = the_bad_one(printers.checks(survey(tmp_path, changed((PRINTER, connection)))))
        assert "paper_out" in finding.what
        assert finding.remedy == "put that right at the printer"


def test_a_printer_that_is_silent_is_not_ready(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        connection = f"{{tcp: {{host: 127.0.0.1, port: {silent.getsockname()[1]}}}}}"
        finding = the_bad_one(printers.checks(survey(tmp_path, changed((PRINTER, connection), HURRIED))))
        assert "no answer to ~HS" in finding.what
        assert "switch the printer on" in finding.remedy


def test_a_printer_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    text = changed((PRINTER, f"{{tcp: {{host: 127.0.0.1, port: {port}}}}}"))
    finding = the_bad_one(printers.checks(survey(tmp_path, text)))
    assert finding.what == f"{tmp_path}/station.yaml:{line_of(text, 'tcp:')}: 127.0.0.1:{port}: Connection refused"


def test_a_printers_node_that_is_not_there_is_bad(tmp_path: Path) -> None:
    finding = the_bad_one(printers.checks(survey(tmp_path, changed((PRINTER, "{usb: {path: /dev/usb/lpABSENT}}")))))
    assert "lpABSENT: No such file" in finding.what


def test_a_printer_is_left_to_a_running_station(tmp_path: Path) -> None:
    (finding,) = findings(printers.checks(survey(tmp_path, agent_pid=4711)))
    assert (finding.grade, finding.what) == (Grade.GOOD, "is left to the running station (pid 4711)")


@pytest.mark.parametrize(
    ("connection", "grade"),
    [
        ("{file: {path: labels.zpl}}", Grade.GOOD),
        ("{file: {path: ., one_file_per_job: true}}", Grade.GOOD),
        ("{file: {path: state, one_file_per_job: true}}", Grade.GOOD),
        ("{file: {path: nowhere/labels.zpl}}", Grade.BAD),
        ("{file: {path: key, one_file_per_job: true}}", Grade.BAD),
    ],
)
def test_a_file_for_labels_is_not_made_by_the_check(tmp_path: Path, connection: str, grade: Grade) -> None:
    examined = survey(tmp_path, changed((PRINTER, connection)))
    before = sorted(tmp_path.iterdir())
    (finding,) = findings(printers.checks(examined))
    assert finding.grade is grade
    assert sorted(tmp_path.iterdir()) == before


# -- what starts the cycles ----------------------------------------------------------------------------------------------


SCANNER_TRIGGER = 'serial_scanner:\n        serial: {port: /dev/ttyABSENT1}\n        pattern: "[!-~]{4,64}"'


def start_device(folder: Path, trigger: str, **changes: Any) -> Finding:
    """What the check of the one start device finds."""
    (found,) = findings(start_devices.checks(survey(folder, changed((SCANNER_TRIGGER, trigger)), **changes)))
    return found


def test_a_pedal_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    found = start_device(tmp_path, "pedal: {device: /dev/input/by-id/no-such}")
    assert found.grade is Grade.BAD
    assert "station.yaml:" in found.what
    assert "/dev/input/by-path" in found.remedy
    assert start_device(tmp_path, 'hid_scanner: {device: "05e0:1200"}').grade is Grade.BAD


def test_a_device_that_is_no_input_device_is_bad(tmp_path: Path) -> None:
    assert "no input device" in start_device(tmp_path, "pedal: {device: /dev/null}").what


def test_a_start_device_is_left_to_a_station_that_runs(tmp_path: Path) -> None:
    """It has grabbed the device: only looked at, even what could not be grabbed is good."""
    assert start_device(tmp_path, "pedal: {device: /dev/null}", agent_pid=4711).grade is Grade.GOOD
    assert start_device(tmp_path, "gpio: {line: {chip: /dev/gpiochip9, line: 3}}", agent_pid=4711).grade is Grade.GOOD
    assert start_device(tmp_path, "pedal: {device: /dev/no-such}", agent_pid=4711).grade is Grade.BAD


def test_a_gpio_chip_that_is_not_there_is_bad(tmp_path: Path) -> None:
    found = start_device(tmp_path, "gpio: {line: {chip: /dev/gpiochip9, line: 3}}")
    assert (found.grade, found.remedy) == (Grade.BAD, "correct the line named: gpiodetect shows the chips")


def test_a_port_without_lines_cannot_have_a_pedal(tmp_path: Path) -> None:
    with two_ptys() as (uart, _):
        found = start_device(tmp_path, f"modem_line: {{serial: {{port: {uart.path}}}}}")
        assert found.grade is Grade.BAD
        assert "no control lines" in found.what


# -- the operator's signals ----------------------------------------------------------------------------------------------


def signal_device(folder: Path, device: str, **changes: Any) -> Finding:
    """What the check of the one device finds."""
    text = changed(("scan: {means: start}", f"signals:\n  devices:\n    - {device}"))
    (found,) = findings(signals.checks(survey(folder, text, **changes)))
    return found


def test_a_relay_that_opens_is_good_and_moves_nothing(tmp_path: Path) -> None:
    board = SimulatedRelay()
    with closing(PtyLink(board)) as link:
        found = signal_device(tmp_path, f"relay: {{port: {link.path}, outputs: {{green: 1, red: 2}}}}")
        assert (found.grade, found.what) == (Grade.GOOD, "opens: green, red")
        assert link.wire.bytes_from_host == 0
    assert board.moves == []


def test_a_signal_device_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    for device in (
        "relay: {port: /dev/ttyABSENT5, outputs: {green: 1}}",
        "serial_line: {port: /dev/ttyABSENT5, outputs: {green: rts}}",
        "gpio: {outputs: {green: {chip: /dev/gpiochip9, line: 1}}}",
    ):
        found = signal_device(tmp_path, device)
        assert found.grade is Grade.BAD
        assert "station.yaml:" in found.what
        assert "plug it in" in found.remedy
        assert signal_device(tmp_path, device, agent_pid=4711).what.endswith(" is not there")


def test_a_signal_device_is_left_to_a_station_that_runs(tmp_path: Path) -> None:
    found = signal_device(tmp_path, "relay: {port: /dev/null, outputs: {green: 1}}", agent_pid=4711)
    assert (found.grade, found.what) == (Grade.GOOD, "is left to the running station (pid 4711)")


def test_sound_needs_a_player(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    device = "sound: {outputs: {beep: [{frequency_hz: 880}]}}"
    found = signal_device(tmp_path, device)
    assert (found.grade, found.remedy) == (Grade.BAD, "install alsa-utils, or pulseaudio-utils")
    (tmp_path / "aplay").write_text("")
    (tmp_path / "aplay").chmod(0o755)
    assert signal_device(tmp_path, device).grade is Grade.GOOD
