"""``station init``: look what is plugged in, ask, and write a first configuration."""

from __future__ import annotations

import argparse
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from station.first_file.plugged_in import Found, PluggedIn
    from station.first_file.questions import Asker
    from station.first_file.writing import Answers

MAX_SOCKETS = 26


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, default=Path("station.yaml"), metavar="FILE", help="default: station.yaml")
    parser.add_argument("--dev", type=Path, default=Path("/dev"), metavar="DIR", help="where devices are looked for")


def run(options: argparse.Namespace) -> int:
    """0; a file that is there is not replaced. Raises OSError where it cannot be written."""
    from station.config.loader import parse
    from station.first_file.plugged_in import plugged_in
    from station.first_file.questions import Asker
    from station.first_file.writing import write_up

    found = plugged_in(options.dev)
    asker = Asker(sys.stdin, sys.stderr)
    _tell(found)
    text = write_up(_ask(asker, found), options.to.name)
    parse(text.encode(), str(options.to))
    options.to.parent.mkdir(parents=True, exist_ok=True)
    with options.to.open("x", encoding="utf-8") as file:
        file.write(text)
    sys.stdout.write(f"written: {options.to}\n")
    sys.stdout.write(
        f"next: put the CSSecKey into {options.to.parent / 'cs-sec-key'} (mode 0600), the addresses of your\n"
    )
    sys.stdout.write(f"product into the file, then: station config check {options.to}\n")
    return 0


def _tell(found: PluggedIn) -> None:
    for what, devices in (("serial ports", found.serial_ports), ("printers", found.printers), ("inputs", found.inputs)):
        sys.stderr.write(f"{what}: {'none' if not devices else ''}\n")
        for device in devices:
            sys.stderr.write(f"  {device.path}  ({device.label})\n")


def _ask(asker: Asker, found: PluggedIn) -> Answers:
    from station.config.part import NAME_PATTERN
    from station.first_file.writing import Answers

    host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())[:32].lstrip("-._") or "jig-1"
    station = asker.matching("name of this station", host, NAME_PATTERN, "letters, digits, . _ - and at most 32")
    csid = asker.matching("CSID", "100200300", r"[!-~]{1,200}", "the name that the API's operator gave you")
    part, app_eui, device_id = _board(asker)
    ports = _ports(asker, found.serial_ports)
    driver, connection = _printer(asker, found.printers)
    return Answers(
        station=station,
        csid=csid,
        secret="${file:cs-sec-key}",
        part=part,
        app_eui=app_eui,
        device_id=device_id,
        ports=ports,
        trigger=_trigger(asker, found.inputs if len(ports) == 1 else ()),
        driver=driver,
        connection=connection,
    )


def _board(asker: Asker) -> tuple[str | None, str, str]:
    from drivers.bootloader.stm32.parts import PARTS

    if asker.one_of("board", ["STM32, by its ROM bootloader", "one that speaks lines of text"]) == 1:
        return None, "", ""
    part = asker.text("part", "STM32WL", lambda answer: answer in PARTS, f"one of {', '.join(sorted(PARTS))}")
    address = r"0x[0-9A-Fa-f]{1,8}"
    hint = "an address such as 0x0803F800"
    app_eui = asker.matching("where its AppEUI stands", "0x0803F800", address, hint)
    return part, app_eui, asker.matching("where its DeviceID is written", "0x0803F810", address, hint)


def _ports(asker: Asker, found: tuple[Found, ...]) -> tuple[str, ...]:
    """One port for each socket; a name to be filled in where there is none."""
    if not found:
        return (asker.matching("port of socket A", "/dev/ttyUSB0", r"/[!-~]{1,200}", "a path"),)
    choices = [f"{port.path}  ({port.label})" for port in found]
    every = asker.one_of("sockets", ["one", f"one for each of the {len(found)} serial ports"]) == 1
    if every:
        return tuple(port.path for port in found[:MAX_SOCKETS])
    return (found[asker.one_of("port of socket A", choices)].path,)


def _trigger(asker: Asker, found: tuple[Found, ...]) -> dict[str, object]:
    """``found``: input devices that may start the cycles of the only socket."""
    triggers: list[tuple[str, dict[str, object]]] = [
        ("a board that is put in", {"presence": {}}),
        ("Enter on the keyboard", {"keyboard": {}}),
    ]
    for device in found:
        triggers.append((f"a pedal: {device.label}", {"pedal": {"device": device.path}}))
        triggers.append((f"a barcode scanner: {device.label}", {"hid_scanner": {"device": device.path}}))
    return triggers[asker.one_of("what starts a cycle", [what for what, _ in triggers])][1]


def _printer(asker: Asker, found: tuple[Found, ...]) -> tuple[dict[str, object], dict[str, object]]:
    kinds = ["ZPL on the network", "PNG files, no printer yet", *(f"ZPL at {printer.path}" for printer in found)]
    chosen = asker.one_of("label printer", kinds)
    if chosen == 0:
        host = asker.matching("its address", "192.168.1.50", r"[A-Za-z0-9.:-]{1,253}", "a name or an address")
        return {"zpl": {"dots_per_mm": 8}}, {"tcp": {"host": host}}
    if chosen == 1:
        return {"png": {}}, {"file": {"path": ".", "one_file_per_job": True, "suffix": ".png"}}
    return {"zpl": {"dots_per_mm": 8}}, {"usb": {"path": found[chosen - 2].path}}
