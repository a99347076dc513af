"""A recorded cycle run again: the same where nothing was changed, and the place named where something was."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from drivers.bootloader.stm32.codec import Command
from drivers.bootloader.stm32.commands import Rom
from station.cli import main
from station.errors import SessionError
from station.model import Outcome
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.wire import BIND_SN
from station.rerun import replay
from station.session.difference import Difference, first_difference
from station.session.format import Event, encode_event, read_log
from station.session.report import DifferenceReading, report_lines
from tests.support.station import station


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of a cycle that passed."""
    with station(tmp_path) as rig:
        rig.one(rig.board())
        (path,) = rig.logs()
    return path


def rewritten(log: Path, change: Any) -> Path:
    """The log with its events passed through ``change``, its checksums right again."""
    path = log.with_name("changed.jsonl")
    crc, lines = 0, []
    for number, event in enumerate(change(list(read_log(log).events))):
        line, crc = encode_event(Event(number, event.time_ns, event.kind, event.lane, event.channel, event.fields), crc)
        lines.append(line)
    path.write_bytes(b"".join(lines))
    return path


def test_a_replay_comes_to_the_same_result_without_any_device(log: Path) -> None:
    report = replay(log)
    assert report.is_same
    assert report.cut_off is None
    assert report.result is not None
    assert report.result.outcome is Outcome.PASS
    assert json.loads(json.dumps(report.to_json()))["same"] is True


def test_a_replay_ten_times_is_the_same_ten_times(log: Path) -> None:
    assert {replay(log).result.chip_id for _ in range(10)} == {replay(log).result.chip_id}  # type: ignore[union-attr]


@pytest.mark.parametrize("keep", [1, 2, 5, 20, 60])
def test_a_log_that_was_cut_off_anywhere_is_the_same_up_to_there(log: Path, keep: int) -> None:
    report = replay(rewritten(log, lambda events: events[:keep]))
    assert report.is_same
    assert report.cut_off is not None
    assert report.result is None


def test_a_byte_that_the_board_did_not_send_shows_where_the_code_went_another_way(log: Path) -> None:
    def garble(events: list[Event]) -> list[Event]:
        """A byte of the first long answer: the two reads of the same memory differ."""
        index = next(i for i, event in enumerate(events) if event.kind == "rx" and len(event.fields["hex"]) > 12)
        fields = {**events[index].fields, "hex": events[index].fields["hex"][:-2] + "ee"}
        events[index] = Event(0, events[index].time_ns, "rx", "main", "uart", fields)
        return events

    report = replay(rewritten(log, garble))
    assert report.difference is not None
    assert report.difference.channel == "uart"


def test_a_cycle_that_ended_without_a_result_is_the_same_up_to_there(tmp_path: Path) -> None:
    """The journal failed at the very end: the log says so and has no end."""
    with station(tmp_path) as rig:
        rig.api.add_fault(Fault(FaultKind.CODE, BIND_SN, code="020103"))
        rig.one(rig.board())
        (path,) = rig.logs()

    def no_end(events: list[Event]) -> list[Event]:
        last = events[-2]
        assert last.fields["name"] == "journal.end_cycle"
        fields = {key: value for key, value in last.fields.items() if key != "value"}
        fields["raised"] = {"code": "journal.failed", "msg": "disk full"}
        return [*events[:-2], Event(0, last.time_ns, "given", "main", None, fields)]

    report = replay(rewritten(path, no_end))
    assert report.is_same
    assert report.cut_off is not None
    assert "journal.failed: disk full" in report.cut_off


def test_a_log_without_a_configuration_cannot_be_replayed(tmp_path: Path) -> None:
    path = tmp_path / "bare.jsonl"
    line, _ = encode_event(Event(0, 0, "head", fields={"format": 1, "station": "x", "socket": "A"}), 0)
    path.write_bytes(line)
    with pytest.raises(SessionError, match="holds no configuration"):
        replay(path)


