"""``station simulate``: one simulated part alone, for other tools. Says where it listens as a JSON line, runs until a signal."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from station.arguments import USAGE_CODE, decimal, whole
from station.errors import StationError

if TYPE_CHECKING:
    from types import FrameType

    from drivers.simulated import SimulatedDevice


class SimulationRefused(StationError):
    """Raised when the arguments describe nothing that can be simulated."""

    code = USAGE_CODE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    device = parts.add_parser("device", help="a board behind a pty")
    device.add_argument("--kind", choices=["stm32", "text_line"], default="stm32")
    device.add_argument("--chip", default="STM32F1-medium", metavar="PART", help="stm32: a name of the part table")
    device.add_argument("--uid", default="200047001351383035383930", metavar="HEX", help="stm32: 12 bytes of UID")
    device.add_argument("--chip-id", default="2000470013513830", metavar="TEXT", help="text_line: the chipId")
    device.add_argument("--app-eui", default="70B3D57ED00001C0", metavar="HEX", help="the AppEUI")
    device.add_argument("--app-eui-at", default="0x08004000", metavar="ADDRESS", help="stm32: where the AppEUI stands")
    device.add_argument("--memory", type=Path, metavar="FILE", help="keep the memory in a file")
    device.add_argument(
        "--baud", type=whole(50, 4_000_000), metavar="N", help="pace the wire like a UART (default: as fast as can be)"
    )
    api = parts.add_parser("api", help="the Device Production API as an HTTP server")
    api.add_argument("--port", type=whole(0, 65535), default=0, metavar="N")
    api.add_argument("--temper", choices=["lenient", "strict", "worst"], default="lenient")
    api.add_argument("--licences", type=whole(0, 10_000_000), default=1000, metavar="N")
    api.add_argument("--latency-ms", type=decimal(0, 60_000), default=0.0, metavar="N")
    api.add_argument("--ledger", type=Path, metavar="FILE", help="keep the books in a file")
    api.add_argument("--seed", type=whole(0, 2**63), default=1, metavar="N", help="chooses the ids")
    printer = parts.add_parser("printer", help="a label printer on TCP")
    printer.add_argument("--language", choices=["zpl", "escpos"], default="zpl")
    printer.add_argument("--port", type=whole(0, 65535), default=0, metavar="N")
    printer.add_argument("--labels", type=Path, metavar="DIR", help="keep each label there")


def run(options: argparse.Namespace) -> int:
    """0 when ended by SIGTERM or SIGINT."""
    with ExitStack() as stack:
        try:
            where = {"device": _device, "api": _api, "printer": _printer}[options.part](options, stack)
        except (ValueError, OSError) as error:
            raise SimulationRefused(str(error)) from error
        ended = stack.enter_context(_until_signal())
        sys.stdout.write(json.dumps({"kind": options.part, **where}) + "\n")
        sys.stdout.flush()
        ended.wait()
    return 0


def _device(options: argparse.Namespace, stack: ExitStack) -> dict[str, object]:
    from drivers.simulated.link import PtyLink

    link = PtyLink(_board(options), baud=options.baud)
    stack.callback(link.close)
    return {"part": options.chip if options.kind == "stm32" else options.kind, "port": link.path}


def _board(options: argparse.Namespace) -> SimulatedDevice:
    if options.kind == "text_line":
        from drivers.simulated.text_board import SimulatedTextBoard

        return SimulatedTextBoard(options.chip_id, options.app_eui, path=options.memory)
    from drivers.simulated.stm32_chip import SimulatedStm32

    uid, app_eui = bytes.fromhex(options.uid), bytes.fromhex(options.app_eui)
    if len(uid) != 12:
        raise ValueError(f"--uid must be 12 bytes, not {len(uid)}")
    contents = {int(options.app_eui_at, 0): app_eui}
    return SimulatedStm32(options.chip, uid, contents=contents, path=options.memory)


def _api(options: argparse.Namespace, stack: ExitStack) -> dict[str, object]:
    from station.production_api.simulator.server import ApiSimulator
    from station.production_api.simulator.settings import SimulatorSettings, Temper

    settings = SimulatorSettings(
        temper=Temper(options.temper),
        licences=options.licences,
        latency_s=options.latency_ms / 1000,
        port=options.port,
        seed=options.seed,
    )
    api = stack.enter_context(ApiSimulator(settings, ledger_path=options.ledger))
    credentials = {"csid": settings.csid, "cs_sec_key": settings.cs_sec_key.reveal()}
    credentials |= {"client_id": settings.client_id, "client_secret": settings.client_secret.reveal()}
    return {"url": api.url, **credentials}


def _printer(options: argparse.Namespace, stack: ExitStack) -> dict[str, object]:
    from drivers.simulated.link import TcpLink

    if options.labels is not None:
        options.labels.mkdir(parents=True, exist_ok=True)
    device: SimulatedDevice
    if options.language == "zpl":
        from drivers.simulated.zpl_printer import SimulatedZplPrinter

        device = SimulatedZplPrinter(directory=options.labels)
    else:
        from drivers.simulated.escpos_printer import SimulatedEscposPrinter

        device = SimulatedEscposPrinter(directory=options.labels)
    link = TcpLink(device, port=options.port)
    stack.callback(link.close)
    return {"language": options.language, "host": link.address[0], "port": link.address[1]}


@contextlib.contextmanager
def _until_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT sets."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
