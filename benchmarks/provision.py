"""A list of units without a jig: ``station provision`` against the API document's own workflow, one call after the other."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.plain_client import plain_client
from benchmarks.world import World

Units = Sequence[tuple[str, str]]


def new_units(count: int) -> Units:
    """So many chipIds and appEuis that nobody has seen."""
    chance = random.SystemRandom()
    return [
        (chance.randbytes(12).hex().upper(), f"70B3D57ED0{chance.randbytes(3).hex().upper()}") for _ in range(count)
    ]


def provision_list(world: World, units: Units) -> float:
    """Units per second of the command, from its start to its end. Raises RuntimeError where one is not provisioned, or the
    server's books disagree with the result."""
    chips, result = world.folder / "chips.csv", world.folder / "result.csv"
    chips.write_text("chipId,appEui\n" + "".join(f"{chip},{eui}\n" for chip, eui in units), "utf-8")
    words = ["provision", str(chips), "--config", str(world.config), "--result", str(result)]
    started_s = time.monotonic()
    ended = subprocess.run([sys.executable, "-m", "station", *words], capture_output=True, text=True, check=False)
    duration_s = time.monotonic() - started_s
    if ended.returncode != 0:
        raise RuntimeError(f"the list was not provisioned: {ended.stderr[-2000:]}")
    with result.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("deviceId", "sn"):
        if len({row[name] for row in rows}) != len(units):
            raise RuntimeError(f"a {name} was given twice, or not at all")
    return len(units) / duration_s


def workflow_sequentially(world: World, units: Units) -> float:
    """Units per second of the document's "Complete Production Workflow" on one kept connection: both batches of ids, then each unit
    activated, then each SN bound. The token is there before."""
    with plain_client(world) as call:
        started_s = time.monotonic()
        device_ids = call("requestDeviceId", {"size": len(units)})["deviceIdList"]
        for (chip_id, app_eui), device_id in zip(units, device_ids, strict=True):
            call("activateDeviceId", {"chipId": chip_id, "appEui": app_eui, "deviceId": device_id})
        sns = call("requestSN", {"size": len(units)})["snList"]
        for device_id, sn in zip(device_ids, sns, strict=True):
            call("bindSN", {"deviceId": device_id, "sn": sn})
        return len(units) / (time.monotonic() - started_s)
