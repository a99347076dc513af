"""A commented configuration from a few answers."""

from __future__ import annotations

import json
from dataclasses import dataclass

HEAD = """\
# Written by `station init`. What it does not say is at its default; configs/ has an example with every key explained.
#
#   station config check {name}              every mistake, with its line and what to do
#   station doctor --config {name}           is everything there, and does it answer?
#   station label preview --config {name} --to label.png
#   station run --config {name}

station: {station}
state_dir: {state_dir}        # journal and session logs; station install keeps them in /var/lib/station
panel: {{}}                         # the page for operators and engineers: http://127.0.0.1:8080/, for this computer alone

api:
  auth:
    # The key itself never stands here: ${{file:PATH}}, ${{env:NAME}}, or ${{credential:NAME}} under systemd.
    csid: {{csid: {csid}, cs_sec_key: {secret}}}
  # Narrow these to what your server gives: an id that does not match is refused.
  # device_id_pattern: "[0-9a-f]{{16}}"
  # sn_pattern: "[0-9A-F]{{32}}"

ids:
  refill: {{batch: 50, low_water: 20}}   # ids are fetched ahead, so many at a time, when fewer than that are left

"""

STM32 = """\
board:
  stm32:                          # the ROM bootloader (AN3155) on UART: 8 data bits, even parity
    part: {part}
    # Where the firmware keeps them: put the addresses of your product here.
    app_eui: {{address: {app_eui}, format: {{size_bytes: 8, encoding: hex, case: upper}}}}
    device_id: {{address: {device_id}, format: {{size_bytes: 8, encoding: hex, case: lower}}}}
    # With DTR on reset and RTS on BOOT0 the station starts the bootloader itself:
    # reset: {{preset: stm32-dtr-reset-rts-boot0}}

"""

TEXT_LINE = """\
board:
  text_line:                      # a bootloader that speaks lines of text: put its own words here
    chip_id: {send: "get chipid", reply: "chipid=(?P<value>.*)"}
    app_eui: {send: "get appeui", reply: "appeui=(?P<value>.*)"}
    device_id: {send: "get deviceid", reply: "deviceid=(?P<value>.*)", blank: "deviceid=none"}
    write: {send: "set deviceid {device_id}"}

"""

LABEL = """\
label:
  design:                         # in millimetres from the upper left corner
    width_mm: 50
    height_mm: 30
    elements:
      - {kind: qr, x_mm: 1, y_mm: 2, size_mm: 25, data: "{sn}"}
      - {kind: text, x_mm: 27, y_mm: 12, height_mm: 2.5, text: "{device_id}"}
      - {kind: text, x_mm: 1.5, y_mm: 27, height_mm: 2.4, text: "{sn}"}

"""

PRINTER = """\
printers:
  - name: line-1
    driver: {driver}
    connection: {connection}

sockets:
"""

SOCKET = """\
  - name: {name}
    serial: {{port: {port}, framing: {{baud: {baud}{parity}}}}}
    trigger: {trigger}
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a file is written from. ``part`` None is a board that speaks text; ``ports`` one path for each socket."""

    station: str
    csid: str
    secret: str
    part: str | None
    app_eui: str
    device_id: str
    ports: tuple[str, ...]
    trigger: dict[str, object]
    driver: dict[str, object]
    connection: dict[str, object]
    state_dir: str = "state"


def write_up(answers: Answers, file_name: str) -> str:
    """The file's text. JSON is YAML, so every answer is written as JSON."""
    head = HEAD.format(
        name=file_name,
        station=json.dumps(answers.station),
        state_dir=json.dumps(answers.state_dir),
        csid=json.dumps(answers.csid),
        secret=json.dumps(answers.secret),
    )
    board = TEXT_LINE
    if answers.part is not None:
        board = STM32.format(part=answers.part, app_eui=answers.app_eui, device_id=answers.device_id)
    printer = PRINTER.format(driver=json.dumps(answers.driver), connection=json.dumps(answers.connection))
    sockets = [
        SOCKET.format(
            name=chr(ord("A") + index),
            port=json.dumps(port),
            baud=115200,
            parity=", parity: even" if answers.part is not None else "",
            trigger=json.dumps(answers.trigger),
        )
        for index, port in enumerate(answers.ports)
    ]
    return head + board + LABEL + printer + "".join(sockets)
