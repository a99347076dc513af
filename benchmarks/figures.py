"""What is measured, how, and against what: each figure as its runs' values."""

from __future__ import annotations

import compileall
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.bare import run_bare
from benchmarks.journal import lookup_ratios
from benchmarks.openhtf import run_openhtf
from benchmarks.panel import event_to_pixels, on_over_off
from benchmarks.provision import new_units, provision_list, workflow_sequentially
from benchmarks.sequential import provision_sequentially
from benchmarks.wire import identify_beside_raw, identify_by_stm32loader, wire_s_of
from benchmarks.world import PRINT_S, Child, World, run_station, world
from station.installation.unit import unit_environment
from station.session.format import read_log

ROUND_TRIP_S = 0.05
WARM_UP = 5
"""Cycles not counted: the first opens connections and loads what is loaded when it is first used."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``runs`` are the values of all runs; what is quoted is their median. ``beside`` holds what others came
    to in the same runs, by their names."""

    name: str
    unit: str
    runs: tuple[float, ...]
    goal: float
    better: Literal["lower", "higher"]
    beside: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return statistics.median(self.runs)

    @property
    def is_met(self) -> bool:
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


def cycle(runs: int) -> Iterator[Figure]:
    """One socket: the cycle against the physical floor of its critical path, what it costs beside its bytes alone, recording
    against none, and all of it against OpenHTF with one socket."""
    overs, costs, theirs, floors, ratios, gains, critical, total = [], [], [], [], [], [], [], []
    name = "OpenHTF"
    for _ in range(runs):
        with _world() as around:
            rows = run_station(around, 30 + WARM_UP)
            overs.append(statistics.median(row["duration_s"] / floor_s(row) for row in rows[WARM_UP:]))
            costs.append(_cpu_ms(rows[WARM_UP:]))
            calls = around.calls()
            critical.append(sum(call["method"] in ("activateDeviceId", "bindSN") for call in calls) / len(rows))
            total.append(critical[-1] + requests_per_unit(calls))
            floors.append(_cpu_ms(run_bare(around, Path(rows[-1]["session"]), 30 + WARM_UP)[WARM_UP:]))
            unrecorded = run_station(around, 30 + WARM_UP, unrecorded=True)
            ratios.append(_median_s(rows[WARM_UP:]) / _median_s(unrecorded[WARM_UP:]))
            tests = run_openhtf(around, 30 + WARM_UP)
            name = f"OpenHTF {tests[0]['openhtf']}"
            theirs.append(_cpu_ms(tests[WARM_UP:]))
            gains.append(_rate(rows, WARM_UP) / _rate(tests, WARM_UP))
    yield Figure("cycle_over_floor", "ratio", tuple(overs), 1.10, "lower")
    yield Figure("api_calls_critical", "calls", tuple(critical), 2.0, "lower")
    yield Figure("api_calls_total", "calls", tuple(total), 2.1, "lower")
    beside = {name: tuple(theirs), "its bytes alone": tuple(floors)}
    yield Figure("cycle_cpu_ms", "ms", tuple(costs), 10.0, "lower", beside)
    yield Figure("recording_on_over_off", "ratio", tuple(ratios), 1.05, "lower")
    yield Figure("rate_vs_openhtf", "ratio", tuple(gains), 1.0, "higher")


def _cpu_ms(rows: list[dict[str, Any]]) -> float:
    """Of one cycle, its trigger and the return to waiting included, from the end of the first to the end of the last."""
    return 1000 * float(rows[-1]["cpu_s"] - rows[0]["cpu_s"]) / (len(rows) - 1)


def requests_per_unit(calls: list[dict[str, Any]]) -> float:
    """The share that a unit has in the requests for its two ids: of those in the pool the next units are served."""
    shares = 0.0
    for method, kind in (("requestDeviceId", "device_ids"), ("requestSN", "sns")):
        brought = [len(call["did"][kind]) for call in calls if call["method"] == method]
        shares += len(brought) / sum(brought)
    return shares


