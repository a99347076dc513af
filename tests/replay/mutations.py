"""Changed session logs: whatever is changed in one is reported, at the right event.

``python -m tests.replay.mutations [--count N] [--seed N]`` changes kept logs at random and prints what was not noticed. A change
is made in one of two ways. *As it is*: bytes of the file change, and the chained checksum has to say in which line. *Sealed*: the
checksums are made right again, so that only the replay can notice.

A sealed change is noticed where the code and the log part. For what the code sends that is the event itself; for what it is given
(an answer, a journal's row, a clock) it is that event or a later one, the first at which the code does something else. What no
replay looks at is free, and ``is_free`` says what that is.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drivers.printer.zpl_status import HostStatus, StatusGarbled
from station.errors import StationError
from station.rerun import replay
from station.session.format import Event, SessionLog, encode_events, read_log
from station.session.messages import bytes_of
from tests.replay import CORPUS

WAYS = ("flip", "drop", "repeat", "swap")
NOISY_CODES = ("board.garbled", "board.refused", "printer.failed")
"""Cycles that ended because of noise or of a refusal: other noise, or another wording, ends them the same way."""
FREE_KINDS = ("head", "note")
"""The head is the configuration of a replay, not a part of it, and a note is for readers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one change. ``problem`` is None where it was reported as it must be, or was free."""

    kind: str
    problem: str | None = None


def mutate_file(data: bytes, chance: random.Random) -> tuple[bytes, int, str]:
    """An unpacked log with one change: the changed bytes, the number of the first line (from 1) that is not as it was, and what
    was done."""
    lines = data.splitlines(keepends=True)
    way, at = chance.choice(WAYS), chance.randrange(len(lines))
    if way == "flip":
        line = bytearray(lines[at])
        index = chance.randrange(len(line))
        line[index] ^= 1 << chance.randrange(8)
        lines[at] = bytes(line)
    elif way == "drop":
        at = chance.randrange(len(lines) - 1)  # without its last line a log is one of a cycle that was cut off there
        del lines[at]
    elif way == "repeat":
        lines.insert(at + 1, lines[at])
        at += 1
    else:
        at = chance.randrange(len(lines) - 1)
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    return b"".join(lines), at + 1, way


def judge_file(log: Path, chance: random.Random, folder: Path) -> Verdict:
    """Change the bytes of a log, and read it."""
    changed, line, way = mutate_file(gzip.decompress(log.read_bytes()), chance)
    path = folder / "changed.jsonl"
    path.write_bytes(changed)
    try:
        read_log(path)
    except StationError as error:
        said = str(error)
        # A flip may turn one line into two, or two into one: then the damage shows there.
        is_right = f"line {line} " in said or (
            way == "flip" and (f"line {line + 1} " in said or "not a session log" in said)
        )
        return Verdict(f"file: {way}", None if is_right else f"{log.name}: line {line} was changed ({way}): {said}")
    return Verdict(f"file: {way}", f"{log.name}: line {line} was changed ({way}) and nobody noticed")


def judge_sealed(log: Path, chance: random.Random, folder: Path) -> Verdict:
    """Change an event of a log, make its checksums right, and replay it."""
    whole = read_log(log)
    way = chance.choice(WAYS)
    numbers = [event.number for event in whole.events if not is_free(event)]
    at = chance.choice(numbers)
    changed = _change(whole, at, way, chance)
    if changed is None:
        return Verdict(f"sealed: {way}, free")
    path = folder / "changed.jsonl"
    path.write_bytes(encode_events(replace(event, number=index) for index, event in enumerate(changed)))
    kind = whole.events[at].kind
    try:
        report = replay(path)
    except StationError as error:
        return Verdict(
            f"sealed: {way} of {kind}", None if error.code.startswith("session.") else f"{log.name}: {error}"
        )
    name = f"{log.name}: event {at} ({kind}, {whole.events[at].fields.get('name', '')}) {way}"
    difference = report.difference
    if difference is None and kind == "rx" and way == "flip" and _says_the_same(whole.events[at], changed[at]):
        return Verdict(f"sealed: {way} of {kind}, the same status")
    if difference is None and kind == "rx" and _may_be_noise(whole):
        return Verdict(f"sealed: {way} of {kind}, noise")
    if difference is None:
        if report.cut_off is not None and at >= len(changed) - 1:
            return Verdict(f"sealed: {way} of {kind}")  # without its end a log is one of a cycle that was cut off
        return Verdict(f"sealed: {way} of {kind}", f"{name}: nobody noticed")
    if difference.event is not None and difference.event < at - 1:
        return Verdict(f"sealed: {way} of {kind}", f"{name}: reported at event {difference.event} already")
    return Verdict(f"sealed: {way} of {kind}")


def _says_the_same(one: Event, other: Event) -> bool:
    """Whether both are answers to ``~HS`` that differ in fields alone of which nothing is taken, such as the label's length."""
    try:
        return HostStatus.from_bytes(bytes_of(one)) == HostStatus.from_bytes(bytes_of(other))
    except StatusGarbled:
        return False


