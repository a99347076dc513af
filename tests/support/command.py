"""The installed ``station`` command as others use it: in a process of its own, judged by its output and its exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("station")
PATIENCE_S = 40.0
"""Bounds what must come anyway; nothing passes or fails by it."""
SECRET = "cs-sec-key-simulated"
DEVICE = ("simulate", "device", "--chip", "STM32WL", "--app-eui-at", "0x0803F800")

CONFIGURATION = """\
station: desk
state_dir: state
api:
  base_url: {api}
  auth:
    csid: {{csid: csid-simulated, cs_sec_key: "${{env:STATION_CS_SEC_KEY}}"}}
ids: {{refill: {{batch: 4, low_water: 2}}}}
board:
  stm32:
    part: STM32WL
    app_eui: {{address: 0x0803F800, format: {{size_bytes: 8, encoding: hex, case: upper}}}}
    device_id: {{address: 0x0803F810, format: {{size_bytes: 8, encoding: hex, case: lower}}}}
label:
  design:
    width_mm: 50
    height_mm: 30
    elements:
      - {{kind: qr, x_mm: 1, y_mm: 2, size_mm: 25, data: "{{sn}}"}}
printers:
  - name: files
    driver: {{png: {{}}}}
    connection: {{file: {{path: labels, one_file_per_job: true, suffix: .png}}}}
sockets:
  - name: A
    serial: {{port: {port}, framing: {{baud: 115200, parity: even}}}}
    trigger: {{keyboard: {{}}}}
"""
"""A whole station for ``simulate api`` and ``simulate device``; its labels go to the folder ``labels`` beside it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left."""

    status: int
    out: str
    err: str

    def rows(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def station(*arguments: str | Path, cwd: Path, stdin: str = "", env: Mapping[str, str] | None = None) -> Ended:
    """Run the command to its end. ``env`` is added to the environment; by default the simulated API's secret is."""
    ended = subprocess.run(
        _words(arguments),
        cwd=cwd,
        env=os.environ | {"STATION_CS_SEC_KEY": SECRET} | dict(env or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@contextmanager
def running(*arguments: str | Path, cwd: Path, stdin: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs. It is told to end by SIGTERM where the test has not ended it."""
    process = subprocess.Popen(
        _words(arguments),
        cwd=cwd,
        env=os.environ | {"STATION_CS_SEC_KEY": SECRET},
        stdin=subprocess.PIPE if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)


def told_to_end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> Ended:
    """What the process leaves when it is told to end."""
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    return Ended(process.returncode, out, err)


def first_row(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The JSON line with which a simulated part says where it listens."""
    assert process.stdout is not None
    row: dict[str, Any] = json.loads(process.stdout.readline())
    return row


@contextmanager
def simulated_desk(folder: Path, *device: str) -> Iterator[Path]:
    """An API and a board, each in a process of its own; yields the configuration of a station that uses them. ``device`` are
    the words that start another board than ``DEVICE``."""
    (folder / "labels").mkdir(exist_ok=True)
    with (
        running("simulate", "api", cwd=folder) as api,
        running(*(device or DEVICE), cwd=folder) as board,
    ):
        file = folder / "station.yaml"
        file.write_text(CONFIGURATION.format(api=first_row(api)["url"], port=first_row(board)["port"]), "utf-8")
        yield file


def _words(arguments: Sequence[str | Path]) -> list[str]:
    return [str(COMMAND), *map(str, arguments)]