def test_a_log_of_a_socket_that_its_configuration_does_not_have_is_refused(log: Path) -> None:
    def other_socket(events: list[Event]) -> list[Event]:
        return [Event(0, 0, "head", fields={**events[0].fields, "socket": "Z"}), *events[1:]]

    with pytest.raises(SessionError, match="no socket 'Z'"):
        replay(rewritten(log, other_socket))


def test_a_configuration_that_is_not_understood_any_more_is_refused_in_one_line(log: Path) -> None:
    def old(events: list[Event]) -> list[Event]:
        configuration = {**events[0].fields["configuration"], "no_such_key": 1}
        return [Event(0, 0, "head", fields={**events[0].fields, "configuration": configuration}), *events[1:]]

    with pytest.raises(SessionError, match="does not take its configuration"):
        replay(rewritten(log, old))


def test_a_replay_holds_no_secret_and_asks_for_none(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file with the secret is gone; the recorded configuration holds its name only."""
    (log.parents[3] / "cs-sec-key").unlink()
    assert replay(log).is_same
    assert b"cs-sec-key-simulated" not in b"".join(encode_event(event, 0)[0] for event in read_log(log).events)


def test_a_change_of_the_driver_is_reported_at_its_first_byte_in_words(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GET before the first read: the change that an engineer is told of."""
    read = Rom.read_proven

    def read_after_get(rom: Rom, *span: Any) -> bytes:
        rom._command(Command.GET, "GET")
        return read(rom, *span)

    assert main(["replay", str(log)]) == 0
    monkeypatch.setattr(Rom, "read_proven", read_after_get)
    capsys.readouterr()
    assert main(["replay", str(log)]) == 1
    said = capsys.readouterr().out
    events = read_log(log).events
    number = next(event.number for event in events if event.fields.get("hex") == "11ee")
    assert f"{log}: differs at event {number}: step identify, channel uart, lane main\n" in said
    assert re.search(r"the same up to here:\n( +\d+  .*\n)+", said)
    assert re.search(rf" +{number - 1}  uart ← 79 01 04 97 79 +ACK; product id 0x497\n", said)
    assert "  log:  tx of 11ee — READ MEMORY\n" in said
    assert "  code: tx of 00ff — GET\n" in said
    assert "  first differing byte: 0\n    log  000000  11 ee\n                 ^^\n    code 000000  00 ff\n" in said
    assert re.search(r"  agent then \S+, now \S+\n  python then \S+, now \S+\n  format then 1, now 1\n", said)


def test_what_the_code_sends_where_the_log_asks_for_something_else_is_read_in_words_too(log: Path) -> None:
    def without_a_read(events: list[Event]) -> list[Event]:
        index = next(i for i, event in enumerate(events) if event.fields.get("hex") == "11ee")
        return events[:index] + [event for event in events[index:] if event.channel != "uart"]

    report = replay(rewritten(log, without_a_read))
    assert report.difference is not None
    assert report.reading is not None
    assert (report.difference.got_bytes, report.reading.got_words) == (b"\x11\xee", ("READ MEMORY",))
    assert report.reading.before[-1].endswith("product id 0x497")
    plain = json.loads(json.dumps(report.to_json()))["difference"]
    assert (plain["got_words"], plain["before"][-1]) == (["READ MEMORY"], report.reading.before[-1])


@pytest.mark.parametrize(
    ("wanted", "got", "rows"),
    [
        (b"abc", b"ab", ["log  000000  61 62 63", "\n                       ^^", "code 000000  61 62", "^ the end"]),
        (bytes(40), bytes(33) + b"\x01" * 7, ["log  000010  ", "log  000020  00 00", "code 000020  00 01", "^^"]),
    ],
)
def test_a_dump_shows_the_rows_around_the_byte_that_differs(wanted: bytes, got: bytes, rows: list[str]) -> None:
    at = first_difference(wanted, got)
    difference = Difference(7, "main", "write", "uart", "tx", "tx", at, wanted, got)
    said = "\n".join(report_lines(difference, DifferenceReading((), (), ()), {}))
    for row in rows:
        assert row in said
    assert f"first differing byte: {at}" in said