def _may_be_noise(log: SessionLog) -> bool:
    """Whether a board or printer said what nothing depended on: noise, or the chatter of a board that speaks lines of text (its
    echo, banner and prompt), of which the driver takes what its patterns match."""
    result: dict[str, Any] = log.events[-1].fields.get("result") or {}
    return result.get("code") in NOISY_CODES or str(log.head["driver"]).startswith("text")


def is_free(event: Event) -> bool:
    """Whether nothing of an event is looked at by a replay: what happened aside, while a value was produced, is for readers."""
    return event.kind in FREE_KINDS or bool(event.fields.get("aside"))


def _change(log: SessionLog, at: int, way: str, chance: random.Random) -> list[Event] | None:
    """The events with one change; None where what would be changed is free."""
    events = list(log.events)
    if way == "flip":
        fields = _flipped(events[at], chance)
        if fields is None:
            return None
        events[at] = replace(events[at], fields=fields)
    elif way == "drop":
        del events[at]
    elif way == "repeat":
        events.insert(at, events[at])
    else:
        other = next((event for event in events[at + 1 :] if not is_free(event)), None)
        if other is None or other.lane != events[at].lane or _alike(events[at], other):
            return None  # between lanes there is no order, and equal events may change places
        events[at], events[other.number] = events[other.number], events[at]
    return events


def _alike(one: Event, other: Event) -> bool:
    return (one.kind, one.channel, one.fields) == (other.kind, other.channel, other.fields)


def _flipped(event: Event, chance: random.Random) -> dict[str, Any] | None:
    """The fields with one recorded byte or value changed; None where the event holds none that a replay looks at."""
    fields = json.loads(json.dumps(event.fields))
    if event.kind in ("tx", "rx", "discard") and fields.get("hex"):
        if event.kind == "discard":
            return None  # what is thrown away is handed to the driver, which throws it away
        _flip_hex(fields, "hex", chance, spans=fields.get("mask"))
        return fields if fields != event.fields else None
    if event.kind == "step":
        fields["at"] = "end" if fields["at"] == "start" else "start"
        return fields
    if event.kind == "given":
        if fields["name"].startswith("clock.") or fields["name"] == "seed":
            return None  # a time shows only where the code says it, a seed only where something is repeated
        fields["name"] += "x"
        return fields
    if event.kind == "req" and "method" in fields:
        fields["method"] += "X"
        return fields
    if event.kind == "line" and not fields.get("asked"):
        name = next((name for name in ("dtr", "rts") if fields.get(name) is not None), None)
        if name is None:
            return None
        fields[name] = not fields[name]
        return fields
    return None


def _flip_hex(fields: dict[str, Any], name: str, chance: random.Random, spans: Any) -> None:
    data = bytearray.fromhex(fields[name])
    masked = {index for start, length in spans or () for index in range(start, start + length)}
    free = [index for index in range(len(data)) if index not in masked]
    if free:
        index = chance.choice(free)
        data[index] ^= 1 << chance.randrange(8)
        fields[name] = data.hex()


def search(count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """So many changes of kept logs, half of them sealed: how many of each kind, and what was not reported as it must be."""
    chance = random.Random(seed)
    logs = sorted(path for path in CORPUS.glob("v*/*.jsonl.gz") if read_log(path).end is not None)
    kinds: Counter[str] = Counter()
    problems = []
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        for number in range(count):
            judge = judge_file if number % 2 else judge_sealed
            verdict = judge(chance.choice(logs), chance, Path(folder))
            kinds[verdict.kind] += 1
            if verdict.problem is not None:
                problems.append(verdict.problem)
    return kinds, problems


def main() -> int:
    """0 where every change was reported."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay.mutations")
    parser.add_argument("--count", type=int, default=2000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args()
    kinds, problems = search(options.count, options.seed)
    for kind, number in sorted(kinds.items()):
        print(f"{number:>6}  {kind}")
    for problem in problems:
        print(f"UNNOTICED {problem}")
    print(f"{sum(kinds.values())} mutations, {len(problems)} unnoticed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
