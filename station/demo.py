"""The main job on simulated hardware: a real agent, and around it the API as an HTTP server, boards and a scanner on ptys, a
label printer on TCP, and an operator who puts one board after the other into each socket."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from drivers.simulated.link import PtyLink, TcpLink
from drivers.simulated.scanner import SimulatedScanner
from drivers.simulated.stm32_chip import SimulatedStm32
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from station.events import CycleEnded, Event, SocketWaiting
from station.production_api.simulator.server import ApiSimulator
from station.production_api.simulator.settings import SimulatorSettings

PART = "STM32WL"
APP_EUI_ADDRESS = 0x0803F800
DEVICE_ID_ADDRESS = 0x0803F810
BAUD = 115200
API_LATENCY_S = 0.05
LAST_RESULT_WAIT_S = 120.0

CONFIGURATION = """\
# Written by `station demo`: a whole station on simulated hardware. The ports are those of this run.
station: demo
state_dir: state

api:
  base_url: {api}
  auth:
    csid: {{csid: {csid}, cs_sec_key: "${{file:cs-sec-key}}"}}

ids:
  refill: {{batch: 50, low_water: 20}}

board:
  stm32:
    part: {part}
    app_eui:
      address: {app_eui:#x}
      format: {{size_bytes: 8, encoding: hex, case: upper}}
    device_id:
      address: {device_id:#x}
      format: {{size_bytes: 8, encoding: hex, case: lower}}

label:
  design:
    width_mm: 50
    height_mm: 30
    elements:
      - {{kind: qr, x_mm: 1, y_mm: 2, size_mm: 25, data: "{{sn}}"}}
      - {{kind: text, x_mm: 27, y_mm: 4, height_mm: 4, bold: true, text: "{{model}}"}}
      - {{kind: text, x_mm: 27, y_mm: 10, height_mm: 2.5, text: "DeviceID"}}
      - {{kind: text, x_mm: 27, y_mm: 13, height_mm: 2.5, text: "{{device_id}}"}}
      - {{kind: text, x_mm: 27, y_mm: 18, height_mm: 2.5, text: "AppEUI"}}
      - {{kind: text, x_mm: 27, y_mm: 21, height_mm: 2.5, text: "{{app_eui}}"}}
      - {{kind: text, x_mm: 1.5, y_mm: 27, height_mm: 2.4, text: "{{sn}}"}}
label_extra:
  model: YS-DEMO
label_pictures: true
{panel}
printers:
  - name: line
    driver: {{zpl: {{dots_per_mm: 8}}}}
    connection: {{tcp: {{host: {printer_host}, port: {printer_port}}}}}

sockets:
{sockets}"""

PANEL = """
panel:
  listen: "{listen}"
  local_role: supervisor
"""

SOCKET = """\
  - name: {name}
    serial:
      port: {uart}
      framing: {{baud: {baud}, parity: even}}
    trigger:
      serial_scanner:
        serial: {{port: {scanner}}}
        pattern: "BOARD-[0-9]+"
"""


@dataclass(frozen=True, slots=True)
class DemoSocket:
    """One socket of the simulated jig."""

    name: str
    uart: PtyLink
    scanner: PtyLink


class Operator:
    """Puts a new board in when its socket waits, scans its traveller, and takes it out when the result shows. One who does not
    scan leaves the start to somebody at the page."""

    def __init__(self, sockets: list[DemoSocket], seed: int | None = None, *, scans: bool = True) -> None:
        self._scans = scans
        self._sockets = {socket.name: socket for socket in sockets}
        self._random = random.Random(seed)
        self._scanner = SimulatedScanner()
        self._boards = 0
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Takes the jig's events; the work is a few bytes on a pty, so it is done in the worker's own thread."""
        match event:
            case SocketWaiting(name):
                socket = self._sockets[name]
                with self._lock:
                    self._boards += 1
                    board, number = self._new_board(), self._boards
                socket.uart.insert(board)
                if self._scans:
                    self._scanner.scan(socket.scanner, f"BOARD-{number:06d}")
            case CycleEnded(name, _):
                self._sockets[name].uart.lift()

    def _new_board(self) -> SimulatedStm32:
        app_eui = bytes.fromhex("70b3d57ed0") + self._random.randbytes(3)
        return SimulatedStm32(PART, self._random.randbytes(12), contents={APP_EUI_ADDRESS: app_eui})


@contextmanager
def simulated_jig(
    directory: Path, socket_names: list[str], page_at: str | None = None
) -> Iterator[tuple[Path, list[DemoSocket]]]:
    """Everything around the agent, in ``directory``; yields the configuration file's path and the sockets. ``page_at``: the address
    of a page, where there is to be one."""
    with ExitStack() as stack:
        settings = SimulatorSettings(latency_s=API_LATENCY_S, licences=100_000, seed=time.time_ns())
        api = stack.enter_context(ApiSimulator(settings, ledger_path=directory / "api-ledger.jsonl"))
        printer = TcpLink(SimulatedZplPrinter())
        stack.callback(printer.close)
        sockets = []
        for name in socket_names:
            socket = DemoSocket(name, PtyLink(baud=BAUD), PtyLink(SimulatedScanner()))
            stack.callback(socket.uart.close)
            stack.callback(socket.scanner.close)
            sockets.append(socket)
        secret = directory / "cs-sec-key"
        secret.touch(mode=0o600)
        secret.write_text(settings.cs_sec_key.reveal(), encoding="utf-8")
        rows = [
            SOCKET.format(name=socket.name, uart=socket.uart.path, scanner=socket.scanner.path, baud=BAUD)
            for socket in sockets
        ]
        configuration = directory / "station.yaml"
        configuration.write_text(
            CONFIGURATION.format(
                api=api.url,
                csid=settings.csid,
                part=PART,
                app_eui=APP_EUI_ADDRESS,
                device_id=DEVICE_ID_ADDRESS,
                printer_host=printer.address[0],
                printer_port=printer.address[1],
                panel="" if page_at is None else PANEL.format(listen=page_at),
                sockets="".join(rows),
            ),
            encoding="utf-8",
        )
        yield configuration, sockets


def socket_names(count: int) -> list[str]:
    """A, B, … Z, then S27 and so on."""
    return [chr(ord("A") + index) if index < 26 else f"S{index + 1}" for index in range(count)]
