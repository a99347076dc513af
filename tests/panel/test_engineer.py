"""What an engineer finds at the page: cycles and units, a cycle's timeline, its log as files, a replay, reports."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx
import pytest

from drivers.simulated.stm32_faults import ChipFaults
from station.model import Outcome
from station.panel.moments import today
from station.panel.workshop import Busy, TookTooLong, Workshop
from station.rerun import replay
from station.session.format import Event, encode_events, read_log
from tests.support.panel import Served, Visitor, served

ENGINEER = '{listen: "127.0.0.1:0", local_role: engineer}'
HOSTILE = "<script>alert(1)</script>\u202e\x1b[2J{{7*7}}"


def visible(answer: httpx.Response) -> str:
    """What somebody reads: the page without its tags, white space as one blank."""
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def changed(path: Path, change: Callable[[Event], Event]) -> bytes:
    """A log of which each event was changed, its checksums made anew; what it was before, to be put back."""
    before = path.read_bytes()
    path.write_bytes(gzip.compress(encode_events(change(event) for event in read_log(path).events)))
    return before


@contextmanager
def writing(place: Served) -> Iterator[sqlite3.Connection]:
    """The journal's file, to be changed as its station never would."""
    connection = sqlite3.connect(place.rig.folder / "state" / "journal.sqlite", timeout=60)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def failing(place: Served) -> str:
    """A FAIL; its chipId."""
    result = place.cycle(place.rig.board(faults=ChipFaults(unstored_writes=frozenset({1, 2})))).result
    assert (result.outcome, result.code) == (Outcome.FAIL, "board.write_not_kept")
    return result.chip_id or ""


