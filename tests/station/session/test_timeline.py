"""A log in words: steps with their durations, frames, HTTP calls, gaps; safe for a terminal, bounded in width."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DeadlineExpired, PortLost
from station.errors import SessionError, UnitError
from station.model import Outcome, Step
from station.production_api.http import FailureKind, HttpFailure, HttpRequest
from station.session import Session
from station.session.format import Event, SessionLog
from station.session.timeline import MAX_LINE_CHARS, timeline
from tests.support.sessions import SOON, ScriptedHttp, ScriptedTransport, record

MS = 1_000_000


def log_of(*events: Event, torn: str | None = None) -> SessionLog:
    """A log made by hand, so that its times are known."""
    head = Event(0, 0, "head", fields={"format": 1, "station": "bench", "socket": "left", "wall_s": 0.25})
    return SessionLog(Path("x.jsonl"), (head, *events), torn)


def test_steps_calls_and_gaps_have_their_durations() -> None:
    log = log_of(
        Event(1, 1 * MS, "step", fields={"step": "activate", "at": "start"}),
        Event(
            2, 2 * MS, "req", channel="api", fields={"method": "POST", "url": "http://h/x", "headers": [], "text": ""}
        ),
        Event(3, 3 * MS, "tx", "bind", "uart", {"hex": "7f"}),
        Event(4, 252 * MS, "resp", channel="api", fields={"status": 200, "headers": [], "text": "{}"}),
        Event(5, 253 * MS, "step", fields={"step": "activate", "at": "end"}),
        Event(
            6,
            302 * MS,
            "end",
            fields={"result": {"outcome": "FAIL", "code": "api.licences", "sn": "S1"}, "message": "why"},
        ),
    )
    assert list(timeline(log)) == [
        "session log x.jsonl",
        "station bench, socket left, started 1970-01-01 00:00:00.250 UTC",
        "  format: 1",
        "        ms",
        "     1.000             ── activate",
        "     2.000  api        → POST http://h/x",
        "     3.000  bind| uart → 7f",
        "            ···· 249.0 ms waiting for the API's answer to POST /x ····",
        "   252.000  api        ← 200 after 250.0 ms, 2 bytes",
        "   253.000             ── activate took 252.0 ms",
        "   302.000             ── the end",
        "where time was lost, of 302.0 ms",
        "     250.0 ms  83 %  waiting for the API's answer to POST /x",
        "      52.0 ms  17 %  in the station itself, 4 times, at most 49.0 ms",
        "FAIL api.licences",
        "  why",
        "  No more licences. What to do: Call the engineer: the server gives no more DeviceIDs.",
        "  sn S1",
    ]


def test_bytes_sent_and_read_behind_them_are_one_line_with_its_frames_and_time() -> None:
    """What another lane does between, a silence and an error end the line."""
    log = log_of(
        Event(1, 1 * MS, "tx", channel="uart", fields={"hex": "02fd"}),
        Event(2, 2 * MS, "rx", channel="uart", fields={"hex": "79", "want": 1}),
        Event(3, 3 * MS, "rx", channel="uart", fields={"hex": "01049779", "want": 4}),
        Event(4, 4 * MS, "tx", channel="uart", fields={"hex": "11ee"}),
        Event(5, 5 * MS, "rx", "bind", "uart", {"hex": "1f", "want": 1}),
        Event(6, 6 * MS, "tx", channel="uart", fields={"hex": "474554200d"}),
        Event(7, 66 * MS, "rx", channel="uart", fields={"hex": "00" * 30, "want": 30}),
        Event(8, 67 * MS, "end", fields={"result": {"outcome": "PASS"}}),
    )
    lines = list(timeline(log, {"uart": lambda direction, data: [f"{direction} of {len(data)}"]}))
    assert lines[4:10] == [
        "     1.000  uart       → 02 fd  ← 79 01 04 97 79                         2.0 ms  tx of 2 · rx of 1 · rx of 4",
        "     4.000  uart       → 11 ee                                                   tx of 2",
        "     5.000  bind| uart ← 1f                                                      rx of 1",
        "     6.000  uart       → 'GET \\r'                                                tx of 5",
        "            ···· 60.0 ms waiting for bytes from uart ····",
        "    66.000  uart       ← 00 00 00 00 00 00 00 00 … 30 bytes                      rx of 30",
    ]
    assert "      62.0 ms  93 %  waiting for bytes from uart, 3 times, at most 60.0 ms" in lines


def test_lost_time_names_pauses_the_journal_and_what_runs_beside() -> None:
    """The sums make up the whole cycle: what another lane waits for counts only while the main lane waits for that lane."""
    call = {"method": "POST", "url": "http://h/api", "headers": [], "text": '{"method": "bindSN"}'}
    log = log_of(
        Event(1, 10 * MS, "given", fields={"name": "journal.reserve", "args": {}, "value": 1}),
        Event(2, 10 * MS, "given", fields={"name": "clock.sleep", "args": {"s": 0.02}, "value": None}),
        Event(3, 30 * MS, "tx", channel="uart", fields={"hex": "7f"}),
        Event(4, 31 * MS, "req", "bind", "api", call),
        Event(5, 40 * MS, "step", fields={"step": "verify", "at": "end"}),
        Event(6, 80 * MS, "resp", "bind", "api", {"status": 200, "headers": [], "text": "{}"}),
        Event(7, 90 * MS, "step", "bind", fields={"step": "bind", "at": "end"}),
        Event(8, 90 * MS, "given", fields={"name": "clock.sleep", "args": {"s": 0.01}, "value": None}),
        Event(9, 100 * MS, "given", fields={"name": "abort", "args": {}, "value": None}),
    )
    lines = list(timeline(log))
    lost = lines[lines.index("where time was lost, of 100.0 ms") :]
    assert lost == [
        "where time was lost, of 100.0 ms",
        "      50.0 ms  50 %  waiting for bind, which runs beside",
        "      20.0 ms  20 %  in pauses before uart is asked again",
        "      10.0 ms  10 %  waiting for the journal",
        "      10.0 ms  10 %  in the station itself",
        "      10.0 ms  10 %  in pauses that the station makes",
        "cut off: the log has no end",
    ]
    assert "    31.000  bind| api  → POST http://h/api  bindSN" in lines


def _everything(session: Session) -> None:
    link = session.serial(
        "uart", lambda: ScriptedTransport([b"\x79", DeadlineExpired("p", "no byte"), b"GET=\r\n"], [1])
    )
    link.set_lines(dtr=True)
    link.write(b"\x02\xfd", SOON)
    link.read(1, SOON)
    with pytest.raises(DeadlineExpired):
        link.read(1, SOON)
    link.read(40, SOON)
    with pytest.raises(PortLost):
        link.write(b"\x00" * 300, SOON)
    http = session.http("api", ScriptedHttp([HttpFailure(FailureKind.TLS, "not trusted")]))
    with pytest.raises(HttpFailure):
        http.send(HttpRequest("POST", "http://h/", (("Host", "h"),), b'{"code":"1"}'), 1.0)
    with session.step(Step.RESERVE), pytest.raises(UnitError):
        session.given("journal.reserve", {"cycle": 1, "none": None}, int, _empty)
    session.given("seed", {}, int, lambda: 5)
    session.note("uart", "\x1b[31mred\x07\n")


def _empty() -> int:
    raise UnitError("pool.empty", "no ids")


def test_every_kind_of_event_is_said_in_words(tmp_path: Path) -> None:
    def decode(direction: str, data: bytes) -> list[str]:
        return [f"{direction} GET ID"] if data == b"\x02\xfd" else []

    text = "\n".join(timeline(record(tmp_path, _everything), {"uart": decode}))
    for expected in (
        "uart       open port=/dev/scripted",
        "uart       line dtr=True rts=None",
        "uart       → 02 fd  ← 79",
        " ms  tx GET ID",
        "uart       rx FAILED port.timeout: p: no byte",
        "uart       ← 'GET=\\r\\n'",
        "uart       → 00 00 00 00 00 00 00 00 … 300 bytes",
        "uart       tx FAILED port.lost: /dev/scripted: unplugged",
        "api        → POST http://h/",
        "api        ← FAILED tls after ",
        "journal.reserve(cycle=1) RAISED pool.empty: no ids",
        "seed() = 5",
        "note: \\x1b[31mred\\x07\\n",
        "PASS",
    ):
        assert expected in text, expected


def test_hex_shows_every_byte_header_and_body(tmp_path: Path) -> None:
    lines = list(timeline(record(tmp_path, _everything), hex_dump=True))
    rows = [line for line in lines if re.search(r"    [0-9a-f]{4}  00 00", line)]
    assert len(rows) == 19, "300 bytes in rows of 16"
    assert any("Host: h" in line for line in lines)
    assert any('{"code":"1"}' in line for line in lines)


def test_hex_cuts_neither_a_body_nor_a_value_nor_the_head(tmp_path: Path) -> None:
    long = "".join(f"{index:05d}" for index in range(2000))
    answer = {"status": 200, "headers": [], "text": long}
    log = log_of(
        Event(1, 1, "given", fields={"name": "n", "args": {}, "value": long}), Event(2, 2, "resp", fields=answer)
    )
    log.head["configuration"] = long
    whole = "".join(line.strip() for line in timeline(log, hex_dump=True))
    assert whole.count(long) == 3
    assert long not in "".join(line.strip() for line in timeline(log))


def test_a_log_that_was_cut_off_says_so() -> None:
    assert list(timeline(log_of()))[-1] == "cut off: the log has no end"
    assert list(timeline(log_of(torn="the last line was cut off after 3 bytes")))[-1] == (
        "cut off: the last line was cut off after 3 bytes"
    )


JSON = st.none() | st.integers() | st.text() | st.lists(st.text(), max_size=3) | st.dictionaries(st.text(), st.text())
NAMES = "name args value raised result message text step at url msg hex headers status err mask".split()  # noqa: SIM905


@given(
    st.sampled_from(["open", "tx", "rx", "line", "cfg", "close", "req", "resp", "given", "step", "note", "end"]),
    st.dictionaries(st.sampled_from(NAMES), JSON),
    st.text(),
)
def test_no_event_can_break_the_terminal_or_the_program(kind: str, fields: dict[str, object], channel: str) -> None:
    """Fields of the right names with anything in them, as a log written by hand could hold; SessionError alone may refuse them."""
    shown: list[str] = []
    with suppress(SessionError):
        shown.extend(timeline(log_of(Event(1, 1, kind, "main", channel, fields)), hex_dump=True))
    for line in shown:
        assert len(line) <= MAX_LINE_CHARS
        assert line.isprintable()


def test_an_outcome_without_code_is_one_word() -> None:
    end = Event(1, 1, "end", fields={"result": {"outcome": Outcome.PASS.value}})
    assert list(timeline(log_of(end)))[-1] == "PASS"
