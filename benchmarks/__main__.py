"""``make bench``: every figure, its spread and its goal as a table, and ``bench.json``.

``python -m benchmarks [--runs N] [GROUP …]`` measures some of the groups. The exit status is 0 whatever is measured: timing is
never a pass or a fail.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import sys
from pathlib import Path

from benchmarks.figures import GROUPS, Figure

RESULT = Path("bench.json")
PRECEDENCE = -10


def main() -> int:
    """0."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the station.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of {', '.join(GROUPS)} (default: all)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="how often each is measured (default 5)")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    load_1min = os.getloadavg()[0]
    niceness = _go_first()
    figures: dict[str, Figure] = {}
    for name in options.groups or GROUPS:
        for figure in GROUPS[name](options.runs):
            figures[figure.name] = figure
            sys.stdout.write(_line(figure) + "\n")
            sys.stdout.flush()
        # After each group, so that one that fails takes no other with it.
        RESULT.write_text(
            json.dumps({"machine": _machine(load_1min, niceness), "figures": _plain(figures)}, indent=2) + "\n", "utf-8"
        )
    return 0


def _line(figure: Figure) -> str:
    spread = f"{min(figure.runs):.4g} to {max(figure.runs):.4g}"
    sign = "≤" if figure.better == "lower" else "≥"
    verdict = "met" if figure.is_met else "missed"
    others = "".join(f"; {name}: {statistics.median(runs):.4g}" for name, runs in figure.beside.items())
    return f"{figure.name:<28} {figure.value:>8.4g} {figure.unit:<6} ({spread})  goal {sign} {figure.goal:g}: {verdict}{others}"


def _plain(figures: dict[str, Figure]) -> dict[str, object]:
    return {
        name: {
            "value": figure.value,
            "unit": figure.unit,
            "runs": list(figure.runs),
            "goal": figure.goal,
            "better": figure.better,
            **({"beside": {other: list(runs) for other, runs in figure.beside.items()}} if figure.beside else {}),
        }
        for name, figure in figures.items()
    }


def _go_first() -> int:
    """Let what is measured run before other work of the machine, where the system allows that; the niceness held (nice(2))."""
    try:
        return os.nice(PRECEDENCE)
    except PermissionError:
        return os.nice(0)


def _machine(load_1min: float, niceness: int) -> dict[str, object]:
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cpus": os.cpu_count(),
        "cpu": _cpu_name(),
        "memory_gib": round(pages * page_bytes / 2**30, 1),
        "machine": platform.machine(),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "python": platform.python_version(),
        "load_1min": load_1min,
        "nice": niceness,
    }


def _cpu_name() -> str:
    """As the kernel has it: proc_cpuinfo(5), which not every architecture fills in."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    return found[1] if found else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
