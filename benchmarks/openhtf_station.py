"""The same job as an OpenHTF station: a program for OpenHTF's own environment (``benchmarks.openhtf``), not the development one.

Plugs and phases as OpenHTF's own examples write them (https://github.com/google/openhtf, ``examples``), a start trigger that waits
for the scanner, measurements, and the framework's own output, ``OutputToJSON``. The board and the printer are spoken to through
this project's drivers, which need none of its other packages, so that the bytes on the wire are the same. What a careful author
would do for speed is done: one kept connection to the API, ids requested in batches, the token there before.

Reads where everything is as one JSON line, then speaks as ``benchmarks.agent`` does.
"""

# mypy: disable-error-code="misc, untyped-decorator"
# (openhtf is not installed where types are checked: what it decorates and is inherited from it is of no known type there.)
from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import openhtf
import requests
from openhtf.output.callbacks import json_factory
from openhtf.plugs import BasePlug
from openhtf.util import console_output

from drivers.bootloader.fields import FieldFormat
from drivers.bootloader.stm32.options import MemoryField, Stm32Options
from drivers.bootloader.stm32.rom import Stm32Driver
from drivers.clock import Deadline, SystemClock
from drivers.errors import DeadlineExpired
from drivers.printer import Fate
from drivers.printer.zpl import ZplPrinter
from drivers.serial_port import SerialOptions, open_serial
from drivers.tcp_port import TcpOptions, open_tcp
from drivers.transport import Framing

TALK = os.fdopen(os.dup(1), "w")
"""To whoever runs this; what OpenHTF prints goes to standard error."""
sys.stdout = sys.stderr
console_output.CLI_QUIET = True
AROUND: dict[str, Any] = json.loads(sys.stdin.readline())
"""``url`` and ``token`` of the API, ``uart``, ``scanner`` and ``printer``, the ``baud`` rate, the ``part`` and the addresses of its
fields, the folder for ``records``, and how many ``cycles`` are wanted."""
CLOCK = SystemClock()
FRAMING = Framing(AROUND["baud"], parity="even")
BOARD = Stm32Driver(
    Stm32Options(
        AROUND["part"],
        MemoryField(AROUND["app_eui_address"], FieldFormat(8, encoding="hex", case="upper")),
        MemoryField(AROUND["device_id_address"], FieldFormat(8, encoding="hex", case="lower")),
    )
)
BATCH = 50
MODEL = "YS-DEMO"
LABEL = (
    "^XA^CI28^LH0,0^PW400^LL240\n^BY2,3,1^FO8,16^BQN,2,8,M^FDMA,{sn}^FS\n^FO216,32^A0N,32,32^FD{model}^FS\n"
    "^FO216,80^A0N,20,20^FDDeviceID^FS\n^FO216,104^A0N,20,20^FD{device_id}^FS\n^FO216,144^A0N,20,20^FDAppEUI^FS\n"
    "^FO216,168^A0N,20,20^FD{app_eui}^FS\n^FO12,216^A0N,19,19^FD{sn}^FS\n^PQ1^XZ\n"
)


def say(row: dict[str, object]) -> None:
    """One line to whoever runs this."""
    TALK.write(json.dumps(row) + "\n")
    TALK.flush()


