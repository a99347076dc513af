"""``python -m tests.chaos [--unplugs N] [--signals N] [--seed N]``: cables pulled and signals sent at random moments while boards
are provisioned; last line ``N unplugs, M signals, K cycles, V violations``.

The agent is a real process that is started again whenever it has ended, as systemd does. Nobody does anything at the station but
put boards in, scan, put cables back, and look at the printer where the station asks whether a label came out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.simulated.scanner import SimulatedScanner
from station.production_api.simulator.settings import SimulatorSettings
from tests.crash.judge import problems
from tests.crash.nursery import result_of
from tests.support.station import Board, Place, Rig, Settings

UNPLUGS = ("uart", "scanner")
SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL)
LONGEST_WAIT_S = 0.4
"""From a scan to the disturbance: about a cycle, the time that the agent takes to start again not counted."""
RESCAN_S = 1.0
PATIENCE_S = 90.0
END_S = 30.0
"""A stop takes about as long as the step in progress; systemd would wait for more than a minute."""


WINDOW = 3
"""Counts of what an agent holds, each after a PASS, that are compared: so many at its start, so many last."""
POLL_S = 0.005
DOWN = ("port.lost: ", "port.missing: ")
MORE_THREADS = 4
"""Of those that come and go: a refill, a request that is given up."""
COMES_AND_GOES = 16
"""Descriptors of one kind: a serial port that is open has four pipes (pyserial's, to end a read and a write), and there are four
ports; connections to the API are kept open for a while."""


class Supervisor:
    """``station run``, started again whenever it ends. ``rows`` brings every cycle's line."""

    def __init__(self, rig: Rig) -> None:
        rig.configuration()
        self._file = rig.folder / "station.yaml"
        self._log = (rig.folder / "agent.log").open("ab")
        self.rows: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.starts = 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        self._log_start = Path(self._log.name).stat().st_size
        command = [sys.executable, "-m", "station.cli", "run", "--json", "--config", str(self._file)]
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

    def descriptors(self) -> Counter[str]:
        """What the agent's descriptors lead to, by kind; connections to the API are kept open for a while on purpose."""
        found: Counter[str] = Counter()
        for entry in (Path("/proc") / str(self.process.pid) / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found[re.sub(r"[0-9]+", "N", str(entry.readlink()))] += 1
        return found

    @property
    def is_begun(self) -> bool:
        """Whether the agent has come so far that a signal is its own to obey: before, it has touched nothing."""
        return b"waits for a board" in (Path(self._log.name)).read_bytes()[self._log_start :]

    def lines_of(self, socket: str) -> list[str]:
        """What this agent said of a socket, whole lines."""
        said = Path(self._log.name).read_bytes()[self._log_start :].decode("utf-8", "replace")
        mark = f"[{socket}] "
        return [line.removeprefix(mark).rstrip() for line in said.splitlines(keepends=True) if _is_whole(line, mark)]

    def threads(self) -> int:
        """How many threads the agent has."""
        return len(list((Path("/proc") / str(self.process.pid) / "task").iterdir()))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.end()
        self._log.close()


def _is_whole(line: str, mark: str) -> bool:
    return line.startswith(mark) and line.endswith("\n")


@dataclass
class Run:
    """One run and what was seen in it."""

    rig: Rig
    random: random.Random
    agent: Supervisor
    violations: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    passed: set[str] = field(default_factory=set)
    slowest_s: float = 0.0
    """From the end of a disturbance to the PASS of the board that was in the socket."""
    ready_s: list[float] = field(default_factory=list)
    """From each replug of a scanner whose loss was told to the moment when its socket waits for a board again."""
    passed_s: list[float] = field(default_factory=list)
    """From each replug of a UART to the PASS of the board behind it, a scan that came too early and the next included."""
    labels_told: int = 0
    _scans: int = 0
    _held: dict[int, list[Counter[str]]] = field(default_factory=dict)

    def disturb(self, kind: str) -> None:
        """A new board, a start, the disturbance at a random moment, all put right again, and the same board until it passes."""
        name = self.random.choice(sorted(self.rig.places))
        place = self.rig.places[name]
        board = self.rig.board()
        place.uart.insert(board)
        self._scan(place)
        time.sleep(self.random.uniform(0.0, LONGEST_WAIT_S))
        if kind in UNPLUGS:
            link = place.uart if kind == "uart" else place.scanner
            link.unplug()
            time.sleep(self.random.uniform(0.0, LONGEST_WAIT_S))
            seen = self.agent.lines_of(name)
            link.replug()
            self._measure_ready(name, seen)
            self._scan(place)
        else:
            self._signal(signal.Signals[kind])
        ended_s = time.monotonic()
        self._until_pass(place, board)
        took_s = time.monotonic() - ended_s
        self.slowest_s = max(self.slowest_s, took_s)
        if kind == "uart":
            self.passed_s.append(took_s)
        place.uart.lift()
        self._count_what_is_held()

    def _measure_ready(self, name: str, seen: list[str]) -> None:
        """A socket that told of its trigger's loss, and of nothing since, tells that it waits for a board once it is ready again.
        The loss of a UART ends the cycle and no more: whoever scans then finds out, so there it is the PASS that is timed."""
        if not seen or not seen[-1].startswith(DOWN):
            return
        replugged_s = time.monotonic()
        while "waits for a board" not in self.agent.lines_of(name)[len(seen) :]:
            if self.agent.process.poll() is not None or time.monotonic() > replugged_s + PATIENCE_S:
                self.violations.append(f"socket {name} is not ready {PATIENCE_S:.0f} s after a replug")
                return
            time.sleep(POLL_S)
        self.ready_s.append(time.monotonic() - replugged_s)

    def _signal(self, number: signal.Signals) -> None:
        self.agent.process.send_signal(number)
        if number is signal.SIGHUP:
            return
        status = self.agent.end()
        if status != (0 if number is signal.SIGTERM and self.agent.is_begun else -number) and status != 0:
            self.violations.append(f"the agent ended with {status} after {number.name}")
        self.agent.start()

    def _until_pass(self, place: Place, board: Board) -> None:
        """Scan until the board has passed; what the station asks a person for is done."""
        chip_id = self.rig.chip_id(board)
        ends_s = time.monotonic() + PATIENCE_S
        while chip_id not in self.passed:
            try:
                self._take(self.agent.rows.get(timeout=RESCAN_S))
            except queue.Empty:
                if self.agent.process.poll() is not None:
                    self._start_again()
                if time.monotonic() > ends_s:
                    raise AssertionError(f"{chip_id} does not pass: {self.outcomes}") from None
            if chip_id not in self.passed:
                self._scan(place)

    def _start_again(self) -> None:
        """An agent whose start met an unplugged port has ended with 2, one told to reload before it could hear it with that
        signal; anything else would be a crash."""
        status = self.agent.end()
        if status not in (2, -signal.SIGHUP):
            raise AssertionError(f"the agent has ended: {status}")
        self.agent.start()

    def _take(self, row: dict[str, Any]) -> None:
        self.outcomes[f"{row['outcome']} {row['code'] or ''}".strip()] += 1
        self.rig.results.append(result_of(row))
        if row["outcome"] == "PASS":
            self.passed.add(row["chip_id"])
        elif row["code"] == "label.in_doubt":
            self._look_at_printer(row)

    def _look_at_printer(self, row: dict[str, Any]) -> None:
        came_out = any(sn == row["sn"] for sn, _, _ in self.rig.labels())
        words = ["--label", "printed" if came_out else "not-printed", "--reason", "looked at it", "--operator", "soak"]
        command = [sys.executable, "-m", "station.cli", "units", "resolve", row["chip_id"], *words]
        done = subprocess.run(
            [*command, "--config", str(self.rig.folder / "station.yaml")],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        self.labels_told += 1
        if done.returncode != 0 and "unit.doubt_unsettled" not in done.stderr:
            self.violations.append(f"the station does not take what became of a label: {done.stderr}")

    def _scan(self, place: Place) -> None:
        self._scans += 1
        SimulatedScanner().scan(place.scanner, f"GO-{self._scans}")

    def _count_what_is_held(self) -> None:
        """Of one process, early and late: more than what comes and goes is a leak. While it reloads it holds less, so the most of
        the first counts stands against the least of the last."""
        seen = self._held.setdefault(self.agent.process.pid, [])
        seen.append(self.agent.descriptors() + Counter(threads=self.agent.threads()))
        if len(seen) < 2 * WINDOW:
            return
        for kind in seen[-1]:
            early, late = max(held[kind] for held in seen[:WINDOW]), min(held[kind] for held in seen[-WINDOW:])
            if late > early + (MORE_THREADS if kind == "threads" else COMES_AND_GOES):
                self.violations.append(f"{kind} held grew from {early} to {late}")


def chaos(folder: Path, unplugs: int, signals: int, seed: int) -> int:
    """Run, print, and return how many violations there were."""
    chance = random.Random(seed)
    kinds = [UNPLUGS[index % len(UNPLUGS)] for index in range(unplugs)]
    kinds += [SIGNALS[index % len(SIGNALS)].name for index in range(signals)]
    chance.shuffle(kinds)
    api = SimulatorSettings(seed=seed, licences=100 * len(kinds) + 1000)
    rig = Rig(folder, Settings(api=api, sockets=("A", "B"), batch=20, low_water=10, pause_s=0.1))
    agent = Supervisor(rig)
    run = Run(rig, chance, agent)
    try:
        for kind in kinds:
            run.disturb(kind)
        agent.process.terminate()
        if (status := agent.end()) != 0:
            run.violations.append(f"the agent ended with {status}")
    except (AssertionError, subprocess.TimeoutExpired) as error:
        run.violations.append(f"{error}; the agent said: {(folder / 'agent.log').read_text()[-1500:]}")
    finally:
        agent.close()
    run.violations += problems(rig, (folder / "agent.log").read_text("utf-8", "replace").splitlines())
    rig.close()
    for outcome, count in run.outcomes.most_common():
        sys.stdout.write(f"{count:7d}  {outcome}\n")
    for violation in run.violations:
        sys.stdout.write(f"VIOLATION: {violation}\n")
    sys.stdout.write(
        f"{agent.starts} starts, {run.labels_told} labels in doubt, slowest recovery {run.slowest_s:.1f} s\n"
        f"scanner replugged to socket ready: {_spread(run.ready_s)}\n"
        f"UART replugged to PASS: {_spread(run.passed_s)}\n"
        f"{unplugs} unplugs, {signals} signals, {sum(run.outcomes.values())} cycles, {len(run.violations)} violations\n"
    )
    return len(run.violations)


def _spread(times_s: list[float]) -> str:
    if not times_s:
        return "not measured"
    ordered = sorted(times_s)
    return f"{len(ordered)} times, median {ordered[len(ordered) // 2]:.2f} s, most {ordered[-1]:.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unplugs", type=int, default=200)
    parser.add_argument("--signals", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    violations = chaos(folder, options.unplugs, options.signals, options.seed)
    if not violations:
        shutil.rmtree(folder)
    else:
        sys.stderr.write(f"kept for a look: {folder}\n")
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
