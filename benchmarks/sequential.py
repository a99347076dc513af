"""The client that the API document's example describes (its sections "Complete Production Workflow" and "Node.js Implementation
Example"), made a station: a batch of ids, then one board after the other, each call awaited before the next thing is done.

It uses the station's own drivers, so that only the order of things differs.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.plain_client import plain_client
from benchmarks.world import World, insert_board
from drivers.clock import SystemClock
from drivers.printer.zpl import ZplPrinter
from drivers.serial_port import SerialOptions, open_serial
from drivers.tcp_port import TcpOptions, open_tcp
from drivers.transport import Framing
from station.config.validate import load_configuration
from station.demo import BAUD
from station.label import render
from station.parts import bootloader_driver
from station.ports import LabelData


def provision_sequentially(world: World, units: int) -> float:
    """Units per second over a batch of this size, its two requests for ids included."""
    configuration = load_configuration(world.config)
    clock = SystemClock()
    driver = bootloader_driver(configuration.station.board, Framing(BAUD, parity="even"))
    printer = ZplPrinter()
    with plain_client(world) as call:

        def provision(place: dict[str, Any], device_id: str, sn: str) -> None:
            uart = open_serial(SerialOptions(place["uart"], Framing(BAUD, parity="even")), clock)
            board = driver.connect(uart, clock)
            identity = board.identify()
            call(
                "activateDeviceId",
                {"chipId": identity.chip_id, "appEui": identity.app_eui.value, "deviceId": device_id},
            )
            board.write(board.plan_write(device_id))
            board.verify()
            uart.close()
            call("bindSN", {"deviceId": device_id, "sn": sn})
            data = LabelData(sn, device_id, identity.chip_id, identity.app_eui.value or "", extra={"model": "YS-DEMO"})
            link = open_tcp(TcpOptions(*place["printer"]), clock)
            printer.send(link, render(configuration.label, data, "zpl", 8.0), clock)
            link.close()

        places = list(world.places.items())
        started_s = time.monotonic()
        device_ids = call("requestDeviceId", {"size": units})["deviceIdList"]
        sns = call("requestSN", {"size": units})["snList"]
        for index, (device_id, sn) in enumerate(zip(device_ids, sns, strict=True)):
            name, place = places[index % len(places)]
            insert_board(world.hardware, name)
            provision(place, device_id, sn)
        duration_s = time.monotonic() - started_s
    return units / duration_s