class Api:
    """The station's connection to the API, for all tests: OpenHTF makes its plugs anew for each."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._pool: list[tuple[str, str]] = []

    def call(self, method: str, **params: object) -> dict[str, Any]:
        body: dict[str, Any] = {"method": method, "params": params}
        answer = self._session.post(self._url, json=body, timeout=10).json()
        if answer["code"] != "000000":
            raise RuntimeError(f"{method}: {answer}")
        data: dict[str, Any] = answer["data"]
        return data

    def take_ids(self) -> tuple[str, str]:
        """A DeviceID and an SN, of a batch that is requested when the last one is used up."""
        if not self._pool:
            device_ids = self.call("requestDeviceId", size=BATCH)["deviceIdList"]
            self._pool = list(zip(device_ids, self.call("requestSN", size=BATCH)["snList"], strict=True))
        return self._pool.pop()


API = Api(AROUND["url"], AROUND["token"])


class BoardPlug(BasePlug):
    """The board in the socket."""

    def __init__(self) -> None:
        self._uart = open_serial(SerialOptions(AROUND["uart"], FRAMING), CLOCK)
        self.talk = BOARD.connect(self._uart, CLOCK)

    def tearDown(self) -> None:
        self._uart.close()


class ScannerPlug(BasePlug):
    """The scanner whose scan starts a test."""

    def __init__(self) -> None:
        self._port = open_serial(SerialOptions(AROUND["scanner"], Framing()), CLOCK)

    def scanned(self) -> str:
        text = b""
        while not text.endswith(b"\r"):
            try:
                text += self._port.read(64, Deadline.after(1.0, CLOCK))
            except DeadlineExpired:
                continue
        return text.decode("ascii").strip()

    def tearDown(self) -> None:
        self._port.close()


class PrinterPlug(BasePlug):
    """The label printer."""

    def print_label(self, **values: str) -> Fate:
        link = open_tcp(TcpOptions(*AROUND["printer"]), CLOCK)
        try:
            return ZplPrinter().send(link, LABEL.format(model=MODEL, **values).encode("ascii"), CLOCK).fate
        finally:
            link.close()


@openhtf.plug(scanner=ScannerPlug)
def scan(test: Any, scanner: ScannerPlug) -> None:
    say({"waiting": "A"})
    test.test_record.dut_id = scanner.scanned()


@openhtf.plug(board=BoardPlug)
@openhtf.measures(
    openhtf.Measurement("chip_id").matches_regex("^[0-9A-F]{24}$"),
    openhtf.Measurement("app_eui").matches_regex("^[0-9A-F]{16}$"),
)
def identify(test: Any, board: BoardPlug) -> None:
    identity = board.talk.identify()
    test.measurements.chip_id = test.state["chip_id"] = identity.chip_id
    test.measurements.app_eui = test.state["app_eui"] = identity.app_eui.value


@openhtf.measures(openhtf.Measurement("device_id"), openhtf.Measurement("sn"))
def reserve(test: Any) -> None:
    device_id, sn = API.take_ids()
    test.measurements.device_id = test.state["device_id"] = device_id
    test.measurements.sn = test.state["sn"] = sn


def activate(test: Any) -> None:
    state = test.state
    API.call("activateDeviceId", chipId=state["chip_id"], appEui=state["app_eui"], deviceId=state["device_id"])


def bind(test: Any) -> None:
    API.call("bindSN", deviceId=test.state["device_id"], sn=test.state["sn"])


@openhtf.plug(board=BoardPlug)
def write(test: Any, board: BoardPlug) -> None:
    board.talk.write(board.talk.plan_write(test.state["device_id"]))


@openhtf.plug(board=BoardPlug)
@openhtf.measures(openhtf.Measurement("verified").equals(True))
def verify(test: Any, board: BoardPlug) -> None:
    found = board.talk.verify()
    test.measurements.verified = (found.chip_id, found.device_id.value) == (
        test.state["chip_id"],
        test.state["device_id"],
    )


@openhtf.plug(printer=PrinterPlug)
@openhtf.measures(openhtf.Measurement("label").equals(Fate.PRINTED.value))
def label(test: Any, printer: PrinterPlug) -> None:
    state = test.state
    test.measurements.label = printer.print_label(
        sn=state["sn"], device_id=state["device_id"], app_eui=state["app_eui"]
    ).value


def main() -> None:
    """See the module."""
    test = openhtf.Test(identify, reserve, activate, bind, write, verify, label, test_name="provision")
    test.add_output_callbacks(
        json_factory.OutputToJSON(AROUND["records"] + "/{dut_id}.{metadata[test_name]}.{start_time_millis}.json")
    )
    for _ in range(AROUND["cycles"]):
        passed = test.execute(test_start=scan)
        say(
            {
                "outcome": "PASS" if passed else "FAIL",
                "cpu_s": time.process_time(),
                "at_s": time.monotonic(),
                "openhtf": openhtf.get_version(),
            }
        )


if __name__ == "__main__":
    main()
