"""Many crashes, several at a time, and what they came to as a table."""

from __future__ import annotations

import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed

from tests.crash.explore import Finding, explore
from tests.crash.nursery import Nursery
from tests.crash.points import Point
from tests.crash.scenarios import Scenario

_nursery: Nursery | None = None
"""This worker's; it ends with the worker, whose end closes its standard input."""


def table(findings: list[Finding]) -> str:
    """Crash points and violations by dimension, and what recovery took."""
    tried: dict[tuple[str, str], int] = defaultdict(int)
    wrong: dict[tuple[str, str], int] = defaultdict(int)
    for finding in findings:
        seam = finding.point.seam if finding.point else "nothing"
        for key in [("killed at", seam), *finding.scenario.dimensions.items()]:
            tried[key] += finding.counts
            wrong[key] += len(finding.violations)
    order = ["killed at", *Scenario().dimensions]
    lines = [f"{'dimension':<14}{'value':<12}{'points':>8}{'violations':>12}"]
    last = ""
    for name, value in sorted(tried, key=lambda key: (order.index(key[0]), key[1])):
        lines.append(f"{name if name != last else '':<14}{value:<12}{tried[name, value]:>8}{wrong[name, value]:>12}")
        last = name
    restarts = Counter(finding.restarts for finding in findings if finding.counts)
    taken = ", ".join(f"{count} after {number}" for number, count in sorted(restarts.items()))
    lines.append(f"restarts until all was well: {taken}")
    lines.append(f"kills: {sum(finding.kills for finding in findings)}")
    unreached = sum(finding.point is not None and not finding.reached for finding in findings)
    lines.append(f"points that a run did not come to, since its threads took another turn: {unreached}")
    lines.append(f"labels and units that a person had to settle: {sum(finding.doubts for finding in findings)}")
    codes = Counter(code for finding in findings for code in finding.codes if code is not None)
    lines.append(
        "cycles that were not PASS: " + (", ".join(f"{code} {n}" for code, n in codes.most_common()) or "none")
    )
    return "\n".join(lines)


def search(scenarios: list[Scenario], jobs: int, only_point: str | None) -> Iterator[Finding]:
    """Count each scenario's points, then try them, ``jobs`` at a time. What is found without a crash is told only where it is
    wrong."""
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        counted = {pool.submit(_explore, scenario, None, None): scenario for scenario in scenarios}
        tasks: list[Future[Finding]] = []
        for future in as_completed(counted):
            scenario, found = counted[future], future.result()
            if found.violations:
                yield found
            points = scenario.choose(found.points) if only_point is None else [Point.parse(only_point)]
            for point in points:
                second = scenario.second(point, found.points) if scenario.twice else None
                tasks.append(pool.submit(_explore, scenario, point, second))
        for future in as_completed(tasks):
            yield future.result()


def _explore(scenario: Scenario, point: Point | None, second: Point | None) -> Finding:
    """In a worker process."""
    global _nursery
    _nursery = _nursery or Nursery()
    return explore(_nursery, scenario, point, second)
