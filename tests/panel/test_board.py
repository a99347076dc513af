"""What the board makes of a station's events, and how browsers hear of it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import CATALOGUE
from station.events import (
    ApiExchanged,
    BacklogChanged,
    CycleEnded,
    CycleStarted,
    Event,
    PoolChanged,
    SocketDown,
    SocketWaiting,
    StartRejected,
    StepEnded,
    StepStarted,
    UnitKnown,
    UnitSettled,
)
from station.model import Effect, EffectKind, EffectState, LabelFate, Outcome, Step, Unit, UnitStatus
from station.panel import connection
from station.panel.board import TOTALS, Board
from station.panel.pace import FIRST_RATE_S, HOUR_S, Pace
from station.panel.stream import HEARTBEAT_S, MAX_BROWSERS, PACE_S, Hub
from tests.support.panel import LOCAL, Served, events, served
from tests.support.sessions import result_of
from tests.support.station import Start, station

PASSED = result_of(socket="A")
STOP_S = 15.0
"""Below the 25 s for which uvicorn waits for streams that nobody ends; what it takes is under 1 s."""


def fed(*told: Event) -> Board:
    board = Board(lambda: 1000.0)
    board.describe("jig-1", "en", {"A": "line-1", "B": "line-2"})
    for event in told:
        board(event)
    return board


def failed(code: str, **changes: Any) -> CycleEnded:
    outcome = CATALOGUE[code].outcome
    return CycleEnded("A", replace(PASSED, outcome=outcome, code=code, label=LabelFate.NOT_PRINTED, **changes))


# -- tiles ---------------------------------------------------------------------------------------------------------------


def test_a_tile_follows_its_cycle_step_by_step() -> None:
    board = fed(SocketWaiting("A"))
    assert (board.tile("A").state, board.tile("A").ready, board.tile("B").state) == ("waiting", True, "starting")
    board(CycleStarted("A"))
    assert (board.tile("A").state, board.tile("A").started_ms, board.tile("A").ready) == ("working", 1_000_000, False)
    for number, step in enumerate(Step):
        board(StepStarted("A", step))
        assert (board.tile("A").step, board.tile("A").steps_done) == (step.value, number)
        board(StepEnded("A", step, 0.1))
    board(UnitKnown("A", "0001", "d88b", "SN-1"))
    tile = board.tile("A")
    assert (tile.chip_id, tile.device_id, tile.sn, tile.steps_done, tile.steps_total) == ("0001", "d88b", "SN-1", 7, 7)
    board(CycleEnded("A", PASSED))
    tile = board.tile("A")
    assert (tile.state, tile.step, tile.label, tile.cycle) == ("PASS", None, "printed", PASSED.cycle)
    assert (tile.duration_s, tile.started_ms) == (round(PASSED.duration_s, 4), 1_000_000)


def test_a_result_stays_until_the_next_cycle_and_says_what_to_do() -> None:
    board = fed(CycleStarted("A"), failed("board.silent", message="no\nanswer"), SocketWaiting("A"))
    tile = board.tile("A")
    assert (tile.state, tile.ready, tile.code) == ("FAIL", True, "board.silent")
    assert (tile.headline, tile.action) == (CATALOGUE["board.silent"].headline, CATALOGUE["board.silent"].action)
    assert tile.detail == "no\\nanswer"
    board(CycleStarted("A"))
    assert (board.tile("A").code, board.tile("A").headline, board.tile("A").detail) == (None, "", "")


def test_a_socket_that_is_down_says_why_and_recovers() -> None:
    board = fed(SocketWaiting("A"), SocketDown("A", "port.missing", "/dev/x is not there"))
    tile = board.tile("A")
    assert (tile.state, tile.ready, tile.code, tile.detail) == ("down", False, "port.missing", "/dev/x is not there")
    board(SocketWaiting("A"))
    assert (board.tile("A").state, board.tile("A").code, board.tile("A").headline) == ("waiting", None, "")


def test_a_start_that_was_not_taken_is_a_notice_until_the_next_cycle() -> None:
    board = fed(CycleStarted("A"), StartRejected("A", "a press\nduring the cycle"), CycleEnded("A", PASSED))
    assert board.tile("A").notice == "a press\\nduring the cycle"
    board(CycleStarted("A"))
    assert board.tile("A").notice is None


@pytest.mark.parametrize("labels", [0, 1])
def test_a_tile_asks_about_a_label_in_doubt_until_somebody_anywhere_has_answered(labels: int) -> None:
    board, heard = fed(CycleStarted("A"), failed("label.in_doubt")), list[str]()
    assert board.tile("A").needs_answer
    board.listen(heard.append)
    unit = Unit(PASSED.chip_id or "", "", "d88b", "SN-1", UnitStatus.VERIFIED, labels_printed=labels)
    doubt = Effect(1, EffectKind.PRINT, EffectState.IN_DOUBT, {})
    board(UnitSettled(replace(unit, open_effects=(doubt,))))
    board(UnitSettled(replace(unit, chip_id="another")))
    assert (board.tile("A").needs_answer, heard) == (True, [])
    board(UnitSettled(unit))
    assert (board.tile("A").needs_answer, heard) == (False, ["A"])
    assert board.tile("A").label == ("printed" if labels else "not_printed")


def test_the_totals_follow_pool_server_printers_and_backlog() -> None:
    board = fed(
        PoolChanged(48, 47, "api.unreachable: no route"),
        ApiExchanged("timeout", 1.0),
        BacklogChanged(2, {EffectKind.PRINT: 3}, 1),
        failed("printer.silent"),
        failed("board.silent"),
        CycleEnded("B", replace(PASSED, socket="B")),
    )
    totals = board.totals()
    assert totals["pool"] == {"device_ids": 48, "sns": 47, "problem": "api.unreachable: no route"}
    assert totals["api"] == {"ok": False, "text": "timeout"}
    assert (totals["units_held"], totals["labels_in_doubt"]) == (2, 1)
    assert totals["printers"] == [
        {"name": "line-1", "ok": False, "text": CATALOGUE["printer.silent"].headline},
        {"name": "line-2", "ok": True, "text": ""},
    ]
    assert totals["today"] == {"PASS": 1, "FAIL": 1, "ERROR": 1, "ABORTED": 0}
    board(ApiExchanged("2xx", 0.1))
    board(CycleEnded("A", PASSED))
    assert (board.totals()["api"]["ok"], board.totals()["printers"][0]["ok"]) == (True, True)


def test_listeners_hear_what_changed_and_nothing_of_what_did_not() -> None:
    board, heard = fed(), list[str]()
    leave = board.listen(heard.append)
    for event in (ApiExchanged("2xx", 0.1), PoolChanged(1, 1), PoolChanged(1, 1), StepStarted("B", Step.BIND)):
        board(event)
    board(CycleEnded("A", PASSED))
    assert heard == [TOTALS, "B", "A", TOTALS]
    leave()
    board(SocketWaiting("A"))
    assert len(heard) == 4


def test_sockets_and_printers_of_a_new_configuration_take_the_place_of_the_old() -> None:
    board = fed(SocketWaiting("A"), SocketWaiting("B"))
    board.describe("jig-1", "en", {"B": "line-2", "C": "line-3"})
    assert [(tile.socket, tile.state) for tile in board.tiles()] == [("B", "waiting"), ("C", "starting")]
    assert [printer["name"] for printer in board.totals()["printers"]] == ["line-2", "line-3"]


SOCKETS = st.sampled_from(["A", "B"])
EVENTS = st.one_of(
    st.builds(SocketWaiting, SOCKETS),
    st.builds(SocketDown, SOCKETS, st.sampled_from(sorted(CATALOGUE)), st.text()),
    st.builds(CycleStarted, SOCKETS),
    st.builds(StartRejected, SOCKETS, st.text()),
    st.builds(StepStarted, SOCKETS, st.sampled_from(Step)),
    st.builds(StepEnded, SOCKETS, st.sampled_from(Step), st.floats(0, 10)),
    st.builds(UnitKnown, SOCKETS, st.text(), st.none() | st.text(), st.none() | st.text()),
    st.sampled_from(sorted(CATALOGUE)).map(failed),
)


@given(st.lists(EVENTS, max_size=30))
def test_whatever_happens_the_board_can_be_shown_and_only_what_changed_was_told(told: list[Event]) -> None:
    board = fed()
    for event in told:
        before, heard = board.snapshot(), list[str]()
        leave = board.listen(heard.append)
        board(event)
        leave()
        after = board.snapshot()
        json.dumps(after, allow_nan=False)
        for was, now in zip(before["tiles"], after["tiles"], strict=True):
            assert was == now or now["socket"] in heard
        assert before["totals"] == after["totals"] or TOTALS in heard


# -- the day's pace ------------------------------------------------------------------------------------------------------


def test_a_day_ends_at_midnight_and_starts_from_nothing() -> None:
    now_s = [time.mktime((2026, 3, 1, 23, 59, 0, 0, 0, -1))]
    pace = Pace(lambda: now_s[0])
    pace.begin({Outcome.PASS: 7, Outcome.FAIL: 1})
    pace.count(Outcome.PASS)
    pace.count(Outcome.ERROR)
    assert pace.today() == {"PASS": 8, "FAIL": 1, "ERROR": 1, "ABORTED": 0}
    assert pace.yield_today() == round(8 / 9, 4)
    now_s[0] += 61
    assert pace.today() == {"PASS": 0, "FAIL": 0, "ERROR": 0, "ABORTED": 0}
    assert pace.yield_today() is None


def test_units_per_hour_are_those_of_the_last_hour_or_of_the_time_there_was() -> None:
    now_s = [1_000_000.0]
    pace = Pace(lambda: now_s[0])
    assert pace.units_per_hour() is None
    for _ in range(10):
        pace.count(Outcome.PASS)
        pace.count(Outcome.FAIL)
        now_s[0] += 30
    assert FIRST_RATE_S == 300
    assert pace.units_per_hour() == 120.0
    now_s[0] += HOUR_S
    assert pace.units_per_hour() == 0.0
    for _ in range(2 * int(HOUR_S / 10)):
        pace.count(Outcome.PASS)
        now_s[0] += 10
    assert pace.units_per_hour() == pytest.approx(360, rel=0.02)
    assert len(pace._passes) <= HOUR_S / 60 + 1


# -- the stream ----------------------------------------------------------------------------------------------------------


def test_a_browser_gets_all_first_and_then_each_tile_that_changes(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor, events(visitor) as stream:
        kind, snapshot = next(stream)
        assert kind == "snapshot"
        assert (snapshot["station"], [tile["socket"] for tile in snapshot["tiles"]]) == ("bench", ["A"])
        starter = threading.Thread(target=place.cycle, args=(place.rig.board(),))
        starter.start()
        seen = [snapshot["tiles"][0]["state"]]
        while seen[-1] != "PASS":
            kind, data = next(stream)
            if kind == "tile" and data["state"] != seen[-1]:
                seen.append(data["state"])
        assert seen[-2:] == ["working", "PASS"]
        kind, data = next(stream)
        while kind != "totals" or not data["today"]["PASS"]:
            kind, data = next(stream)
        assert data["yield"] == 1.0
        starter.join()


def test_a_slow_browser_gets_the_newest_of_each_tile_and_nothing_piles_up() -> None:
    """Twenty thousand events between two looks are one tile."""

    async def look() -> None:
        board = fed()
        hub = Hub(board, asyncio.get_running_loop())
        stream = hub.events()
        assert (await anext(stream)).startswith("event: snapshot\n")

        def work() -> None:
            for number in range(10_000):
                board(UnitKnown("A", f"{number}", None, None))
                board(UnitKnown("B", f"{number}", None, None))

        await asyncio.to_thread(work)
        await asyncio.sleep(2 * PACE_S)
        text = await anext(stream)
        assert text.count("event: ") <= 2
        assert '"chip_id":"9999"' in text
        assert sum(len(browser._names) for browser in hub._browsers) == 0
        hub.close()
        assert [text async for text in stream][1:] == []

    asyncio.run(look())


def test_a_browser_that_is_not_welcome_any_more_is_sent_nothing_after_the_next_heartbeat() -> None:
    async def look() -> None:
        board = fed()
        loop = asyncio.get_running_loop()
        hub = Hub(board, loop)
        welcome = [True]
        stream = hub.events(lambda: welcome[0])
        await anext(stream)
        passed_s = [0.0]
        real = loop.time
        loop.time = lambda: real() + passed_s[0]  # type: ignore[method-assign]
        board(SocketWaiting("A"))
        assert "event: tile" in await anext(stream)
        welcome[0] = False
        passed_s[0] = HEARTBEAT_S
        board(SocketWaiting("B"))
        assert [text async for text in stream] == []

    asyncio.run(look())


def test_browsers_beyond_the_bound_are_refused_and_those_that_go_make_room(tmp_path: Path) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        port = int(place.url.rpartition(":")[2])
        links = [socket.create_connection(("127.0.0.1", port)) for _ in range(MAX_BROWSERS)]
        try:
            for link in links:
                link.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert b" 200 " in link.recv(64)
            assert visitor.get("/events").status_code == 503
            links.pop().close()
            while (status := visitor.get("/board.json").status_code) == 200:
                with visitor.stream("GET", "/events") as response:
                    if response.status_code == 200:
                        break
            assert status == 200
        finally:
            for link in links:
                link.close()


def test_the_page_ends_while_browsers_look_on(tmp_path: Path) -> None:
    """Their streams are ended, which takes a fraction of a second, rather than cut off when uvicorn's grace is over."""
    with served(tmp_path) as place:
        ended: list[int] = []
        opened = threading.Barrier(4)

        def look() -> None:
            with place.visitor() as visitor, events(visitor) as stream:
                next(stream)
                opened.wait()
                ended.append(sum(1 for _ in stream))

        browsers = [threading.Thread(target=look) for _ in range(3)]
        for browser in browsers:
            browser.start()
        opened.wait()
        started_s = time.monotonic()
        place.stop_page()
        assert time.monotonic() - started_s < STOP_S
        for browser in browsers:
            browser.join()
        assert len(ended) == 3


