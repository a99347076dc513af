"""A whole configuration that is good, ways to spoil it, and the lines that are said of it."""

from __future__ import annotations

from pathlib import Path

from station.config.loader import ConfigError
from station.config.validate import Configuration, load_configuration

SECRET_NAME = "STATION_TEST_KEY"
SECRET = "hunter2-hunter2"

GOOD = """\
station: jig-1
state_dir: state
require_ports: false
api:
  base_url: https://api.example.com
  auth:
    csid:
      csid: "100200300"
      cs_sec_key: "${file:key}"
  timeout_s: 10
  device_id_pattern: "[0-9a-f]{16}"
ids:
  refill: {batch: 50, low_water: 20}
board:
  stm32:
    part: STM32WL
    chip_id: uid64
    app_eui: {address: 0x0803F800, format: {size_bytes: 8, encoding: hex, case: upper}}
    device_id: {address: 0x0803F810, format: {size_bytes: 8, encoding: hex, case: lower}}
label:
  design:
    width_mm: 50
    height_mm: 30
    elements:
      - {kind: qr, x_mm: 1, y_mm: 2, size_mm: 25, data: "{sn}"}
      - {kind: text, x_mm: 27, y_mm: 4, height_mm: 4, text: "{model}"}
label_extra:
  model: YS-1234
printers:
  - name: line-1
    driver: {zpl: {dots_per_mm: 8}}
    connection: {tcp: {host: 192.0.2.50}}
sockets:
  - name: A
    serial: {port: /dev/ttyABSENT0, framing: {baud: 115200, parity: even}}
    trigger:
      serial_scanner:
        serial: {port: /dev/ttyABSENT1}
        pattern: "[!-~]{4,64}"
scan: {means: start}
"""


def changed(*changes: tuple[str, str]) -> str:
    """The good configuration with texts replaced, each of which must stand in it."""
    text = GOOD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def line_of(text: str, mark: str) -> int:
    """The number of the first line that holds ``mark``."""
    return next(number for number, line in enumerate(text.splitlines(), start=1) if mark in line)


def written(folder: Path, text: str | bytes, name: str = "station.yaml") -> Path:
    """The configuration as a file, its secret beside it."""
    key = folder / "key"
    key.touch(mode=0o600)
    key.write_text(SECRET + "\n", encoding="utf-8")
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def loaded(folder: Path, text: str = GOOD) -> Configuration:
    """The configuration, which must be good."""
    return load_configuration(written(folder, text))


def told(folder: Path, text: str | bytes) -> list[str]:
    """What is said of a configuration: one line for each mistake, without the folder; empty where it is good."""
    file = written(folder, text)
    try:
        load_configuration(file)
    except ConfigError as error:
        return [str(mistake).replace(f"{folder}/", "") for mistake in error.mistakes]
    return []
