"""Keeps a real ``station run`` going, and looks at it from outside."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.support.station import Rig

END_S = 30.0
"""A stop takes about as long as the step in progress; systemd would wait for more than a minute."""
AGENT = ("-m", "station.cli")


class Supervisor:
    """``station run``, started again whenever it ends. ``rows`` brings every cycle's line."""

    def __init__(self, rig: Rig, program: tuple[str, ...] = AGENT) -> None:
        self._program = program
        rig.configuration()
        self._file = rig.folder / "station.yaml"
        self._log = (rig.folder / "agent.log").open("ab")
        self.rows: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.starts = 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        self._log_start = Path(self._log.name).stat().st_size
        command = [sys.executable, *self._program, "run", "--json", "--config", str(self._file)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        self._reader = threading.Thread(target=self._read, args=[self.process])
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):
                self.rows.put(json.loads(line))

    def end(self) -> int:
        """The status of a process that was sent a signal that ends it."""
        status = self.process.wait(END_S)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    @property
    def is_begun(self) -> bool:
        """Whether the agent has come so far that a signal is its own to obey: before, it has touched nothing."""
        return b"waits for a board" in (Path(self._log.name)).read_bytes()[self._log_start :]

    def lines_of(self, socket: str) -> list[str]:
        """What this agent said of a socket, whole lines."""
        said = Path(self._log.name).read_bytes()[self._log_start :].decode("utf-8", "replace")
        mark = f"[{socket}] "
        return [line.removeprefix(mark).rstrip() for line in said.splitlines(keepends=True) if _is_whole(line, mark)]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.end()
        self._log.close()


def _is_whole(line: str, mark: str) -> bool:
    return line.startswith(mark) and line.endswith("\n")
