"""What programs do at ``/api/v1``: look, act, and follow, each as the role of their token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from drivers.simulated.print_queue import PrinterManners
from station.events import StepStarted
from station.model import Outcome, Step
from station.panel.people import Role
from station.panel.users import User, new_token, read_users, token_hash, write_users
from tests.support.panel import PASSWORDS, Served, Visitor, events, served, with_users

TOKENS = {role: new_token() for role in Role}


def with_tokens(folder: Path) -> str:
    """How a page is configured that knows a person and a program of each role; who comes by ``station.test`` has to log in."""
    path = with_users(folder)
    programs = {f"mes-{role}": User(f"mes-{role}", role, token_hash(token)) for role, token in TOKENS.items()}
    write_users(Path(path), read_users(Path(path)) | programs)
    return f'{{listen: "127.0.0.1:0", users: {path}, hosts: [station.test]}}'


@contextmanager
def program(place: Served, role: Role | None = Role.SUPERVISOR) -> Iterator[httpx.Client]:
    """A program that has the token of this role, or none."""
    headers = {"host": "station.test"} | ({} if role is None else {"authorization": f"Bearer {TOKENS[role]}"})
    with Visitor(place.url, headers=headers) as client:
        yield client


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Served]:
    """A station whose page knows programs."""
    with served(tmp_path, with_tokens(tmp_path), sockets=("A", "B")) as place:
        yield place


def asked(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_program_starts_a_cycle_and_reads_what_came_of_it(place: Served) -> None:
    board = place.rig.board()
    with program(place) as mes:
        ended = place.cycle(
            board, start=lambda: mes.post("/api/v1/sockets/A/start", json={"operator": "Ann"}).raise_for_status()
        )
        chip_id = place.rig.chip_id(board)
        (unit,) = asked(mes, "/units", text=chip_id)["units"]
        assert (unit["status"], unit["labels_printed"], unit["sn"]) == ("labelled", 1, ended.result.sn)
        history = asked(mes, f"/units/{chip_id}")
        assert [cycle["outcome"] for cycle in history["cycles"]] == ["PASS"]
        assert {effect["effect"]["kind"] for effect in history["effects"]} == {"activate", "bind", "write", "print"}
        (cycle,) = asked(mes, "/cycles", sn=ended.result.sn)["cycles"]
        assert cycle == asked(mes, f"/cycles/{ended.result.cycle}")
        assert (cycle["outcome"], cycle["label"], cycle["device_id"]) == ("PASS", "printed", ended.result.device_id)
        place.ready()
        state = asked(mes, "/state")
        assert state["totals"]["today"]["PASS"] == 1
        assert state["tiles"] == asked(mes, "/sockets")["sockets"]
        assert state["tiles"][0] == asked(mes, "/sockets/A")
        assert asked(mes, "/ids")["counts"]["sn"]["used"] == 1
        statistics = asked(mes, "/statistics", days=1)
        assert (statistics["total"]["passed"], statistics["total"]["first_pass_share"]) == (1, 1.0)
        assert "identify" in {step["step"] for step in statistics["steps"]}
        assert asked(mes, "/statistics", before_ms=0)["slots"] == []
        assert mes.post(f"/api/v1/units/{chip_id}/ship", json={"reason": "order 7"}).status_code == 200
        assert asked(mes, f"/units/{chip_id}")["unit"]["status"] == "shipped"
    audit = [(line["action"], line["operator"]) for line in place.rig.rows("SELECT * FROM audit ORDER BY id")]
    assert audit == [("page.start", "Ann (mes-supervisor)"), ("shipped", "mes-supervisor")]


def test_a_label_in_doubt_is_settled_and_printed_again_by_a_program(place: Served) -> None:
    place.rig.printer.queue.manners = PrinterManners(paper_for=1)
    board = place.rig.board()
    ended = place.cycle(board)
    assert ended.result.code == "label.in_doubt"
    chip_id = place.rig.chip_id(board)
    with program(place, Role.OPERATOR) as mes:
        place.rig.printer.queue.manners = PrinterManners()
        place.rig.printer.queue.problems.clear()
        refused = mes.post(f"/api/v1/units/{chip_id}/reprint", json={"reason": "lost"})
        assert (refused.status_code, refused.json()["code"]) == (409, "label.not_printed")
        settled = mes.post(f"/api/v1/units/{chip_id}/label", json={"printed": True, "reason": "it lies here"})
        assert settled.status_code == 200, settled.text
        place.rig.reprints[ended.result.sn or ""] += 1
        again = mes.post(f"/api/v1/units/{chip_id}/reprint", json={"reason": "torn"})
        assert again.status_code == 200, again.text
    assert len(place.rig.printer.labels) == 2


def test_every_cycle_is_followed_once_in_order_also_across_a_break(place: Served) -> None:
    with program(place, Role.ENGINEER) as mes:
        first = place.cycle(place.rig.board()).result.cycle
        told: list[int] = []
        with events(mes, "/api/v1/events") as stream:
            assert next(stream)[0] == "snapshot"
            second = place.cycle(place.rig.board(), "B").result.cycle
            told.append(next(data["cycle"] for kind, data in stream if kind == "cycle"))
        third = place.cycle(place.rig.board()).result.cycle
        mes.headers["last-event-id"] = str(told[-1])
        with events(mes, "/api/v1/events") as stream:
            fourth = threading.Thread(target=lambda: place.cycle(place.rig.board(), "B"))
            fourth.start()
            found = (data["cycle"] for kind, data in stream if kind == "cycle")
            told += [next(found), next(found)]
            fourth.join()
        assert told == [second, third, third + 1]
        pages, after = [], 0
        while page := asked(mes, "/cycles", after=after, limit=3)["cycles"]:
            pages.append([cycle["cycle"] for cycle in page])
            after = page[-1]["cycle"]
        assert pages == [[first, second, third], [third + 1]]
        newest = asked(mes, "/cycles", limit=3)
        assert [cycle["cycle"] for cycle in newest["cycles"]] == [third + 1, third, second]
        assert [cycle["cycle"] for cycle in asked(mes, "/cycles", before=newest["before"])["cycles"]] == [first]


def test_no_cycle_is_passed_over_because_it_still_runs(place: Served) -> None:
    """The one with the lower number ends last: those behind it are told of when it has ended."""
    go_on = threading.Event()
    place.rig.on_event = lambda event: go_on.wait() if event == StepStarted("A", Step.LABEL) else None
    with program(place, Role.ENGINEER) as mes:
        try:
            place.ready("A", "B")
            place.put_in(place.rig.board(), "A")
            place.jig.start("A")
            place.until(lambda: place.panel.board.tile("A").step == "verify")
            second = place.cycle(place.rig.board(), "B").result.cycle
            listed = {cycle["cycle"]: cycle["outcome"] for cycle in asked(mes, "/cycles")["cycles"]}
            assert listed == {second: "PASS", second - 1: None}
            assert asked(mes, "/cycles", after=0) == {"cycles": [], "after": 0, "before": None}
        finally:
            go_on.set()
        place.until(lambda: len(place.ended) == 2)
        assert [cycle["cycle"] for cycle in asked(mes, "/cycles", after=0)["cycles"]] == [second - 1, second]


def test_each_role_may_do_what_it_may_and_nothing_else(place: Served) -> None:
    """By status: what may be done fails for another reason, since no such socket, unit or cycle is there."""
    rows = {
        ("GET", "/state"): Role.OPERATOR,
        ("GET", "/sockets/X"): Role.OPERATOR,
        ("POST", "/sockets/X/start"): Role.OPERATOR,
        ("POST", "/sockets/X/abort"): Role.OPERATOR,
        ("POST", "/units/X/label"): Role.OPERATOR,
        ("POST", "/units/X/reprint"): Role.OPERATOR,
        ("GET", "/units"): Role.ENGINEER,
        ("GET", "/units/X"): Role.ENGINEER,
        ("GET", "/cycles"): Role.ENGINEER,
        ("GET", "/cycles/9"): Role.ENGINEER,
        ("GET", "/ids"): Role.ENGINEER,
        ("GET", "/statistics"): Role.ENGINEER,
        ("POST", "/units/X/ship"): Role.SUPERVISOR,
        ("POST", "/units/X/resolve"): Role.SUPERVISOR,
    }
    bodies = {
        "label": {"printed": True, "reason": "x"},
        "reprint": {"reason": "x"},
        "ship": {"reason": "x"},
        "resolve": {"decision": "scrap", "reason": "x"},
    }
    for role in (None, *Role):
        with program(place, role) as mes:
            for (method, path), wanted in rows.items():
                body = bodies.get(path.rpartition("/")[2]) if method == "POST" else None
                status = mes.request(method, f"/api/v1{path}", json=body).status_code
                expected = {401} if role is None else {200, 404} if role.may(wanted) else {403}
                assert status in expected, (role, path, status)
    assert place.rig.rows("SELECT * FROM audit") == []


def test_nobody_acts_without_saying_who_they_are(tmp_path: Path) -> None:
    """Somebody at this computer may act by the page's own form alone, which no other page has."""
    with served(tmp_path, with_tokens(tmp_path)) as place, place.visitor() as visitor:
        assert visitor.get("/api/v1/state").status_code == 200
        start = "/api/v1/sockets/A/start"
        assert visitor.post(start).status_code == 403
        for wrong in (
            "Bearer x",
            "Bearer",
            "Bearer " + TOKENS[Role.OPERATOR][:-1],
            "Basic x",
            "Digest x",
            "Negotiate",
            "Bearer \xe9",
        ):
            answer = visitor.post(start, headers={"authorization": wrong.encode("latin-1")})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), wrong
        assert place.rig.rows("SELECT * FROM audit") == []
        place.ready()
        words = httpx.BasicAuth("operator", PASSWORDS[Role.OPERATOR])
        ended = place.cycle(place.rig.board(), start=lambda: visitor.post(start, auth=words).raise_for_status())
        assert ended.result.outcome is Outcome.PASS


