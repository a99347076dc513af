"""Printers behind CUPS queues: what a configuration may promise of them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from drivers.printer.cups import CupsPrinter
from station.config.devices import missing_devices
from station.parts import label_printer
from tests.support.configuration import changed, loaded, told

TCP = "{tcp: {host: 192.0.2.50}}"
ZPL = "{zpl: {dots_per_mm: 8}}"
QUEUE = "{cups: {queue: label}}"
UNASKED = "{zpl: {dots_per_mm: 12, status: none}}"


@pytest.mark.parametrize(
    ("driver", "what"),
    [
        (ZPL, "driver.zpl: a CUPS queue passes no status of the printer back — say so with status: none"),
        ("{escpos: {}}", "driver.escpos: a CUPS queue passes no status of the printer back — say so with proof: none"),
        ("{png: {}}", "driver: a CUPS queue is sent labels as they are, and no picture — use zpl or escpos"),
    ],
)
def test_a_proof_that_no_queue_can_give_is_a_mistake(tmp_path: Path, driver: str, what: str) -> None:
    (line,) = told(tmp_path, changed((TCP, QUEUE), (ZPL, driver)))
    assert line.endswith(f"printers.0.{what}")


def test_an_impossible_queue_is_a_mistake(tmp_path: Path) -> None:
    (line,) = told(tmp_path, changed((TCP, "{cups: {queue: a b}}"), (ZPL, UNASKED)))
    assert "queue must be a queue's name" in line


def test_a_queue_speaks_its_printers_language_and_is_not_trusted_unless_told(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, changed((TCP, QUEUE), (ZPL, UNASKED)))
    printer = label_printer(configuration.station.printers[0])
    assert isinstance(printer, CupsPrinter)
    assert (printer.language, printer.dots_per_mm, printer.options.trust_queue) == ("zpl", 12, False)


def test_the_server_must_be_there_as_a_socket(tmp_path: Path) -> None:
    server = tmp_path / "c.sock"
    text = changed((TCP, f"{{cups: {{queue: label, server: {server}}}}}"), (ZPL, UNASKED))

    def problems() -> list[str]:
        return [str(mistake) for mistake in missing_devices(loaded(tmp_path, text)) if "cups" in str(mistake)]

    (line,) = problems()
    assert f"{server} is not there — install and start CUPS" in line
    server.touch()
    (line,) = problems()
    assert "is no socket" in line
    server.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(server))
        assert problems() == []
