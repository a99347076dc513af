"""Session logs: files of any bytes, and real logs whose events were changed and sealed again, read, shown and replayed."""

from __future__ import annotations

import gzip
import json
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from station.errors import SessionError
from station.production_api.simulator import Fault, FaultKind
from station.production_api.wire import ACTIVATE_DEVICE_ID
from station.rerun import replay
from station.session.format import SessionLog, read_log
from station.session.store import summarise
from station.session.timeline import MAX_LINE_CHARS, timeline
from station.session.wire_words import decoders_for
from tests.fuzz.material import Choices, answers, assert_line
from tests.fuzz.target import Check, Target
from tests.support.station import Rig, Settings

MAX_EDITS = 8
_FIELDS = ("raised", "err", "mask", "aside", "hex", "text", "want", "value", "args", "l", "ch")
"""What an edit may add to an event that has none of it."""
Events = list[dict[str, Any]]


@contextmanager
def _files() -> Iterator[Check]:
    """Any bytes in a file of either kind."""
    with tempfile.TemporaryDirectory(prefix="station-fuzz-") as folder:
        plain, packed = Path(folder) / "log.jsonl", Path(folder) / "log.jsonl.gz"

        def check(data: bytes) -> None:
            kind, content = data[:1] or b"\0", data[1:]
            path = plain if kind[0] % 3 == 0 else packed
            path.write_bytes(gzip.compress(content, 1) if kind[0] % 3 == 2 else content)
            log = _read(path)
            if log is not None:
                _assert_shown(log)

        yield check


@contextmanager
def _replays(kind: str) -> Iterator[Check]:
    """A real log of one cycle, its events changed as the input tells: replayed, it ends as the same, as different, as cut off, or
    it is refused as no log that this version reads."""
    events = recorded(kind)
    with tempfile.TemporaryDirectory(prefix="station-fuzz-") as folder:
        path = Path(folder) / "log.jsonl"

        def check(data: bytes) -> None:
            path.write_bytes(_sealed(_edited(events, Choices(data))))
            log = _read(path)
            if log is None:
                return
            _assert_shown(log)
            try:
                report = replay(path)
            except SessionError as error:
                assert_line(str(error).replace("\n", " "), 20_000)
                return
            assert report.is_same == (report.difference is None)
            json.dumps(report.to_json())
            if not data:
                assert report.is_same
                assert report.cut_off is None

        yield check


def _read(path: Path) -> SessionLog | None:
    summary = summarise(path)
    assert summary.day is None or summary.started_wall_s is not None
    try:
        return read_log(path)
    except SessionError as error:
        assert_line(str(error), 2000)
        return None


def _assert_shown(log: SessionLog) -> None:
    for hex_dump in (False, True):
        try:
            for line in timeline(log, decoders_for(log), hex_dump=hex_dump):
                assert_line(line, MAX_LINE_CHARS)
        except SessionError as error:
            assert_line(str(error), 2000)


@lru_cache(maxsize=4)
def recorded(kind: str) -> Events:
    """The events of one cycle on simulated hardware, recorded now, so that a log always fits the program that made it: with an
    STM32 all goes well, with a text line board an answer is lost and the paper is out."""
    with tempfile.TemporaryDirectory(prefix="station-fuzz-") as folder:
        rig = Rig(Path(folder), Settings(kind=kind))
        try:
            if kind == "text":
                rig.api.add_fault(Fault(FaultKind.ANSWER_LOST, method=ACTIVATE_DEVICE_ID))
                rig.printer.queue.problems.add("paper_out")
            rig.one(rig.board())
            (path,) = rig.logs()
            lines = gzip.decompress(path.read_bytes()).splitlines()
        finally:
            rig.close()
    events: Events = [json.loads(line) for line in lines]
    for event in events:
        del event["c"]
    return events


def _sealed(events: Events) -> bytes:
    """The events as a log whose checksums fit."""
    out, crc = bytearray(), 0
    for event in events:
        body = json.dumps(event, separators=(",", ":"))[:-1].encode("ascii")
        crc = zlib.crc32(body, crc)
        out += body + f',"c":"{crc:08x}"}}\n'.encode("ascii")
    return bytes(out)


def _edited(events: Events, choices: Choices) -> Events:
    events = json.loads(json.dumps(events))
    for _ in range(MAX_EDITS):
        if not choices or not events:
            break
        kind, at = choices.byte() % 8, choices.number(max(1, len(events) - 1)) % len(events)
        match kind:
            case 0:
                del events[at]
            case 1:
                events.insert(at, dict(events[at]))
            case 2:
                events[at], events[at - 1] = events[at - 1], events[at]
            case 3:
                del events[at + 1 :]
            case _:
                _edit_value(events[at], choices)
        if kind < 3 and choices.byte() % 4:
            for number, event in enumerate(events):
                event["n"] = number
    return events


