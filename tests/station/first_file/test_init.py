"""``station init``: what is plugged in is offered, and whatever is answered, the file is one that ``config check`` takes."""

from __future__ import annotations

import io
import itertools
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from station.cli import main
from station.config.models import StationConfig
from station.config.validate import load_configuration
from station.first_file.plugged_in import plugged_in

SCANNER = "usb-Honeywell_Scanner-event-kbd"


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    """Two adapters, one without a serial number; a printer; a scanner that is a keyboard, and a mouse's other node."""
    made = tmp_path / "dev"
    for folder in ("serial/by-path", "serial/by-id", "usb", "input/by-id"):
        (made / folder).mkdir(parents=True)
    for node in ("ttyUSB0", "ttyUSB1", "usb/lp0", "usb/hiddev0", "input/event3", "input/mouse0"):
        (made / node).touch()
    for place, node in (("usb-0:1:1.0-port0", "ttyUSB0"), ("usb-0:2:1.0-port0", "ttyUSB1")):
        (made / "serial" / "by-path" / f"pci-0000:00:14.0-{place}").symlink_to(made / node)
    (made / "serial" / "by-id" / "usb-FTDI_A10K-if00").symlink_to(made / "ttyUSB0")
    (made / "input" / "by-id" / SCANNER).symlink_to(made / "input" / "event3")
    (made / "input" / "by-id" / "usb-Mouse-mouse").symlink_to(made / "input" / "mouse0")
    return made


def asked(folder: Path, dev: Path, answers: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Status, standard output and error of ``station init`` with these lines typed."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answers))
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(["init", "--to", str(folder / "station.yaml"), "--dev", str(dev)])
    return status, out.getvalue(), err.getvalue()


def accepted(folder: Path) -> StationConfig:
    """The configuration as ``config check`` reads it, with the secret in place."""
    (folder / "cs-sec-key").write_text("the-key-of-the-api", "utf-8")
    return load_configuration(folder / "station.yaml").station


def test_what_is_plugged_in_is_found_by_its_lasting_names(dev: Path) -> None:
    found = plugged_in(dev)
    assert [Path(port.path).name for port in found.serial_ports] == [
        "pci-0000:00:14.0-usb-0:1:1.0-port0",
        "pci-0000:00:14.0-usb-0:2:1.0-port0",
    ]
    assert [port.label for port in found.serial_ports] == ["usb-FTDI_A10K-if00", "ttyUSB1"]
    assert [printer.label for printer in found.printers] == ["lp0"]
    assert [device.label for device in found.inputs] == [SCANNER]


def test_a_computer_with_nothing_plugged_in_is_no_error(tmp_path: Path) -> None:
    found = plugged_in(tmp_path / "nowhere")
    assert (found.serial_ports, found.printers, found.inputs) == ((), (), ())


def test_with_every_default_the_file_is_good(tmp_path: Path, dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = asked(tmp_path, dev, "", monkeypatch)
    assert (status, out.splitlines()[0]) == (0, f"written: {tmp_path / 'station.yaml'}")
    assert "usb-FTDI_A10K-if00" in err
    config = accepted(tmp_path)
    assert config.board.stm32 is not None
    assert [socket.serial.port for socket in config.sockets] == [
        str(dev / "serial" / "by-path" / "pci-0000:00:14.0-usb-0:1:1.0-port0")
    ]
    assert (tmp_path / "station.yaml").read_text("utf-8").count("#") > 10, "it is commented"


@pytest.mark.parametrize("choices", list(itertools.product("12", "12", "123")))
def test_every_choice_gives_a_file_that_config_check_takes(
    tmp_path: Path, dev: Path, choices: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, sockets, printer = choices
    lines = ["jig-7", "100200300", board, *(["STM32WL", "", ""] if board == "1" else []), sockets]
    lines += (["2"] if sockets == "1" else []) + [printer, *(["printer.local"] if printer == "1" else [])]
    lines += ["4"] if sockets == "1" else ["2"]
    status, _, err = asked(tmp_path, dev, "\n".join(lines) + "\n", monkeypatch)
    assert status == 0, err
    config = accepted(tmp_path)
    assert config.station == "jig-7"
    assert (config.board.stm32 is not None) == (board == "1")
    assert len(config.sockets) == int(sockets)
    connection = config.printers[0].connection
    assert [connection.tcp, connection.file, connection.usb][int(printer) - 1] is not None
    scanner = config.sockets[0].trigger.hid_scanner
    assert (scanner is not None and scanner.device.endswith(SCANNER)) == (sockets == "1")


def test_a_wrong_answer_is_told_and_asked_for_again(tmp_path: Path, dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, err = asked(tmp_path, dev, 'ji"g\x1b[2J\njig-2\n', monkeypatch)
    assert status == 0
    assert 'ji"g\\x1b[2J: letters, digits' in err
    assert accepted(tmp_path).station == "jig-2"


def test_wrong_answers_without_end_are_an_end(tmp_path: Path, dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = asked(tmp_path, dev, "not good\n" * 100, monkeypatch)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("station: usage.invalid: name of this station: ")
    assert not (tmp_path / "station.yaml").exists()


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "station.yaml").write_text("mine", "utf-8")
    status, _, err = asked(tmp_path, dev, "", monkeypatch)
    assert status == 1
    assert "station: file.failed: " in err
    assert (tmp_path / "station.yaml").read_text("utf-8") == "mine"
