"""A log read while it is written: nothing missed, nothing twice, and an end whatever becomes of its writer."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.errors import SessionError
from station.session.following import Following
from station.session.format import Event, read_log
from station.session.writer import part_of
from tests.support.sessions import CLOCK, result_of, start


class NoWait:
    """A clock on which waiting takes no time."""

    wall_s = CLOCK.wall_s
    monotonic_s = CLOCK.monotonic_s

    def sleep(self, duration_s: float) -> None:
        """At once."""


def test_events_come_as_they_are_written_until_the_end(tmp_path: Path) -> None:
    session = start(tmp_path)
    events = Following(part_of(session.path), CLOCK).events()
    seen = [next(events)]
    assert next(events) is None, "nothing more is there"
    session.note("uart", "one")
    session.note("uart", "two")
    seen += [next(events), next(events)]
    assert next(events) is None
    session.end(result_of())
    session.close()
    seen += list(events)
    assert tuple(seen) == read_log(session.path).events, "though the file was compressed and removed meanwhile"


def test_a_writer_that_died_ends_it_with_the_torn_line_told(tmp_path: Path) -> None:
    session = start(tmp_path)
    content = part_of(session.path).read_bytes()
    dead = tmp_path / "dead.jsonl.part"
    dead.write_bytes(content + b'{"n":1')
    following = Following(dead, CLOCK)
    assert [event.kind for event in following.events() if event is not None] == ["head"]
    assert following.torn == "the last line was cut off after 6 bytes"
    session.close()


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    session = start(tmp_path)
    part = part_of(session.path)
    events = Following(part, CLOCK).events()
    head = next(events)
    session.note("uart", "whole")
    line = part.read_bytes().splitlines(keepends=True)[1]
    with part.open("r+b") as file:
        file.truncate(part.stat().st_size - len(line) + 7)
    assert next(events) is None
    with part.open("ab") as file:
        file.write(line[7:])
    note = next(events)
    assert isinstance(head, Event)
    assert isinstance(note, Event)
    assert note.fields == {"text": "whole"}
    session.close()


def test_what_is_no_log_is_refused_in_a_bounded_time(tmp_path: Path) -> None:
    empty, damaged = tmp_path / "empty.jsonl.part", tmp_path / "damaged.jsonl.part"
    empty.touch()
    damaged.write_bytes(b'{"n":0,"t":0,"k":"head","c":"00000000"}\n')
    for path, what in ((empty, "no whole event"), (damaged, "line 1 is damaged"), (tmp_path / "none", "No such file")):
        with pytest.raises(SessionError, match=what):
            list(Following(path, NoWait()).events())
