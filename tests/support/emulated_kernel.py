"""The emulated kernel (``tests.support.emulated``) as a test uses it, and the way to run a program in it."""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_S = 140.0
MAX_STDERR_CHARS = 4000
"""What is told of a process that broke off: where each thread was."""
KEYS = list(range(1, 112))
"""What a keyboard has."""


class Kernel:
    """Sends commands to the emulated kernel that this process lives in; any thread may."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_S)
        self._socket.connect(os.environ["EMULATED_KERNEL"])
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self._lock = Lock()

    def __call__(self, command: str, *arguments: Any) -> Any:
        with self._lock:
            self._stream.write(json.dumps([command, *arguments]) + "\n")
            self._stream.flush()
            return json.loads(self._stream.readline())

    def plug_pedal(self, name: str) -> None:
        self("plug_input", name, "PCsensor FootSwitch", "3553", "b001", [48])

    def plug_scanner(self, name: str) -> None:
        self("plug_input", name, "Symbol Bar Code Scanner", "05e0", "1200", KEYS)

    def scan(self, name: str, text: str) -> None:
        """Type capital letters, digits and ``]`` with Ctrl for GS, then Enter, on a US keyboard."""
        from drivers.trigger.input_events import KEY_ENTER, KEY_NAMES, LEFT_CTRL, LEFT_SHIFT

        strokes: list[tuple[int, int]] = []
        for char in text:
            code = 27 if char == "\x1d" else KEY_NAMES[char.lower()]
            held = LEFT_CTRL if char == "\x1d" else LEFT_SHIFT if char.isupper() else None
            pressed = [(code, 1), (code, 0)]
            strokes += pressed if held is None else [(held, 1), *pressed, (held, 0)]
        self("strokes", name, [*strokes, (KEY_ENTER, 1), (KEY_ENTER, 0)])


def run_in_emulated_kernel(module: str, scenarios: Sequence[str], folder: Path) -> dict[str, str | None]:
    """Run functions of a module, each handed a folder and a ``Kernel``, in one process that lives in an emulated kernel; for each
    what is wrong, or None."""
    address = str(folder / "kernel")
    host = subprocess.Popen(
        ["umockdev-wrapper", sys.executable, "-m", "tests.support.emulated", address],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert host.stdout is not None
        tree = host.stdout.readline().strip()
        ended = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-m", __name__, module, str(folder), *scenarios],
            env=os.environ
            | {"LD_PRELOAD": "libumockdev-preload.so.0", "UMOCKDEV_DIR": tree, "EMULATED_KERNEL": address},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        host.kill()
        host.communicate(timeout=PATIENCE_S)
    never = f"the process ended with {ended.returncode} before this one did:\n{ended.stderr[-MAX_STDERR_CHARS:]}"
    told = dict(json.loads(line) for line in ended.stdout.splitlines() if line.startswith("["))
    return {scenario: told.get(scenario, never) for scenario in scenarios}


def main(module: str, folder: str, *scenarios: str) -> None:
    kernel = Kernel()
    for scenario in scenarios:
        problem = None
        here = Path(folder, scenario)
        here.mkdir()
        try:
            getattr(importlib.import_module(module), scenario)(here, kernel)
        except Exception:  # noqa: BLE001 (whatever it is, the test that asks for this scenario fails with it)
            problem = traceback.format_exc()
        kernel("unplug_all")
        print(json.dumps([scenario, problem]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
