"""Writes docs/performance.md from what ``make bench`` measured: ``python -m scripts.performance`` (``make docs``).

The figures on the page are those of docs/performance.json. A bench.json in which every figure is there, of five runs or more,
takes its place; one of some groups or fewer runs is left alone. No figure is ever copied by hand.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "bench.json"
KEPT = ROOT / "docs" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
MIN_RUNS = 5

_INTRODUCTION = """\
# Performance

`make bench` measures the real agent side by side with what it is compared to, in one run, prints a table and writes `bench.json`;
`make docs` then writes this page. `make bench BENCH="cycle identify"` measures some of the groups; `python -m benchmarks --help`
names them. Boards are simulated on ptys, paced at 115200 baud, the API is a real HTTP server that answers after 50 ms unless said,
a label takes 200 ms (30 mm at 152 mm/s). Each of these runs in a process of its own: only the station's own work is its own.

A value is the median of its runs, the spread their smallest and largest. Ratios carry to other machines, times and processor
time are this one's, and other work on it widens every spread: {machine}.
"""

_MEANING: dict[str, tuple[str, str]] = {
    "cycle_over_floor": (
        "time of a cycle over that of its critical path alone: its bytes on the wire (11 bits each), two round trips, the label",
        "syncs of journal and log; the label is seen to be out up to 10 ms later, when the printer has been asked twice more",
    ),
    "api_calls_critical": ("calls of the API that a cycle waits for", "activate and bind; ids are requested ahead"),
    "api_calls_total": (
        "all calls for a unit, with its share of the requests for ids",
        "the batch: 2 / 50 for batches of 50",
    ),
    "cycle_cpu_ms": (
        "processor time of a cycle, trigger to trigger, with journal, session log and syncs",
        "a dozen journal transactions, 130 lines of the log, two calls of the API; cold caches after each of some 75 waits",
    ),
    "recording_on_over_off": (
        "time of a cycle with its session log over that without",
        "a sync at the end of each step that changes something",
    ),
    "rate_vs_openhtf": (
        "units per hour over those of OpenHTF at the same job in one socket, through the same drivers, with its JSON records",
        "both wait for wire, API and label; the bind beside the write gains, syncs that survive a power cut cost",
    ),
    "sockets16_over_1": ("units per hour of 16 sockets over those of one", "two cores, one journal"),
    "slowest_socket_over_median": (
        "median cycle of the slowest of 16 sockets over that of the middle one",
        "turns at the journal",
    ),
    "cycle_cpu_of_16_ms": (
        "processor time of a cycle while 16 sockets are at work",
        "the same as of one socket, but on caches that stay warmer",
    ),
    "rate_vs_sequential_50ms": (
        "units per hour of a jig of four sockets over those of the API document's example on the same four, one after the other",
        "the number of sockets; one alone gains the bind beside the write and the ids requested ahead",
    ),
    "rate_vs_sequential_200ms": ("the same with a round trip of 200 ms", "the same"),
    "identify_over_raw": ("reading chipId, AppEUI and DeviceID over the same bytes without any protocol", "the wire"),
    "identify_vs_stm32loader": (
        "stm32loader's command that reads a UID, over that",
        "the start of an interpreter, which the agent pays once",
    ),
    "start_to_first_pass_s": ("from the start of `station demo` to its first PASS", "imports"),
    "idle_cpu_percent": ("processor time of a station that waits", "two looks a second for a stop"),
    "rss_idle_mib": (
        "resident memory of a station that waits, its modules compiled, after some cycles",
        "pydantic, SQLAlchemy and the interpreter",
    ),
    "provision_vs_sequential": (
        "units per second of a whole `station provision` of 2,000 over the API document's workflow, one call after the other",
        "the processor, and the bound on calls at the same time",
    ),
    "lookup_1m_over_1k_sqlite": (
        "a look-up or a reservation, whichever grew more, among 1,000,000 units over the same among 1,000",
        "the depth of the indexes",
    ),
    "lookup_1m_over_1k_postgresql": ("the same on PostgreSQL", "the same, and a round trip to the server"),
    "panel_event_ms": (
        "from the start or the end of a cycle to the painted frame that shows it, in three browsers, with 16 sockets",
        "the frame's turn, and browsers that share the processors with the station here",
    ),
    "panel_rss_mib": ("resident memory of a station with its page open in three browsers", "the server's packages"),
    "panel_on_over_off": ("time of a cycle with the page open over that without a page", "the processor"),
}

_OPENHTF = """\
## How it is compared