def floor_s(row: dict[str, Any]) -> float:
    """What a cycle cannot be faster than: identify, activate, the longer of bind and write with verify, the label.

    A byte takes its 11 bits on the wire, a call of the API its round trip, a label its paper; nothing else takes any time.
    """
    wire_s = wire_s_of(read_log(Path(row["session"])))
    written_s = wire_s["write"] + wire_s["verify"]
    return wire_s["identify"] + ROUND_TRIP_S + max(ROUND_TRIP_S, written_s) + PRINT_S


def sockets(runs: int) -> Iterator[Figure]:
    """Sixteen sockets against one: units per second, and whether one of them is starved; and what a cycle costs then."""
    gains, spreads, costs = [], [], []
    for _ in range(runs):
        with _world(sockets=1) as around:
            one = _rate(run_station(around, 20 + WARM_UP), WARM_UP)
        with _world(sockets=16, batch=200) as around:
            rows = run_station(around, 320 + 32)[32:]
        gains.append(_rate(rows, 0) / one)
        durations_s: dict[str, list[float]] = {}
        for row in rows:
            durations_s.setdefault(row["socket"], []).append(row["duration_s"])
        medians_s = [statistics.median(times_s) for times_s in durations_s.values()]
        spreads.append(max(medians_s) / statistics.median(medians_s))
        costs.append(_cpu_ms(rows))
    yield Figure("sockets16_over_1", "ratio", tuple(gains), 14.0, "higher")
    yield Figure("slowest_socket_over_median", "ratio", tuple(spreads), 1.3, "lower")
    yield Figure("cycle_cpu_of_16_ms", "ms", tuple(costs), 10.0, "lower")


def sequential(runs: int) -> Iterator[Figure]:
    """A jig of four sockets against the API document's own example, which serves the same sockets one after the other; beside it
    the same with one socket."""
    for round_trip_ms in (50, 200):
        gains: dict[int, list[float]] = {1: [], 4: []}
        for _ in range(runs):
            for sockets, ratios in gains.items():
                with _world(sockets=sockets, round_trip_s=round_trip_ms / 1000) as around:
                    ours = _rate(run_station(around, 6 * sockets + 8), 8)
                    ratios.append(ours / provision_sequentially(around, 10))
        one = {"one socket": tuple(gains[1])}
        yield Figure(f"rate_vs_sequential_{round_trip_ms}ms", "ratio", tuple(gains[4]), 2.0, "higher", one)


def identify(runs: int) -> Iterator[Figure]:
    """Reading chipId, AppEUI and DeviceID: against the same bytes without any protocol, and against stm32loader's command."""
    pairs = [identify_beside_raw() for _ in range(runs)]
    yield Figure("identify_over_raw", "ratio", tuple(ours / raw for ours, raw in pairs), 1.3, "lower")
    commands = tuple(identify_by_stm32loader() / ours for ours, _ in pairs)
    yield Figure("identify_vs_stm32loader", "ratio", commands, 50.0, "higher")


def start(runs: int) -> Iterator[Figure]:
    """From the start of the process to the first PASS, everything around it started too."""
    times_s = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="station-bench-") as folder:
            started_s = time.monotonic()
            words = ["-m", "station", "demo", "--cycles", "1", "--json", "--dir", folder]
            demo = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert demo.stdout is not None
            row = json.loads(demo.stdout.readline())
            times_s.append(time.monotonic() - started_s)
            demo.wait()
            demo.stdout.close()
            if row["outcome"] != "PASS":
                raise RuntimeError(f"the demo's cycle was not PASS: {row}")
    yield Figure("start_to_first_pass_s", "s", tuple(times_s), 2.0, "lower")


