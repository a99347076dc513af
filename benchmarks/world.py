"""Everything around a measured station, each part in a process of its own, so that only the station's own work is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.demo import APP_EUI_ADDRESS, BAUD, CONFIGURATION, DEVICE_ID_ADDRESS, PART

PRINT_S = 0.2
"""A label of 30 mm at 152 mm/s, the usual speed of a desktop printer."""
PATIENCE_S = 300.0
SECRET = "cs-sec-key-simulated"

SOCKET = """\
  - name: {name}
    printer: {name}
    serial: {{port: {uart}, framing: {{baud: {baud}, parity: even}}}}
    trigger: {{serial_scanner: {{serial: {{port: {scanner}}}, pattern: "BOARD-[0-9]+"}}}}
"""
PRINTER = (
    "  - {{name: {name}, driver: {{zpl: {{dots_per_mm: 8}}}}, connection: {{tcp: {{host: {host}, port: {port}}}}}}}\n"
)


class Child:
    """A process that speaks JSON lines."""

    def __init__(self, *words: str, python: str = sys.executable, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [python, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd()), **(environment or {})},
        )

    def tell(self, order: dict[str, object]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Its next line. Raises RuntimeError where it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()}")
        heard: dict[str, Any] = json.loads(line)
        return heard

    def stop(self) -> None:
        """End it by SIGTERM."""
        self.process.terminate()
        self.close()

    def close(self) -> None:
        """End it: by the end of its input, or else by SIGTERM."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
        self.process.stdout.close()


@dataclass(frozen=True, slots=True)
class World:
    """``config`` is a station's configuration; ``places`` are its sockets' devices by name."""

    folder: Path
    config: Path
    url: str
    hardware: Child
    places: dict[str, dict[str, Any]]

    def calls(self) -> list[dict[str, Any]]:
        """The API's books: a row for each call, with its ``method`` and what it ``did``."""
        return [json.loads(line) for line in (self.folder / "ledger.jsonl").read_text("utf-8").splitlines()]


def insert_board(hardware: Child, socket: str) -> None:
    """Put a new board into a socket; it is there when this returns."""
    hardware.tell({"insert": socket, "say": True})
    hardware.hear()


@contextmanager
def world(
    folder: Path, *, sockets: int = 1, round_trip_s: float = 0.05, print_s: float = PRINT_S, batch: int = 50
) -> Iterator[World]:
    """The API with this round trip, and so many sockets with their own printers."""
    with ExitStack() as stack:
        api = Child(
            "-m", "station", "simulate", "api", "--latency-ms", str(round_trip_s * 1000), "--licences", "1000000",
            "--ledger", str(folder / "ledger.jsonl"),
        )  # fmt: skip
        stack.callback(api.stop)
        url = str(api.hear()["url"])
        hardware = Child("-m", "benchmarks.hardware", str(sockets), str(BAUD), str(print_s))
        stack.callback(hardware.close)
        places = hardware.hear()
        config = folder / "station.yaml"
        config.write_text(_configuration(url, places, batch, folder), "utf-8")
        yield World(folder, config, url, hardware, places)


def run_station(world: World, cycles: int, *, unrecorded: bool = False) -> list[dict[str, Any]]:
    """Let a station do so many cycles, each on a new board; their JSON lines in the order they ended."""
    words = ["-m", "benchmarks.agent", str(world.config), str(cycles), *(["--unrecorded"] if unrecorded else [])]
    return serve(world, Child(*words), cycles)


def serve(world: World, agent: Child, cycles: int) -> list[dict[str, Any]]:
    """Give whoever waits a new board, until so many cycles have ended; their lines. Ends the agent. Raises RuntimeError where
    one is not PASS."""
    rows: list[dict[str, Any]] = []
    try:
        while len(rows) < cycles:
            heard = agent.hear()
            if "waiting" in heard:
                world.hardware.tell({"insert": heard["waiting"], "scan": True})
            else:
                if heard["outcome"] != "PASS":
                    raise RuntimeError(f"a cycle was not PASS: {heard}")
                rows.append(heard)
    finally:
        agent.close()
    return rows


def _configuration(url: str, places: dict[str, dict[str, Any]], batch: int, folder: Path) -> str:
    (folder / "cs-sec-key").write_text(SECRET, "utf-8")
    (folder / "cs-sec-key").chmod(0o600)
    head = CONFIGURATION[: CONFIGURATION.index("printers:")].format(
        api=url,
        csid="csid-simulated",
        part=PART,
        app_eui=APP_EUI_ADDRESS,
        device_id=DEVICE_ID_ADDRESS,
        panel="",
    )
    head = head.replace("label_pictures: true", "label_pictures: false").replace(
        "batch: 50, low_water: 20", f"batch: {batch}, low_water: {max(20, batch // 2)}"
    )
    printers = "".join(
        PRINTER.format(name=name, host=place["printer"][0], port=place["printer"][1]) for name, place in places.items()
    )
    sockets = "".join(
        SOCKET.format(name=name, uart=place["uart"], scanner=place["scanner"], baud=BAUD)
        for name, place in places.items()
    )
    return f"{head}printers:\n{printers}sockets:\n{sockets}"
