"""``make fuzz``: coverage-guided fuzzing of every parser of bytes from outside.

Each target runs in a process of its own for an equal share of the time. The last line is ``N inputs, M failures``; the exit
status is 0 only where M is 0.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.catalogue import all_targets

START_S = 60
"""What a process may take beside its share: imports with instrumentation, the seeds, a last hang."""
NO_ATHERIS = (
    "coverage-guided fuzzing needs atheris, which exists for CPython 3.11 to 3.14 on x86-64 Linux; "
    "elsewhere the short form in make test stands for it"
)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What fuzzing one target came to."""

    target: str
    inputs: int
    failures: tuple[str, ...]
    coverage: int


def main() -> int:
    """0 where nothing was found, 2 where there is nothing to fuzz with."""
    options = _parse()
    if importlib.util.find_spec("atheris") is None:
        print(NO_ATHERIS, file=sys.stderr)
        return 2
    names = [target.name for target in all_targets() if options.only in target.name]
    share_s = max(1, round(options.seconds / max(1, len(names))))
    results = []
    print(f"{'target':<28} {'inputs':>9} {'edges':>6} {'failures':>9}", flush=True)
    for name in names:
        result = fuzz(name, share_s, options.corpus)
        results.append(result)
        print(f"{name:<28} {result.inputs:>9} {result.coverage:>6} {len(result.failures):>9}", flush=True)
        for failure in result.failures:
            print(f"FAILURE {name}: {failure}", flush=True)
    failures = sum(len(result.failures) for result in results)
    inputs = sum(result.inputs for result in results)
    print(f"{inputs} inputs, {failures} failures")
    return 0 if inputs and not failures else 1


def fuzz(name: str, seconds: int, kept: Path | None = None) -> Fuzzed:
    """Fuzz one target for so long. ``kept``: where the inputs that reached something new stay from run to run."""
    with tempfile.TemporaryDirectory(prefix="station-fuzz-") as folder:
        found = Path(folder)
        corpus = (kept or found / "corpus") / name
        corpus.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.fuzz.worker", name, folder, str(corpus), str(seconds)]
        try:
            run = subprocess.run(command, capture_output=True, timeout=seconds + START_S, check=False)
            said, status = run.stderr.decode("utf-8", "replace"), run.returncode
        except subprocess.TimeoutExpired as error:
            said, status = (error.stderr or b"").decode("utf-8", "replace"), -1
        failures = [_failure(json.loads(path.read_text())) for path in sorted(found.glob("broken-*.json"))]
        for kind in ("timeout", "oom", "crash"):
            failures += [f"{kind}\ninput: {path.read_bytes().hex()}" for path in sorted(found.glob(f"{kind}-*"))]
        if status != 0 and not failures:
            failures.append(f"ended with status {status}: {said[-2000:]}")
        return Fuzzed(
            name, _last(r"number_of_executed_units: (\d+)", said), tuple(failures), _last(r"cov: (\d+)", said)
        )


def _failure(row: dict[str, str]) -> str:
    return f"{row['reason']}\ninput: {row['hex']}"


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Fuzz every parser of bytes from outside."
    )
    parser.add_argument("--seconds", type=float, default=150, metavar="N", help="for all targets together")
    parser.add_argument("--only", default="", metavar="TEXT", help="targets with this text in their name")
    parser.add_argument(
        "--corpus", type=Path, metavar="DIR", help="keep inputs that reach something new, and start from them"
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
