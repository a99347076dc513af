"""Log records as journald, a collector and people get them: each one whole, and nothing from outside that breaks out of it."""

from __future__ import annotations

import io
import json
import logging
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.event_log import EventLog
from station.events import CycleEnded, PoolChanged, SocketDown, SocketWaiting, StepStarted
from station.logs import LogStyle, chosen_style, datagram, logging_to
from station.model import Outcome, Step
from tests.support.sessions import result_of

HOSTILE = "board said \x1b[2J\n{PRIORITY=0}\r\nSTATION_CODE=fake\0"


def entry(data: bytes) -> dict[str, str]:
    """One datagram as journald reads it (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""
    fields: dict[str, str] = {}
    while data:
        line, _, rest = data.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
            data = rest
        else:
            name, (size,) = line, struct.unpack("<Q", rest[:8])
            value, end, data = rest[8 : 8 + size], rest[8 + size : 9 + size], rest[9 + size :]
            assert end == b"\n"
        assert name.decode() not in fields
        fields[name.decode()] = value.decode()
    return fields


@contextmanager
def journald(folder: Path) -> Iterator[tuple[Path, socket.socket]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(folder / "journal"))
        link.settimeout(20)
        yield folder / "journal", link


def record(message: str, fields: dict[str, object] | None = None) -> logging.LogRecord:
    made = logging.LogRecord("station.test", logging.WARNING, __file__, 1, "%s", (message,), None)
    made.station_fields = fields or {}
    return made


def test_journald_gets_a_record_with_its_fields(tmp_path: Path) -> None:
    with journald(tmp_path) as (path, link), logging_to(LogStyle.JOURNAL, io.StringIO(), path):
        fields = {"socket": "A", "code": "port.lost", "cycle": 7, "sn": None}
        logging.getLogger("station.jig").error("socket %s", "A", extra={"station_fields": fields})
        assert entry(link.recv(65536)) == {
            "MESSAGE": "socket A",
            "PRIORITY": "3",
            "SYSLOG_IDENTIFIER": "station",
            "STATION_LOGGER": "station.jig",
            "STATION_THREAD": "MainThread",
            "STATION_SOCKET": "A",
            "STATION_CODE": "port.lost",
            "STATION_CYCLE": "7",
        }


@pytest.mark.parametrize(
    ("level", "priority"), [(logging.CRITICAL, "3"), (logging.WARNING, "4"), (logging.INFO, "6"), (logging.DEBUG, "7")]
)
def test_priorities_are_those_of_syslog(level: int, priority: str) -> None:
    made = logging.LogRecord("station", level, __file__, 1, "x", (), None)
    assert entry(datagram(made))["PRIORITY"] == priority


@given(st.text(), st.dictionaries(st.text(max_size=60), st.text(), max_size=40))
def test_no_text_breaks_out_of_its_field(message: str, fields: dict[str, str]) -> None:
    found = entry(datagram(record(message, dict(fields))))
    assert found["PRIORITY"] == "4"
    assert len(found) <= 5 + 32
    assert all(value.isprintable() for value in found.values())
    assert all(name.replace("_", "").isalnum() and name.isupper() for name in found)


def test_a_traceback_is_a_field_of_its_own_and_bounded(tmp_path: Path) -> None:
    def deep(depth: int) -> None:
        if depth == 0:
            raise RuntimeError(HOSTILE)
        deep(depth - 1)

    with journald(tmp_path) as (path, link), logging_to(LogStyle.JOURNAL, io.StringIO(), path):
        try:
            deep(200)
        except RuntimeError:
            logging.getLogger("station").exception("it failed")
        found = entry(link.recv(1 << 20))
        assert found["MESSAGE"] == "it failed"
        assert found["STATION_TRACEBACK"].splitlines()[-1] == "STATION_CODE=fake\\x00"
        assert len(found["STATION_TRACEBACK"]) <= 16_000
        assert found["STATION_TRACEBACK"].replace("\n", "").isprintable()


def test_without_journald_a_record_is_a_line_on_standard_error(tmp_path: Path) -> None:
    stream = io.StringIO()
    with logging_to(LogStyle.JOURNAL, stream, tmp_path / "nobody"):
        logging.getLogger("station").warning("%s", HOSTILE)
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().startswith("station: warning: board said \\x1b[2J\\n")


def test_a_collector_gets_one_json_object_a_line() -> None:
    stream = io.StringIO()
    with logging_to(LogStyle.JSON, stream):
        logging.getLogger("station.events").info("%s", HOSTILE, extra={"station_fields": {"socket": HOSTILE}})
    (line,) = stream.getvalue().splitlines()
    row = json.loads(line)
    assert (row["level"], row["logger"]) == ("info", "station.events")
    assert row["socket"] == row["message"] == "board said \\x1b[2J\\n{PRIORITY=0}\\r\\nSTATION_CODE=fake\\x00"
    assert row["time"].endswith("Z")


def test_people_are_told_of_warnings_only_in_one_line_each() -> None:
    stream = io.StringIO()
    with logging_to(LogStyle.PLAIN, stream):
        logging.getLogger("station").info("all is well")
        logging.getLogger("station").warning("%s", HOSTILE)
    assert stream.getvalue().splitlines() == [
        "station: warning: board said \\x1b[2J\\n{PRIORITY=0}\\r\\nSTATION_CODE=fake\\x00"
    ]


def test_the_log_is_as_before_when_it_ends() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    with logging_to(LogStyle.JSON, io.StringIO()):
        assert len(root.handlers) == len(before[1]) + 1
    assert (root.level, root.handlers) == before


def test_the_style_follows_where_standard_error_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.logs.JOURNAL_SOCKET", tmp_path)
    with (tmp_path / "stderr").open("w") as stream:
        status = os.fstat(stream.fileno())
        journal = {"INVOCATION_ID": "1", "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert chosen_style(LogStyle.AUTO, journal, stream.fileno()) is LogStyle.JOURNAL
        elsewhere = journal | {"JOURNAL_STREAM": "1:1"}
        assert chosen_style(LogStyle.AUTO, elsewhere, stream.fileno()) is LogStyle.JSON
        assert chosen_style(LogStyle.AUTO, {}, stream.fileno()) is LogStyle.PLAIN
        assert chosen_style(LogStyle.JSON, journal, stream.fileno()) is LogStyle.JSON
        monkeypatch.setattr("station.logs.JOURNAL_SOCKET", tmp_path / "nobody")
        assert chosen_style(LogStyle.AUTO, journal, stream.fileno()) is LogStyle.JSON


def test_events_are_records_with_the_fields_to_look_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    view = EventLog()
    failed = result_of(outcome=Outcome.FAIL, code="board.silent")
    for event in (
        SocketWaiting("A"),
        SocketWaiting("A"),
        StepStarted("A", Step.BIND),
        CycleEnded("A", failed),
        SocketDown("A", "port.lost", HOSTILE),
        PoolChanged(3, 4, "api.licences: no more"),
        PoolChanged(3, 4),
    ):
        view(event)
    found = [(record.levelname, record.station_fields) for record in caplog.records]  # type: ignore[attr-defined]
    assert [(level, fields["event"]) for level, fields in found] == [
        ("INFO", "socket_waiting"),
        ("WARNING", "cycle"),
        ("WARNING", "socket_down"),
        ("WARNING", "pool"),
    ]
    assert (found[1][1]["code"], found[1][1]["outcome"]) == ("board.silent", "FAIL")
    assert (found[2][1]["code"], found[3][1]["code"]) == ("port.lost", "api.licences")
    assert all(record.getMessage().isprintable() for record in caplog.records)
