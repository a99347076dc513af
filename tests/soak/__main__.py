"""``python -m tests.soak [--cycles N] [--sockets N] [--seed N]``: last line ``N cycles, M violations, RSS grew X MiB``."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from station.production_api.simulator.settings import SimulatorSettings
from tests.soak.operator import Books, Operator, parse
from tests.support.station import Rig, Settings

WARM_UP_SHARE = 0.1
MAX_GROWTH_MIB = 5.0
KEPT_LOGS = 500
"""Session logs are removed above this many, as an operator's retention would: the disk is not what is soaked."""


class Agent:
    """``station run`` as a process, its memory, threads and descriptors looked at from outside."""

    def __init__(self, rig: Rig) -> None:
        rig.configuration()
        command = [sys.executable, "-m", "station.cli", "run", "--json", "--config", str(rig.folder / "station.yaml")]
        self._log = (rig.folder / "agent.log").open("wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)

    @property
    def output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def figures(self) -> tuple[float, int, int]:
        """Resident MiB, threads, descriptors."""
        folder = Path("/proc") / str(self.process.pid)
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
        return int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"]), len(list((folder / "fd").iterdir()))

    def stop(self) -> int:
        self.process.terminate()
        status = self.process.wait(60)
        self.output.close()
        self._log.close()
        return status


def soak(folder: Path, cycles: int, sockets: int, seed: int, max_growth_mib: float = MAX_GROWTH_MIB) -> int:
    """Run, print, and return how many violations there were, one of them a growth of memory above the limit."""
    names = tuple(chr(ord("A") + index) for index in range(sockets))
    api = SimulatorSettings(seed=seed, licences=10 * cycles + 1000)
    rig = Rig(folder, Settings(api=api, sockets=names, batch=50, low_water=25, pause_s=0.1))
    books = Books()
    agent = Agent(rig)
    operators = {
        name: Operator(rig, place, books, seed + index) for index, (name, place) in enumerate(rig.places.items())
    }
    reader = threading.Thread(target=_deliver, args=(agent.output, operators), daemon=True)
    reader.start()
    per_socket = cycles // sockets
    warm = max(1, int(per_socket * WARM_UP_SHARE))
    figures: list[tuple[float, int, int]] = []
    try:
        _run_all(operators, warm)
        figures.append(agent.figures())
        for part in range(9):
            share = (per_socket - warm) * (part + 1) // 9 - (per_socket - warm) * part // 9
            _run_all(operators, share)
            figures.append(agent.figures())
            _drop_logs(folder / "state" / "sessions")
            sys.stdout.write(
                f"{sum(books.outcomes.values())} cycles: %.1f MiB, %d threads, %d descriptors\n" % figures[-1]
            )
            sys.stdout.flush()
    finally:
        status = agent.stop()
    violations = [*books.violations, *rig.soaked_problems(set(books.passed))]
    if status != 0:
        violations.append(f"the agent ended with {status}: {(folder / 'agent.log').read_text()[-2000:]}")
    growth_mib = figures[-1][0] - figures[0][0]
    if growth_mib > max_growth_mib:
        violations.append(f"memory grew by {growth_mib:.1f} MiB")
    for name, index in (("threads", 1), ("descriptors", 2)):
        if figures[-1][index] > figures[0][index] + 2:
            violations.append(f"{name} grew from {figures[0][index]} to {figures[-1][index]}")
    rig.close()
    for outcome, count in books.outcomes.most_common():
        sys.stdout.write(f"{count:7d}  {outcome}\n")
    for violation in violations:
        sys.stdout.write(f"VIOLATION: {violation}\n")
    done = sum(books.outcomes.values())
    sys.stdout.write(f"{done} cycles, {len(violations)} violations, RSS grew {growth_mib:.1f} MiB\n")
    return len(violations)


def _run_all(operators: dict[str, Operator], cycles: int) -> None:
    """So many cycles in each socket, side by side; the first operator's failure is raised."""

    def work(operator: Operator) -> None:
        for _ in range(cycles):
            operator.cycle()

    with ThreadPoolExecutor(len(operators)) as pool:
        for done in [pool.submit(work, operator) for operator in operators.values()]:
            done.result()


def _deliver(output: IO[str], operators: dict[str, Operator]) -> None:
    for line in output:
        result = parse(line)
        operators[result["socket"]].lines.put(result)


def _drop_logs(folder: Path) -> None:
    logs = sorted(folder.rglob("*.jsonl.gz"))
    for log in logs[:-KEPT_LOGS]:
        log.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=20_000)
    parser.add_argument("--sockets", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    violations = soak(folder, options.cycles, options.sockets, options.seed)
    if not violations:
        shutil.rmtree(folder)
    else:
        sys.stderr.write(f"kept for a look: {folder}\n")
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
