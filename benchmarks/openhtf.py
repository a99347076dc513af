"""OpenHTF at the same job: its program (``benchmarks.openhtf_station``) in an environment of its own, around it the same world.

OpenHTF and what it needs are no requirement of the project: ``make bench`` installs requirements/openhtf.lock in build/openhtf.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.plain_client import access_token, production_url
from benchmarks.world import Child, World, serve
from station.demo import APP_EUI_ADDRESS, BAUD, DEVICE_ID_ADDRESS, PART

PYTHON = Path("build/openhtf/bin/python")


def run_openhtf(world: World, cycles: int) -> list[dict[str, Any]]:
    """Let OpenHTF do so many tests in the world's only socket; a line each: ``outcome``, ``cpu_s`` and ``at_s`` as of a station's
    cycle, and ``openhtf``, its version. Raises RuntimeError where it is not installed, a test does not pass, or its records are
    not there."""
    if not PYTHON.exists():
        raise RuntimeError(f"OpenHTF is not installed in {PYTHON.parent.parent}: `make bench` does that")
    records = world.folder / "records"
    records.mkdir()
    (place,) = world.places.values()
    around = {
        **place,
        "url": production_url(world),
        "token": access_token(world),
        "baud": BAUD,
        "part": PART,
        "app_eui_address": APP_EUI_ADDRESS,
        "device_id_address": DEVICE_ID_ADDRESS,
        "records": str(records),
        "cycles": cycles,
    }
    agent = Child("-m", "benchmarks.openhtf_station", python=str(PYTHON))
    agent.tell(around)
    rows = serve(world, agent, cycles)
    written = [json.loads(path.read_text("utf-8")) for path in records.iterdir()]
    if [record["outcome"] for record in written] != ["PASS"] * cycles:
        raise RuntimeError(f"OpenHTF wrote {len(written)} records of {cycles} tests")
    return rows