def test_a_token_that_is_taken_away_is_of_no_use_at_once(tmp_path: Path) -> None:
    with served(tmp_path, with_tokens(tmp_path)) as place, program(place, Role.ENGINEER) as mes:
        asked(mes, "/ids")
        users = read_users(tmp_path / "users")
        del users["mes-engineer"]
        write_users(tmp_path / "users", users)
        assert mes.get("/api/v1/ids").status_code == 401


UNUSABLE_BODIES = (
    (b"{", 400, "Invalid JSON"),
    (b"[]", 400, "object"),
    (b'{"printed": "yes", "reason": "x"}', 400, "printed"),
    (b'{"printed": true}', 400, "reason"),
    (b'{"printed": true, "reason": ""}', 400, "reason"),
    (b'{"printed": true, "reason": "a\\u0000b"}', 400, "reason"),
    (b'{"printed": true, "reason": "\\ud800"}', 400, "JSON"),
    (b'{"printed": true, "reason": "x", "more": 1}', 400, "more"),
    (b"[" * 60_000, 400, "JSON"),
    (b" " * 70_000, 413, ""),
)
"""With the status, and what is said."""
UNUSABLE_QUERIES = (
    "limit=0",
    "limit=1001",
    "limit=1e2",
    "limit=",
    "limit=5&limit=6",
    "after=-1",
    "after=9007199254740992",
    "outcome=pass",
    "text=x",
    "chip_id=",
    "chip_id=a%20b",
    "chip_id=" + "x" * 129,
    "since_ms=1.5",
    "%00=1",
)


