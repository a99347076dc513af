"""A difference between a log and the code, for an engineer: what came before it, both sides in words and in hex, and the versions
then and now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from station.session.difference import Difference
from station.session.event_words import Decoder, Running, frames, printable_line, say
from station.session.format import Event, SessionLog

EVENTS_BEFORE = 8
"""How many events before the difference are shown."""
ROW_BYTES = 16
ROWS_BEFORE, ROWS_AFTER = 1, 2
"""How many rows of a dump are shown around the one with the first differing byte."""

Decoders = Mapping[str, Decoder]


@dataclass(frozen=True, slots=True)
class DifferenceReading:
    """A difference in words. ``before`` are the last events that were the same, oldest first; ``wanted_words`` and ``got_words``
    the frames that the wire's decoder sees in each side's bytes, empty where it sees none."""

    before: tuple[str, ...]
    wanted_words: tuple[str, ...]
    got_words: tuple[str, ...]


def read_difference(
    log: SessionLog, difference: Difference, decoders: Callable[[SessionLog], Decoders]
) -> DifferenceReading:
    """Read the log up to the difference, and then each side's bytes as they go on from there. ``decoders`` makes fresh ones."""
    then, now = decoders(log), decoders(log)
    before: deque[str] = deque(maxlen=EVENTS_BEFORE)
    running = Running()
    for event in log.events[1:]:
        if event.number == difference.event:
            break
        if event.kind == "note":
            continue
        words = frames(event, then)
        frames(event, now)
        first, *_ = say(event, running)
        before.append(_line(event, first, words))
    return DifferenceReading(
        tuple(before), _words(then, difference, difference.wanted_bytes), _words(now, difference, difference.got_bytes)
    )


def report_lines(
    difference: Difference, reading: DifferenceReading, versions: Mapping[str, tuple[str, str]]
) -> Iterator[str]:
    """The report, a printable line each. ``versions``: by name, those then and now."""
    where = "after the last event" if difference.event is None else f"at event {difference.event}"
    yield f"differs {where}: step {difference.step or '-'}, channel {difference.channel or '-'}, lane {difference.lane}"
    if reading.before:
        yield "  the same up to here:"
        yield from (f"    {line}" for line in reading.before)
    yield printable_line(f"  log:  {_with_words(difference.wanted, reading.wanted_words)}")
    yield printable_line(f"  code: {_with_words(difference.got, reading.got_words)}")
    at = difference.first_byte
    if at is not None:
        yield f"  first differing byte: {at}"
        for side, data in (("log", difference.wanted_bytes), ("code", difference.got_bytes)):
            yield from (f"    {row}" for row in _dump(side, data or b"", at))
    for name, (then, now) in versions.items():
        yield printable_line(f"  {name} then {then}, now {now}")


def _line(event: Event, said: str, words: list[str]) -> str:
    where = "" if event.lane == "main" else f"{event.lane}| "
    channel = f"{event.channel} " if event.channel else ""
    decoded = f"   {'; '.join(words)}" if words else ""
    return printable_line(f"{event.number:>5}  {where}{channel}{said}{decoded}")


def _words(decoders: Decoders, difference: Difference, data: bytes | None) -> tuple[str, ...]:
    """What the decoder of the channel sees in the bytes that come next."""
    decoder = decoders.get(difference.channel or "")
    return () if decoder is None or not data else tuple(decoder("tx", data))


def _with_words(text: str, words: tuple[str, ...]) -> str:
    return f"{text} — {'; '.join(words)}" if words else text


def _dump(side: str, data: bytes, at: int) -> Iterator[str]:
    """Rows of offset and hex around byte ``at``, which is marked; where the bytes end before it, their end is."""
    middle = at // ROW_BYTES
    for row in range(max(0, middle - ROWS_BEFORE), middle + ROWS_AFTER + 1):
        piece = data[row * ROW_BYTES : (row + 1) * ROW_BYTES]
        head = f"{side:<5}{row * ROW_BYTES:06x}  "
        if piece or row == middle:
            yield f"{head}{piece.hex(' ')}".rstrip()
        if row == middle:
            yield " " * (len(head) + 3 * (at % ROW_BYTES)) + ("^^" if at < len(data) else "^ the end")
