"""A page from elsewhere, in the browser that also has the station's page open, can do nothing at the station and see nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.support.browser import FOREIGN_HOST, Viewer
from tests.support.panel import Served, served

ATTACK = """async (target) => {
    const found = {};
    const note = async (name, work) => {
        try { found[name] = String(await work()); } catch (error) { found[name] = "refused"; }
    };
    const form = new URLSearchParams({reason: "foreign", operator: "foreign"});
    await note("read", async () => (await fetch(target + "/api/v1/state")).status);
    await note("read with cookies", async () => (await fetch(target + "/", {credentials: "include"})).status);
    await note("act", async () => (await fetch(target + "/sockets/A/start", {method: "POST", body: form})).status);
    await note("act as api", async () => (await fetch(target + "/api/v1/sockets/A/start", {
        method: "POST", body: "{}", credentials: "include", headers: {"content-type": "application/json"},
    })).status);
    for (const path of ["/sockets/A/start", "/api/v1/sockets/A/start"]) {
        await fetch(target + path, {method: "POST", body: form, mode: "no-cors", credentials: "include"}).catch(() => 0);
    }
    await note("stream", () => new Promise((done) => {
        const stream = new EventSource(target + "/events", {withCredentials: true});
        stream.onmessage = stream.onopen = () => { stream.close(); done("open"); };
        stream.onerror = () => { stream.close(); done("refused"); };
    }));
    await note("script", () => new Promise((done) => {
        const script = document.createElement("script");
        script.src = target + "/static/operator.js?again";
        script.onload = () => done("loaded");
        script.onerror = () => done("refused");
        document.body.append(script);
    }));
    await note("picture", () => new Promise((done) => {
        const picture = new Image();
        picture.onload = () => done("loaded");
        picture.onerror = () => done("refused");
        picture.src = target + "/board.json";
    }));
    return found;
}"""
FORM = """(target) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = target + "/sockets/A/start";
    document.body.append(form);
    form.submit();
}"""


class Elsewhere(BaseHTTPRequestHandler):
    """An empty page, and all that a browser asks for before it lets a page of another origin do something."""

    protocol_version = "HTTP/1.1"
    page: ClassVar[bytes] = (
        b"<!doctype html><html lang=en><title>elsewhere</title><link rel=icon href='data:,'><body></body></html>"
    )

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(self.page)))
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def elsewhere() -> Iterator[int]:
    """Its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def villain(viewer: Callable[..., Viewer], url: str) -> Viewer:
    """Somebody of whose tries the browser complains."""
    person = viewer(url)
    person.is_judged = False
    return person


def nothing_happened(place: Served) -> None:
    assert place.ended == []
    assert place.panel.board.tile("A").state == "waiting"
    assert place.rig.rows("SELECT * FROM audit") == []


@pytest.mark.parametrize("host", ["127.0.0.1", FOREIGN_HOST], ids=["same site, another port", "another site"])
def test_a_foreign_page_neither_acts_nor_sees(tmp_path: Path, viewer: Callable[..., Viewer], host: str) -> None:
    """Also from another port of this computer, whose requests carry the page's cookie."""
    with served(tmp_path) as place, elsewhere() as port:
        place.ready()
        person = villain(viewer, place.url)
        person.open()
        foreign = person.open(f"http://{host}:{port}/")
        found = foreign.evaluate(ATTACK, place.url)
        assert len(found) == 7
        assert set(found.values()) == {"refused"}, found
        with foreign.expect_navigation():
            foreign.evaluate(FORM, place.url)
        assert "another site" in foreign.locator("body").inner_text()
        nothing_happened(place)


def test_the_stations_own_page_gets_through_where_the_foreign_one_does_not(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    """The same tries; it acts only with the token of its forms, which these do not have."""
    with served(tmp_path) as place:
        place.ready()
        person = villain(viewer, place.url)
        found = person.open("/login").evaluate(ATTACK, place.url)
        assert (found["read"], found["read with cookies"], found["stream"], found["script"]) == (
            "200",
            "200",
            "open",
            "loaded",
        )
        assert (found["act"], found["act as api"]) == ("403", "403")
        nothing_happened(place)


def test_a_foreign_page_cannot_frame_the_station(tmp_path: Path, viewer: Callable[..., Viewer]) -> None:
    """Nobody is made to press Start below a picture of something else."""
    with served(tmp_path) as place, elsewhere() as port:
        place.ready()
        person = villain(viewer, place.url)
        foreign = person.open(f"http://127.0.0.1:{port}/")
        with foreign.expect_event("framenavigated"):
            foreign.evaluate(
                "target => { const frame = document.createElement('iframe'); frame.src = target; document.body.append(frame); }",
                place.url,
            )
        framed = foreign.frames[1]
        assert framed.locator("[data-socket]").count() == 0


def test_a_name_that_somebody_points_at_this_computer_gets_no_page(
    tmp_path: Path, viewer: Callable[..., Viewer]
) -> None:
    """DNS rebinding: to the browser, the foreign page and the station have the same origin then."""
    with served(tmp_path) as place:
        place.ready()
        port = place.url.rpartition(":")[2]
        person = villain(viewer, f"http://{FOREIGN_HOST}:{port}")
        page = person.open("/board.json")
        assert "not known by that name" in page.locator("body").inner_text()
        status = page.evaluate("fetch('/sockets/A/start', {method: 'POST'}).then(answer => answer.status)")
        assert status == 421
        nothing_happened(place)