def test_what_cannot_be_used_is_refused_in_one_line(place: Served) -> None:
    with program(place) as mes:
        for body, status, said in UNUSABLE_BODIES:
            answer = mes.post("/api/v1/units/X/label", content=body, headers={"content-type": "application/json"})
            headline = answer.json()["headline"]
            assert (answer.status_code, said in headline, "\n" in headline) == (status, True, False), answer.text
        for query in UNUSABLE_QUERIES:
            answer = mes.get(f"/api/v1/cycles?{query}")
            assert (answer.status_code, answer.json()["code"]) == (400, None), (query, answer.text)
        as_form = mes.post("/api/v1/units/X/label", data={"printed": "true", "reason": "x"})
        assert as_form.status_code == 415
        assert mes.post("/api/v1/sockets/A/abort?operator=x").status_code == 400


def test_what_is_not_there_is_said_in_json(place: Served) -> None:
    with program(place) as mes:
        for path in ("/nothing", "/units/X", "/units/%00", "/cycles/999999", "/cycles/x", "/sockets/X"):
            answer = mes.get(f"/api/v1{path}")
            assert (answer.status_code, set(answer.json())) == (404, {"code", "headline", "action", "detail"}), path
        answer = mes.delete("/api/v1/state")
        assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
        assert mes.get("/api/v1/events", headers={"last-event-id": "x"}).status_code == 400
