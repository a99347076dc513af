"""The explorer's side of the nursery (``tests.crash.agent``): starts it, has it run agents, and reads what they say."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from station.model import CycleResult, LabelFate, Outcome
from tests.crash.points import Point

ROOT = Path(__file__).resolve().parents[2]
RUN_LIMIT_S = 60.0
"""A run that takes longer is ended and counts as hung. All of an agent's own waits are bounded far below it here."""
READ_BYTES = 65536


@dataclass(slots=True)
class Ended:
    """What one run of the agent came to. ``status`` is negative for a signal; ``said`` holds what was no result."""

    status: int = 0
    results: list[CycleResult] = field(default_factory=list)
    points: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    hung: bool = False

    @property
    def was_killed(self) -> bool:
        return self.status == -signal.SIGKILL and not self.hung


class Nursery:
    """A running nursery. One run at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.agent"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._unread = b""
        ready = Ended()
        self._take_lines(ready, lambda _socket: None, None, until="@ready")
        if ready.hung or ready.said:
            self.close()
            raise RuntimeError(f"the nursery does not start: {ready.said}")

    def close(self) -> None:
        """End the nursery."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None, "both were asked for"
            pipe.close()
        self._process.wait(RUN_LIMIT_S)

    def run(
        self, argv: list[str], kill: Point | None, waiting: Callable[[str], None], keep: Path | None = None
    ) -> Ended:
        """Run ``station ARGV`` to its end; ``waiting`` is told each socket that waits for a start. ``keep``: a folder for what it
        has synced (``tests.crash.power``)."""
        request = {
            "argv": argv,
            "kill": None if kill is None else str(kill),
            "keep": None if keep is None else str(keep),
        }
        assert self._process.stdin is not None, "it was asked for"
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        ended = Ended()
        self._take_lines(ended, waiting, time.monotonic() + RUN_LIMIT_S, until="@exit")
        return ended

    def _take_lines(self, ended: Ended, waiting: Callable[[str], None], ends_s: float | None, *, until: str) -> None:
        pid: int | None = None
        while True:
            line = self._line(ends_s)
            if line is None:
                ended.hung = True
                if pid is None:
                    return
                os.kill(pid, signal.SIGKILL)
                ends_s = None
                continue
            word, _, rest = line.partition(" ")
            match word:
                case "@pid":
                    pid = int(rest)
                case "@waiting":
                    waiting(rest)
                case "@points":
                    ended.points = json.loads(rest)
                case "@exit":
                    ended.status = int(rest)
                case "@ready" | "":
                    pass
                case _:
                    _take_output(ended, line)
            if word == until:
                return

    def _line(self, ends_s: float | None) -> str | None:
        """The next line, or None where none comes in time or the nursery has gone."""
        assert self._process.stdout is not None, "it was asked for"
        fd = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            left_s = None if ends_s is None else max(0.0, ends_s - time.monotonic())
            if not select.select([fd], [], [], left_s)[0]:
                return None
            data = os.read(fd, READ_BYTES)
            if not data:
                raise RuntimeError("the nursery has gone")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode("utf-8", "replace")


def _take_output(ended: Ended, line: str) -> None:
    if line.startswith('{"cycle"'):
        try:
            ended.results.append(result_of(json.loads(line)))
            return
        except ValueError:
            pass  # cut off by the kill
    ended.said.append(line)


def result_of(values: dict[str, Any]) -> CycleResult:
    """A cycle's result from its JSON line."""
    typed = {"outcome": Outcome(values["outcome"]), "label": LabelFate(values["label"])}
    return CycleResult(**{**values, **typed})