def idle(runs: int) -> Iterator[Figure]:
    """A station that waits, after a few cycles, in the environment that its unit gives it: its processor time, and its resident
    memory. Its modules are compiled beforehand, as pip does when it installs them: compiled at every start, they leave behind
    memory that an installed station never takes."""
    for package in ("benchmarks", "drivers", "station"):
        if not compileall.compile_dir(package, quiet=1):
            raise RuntimeError(f"{package} could not be compiled")
    shares, sizes_mib = [], []
    for _ in range(runs):
        with _world() as around:
            agent = Child("-m", "benchmarks.agent", str(around.config), "1000", environment=unit_environment())
            try:
                _let_pass(around, agent, 3)
                before_s = _cpu_s(agent.process.pid)
                time.sleep(10)
                shares.append(100 * (_cpu_s(agent.process.pid) - before_s) / 10)
                sizes_mib.append(_rss_mib(agent.process.pid))
            finally:
                agent.stop()
    yield Figure("idle_cpu_percent", "%", tuple(shares), 0.5, "lower")
    yield Figure("rss_idle_mib", "MiB", tuple(sizes_mib), 60.0, "lower")


def provision(runs: int) -> Iterator[Figure]:
    """A list of units without a jig, the start of the command included, against the API document's workflow."""
    gains = []
    for _ in range(runs):
        with _world() as around:
            ours = provision_list(around, new_units(2000))
            gains.append(ours / workflow_sequentially(around, new_units(20)))
    yield Figure("provision_vs_sequential", "ratio", tuple(gains), 10.0, "higher")


def lookup(runs: int) -> Iterator[Figure]:
    """A look-up or a reservation, whichever grew more, in a journal of a million units against one of a thousand."""
    for database in ("sqlite", "postgresql"):
        yield Figure(f"lookup_1m_over_1k_{database}", "ratio", tuple(lookup_ratios(database, runs)), 1.5, "lower")


def panel(runs: int) -> Iterator[Figure]:
    """The page: from an event to the painted frame that shows it, what it adds to a cycle, and the agent's memory with it."""
    shown = [event_to_pixels(_rss_mib) for _ in range(runs)]
    delays_ms = tuple(statistics.median(run.delays_ms) for run in shown)
    yield Figure("panel_event_ms", "ms", delays_ms, 50.0, "lower")
    yield Figure("panel_rss_mib", "MiB", tuple(run.rss_mib for run in shown), 90.0, "lower")
    yield Figure("panel_on_over_off", "ratio", tuple(on_over_off() for _ in range(runs)), 1.02, "lower")


GROUPS: dict[str, Callable[[int], Iterator[Figure]]] = {
    "cycle": cycle,
    "sockets": sockets,
    "sequential": sequential,
    "identify": identify,
    "start": start,
    "idle": idle,
    "panel": panel,
    "provision": provision,
    "lookup": lookup,
}


@contextmanager
def _world(*, sockets: int = 1, round_trip_s: float = ROUND_TRIP_S, batch: int = 50) -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory(prefix="station-bench-") as folder,
        world(Path(folder), sockets=sockets, round_trip_s=round_trip_s, batch=batch) as around,
    ):
        yield around


def _let_pass(around: World, agent: Child, cycles: int) -> None:
    """So many cycles; afterwards the station waits."""
    while cycles:
        heard = agent.hear()
        if "waiting" in heard:
            around.hardware.tell({"insert": heard["waiting"], "scan": True})
        else:
            cycles -= 1
    agent.hear()  # it waits again


def _median_s(rows: list[dict[str, Any]]) -> float:
    return statistics.median(float(row["duration_s"]) for row in rows)


def _rate(rows: list[dict[str, Any]], warm_up: int) -> float:
    """Units per second, by when the cycles ended."""
    counted = rows[warm_up:]
    return (len(counted) - 1) / float(counted[-1]["at_s"] - counted[0]["at_s"])


def _cpu_s(pid: int) -> float:
    """Processor time of a process, user and system: proc(5), ``/proc/pid/stat``, fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    ticks_per_s = int(os.sysconf("SC_CLK_TCK"))
    return (int(fields[11]) + int(fields[12])) / ticks_per_s


def _rss_mib(pid: int) -> float:
    found = re.search(r"^Rss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text("ascii"), re.MULTILINE)
    assert found is not None, "the kernel says so of every process"
    return int(found[1]) / 1024
