"""One target under coverage-guided fuzzing: a process of its own, since libFuzzer ends the process when it ends.

Broken inputs are written to the folder as ``broken-N.json`` and fuzzing goes on; a hang or a use of too much memory ends the
process, and libFuzzer leaves the input as ``timeout-…`` or ``oom-…``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import atheris

MAX_BROKEN = 20
"""Of inputs that differ in what they break and where; then the process ends."""


def main(name: str, folder: Path, corpus: Path, seconds: int) -> None:
    """Does not return."""
    with atheris.instrument_imports(include=["drivers", "station", "yaml", "h11"]):
        from tests.fuzz.catalogue import target_named
        from tests.fuzz.target import Broken

        target = target_named(name)
        for number, seed in enumerate((*target.seeds(), *target.regressions())):
            (corpus / f"seed-{number:04d}").write_bytes(seed)
        words = folder / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words), encoding="ascii")
        broken: dict[str, int] = {}
        with target.opened() as check:

            def try_one(data: bytes) -> None:
                try:
                    target.attempt(check, data)
                except Broken as error:
                    kind = error.reason.partition(": ")[0]
                    if kind not in broken:
                        broken[kind] = len(broken)
                        row = {"target": name, "reason": error.reason, "hex": data.hex()}
                        (folder / f"broken-{broken[kind]}.json").write_text(json.dumps(row))
                    if len(broken) >= MAX_BROKEN:
                        raise

            arguments = [
                sys.argv[0],
                f"-max_total_time={seconds}",
                f"-max_len={target.max_bytes}",
                "-timeout=20",
                "-rss_limit_mb=1024",
                "-print_final_stats=1",
                f"-artifact_prefix={folder}/",
                *([f"-dict={words}"] if target.words else []),
                str(corpus),
            ]
            atheris.Setup(arguments, try_one)
            atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