def test_a_connection_that_says_nothing_or_dribbles_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path) as place, place.visitor() as visitor:
        port = int(place.url.rpartition(":")[2])

        def answer_to(beginning: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
                link.sendall(beginning)
                return link.recv(13)

        with monkeypatch.context() as hurried:
            hurried.setattr(connection, "HEAD_S", 0.2)
            assert answer_to(b"") == b""
            assert answer_to(b"GET / HTT") == b""
        monkeypatch.setattr("station.panel.app.BODY_S", 0.2)
        form = b"POST /logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab"
        assert answer_to(form) == b"HTTP/1.1 408 "
        assert visitor.get("/").status_code == 200


def test_todays_cycles_from_before_a_restart_are_counted_once(tmp_path: Path) -> None:
    with station(tmp_path, panel=LOCAL) as rig:
        good, silent = rig.board(), None
        assert [result.outcome for result in rig.run(good, Start(silent))] == [Outcome.PASS, Outcome.FAIL]
        place = Served(rig)
        with place.jig:
            for _ in range(2):  # a configuration that is read anew serves the page anew
                with place.panel.beside(rig.configuration(), place.jig):
                    place.cycle(rig.board())
            assert place.panel.board.totals()["today"] == {"PASS": 3, "FAIL": 1, "ERROR": 0, "ABORTED": 0}
            assert place.panel.board.totals()["yield"] == 0.75