**OpenHTF** is no requirement of the project: `make bench` installs it in `build/openhtf`, from `requirements/openhtf.lock` (which
`make lock` writes from `benchmarks/openhtf.in`). Its station is
[`benchmarks/openhtf_station.py`](../benchmarks/openhtf_station.py): one connection is kept, ids are requested in batches, the
scanner starts a test, and `OutputToJSON` writes each record. It repeats no call, syncs nothing, and keeps nothing that a test that
was cut off could go on from.

**The API document's example** ([`benchmarks/sequential.py`](../benchmarks/sequential.py)) requests ids for ten boards, then does
one board after the other, each call awaited, through the station's own drivers: only the order of things differs.

**A cycle's bytes alone** ([`benchmarks/bare.py`](../benchmarks/bare.py)): a process writes what the log of a cycle says was
written, reads as many bytes as were read, makes two calls and waits for the label as long, with no protocol, decision or record
behind it. No station can cost less than that.

**stm32loader** is run as its command, as people run it: [`benchmarks/wire.py`](../benchmarks/wire.py).
"""


def render(measured: dict[str, Any]) -> str:
    """The whole page, as Markdown. Raises KeyError for a figure that has no meaning here."""
    rows = [_row(name, figure) for name, figure in measured["figures"].items()]
    head = ["| figure | goal | value | spread | what it is | what limits it |", "|---|---|---|---|---|---|"]
    table = "\n".join([*head, *rows])
    return "\n".join([_INTRODUCTION.format(machine=_machine(measured["machine"])), table + "\n", _OPENHTF])


def missing(measured: dict[str, Any]) -> list[str]:
    """The figures that are not there, or of too few runs."""
    figures = measured["figures"]
    return [name for name in _MEANING if len(figures.get(name, {"runs": ()})["runs"]) < MIN_RUNS]


def _row(name: str, figure: dict[str, Any]) -> str:
    what, limit = _MEANING[name]
    runs = figure["runs"]
    sign = "≤" if figure["better"] == "lower" else "≥"
    met = figure["value"] <= figure["goal"] if figure["better"] == "lower" else figure["value"] >= figure["goal"]
    value = f"{figure['value']:.4g}{_unit(figure['unit'])}" + ("" if met else " (**missed**)")
    value += "".join(
        f"; {other}: {statistics.median(theirs):.4g}{_unit(figure['unit'])}"
        for other, theirs in figure.get("beside", {}).items()
    )
    spread = f"{min(runs):.4g} to {max(runs):.4g}"
    return f"| `{name}` | {sign} {figure['goal']:g} | {value} | {spread} | {what} | {limit} |"


def _unit(unit: str) -> str:
    return "" if unit == "ratio" else f" {unit}"


def _machine(facts: dict[str, Any]) -> str:
    return ", ".join(
        (
            f"{facts['cpus']} processors ({facts['cpu']})",
            f"{facts['memory_gib']:.0f} GiB",
            f"Linux {facts['kernel']}",
            f"Python {facts['python']}",
            f"a load of {facts['load_1min']:.1f} from other work before, niceness {facts['nice']}",
        )
    )


def main() -> int:
    """0; or 1 where bench.json is whole, and there is something on it that the page does not explain."""
    if MEASURED.exists():
        measured = json.loads(MEASURED.read_text("utf-8"))
        if absent := missing(measured):
            sys.stderr.write(f"bench.json is not taken: it lacks {', '.join(absent)} of {MIN_RUNS} runs\n")
        elif unknown := sorted(set(measured["figures"]) - set(_MEANING)):
            sys.stderr.write(f"scripts/performance.py does not explain {', '.join(unknown)}\n")
            return 1
        else:
            KEPT.write_text(json.dumps(measured, indent=2) + "\n", "utf-8")
    PAGE.write_text(render(json.loads(KEPT.read_text("utf-8"))), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
