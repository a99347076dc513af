"""``python -m tests.manystations [--agents N] [--units N] [--kills N] [--crashes N] [--seed N]``: many stations on one journal on
PostgreSQL; last line ``N units, M violations, K kills, C database crashes``."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from tests.manystations.hall import Hall, Plan
from tests.manystations.judge import problems

MEMORY = Path("/dev/shm")
"""Where the boards and the logs are kept: the disk is not what is looked at."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--crashes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="hall-", dir=MEMORY if MEMORY.is_dir() else None))
    started_s = time.monotonic()
    with Hall(folder, Plan(**vars(options))) as hall:
        hall.run()
        took_s = time.monotonic() - started_s
        found = list(problems(hall))
        tally = hall.tally
        hall.remove()
    for outcome, count in tally.outcomes.most_common():
        sys.stdout.write(f"{count:7d}  {outcome}  {tally.first_message[outcome][:160]}\n")
    sys.stdout.write(f"{tally.settled} labels in doubt settled; {len(tally.passed) / took_s:.0f} units a second\n")
    for problem in found:
        sys.stdout.write(f"VIOLATION: {problem}\n")
    sys.stdout.write(
        f"{len(tally.passed)} units, {len(found)} violations, {tally.kills} kills, {tally.crashes} database crashes\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
