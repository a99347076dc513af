"""A device that is not there is told before the station starts, unless it is to be waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drivers.simulated.link import PtyLink
from drivers.simulated.text_board import SimulatedTextBoard
from station.config.devices import missing_devices, require_devices
from station.config.loader import ConfigError
from tests.support.configuration import changed, line_of, loaded

NEEDED = ("require_ports: false\n", "")
UART = ("/dev/ttyABSENT0", "/dev/null")
SCANNER = ("/dev/ttyABSENT1", "/dev/zero")
PRINTER = "{tcp: {host: 192.0.2.50}}"


def problems(folder: Path, text: str) -> list[str]:
    """What is said of missing devices, one line each; the check itself must agree."""
    configuration = loaded(folder, text)
    try:
        require_devices(configuration)
    except ConfigError as error:
        return [str(mistake).replace(f"{folder}/", "") for mistake in error.mistakes]
    return []


def test_each_missing_port_is_one_line_with_its_place_and_a_remedy(tmp_path: Path) -> None:
    text = changed(NEEDED, (PRINTER, "{usb: {path: /dev/usb/lpABSENT}}"))
    lines = problems(tmp_path, text)
    marks = ("lpABSENT", "ttyABSENT0", "ttyABSENT1")
    assert [int(line.split(":")[1]) for line in lines] == [line_of(text, mark) for mark in marks]
    assert [line.split(": ")[1] for line in lines] == [
        "printers.0.connection.usb.path",
        "sockets.0.serial.port",
        "sockets.0.trigger.serial_scanner.serial.port",
    ]
    assert all(" is not there — " in line and line.endswith("require_ports: false to wait for it") for line in lines)


def test_ports_that_are_there_are_good_and_are_not_opened(tmp_path: Path) -> None:
    """A pty whose far end sees it opened would be a board that was reset."""
    link = PtyLink(SimulatedTextBoard("3A0041000951303338363633", "70B3D57ED00001C0"))
    try:
        held = os.open(link.path, os.O_RDWR | os.O_NOCTTY)
        try:
            assert problems(tmp_path, changed(NEEDED, ("/dev/ttyABSENT0", link.path), SCANNER)) == []
        finally:
            os.close(held)
    finally:
        link.close()


def test_nothing_is_looked_for_where_ports_may_come_later(tmp_path: Path) -> None:
    text = changed()
    assert problems(tmp_path, text) == []
    assert len(missing_devices(loaded(tmp_path, text))) == 2


def test_an_address_on_the_network_is_not_looked_for(tmp_path: Path) -> None:
    remote = [("/dev/ttyABSENT0", "rfc2217://192.0.2.1:4000"), ("/dev/ttyABSENT1", "socket://192.0.2.1:4001")]
    assert problems(tmp_path, changed(NEEDED, *remote)) == []


@pytest.mark.parametrize(
    ("port", "what"),
    [
        ("plain-file", "is no serial port"),
        ("folder", "is no serial port"),
        ("plain-file/below", "cannot be looked at: Not a directory"),
        ("dangling", "is not there"),
        ("n" * 300, "cannot be looked at: File name too long"),
    ],
)
def test_a_path_that_is_no_device_is_told_as_such(tmp_path: Path, port: str, what: str) -> None:
    (tmp_path / "plain-file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (line,) = problems(tmp_path, changed(NEEDED, ("/dev/ttyABSENT0", f"{tmp_path}/{port}"), SCANNER))
    assert f"{port} {what} — " in line


@pytest.mark.parametrize(
    ("connection", "what"),
    [
        ("{serial: {port: /dev/ttyABSENT2}}", "/dev/ttyABSENT2 is not there"),
        ("{usb: {path: /}}", "/ is no printer's node"),
        ("{file: {path: nowhere/labels.zpl}}", "nowhere is not there"),
        ("{file: {path: nowhere, one_file_per_job: true}}", "nowhere is not there"),
        ("{file: {path: station.yaml, one_file_per_job: true}}", "station.yaml is no folder"),
    ],
)
def test_a_printer_that_is_not_there_is_told(tmp_path: Path, connection: str, what: str) -> None:
    (line,) = problems(tmp_path, changed(NEEDED, UART, SCANNER, (PRINTER, connection)))
    assert f"{what} — " in line


@pytest.mark.parametrize("connection", ["{file: {path: labels.zpl}}", "{file: {path: state, one_file_per_job: true}}"])
def test_a_file_that_can_be_made_and_the_stations_own_folder_are_there(tmp_path: Path, connection: str) -> None:
    assert problems(tmp_path, changed(NEEDED, UART, SCANNER, (PRINTER, connection))) == []


def test_the_file_of_authorities_must_be_there_and_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    text = changed(("  timeout_s: 10", "  http: {ca_file: ca.pem}"))
    (line,) = problems(tmp_path, text)
    assert ": api.http.ca_file: ca.pem is not there — name a PEM file" in line
    (tmp_path / "ca.pem").touch()
    assert problems(tmp_path, text) == []