def test_a_cycle_is_found_by_every_id_its_day_outcome_and_code(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        passed = place.cycle(place.rig.board()).result
        failing(place)

        def found(**asked: str) -> list[str]:
            text = visitor.get("/search", params=asked).text
            return re.findall(r'<a href="/cycles/(\d+)">', text)

        assert found() == ["2", "1"]
        for id_ in (passed.chip_id, passed.sn, passed.device_id):
            assert id_ is not None
            straight = visitor.get("/search", params={"q": id_})
            assert (straight.status_code, straight.headers["location"]) == (303, f"/units/{passed.chip_id}")
            assert found(q=id_, outcome="PASS") == ["1"]
            assert found(q=id_, outcome="FAIL") == []
        assert passed.sn is not None
        assert "1" in found(q=passed.sn[:-1])
        assert found(outcome="FAIL") == found(code="board.write_not_kept") == found(older="3", newer="1") == ["2"]
        assert found(since="2020-01-01", until="2020-01-02") == []
        assert found(since=str(today()), until=str(today()), socket="A") == ["2", "1"]
        assert found(older="2") == found(newer="0", outcome="PASS") == ["1"]
        for asked in ({"since": "yesterday"}, {"until": "2025-13-01"}, {"older": "-1"}, {"newer": "9" * 99}):
            assert visitor.get("/search", params=asked).status_code == 400, asked
        for nonsense in (HOSTILE, "%", "\0", "_" * 500, "' OR 1=1 --"):
            answer = visitor.get("/search", params={"q": nonsense, "code": nonsense, "socket": nonsense})
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text
            assert re.findall(r"/cycles/\d", answer.text) == []


def test_a_listing_goes_on_from_page_to_page_and_back(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        place.cycle(place.rig.board())
        with writing(place) as journal:
            journal.execute(
                "INSERT INTO cycles (cycle, station, socket, session, started_at)"
                " WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 120)"
                " SELECT i, 'bench', 'A', 'none', 1 FROM n"
            )

        def turned(path: str) -> tuple[list[int], str | None, str | None]:
            text = visitor.get(path).text
            numbers = [int(number) for number in re.findall(r'<a href="/cycles/(\d+)">', text)]
            older, newer = (re.search(rf'href="(/search\?{name}=\d+)"', text) for name in ("older", "newer"))
            return numbers, older and older[1], newer and newer[1]

        first, older, newer = turned("/search")
        assert (first, newer) == (list(range(120, 70, -1)), None)
        second, older_still, newer = turned(older or "")
        assert second == list(range(70, 20, -1))
        assert turned(newer or "")[0] == first
        last, end, _ = turned(older_still or "")
        assert (last, end) == (list(range(20, 0, -1)), None)
        with writing(place) as journal:
            journal.execute("DELETE FROM cycles WHERE cycle > 1")


def test_a_units_page_tells_its_whole_history(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        board = place.rig.board()
        result = place.cycle(board).result
        place.rig.reprints[result.sn or ""] += 1
        form = {"reason": f"smudged {HOSTILE}", "operator": "Ann"}
        assert visitor.send_form(f"/units/{result.chip_id}/reprint", form).status_code == 200
        answer = visitor.get(f"/units/{result.chip_id}")
        text = visible(answer)
        for word in (result.sn, result.device_id, "activate", "bind", "write", "print", "labelled", "smudged", "Ann"):
            assert word is not None
            assert word in text
        assert "<script>alert" not in answer.text
        assert "\u202e" not in answer.text
        assert re.findall(r'href="/cycles/(\d+)"', answer.text) == ["1"]
        unknown = visitor.get("/units/<b>none")
        assert (unknown.status_code, "<b>none" in unknown.text) == (404, False)


def test_a_cycles_page_shows_its_frames_its_calls_and_its_label(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        place.cycle(place.rig.board())
        chip_id = failing(place)
        answer = visitor.get("/cycles/1")
        text = visible(answer)
        for word in ("READ MEMORY 0x", "WRITE MEMORY 0x", "ACK", "POST activateDeviceId: 200", "identify", "verify"):
            assert word in text
        assert 'src="data:image/png;base64,' in answer.text
        assert re.search(r"<pre>0000  [0-9a-f]{2} ", answer.text), "no bytes in hex"
        failed = visible(visitor.get("/cycles/2"))
        assert "board.write_not_kept" in failed
        assert chip_id in failed
        for number in ("3", "0", "-1", "x", "9" * 30):
            assert visitor.get(f"/cycles/{number}").status_code == 404, number
        assert "style=" not in answer.text, "the policy of the page forbids it"


def test_a_log_is_downloaded_as_it_is_and_in_every_form(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        result = place.cycle(place.rig.board()).result
        (path,) = place.rig.logs()
        answer = visitor.get("/cycles/1/log")
        assert answer.content == path.read_bytes()
        assert answer.headers["content-disposition"] == 'attachment; filename="cycle-1.jsonl.gz"'
        assert "content-encoding" not in answer.headers
        with visitor.stream("GET", "/cycles/1/log") as left_early:
            assert left_early.status_code == 200
        taken = {name: visitor.get(f"/cycles/1/export/{name}").content for name in ("html", "har", "pcapng", "jsonl")}
        assert taken["html"].startswith(b"<!doctype html>")
        assert [entry["response"]["status"] for entry in json.loads(taken["har"])["log"]["entries"]] == [200, 200]
        assert taken["pcapng"][:4] == bytes.fromhex("0a0d0d0a")
        assert taken["jsonl"] == gzip.decompress(path.read_bytes())
        anonymised = visitor.get("/cycles/1/export/anonymised")
        assert (result.sn or "").encode() not in anonymised.content
        copy = tmp_path / "anonymised.jsonl"
        copy.write_bytes(anonymised.content)
        assert replay(copy).is_same
        assert visitor.get("/cycles/1/export/exe").status_code == 404


def test_a_replay_says_the_same_and_of_a_changed_log_where_it_differs(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        place.cycle(place.rig.board())
        (path,) = place.rig.logs()
        same = visitor.post("/cycles/1/replay", data={"csrf_token": visitor.token()})
        assert "The same The code of now does what the log holds" in visible(same)
        assert visitor.post("/cycles/1/replay").status_code == 403
        sent = [event.number for event in read_log(path).events if event.kind == "tx"]

        def other_byte(event: Event) -> Event:
            if event.number != sent[-1]:
                return event
            data = bytearray.fromhex(event.fields["hex"])
            data[0] ^= 0xFF
            return replace(event, fields={**event.fields, "hex": data.hex()})

        before = changed(path, other_byte)
        answer = visitor.post("/cycles/1/replay", data={"csrf_token": visitor.token()})
        path.write_bytes(before)
        text = visible(answer)
        assert f"differs at event {sent[-1]}" in text
        assert "first differing byte: 0" in text
        assert [row["action"] for row in place.rig.rows("SELECT action FROM audit")] == ["page.replay"] * 2


def _spoilt(visitor: Visitor, path: Path, content: bytes | None) -> list[str]:
    """What the page, a replay and an export say while the log is this, or gone: no traceback, and no more than one message."""
    before = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    try:
        page = visible(visitor.get("/cycles/1"))
        replayed = visitor.send_form("/cycles/1/replay")
        exported = visitor.get("/cycles/1/export/har", headers={"accept": "application/json"})
    finally:
        path.write_bytes(before)
    assert "The session log cannot be shown" in page
    for answer in (replayed, exported):
        assert (answer.status_code, answer.json()["code"]) == (409, "session.unreadable")
        assert "Traceback" not in answer.text
    return [page, replayed.json()["detail"], exported.json()["detail"]]


def test_a_log_that_is_damaged_foreign_too_long_or_gone_gets_one_clear_message(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        place.cycle(place.rig.board())
        (path,) = place.rig.logs()
        whole = gzip.decompress(path.read_bytes())
        middle = whole.index(b"\n", len(whole) // 2)
        for content, said in (
            (gzip.compress(whole[:middle] + b"x" + whole[middle + 1 :]), "is damaged"),
            (path.read_bytes()[:-20], "cannot be read"),
            (b"\x7fELF nothing of ours", "cannot be read"),
            (gzip.compress(b"{}\n"), "is damaged"),
            (gzip.compress(b""), "not a session log"),
            (None, "the file is not there"),
        ):
            assert all(said in line for line in _spoilt(visitor, path, content)), said
        long = gzip.compress(b" " * 5_000_000 + b"\n")
        before = path.read_bytes()
        path.write_bytes(long)
        text = visible(visitor.get("/cycles/1"))
        path.write_bytes(before)
        path.write_bytes(gzip.compress((b" " * 5_000_000 + b"\n") * 7))
        answer = visitor.send_form("/cycles/1/replay")
        path.write_bytes(before)
        assert answer.json()["detail"].endswith("longer than 32 MiB; download it and do this at a desk")
        assert "longer than the 4 MiB that are shown here; download it instead" in text


def test_a_log_that_was_cut_off_is_shown_up_to_there(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        place.cycle(place.rig.board())
        (path,) = place.rig.logs()
        before = path.read_bytes()
        whole = gzip.decompress(before)
        torn = whole[: whole.index(b"POST") + 2]
        path.write_bytes(gzip.compress(torn))
        pages = [visible(visitor.get("/cycles/1"))]
        path.write_bytes(gzip.compress(torn[: torn.rindex(b"\n") + 1]))
        pages.append(visible(visitor.get("/cycles/1")))
        path.write_bytes(before)
        assert "The log was cut off the last line was cut off after" in pages[0]
        assert "The log was cut off It has no end" in pages[1]
        assert all("READ MEMORY 0x" in page and "POST activateDeviceId" not in page for page in pages)


def test_a_path_outside_the_folder_of_logs_is_never_opened(tmp_path: Path) -> None:
    """A journal that came from elsewhere may name any file."""
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        place.cycle(place.rig.board())
        (noted,) = place.rig.rows("SELECT path FROM sessions")
        for path in (str(secret), f"../../../../../{secret}", "/etc/passwd", "."):
            with writing(place) as journal:
                journal.execute("UPDATE sessions SET path = ?", (path,))
            for address in ("/cycles/1", "/cycles/1/log", "/cycles/1/export/jsonl"):
                answer = visitor.get(address)
                assert "hunter2" not in answer.text
                assert "root:" not in answer.text
        with writing(place) as journal:
            journal.execute("UPDATE sessions SET path = ?", (noted["path"],))


def test_what_is_hostile_in_a_log_is_only_shown(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        place.cycle(place.rig.board())
        (path,) = place.rig.logs()

        def spoilt(event: Event) -> Event:
            fields = dict(event.fields)
            for name in ("step", "name", "msg", "message", "url", "driver", "socket", "text"):
                if isinstance(fields.get(name), str):
                    fields[name] = HOSTILE
            channel = None if event.channel is None else f'{event.channel}"><img src=x onerror=alert(1)>'
            return replace(event, channel=channel, fields=fields)

        before = changed(path, spoilt)
        answer = visitor.get("/cycles/1")
        path.write_bytes(before)
        assert answer.status_code == 200
        assert "alert(1)" in unescape(answer.text)
        for raw in ("<script>alert", "<img src=x", "\u202e", "\x1b"):
            assert raw not in answer.text


def test_reports_count_what_was_made_and_say_it_as_csv(tmp_path: Path) -> None:
    with served(tmp_path, panel=ENGINEER) as place, place.visitor() as visitor:
        empty = visible(visitor.get("/reports"))
        assert "No cycle ended in this period" in empty
        place.cycle(place.rig.board())
        failing(place)
        answer = visitor.get("/reports")
        text = visible(answer)
        for word in ("1 PASS · 1 FAIL · 0 ERROR · 0 ABORTED", "Yield 50.0 %", "identify", "Board does not keep"):
            assert word in text
        assert answer.text.count('<svg class="chart"') == 3
        tables = {
            name: list(csv.DictReader(io.StringIO(visitor.get(f"/reports/{name}.csv").text)))
            for name in ("production", "steps", "codes")
        }
        assert sum(int(row["pass"]) for row in tables["production"]) == 1
        assert len(tables["production"]) == 7
        assert [row["step"] for row in tables["steps"]][:2] == ["cycle", "identify"]
        assert [(row["code"], row["cycles"]) for row in tables["codes"]] == [("board.write_not_kept", "1")]
        day = str(today())
        hours = visitor.get("/reports/production.csv", params={"since": day, "until": day}).text.splitlines()
        assert len(hours) in (24, 25, 26), "an hour each, and the heading"
        for asked in ({"since": "x"}, {"since": "2020-01-01"}, {"until": "2020-01-01", "since": "2020-01-02"}):
            assert visitor.get("/reports", params=asked).status_code == 400, asked
        assert visitor.get("/reports/other.csv").status_code == 404


def test_work_is_ended_after_its_time_is_done_one_at_a_time_and_never_after_the_end() -> None:
    workshop = Workshop()
    done = workshop.run("--version")
    assert (done.status, done.error) == (0, "")
    assert done.output.startswith("station ")
    with pytest.raises(TookTooLong, match="was ended after"):
        Workshop(timeout_s=0.0).run("--version")
    workshop.close()
    with pytest.raises(Busy):
        workshop.run("--version")


def test_work_under_way_is_ended_with_the_page() -> None:
    workshop = Workshop()
    told: list[str] = []

    def work() -> None:
        try:
            workshop.run("simulate", "api")
        except TookTooLong as error:
            told.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    while workshop._process is None and thread.is_alive():
        time.sleep(0.001)
    workshop.close()
    thread.join()
    assert told == ["station simulate was ended by signal 9"]


def test_one_who_asks_while_work_goes_on_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.panel.workshop.TURN_S", 0.0)
    workshop = Workshop()
    with workshop.figures(), pytest.raises(Busy, match="try again"), workshop.figures():
        raise AssertionError("two at once")
    with workshop.figures():
        pass
