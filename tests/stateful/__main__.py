"""``python -m tests.stateful [--examples N] [--steps N] [--seed N]``: random sequences; last line ``N sequences, 0 violations``.

Of a sequence that breaks a promise the shortest form is printed as a script, and the exit status is 1.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.crash.nursery import Nursery
from tests.stateful.machine import Station


def search(
    nursery: Nursery,
    examples: int,
    steps: int,
    seed: int | None = None,
    told: Callable[[str], None] = lambda _line: None,
) -> Counter[str]:
    """Run so many sequences (the same in each run without a seed) and count what they did; raises for what is wrong."""
    tally: Counter[str] = Counter()

    class Seeded(Station):
        def teardown(self) -> None:
            super().teardown()
            if tally["sequences"] % 50 == 0:
                told(f"{tally['sequences']} sequences")

    Seeded.nursery, Seeded.tally, Seeded.told = nursery, tally, told
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=seed is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    machine = Seeded if seed is None else hypothesis.seed(seed)(Seeded)
    run_state_machine_as_test(machine, settings=chosen)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stateful", description="Search for a sequence of troubles.")
    parser.add_argument("--examples", type=int, default=200, metavar="N")
    parser.add_argument("--steps", type=int, default=12, metavar="N", help="of a sequence, at the most")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="other sequences than the usual ones")
    options = parser.parse_args()
    with closing(Nursery()) as nursery:
        tally = search(nursery, options.examples, options.steps, options.seed, lambda line: print(line, flush=True))
    for what, count in tally.most_common():
        print(f"{count:7d}  {what}")
    print(f"{tally['sequences']} sequences, 0 violations")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
