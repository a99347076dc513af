"""``python -m tests.chaos [--unplugs N] [--signals N] [--seed N]``: cables pulled and signals sent at random moments while boards
are provisioned; last line ``N unplugs, M signals, K cycles, V violations``.

The agent is a real process that is started again whenever it has ended, as systemd does. Nobody does anything at the station but
put boards in, scan, put cables back, reseat a board that is said not to answer, and look at the printer where the station asks
whether a label came out.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.simulated.link import PtyLink
from drivers.simulated.scanner import SimulatedScanner
from station.production_api.simulator.settings import SimulatorSettings
from tests.chaos.holdings import Holdings
from tests.chaos.supervisor import AGENT, Supervisor
from tests.crash.judge import problems
from tests.crash.nursery import result_of
from tests.support.station import Board, Place, Rig, Settings

UNPLUGS = ("uart", "scanner", "printer")
SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL)
LONGEST_WAIT_S = 0.4
"""From a scan to the disturbance: about a cycle, the time that the agent takes to start again not counted."""
RESCAN_S = 1.0
PATIENCE_S = 90.0

POLL_S = 0.005
DOWN = ("port.lost: ", "port.missing: ")


@dataclass
class Run:
    """One run and what was seen in it."""

    rig: Rig
    printer: PtyLink
    random: random.Random
    agent: Supervisor
    violations: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    passed: set[str] = field(default_factory=set)
    slowest_s: float = 0.0
    """From the end of a disturbance to the PASS of the board that was in the socket."""
    ready_s: list[float] = field(default_factory=list)
    """From each replug of a scanner whose loss was told to the moment when its socket waits for a board again."""
    passed_s: dict[str, list[float]] = field(default_factory=lambda: {"uart": [], "printer": []})
    """From each replug of a UART, or of the printer, to the PASS of a board that had not passed by then: the end of its cycle and
    the next one, and up to ``RESCAN_S`` where a scan came before the socket was ready. Not where an agent that had been signalled
    met a missing port at its start, and was started again.
    """
    labels_told: int = 0
    reseated: int = 0
    """Boards taken out and put in again, since the station said that they do not answer: a ROM that heard something else than 7F
    first, the rest of an interrupted exchange, is deaf until it is powered on again (AN3155)."""
    _scans: int = 0
    _is_silent: bool = False
    _holdings: Holdings = field(default_factory=Holdings)

    def disturb(self, kind: str) -> None:
        """A new board, a start, the disturbance at a random moment, all put right again, and the same board until it passes."""
        name = self.random.choice(sorted(self.rig.places))
        place = self.rig.places[name]
        board = self.rig.board()
        place.uart.insert(board)
        self._scan(place)
        time.sleep(self.random.uniform(0.0, LONGEST_WAIT_S))
        if kind in UNPLUGS:
            link = {"uart": place.uart, "scanner": place.scanner, "printer": self.printer}[kind]
            link.unplug()
            time.sleep(self.random.uniform(0.0, LONGEST_WAIT_S))
            seen = self.agent.lines_of(name)
            link.replug()
            self._measure_ready(name, seen)
        else:
            self._signal(signal.Signals[kind])
        ended_s = time.monotonic()
        has_ended = self._take_all()
        starts = self.agent.starts
        is_struck = self.rig.chip_id(board) not in self.passed
        if is_struck and has_ended:
            self._scan(place)
        self._until_pass(place, board)
        took_s = time.monotonic() - ended_s
        self.slowest_s = max(self.slowest_s, took_s)
        if kind in self.passed_s and is_struck and self.agent.starts == starts:
            self.passed_s[kind].append(took_s)
        place.uart.lift()
        self.violations += self._holdings.look(self.agent.process.pid)

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
                if self._is_silent:
                    self._reseat(place, board)
                self._scan(place)

    def _take_all(self) -> bool:
        """Whether any cycle had ended."""
        count = 0
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self.agent.rows.get_nowait())
                count += 1
        return count > 0

    def _start_again(self) -> None:
        """An agent whose start met an unplugged port has ended with 2, one told to reload before it could hear it with that
        signal; anything else would be a crash."""
        status = self.agent.end()
        if status not in (2, -signal.SIGHUP):
            raise AssertionError(f"the agent has ended: {status}")
        self.agent.start()

    def _reseat(self, place: Place, board: Board) -> None:
        self.reseated += 1
        self._is_silent = False
        place.uart.lift()
        place.uart.insert(board)

    def _take(self, row: dict[str, Any]) -> None:
        self.outcomes[f"{row['outcome']} {row['code'] or ''}".strip()] += 1
        self.rig.results.append(result_of(row))
        self._is_silent = row["code"] == "board.silent"
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


def chaos(folder: Path, unplugs: int, signals: int, seed: int, program: tuple[str, ...] = AGENT) -> int:
    """Run, print, and return how many violations there were. ``program``: what the agent is, after the interpreter's name."""
    chance = random.Random(seed)
    kinds = [UNPLUGS[index % len(UNPLUGS)] for index in range(unplugs)]
    kinds += [SIGNALS[index % len(SIGNALS)].name for index in range(signals)]
    chance.shuffle(kinds)
    api = SimulatorSettings(seed=seed, licences=100 * len(kinds) + 1000)
    path = folder / "printer"
    reached = f"{{serial: {{port: {path}}}}}"
    rig = Rig(
        folder, Settings(api=api, sockets=("A", "B"), batch=20, low_water=10, pause_s=0.1, printer_connection=reached)
    )
    printer = PtyLink(rig.printer, stable_path=path)
    agent = Supervisor(rig, program)
    run = Run(rig, printer, chance, agent)
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
    printer.close()
    rig.close()
    for outcome, count in run.outcomes.most_common():
        sys.stdout.write(f"{count:7d}  {outcome}\n")
    for violation in run.violations:
        sys.stdout.write(f"VIOLATION: {violation}\n")
    sys.stdout.write(
        f"{agent.starts} starts, {run.labels_told} labels in doubt, {run.reseated} boards reseated, "
        f"slowest recovery {run.slowest_s:.1f} s\n"
        f"scanner replugged to socket ready: {_spread(run.ready_s)}\n"
        f"UART replugged to PASS: {_spread(run.passed_s['uart'])}\n"
        f"printer replugged to PASS: {_spread(run.passed_s['printer'])}\n"
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