def _edit_value(value: Any, choices: Choices) -> None:
    """Change, add or take away one value, any number of levels below."""
    for _ in range(12):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = choices.pick(keys)
        if isinstance(value, dict) and choices.byte() % 16 == 15:
            key = choices.pick(_FIELDS)
            value.setdefault(key, None)
        if isinstance(value[key], dict | list) and choices.byte() % 8:
            value = value[key]
            continue
        text = choices.text()
        try:
            new: Any = json.loads(text)
        except (ValueError, RecursionError):
            new = text
        if choices.byte() % 8 == 7:
            del value[key]
        else:
            value[key] = new
        return


def _replay_of(kind: str) -> Callable[[], Any]:
    return lambda: _replays(kind)


_ONCE_BROKE = (
    (0, "start", '"x"'),
    (0, "files", '{"a": 5}'),
    (0, "files", '{"a": "zz"}'),
    (0, "wall_s", "9" * 240),
    (1, "t", "1e999"),
    (1, "t", "9" * 240),
    (1, "l", "[]"),
    (1, "ch", "{}"),
    (-1, "result", "-1"),
    (2, "raised", "1"),
    (2, "hex", '""'),
)
"""Which event, which field, and what in its place once made reading or replaying fail otherwise than with SessionError."""


def _edit(events: Events, at: int, key: str, value: str) -> bytes:
    """The input that puts a value into an event, new or in place of another."""
    keys = list(events[at])
    kind = bytes([4]) + _number(len(events) - 1, at % len(events))
    known = _number(len(keys) - 1, keys.index(key)) + b"\0" if key in keys else b""
    added = b"" if key in keys else _number(len(keys) - 1, 0) + bytes([15, _FIELDS.index(key)])
    descends = b"\0" if isinstance(events[at].get(key), dict | list) else b""
    return kind + known + added + descends + answers(value.encode()) + b"\0"


def _number(most: int, value: int) -> bytes:
    """What ``Choices.number(most)`` reads as ``value``."""
    return value.to_bytes((most.bit_length() + 7) // 8, "big")


def _seeds_of(kind: str) -> Callable[[], tuple[bytes, ...]]:
    def seeds() -> tuple[bytes, ...]:
        events = recorded(kind)
        many = range(0, len(events), 7)
        whole = [bytes([how]) + _number(len(events) - 1, at) + b"\1" for how in range(4) for at in many]
        usual = [(at, key, value) for at in many for key in events[at] for value in ("null", '"x"', "-1")]
        return (b"", *whole, *(_edit(events, *edit) for edit in (*_ONCE_BROKE, *usual[:: len(usual) // 60 + 1])))

    return seeds


def _file_seeds() -> tuple[bytes, ...]:
    head = {
        "n": 0,
        "t": 0,
        "k": "head",
        "format": 1,
        "wall_s": 1.7e9,
        "station": "s",
        "socket": "A",
        "driver": "stm32 X",
    }
    more = [
        {"n": 1, "t": 9, "k": "tx", "ch": "uart", "hex": "7f"},
        {"n": 2, "t": 99, "k": "rx", "ch": "uart", "want": 1, "hex": "79"},
        {"n": 3, "t": 999, "k": "end", "result": {"outcome": "PASS"}, "message": "", "wall_s": 1.7e9},
    ]
    log = _sealed([head, *more])
    return (
        b"\0" + log,
        b"\2" + log,
        b"\1" + gzip.compress(log),
        b"\1" + gzip.compress(log)[:40],
        b"\0" + log[:-1],
        b"\2" + log + log,
    )


_WORDS = (
    b"null",
    b"1e999",
    b'"*****"',
    b"{}",
    b"[]",
    b'"hex"',
    b'"mask":[[0,9]]',
    b"\\ud800",
    b'"k":"end"',
    b"NaN",
    b"-1",
    b"9" * 30,
)

TARGETS = (
    Target("sessions-files", _files, _file_seeds, _WORDS, short_inputs=60),
    Target("sessions-replay-stm32", _replay_of("stm32"), _seeds_of("stm32"), _WORDS, short_inputs=40),
    Target("sessions-replay-text", _replay_of("text"), _seeds_of("text"), _WORDS, short_inputs=20),
)
