"""Who may use the page, from where: roles, log-in and its limits, foreign sites, names that somebody else points at us, TLS."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from station.panel.app import pages
from station.panel.credentials import MAX_KNOWN, TRIES, TRY_EVERY_S, TooMany, Tries
from station.panel.door import CONTENT_SECURITY_POLICY
from station.panel.people import Role
from station.panel.visit import MAX_BODY_BYTES, Page
from tests.support.panel import LOCAL, PASSWORDS, Served, Visitor, guarded, served, with_users
from tests.support.station import PATIENCE_S

JSON = {"accept": "application/json"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page on loopback that tests share which change nothing."""
    with served(tmp_path_factory.mktemp("local")) as place:
        place.ready()
        warm_up(place)
        yield place


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same with TLS and users."""
    folder = tmp_path_factory.mktemp("secured")
    with served(folder, guarded(folder)) as place:
        place.ready()
        warm_up(place)
        with place.visitor() as visitor:
            visitor.log_in(Role.SUPERVISOR)
            for page in pages():  # what one opens of the journal, SQLite keeps for the next
                if page.method == "GET":
                    ask(visitor, page)
        yield place


def warm_up(place: Served) -> None:
    """Let all the page's threads come, which stay: a test that uses them is not to be blamed for them."""
    with place.visitor() as visitor, ThreadPoolExecutor(16) as many:
        token = visitor.token("/login")
        list(many.map(lambda _: visitor.get("/login"), range(32)))
        list(many.map(lambda _: visitor.post("/logout", data={"csrf_token": token}), range(32)))


def address_of(page: Page) -> str:
    """The page's address with something in the place of each part."""
    return re.sub(r"\{[a-z_]+(:[a-z]+)?\}", "1", page.path)


def ask(visitor: httpx.Client, page: Page, **headers: str) -> int:
    """The status of a request for a page, a form with nothing in it where it takes one. Streams are not waited for."""
    with visitor.stream(page.method, address_of(page), headers={**JSON, **headers}) as response:
        return response.status_code


# -- roles ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [None, *Role], ids=str)
def test_each_role_may_do_what_is_its_own_and_nothing_else(secured: Served, role: Role | None) -> None:
    """Every address there is, with nothing of use in it: 401 and 403 are the only answers to whoever may not, and never the answer
    to whoever may. What the token of a form guards is told apart by sending it."""
    wrong: dict[str, int] = {}
    with secured.visitor() as visitor:
        if role is not None:
            assert visitor.log_in(role).status_code == 303
        token = visitor.token("/login")
        for page in pages():
            if page.path in ("/login", "/logout"):
                continue
            status = ask(visitor, page, **{"x-csrf-token": token})
            expected = page.role is None or (role is not None and role.may(page.role))
            barred = 401 if role is None else 403
            if (status == barred) == expected or status >= 500:
                wrong[f"{page.method} {page.path}"] = status
    assert wrong == {}


def test_every_page_that_changes_something_is_for_a_role() -> None:
    open_pages = {(page.method, page.path) for page in pages() if page.role is None}
    changing = {(method, path) for method, path in open_pages if method != "GET"}
    assert changing == {("POST", "/login"), ("POST", "/logout")}


def test_roles_include_each_other() -> None:
    assert [[role.may(wanted) for wanted in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_at_the_computer_itself_nobody_logs_in_and_the_configuration_says_what_they_may(tmp_path: Path) -> None:
    role = Role.ENGINEER
    with served(tmp_path, LOCAL[:-1] + f", local_role: {role}}}") as place, place.visitor() as visitor:
        allowed = [page for page in pages() if page.method == "GET" and page.role is not None and role.may(page.role)]
        barred = [page for page in pages() if page.role is not None and not role.may(page.role)]
        assert {ask(visitor, page) for page in barred} == {403}
        assert not {ask(visitor, page) for page in allowed} & {401, 403}


# -- logging in ----------------------------------------------------------------------------------------------------------


def test_who_is_not_logged_in_is_sent_to_the_log_in_and_back_out_again(tmp_path: Path) -> None:
    with served(tmp_path, guarded(tmp_path)) as place, place.visitor() as visitor:
        page = visitor.get("/")
        assert (page.status_code, page.headers["location"]) == (303, "/login")
        assert visitor.get("/events", headers=JSON).status_code == 401
        logged_in = visitor.log_in(Role.OPERATOR)
        assert (logged_in.status_code, logged_in.headers["location"]) == (303, "/")
        cookie = logged_in.headers["set-cookie"]
        assert cookie.startswith("__Host-station=")
        assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert visitor.get("/").status_code == 200
        held = dict(visitor.cookies)
        assert visitor.send_form("/logout").status_code == 303
        visitor.cookies.update(held)
        assert visitor.get("/").status_code == 303, "a session that was ended is no session, whoever kept its name"
        lines = place.rig.rows("SELECT operator, action, detail FROM audit ORDER BY id")
        assert [(line["operator"], line["action"]) for line in lines] == [
            ("operator", "page.login"),
            ("operator", "page.logout"),
        ]
        assert lines[0]["detail"] == "from 127.0.0.1"


@pytest.fixture
def _slow_forgiveness(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine, no try is forgiven within a test."""
    monkeypatch.setattr("station.panel.credentials.TRY_EVERY_S", 3600.0)


@pytest.mark.usefixtures("_slow_forgiveness")
def test_a_wrong_password_is_refused_kept_in_the_audit_and_slowed_down(tmp_path: Path) -> None:
    """Neither the answer nor the audit tells whether the name is one; the right password is not tried either then."""
    with served(tmp_path, guarded(tmp_path)) as place, place.visitor() as visitor:
        token = visitor.token("/login")

        def log_in(name: str, password: str) -> httpx.Response:
            return visitor.post("/login", data={"name": name, "password": password, "csrf_token": token})

        answers = [log_in("operator", "wrong password"), log_in("nobody", "wrong password"), log_in("", "")]
        assert [answer.status_code for answer in answers] == [403, 403, 403]
        assert len({re.sub(r'content="[0-9a-f]+"|value="[0-9a-f]+"', "", answer.text) for answer in answers}) == 1
        assert [log_in("operator", "again wrong").status_code for _ in range(TRIES - 3)] == [403] * (TRIES - 3)
        slowed = log_in("operator", PASSWORDS[Role.OPERATOR])
        assert slowed.status_code == 429
        assert 0 < int(slowed.headers["retry-after"]) <= 3601
        assert "set-cookie" not in slowed.headers
        refused = place.rig.rows("SELECT operator, detail FROM audit WHERE action = 'page.login_refused' ORDER BY id")
        assert [line["operator"] for line in refused[:3]] == ["operator", "nobody", "-"]


def test_tries_are_limited_by_address_and_by_name_and_come_back_with_time() -> None:
    now_s = [0.0]
    tries = Tries(lambda: now_s[0])
    for number in range(TRIES):
        tries.require("address a", f"name {number}")
        tries.wrong("address a", f"name {number}")
    with pytest.raises(TooMany) as error:
        tries.require("address a", "name 99")
    assert error.value.wait_s == TRY_EVERY_S
    tries.require("address b", "name 0")
    now_s[0] += TRY_EVERY_S
    tries.require("address a", "name 99")
    tries.wrong("address a", "name 99")
    with pytest.raises(TooMany):
        tries.require("address a", "name 99")
    tries.right("address a", "name 99")
    tries.require("address a", "name 99")


def test_who_guesses_from_many_addresses_fills_no_memory() -> None:
    tries = Tries(lambda: 0.0)
    for number in range(3 * MAX_KNOWN):
        tries.wrong(f"address {number}")
    assert len(tries._wrong) == MAX_KNOWN


def test_a_user_who_is_removed_or_gets_another_role_is_out_at_once(tmp_path: Path) -> None:
    with served(tmp_path, guarded(tmp_path)) as place, place.visitor() as visitor:
        assert visitor.log_in(Role.SUPERVISOR).status_code == 303
        assert visitor.get("/").status_code == 200
        users = tmp_path / "users"
        kept = users.read_text("ascii")
        users.write_text(kept.replace("supervisor:supervisor:", "supervisor:operator:"), "ascii")
        assert visitor.get("/").status_code == 303
        users.write_text(kept, "ascii")
        assert visitor.log_in(Role.SUPERVISOR).status_code == 303
        users.write_text("".join(line for line in kept.splitlines(True) if "supervisor" not in line), "ascii")
        assert visitor.get("/").status_code == 303
        users.write_text("damaged", "ascii")
        assert visitor.log_in(Role.OPERATOR).status_code == 503
        assert place.jig.overdue() == ()


@pytest.mark.usefixtures("_slow_forgiveness")
def test_a_program_logs_in_with_each_request_and_is_slowed_down_too(tmp_path: Path) -> None:
    with served(tmp_path, guarded(tmp_path)) as place, place.visitor() as visitor:
        api = next(page for page in pages() if page.is_api and page.method == "GET" and page.role is Role.OPERATOR)

        def basic(password: str) -> str:
            return "Basic " + base64.b64encode(f"operator:{password}".encode()).decode()

        assert ask(visitor, api) == 401
        assert ask(visitor, api, authorization=basic(PASSWORDS[Role.OPERATOR])) not in (401, 403)
        for nonsense in ("Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff").decode(), "Digest x", "Bearer x"):
            assert ask(visitor, api, authorization=nonsense) == 401
        tried = [ask(visitor, api, authorization=basic("wrong password")) for _ in range(TRIES + 1)]
        assert tried == [401] * (TRIES - 1) + [429] * 2, "an empty name was a try too"
        plain = next(
            page for page in pages() if not page.is_api and page.role is Role.OPERATOR and page.method == "GET"
        )
        assert ask(visitor, plain, authorization=basic(PASSWORDS[Role.OPERATOR])) == 401


# -- forms and foreign sites -----------------------------------------------------------------------------------------------


def test_a_form_without_the_token_of_its_own_session_changes_nothing(local: Served) -> None:
    with local.visitor() as visitor, local.visitor() as other:
        token, foreign = visitor.token(), other.token()
        for form in ({}, {"csrf_token": ""}, {"csrf_token": foreign}, {"csrf_token": token[:-1]}, {"csrf_token": "é"}):
            assert visitor.post("/sockets/A/start", data=form).status_code == 403
        assert visitor.post("/sockets/A/abort", data={"csrf_token": token}).status_code == 303
        visitor.cookies.clear()
        assert visitor.post("/sockets/A/abort", data={"csrf_token": token}).status_code == 403
        assert local.ended == []


FOREIGN: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
    {"origin": "http://localhost"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    {"sec-fetch-site": "nonsense"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_site_can_do_and_see_nothing(local: Served, headers: dict[str, str]) -> None:
    """Even with the right token and the right cookie."""
    with local.visitor() as visitor:
        token = {"x-csrf-token": visitor.token()}
        assert visitor.post("/sockets/A/start", headers=token | headers).status_code == 403
        for path in ("/", "/events", "/board.json", "/static/operator.js", "/nowhere"):
            assert visitor.get(path, headers=headers).status_code == 403
        assert local.ended == []


def test_a_link_from_anywhere_may_be_followed_and_our_own_page_is_not_foreign(local: Served) -> None:
    follow = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    ours = {"origin": "", "sec-fetch-site": "same-origin"}
    with local.visitor() as visitor:
        ours["origin"] = local.url
        assert visitor.get("/", headers=follow).status_code == 200
        token = {"x-csrf-token": visitor.token()}
        assert visitor.post("/sockets/A/abort", headers=token | follow).status_code == 403
        assert visitor.post("/sockets/A/abort", headers=token | ours).status_code == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.7", "", "localhost.", "[::2]:80"])
def test_a_name_that_somebody_else_points_at_us_is_not_answered(local: Served, host: str) -> None:
    with local.visitor() as visitor:
        for path in ("/", "/events", "/static/station.css"):
            answer = visitor.get(path, headers={"host": host})
            assert answer.status_code in (400, 421)
            assert "bench" not in answer.text
        assert visitor.get("/", headers={"host": f"localhost:{local.url.rpartition(':')[2]}"}).status_code == 200


def test_who_comes_by_another_name_that_is_ours_has_to_log_in(tmp_path: Path) -> None:
    """A page on loopback behind a name, a proxy's say: there nobody is known to sit at this computer."""
    panel = LOCAL[:-1] + f", users: {with_users(tmp_path)}, hosts: [jig-1.factory.example]}}"
    with served(tmp_path, panel) as place, place.visitor() as visitor:
        by_name = {"host": "Jig-1.factory.example"}
        assert visitor.get("/", headers=by_name).status_code == 303
        assert visitor.get("/login", headers=by_name).status_code == 200
        assert visitor.get("/").status_code == 200


# -- what every answer says ------------------------------------------------------------------------------------------------


def test_every_answer_trusts_nothing_but_this_host_and_is_kept_by_nobody(local: Served) -> None:
    with local.visitor() as visitor:
        answers = [
            visitor.get(address_of(page)) for page in pages() if page.method == "GET" and "events" not in page.path
        ]
        answers += [visitor.get("/nowhere"), visitor.post("/"), visitor.get("/", headers={"host": "evil.example"})]
        for answer in answers:
            assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert "server" not in answer.headers
            assert "access-control-allow-origin" not in answer.headers
        assert "unsafe" not in CONTENT_SECURITY_POLICY
        style = visitor.get("/static/station.css")
        assert style.headers["cache-control"] == "no-cache"
        assert visitor.get("/static/station.css", headers={"if-none-match": style.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "path", ["/static/..%2fguard.py", "/static/../app.py", "/static/__init__.py", "/static/", "/%00", "/..", "//"]
)
def test_nothing_but_the_pages_can_be_fetched(local: Served, path: str) -> None:
    assert raw(local, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").split(" ")[1] in ("404", "400")


@pytest.mark.parametrize(
    "request_text",
    [
        "POST /sockets/A/start HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"
        + "x" * (MAX_BODY_BYTES + 1),
        "POST /sockets/A/start HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"{MAX_BODY_BYTES + 1:x}\r\n" + "x" * (MAX_BODY_BYTES + 1) + "\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "x" * 200_000 + "\r\n\r\n",
        "NONSENSE\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    ],
    ids=["long form", "long chunk", "long head", "nonsense", "two hosts"],
)
def test_what_is_too_long_or_no_http_is_refused_at_once(local: Served, request_text: str) -> None:
    with local.visitor() as visitor:
        answer = raw(local, request_text)
        assert answer == "" or answer.split(" ")[1] in ("400", "413", "431")
        assert visitor.get("/").status_code == 200


def raw(place: Served, text: str) -> str:
    """The beginning of what comes back for these bytes; "" where the connection is cut."""
    port = int(place.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        try:
            link.sendall(text.encode())
            return link.recv(4096).decode()
        except ConnectionError:
            return ""


# -- TLS -----------------------------------------------------------------------------------------------------------------


def test_beyond_loopback_nothing_is_served_without_tls(tmp_path: Path) -> None:
    with served(tmp_path, guarded(tmp_path)) as place, place.visitor() as visitor:
        assert place.url.startswith("https://")
        assert visitor.get("/login").status_code == 200
        with pytest.raises(httpx.HTTPError), Visitor(place.url.replace("https", "http")) as plain:
            plain.get("/login")
        with pytest.raises(httpx.ConnectError), Visitor(place.url) as stranger:
            stranger.get("/login")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("AES128-SHA")
        with pytest.raises(httpx.ConnectError), Visitor(place.url, verify=old) as weak:
            weak.get("/login")


@pytest.mark.parametrize("spoil", ["key", "cert", "absent", "locked"])
def test_a_certificate_that_cannot_be_used_is_told_and_holds_nothing_up(
    tmp_path: Path, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    panel = guarded(tmp_path)
    if spoil == "absent":
        (tmp_path / "key.pem").unlink()
    elif spoil == "locked":  # by a password, for which nobody is there to be asked
        words = ["openssl", "ec", "-in", "key.pem", "-aes128", "-passout", "pass:secret", "-out", "key.pem"]
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=PATIENCE_S)
    else:
        (tmp_path / f"{spoil}.pem").write_text("no PEM at all", "ascii")
    with served(tmp_path, panel) as place:
        assert place.panel.url is None
        (record,) = [record for record in caplog.records if "the page cannot be served" in record.message]
        fields: Any = record.__dict__["station_fields"]
        assert fields == {"code": "panel.unavailable"}
        assert place.cycle(place.rig.board()).result.code is None


def test_an_address_in_use_is_told_and_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with served(tmp_path, f'{{listen: "127.0.0.1:{port}"}}') as place:
            assert place.panel.url is None
            assert f"the page cannot be served at 127.0.0.1:{port}: " in caplog.text
            place.ready()
            place.put_in(place.rig.board())
            place.jig.start("A")
            place.until(lambda: place.ended)


# -- secrets -----------------------------------------------------------------------------------------------------------------


def test_no_page_holds_a_secret(tmp_path: Path) -> None:
    """Every page that can be looked at, by the one who may see most."""
    with served(tmp_path, guarded(tmp_path)) as place, place.visitor() as visitor:
        place.cycle(place.rig.board())
        visitor.log_in(Role.SUPERVISOR)
        secrets = [place.rig.settings.api.cs_sec_key.reveal(), *PASSWORDS.values(), "scrypt:"]
        for page in pages():
            if page.method == "GET" and not page.path.endswith("events"):
                text = visitor.get(address_of(page)).text
                assert [secret for secret in secrets if secret in text] == [], page.path


def test_a_configuration_that_is_read_anew_logs_nobody_out(tmp_path: Path) -> None:
    port = free_port()
    panel = guarded(tmp_path).replace("0.0.0.0:0", f"0.0.0.0:{port}")
    with served(tmp_path, panel) as place, place.visitor() as visitor:
        assert visitor.log_in(Role.OPERATOR).status_code == 303
        token = visitor.token()
        place.stop_page()
        with place.panel.beside(place.rig.configuration(), place.jig):
            assert visitor.get("/").status_code == 200
            assert visitor.post("/sockets/A/abort", data={"csrf_token": token}).status_code == 303


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_an_engineer_can_log_in_at_the_operators_computer(tmp_path: Path) -> None:
    """There is a way to the log-in where there are users, and none where there are none."""
    link = 'href="/login"'
    with served(tmp_path, LOCAL[:-1] + f", users: {with_users(tmp_path)}}}") as place, place.visitor() as visitor:
        assert link in visitor.get("/").text
        assert visitor.log_in(Role.ENGINEER).status_code == 303
        page = visitor.get("/").text
        assert link not in page
        assert "engineer" in page
        assert visitor.send_form("/logout").status_code == 303
        assert link in visitor.get("/").text


def test_without_users_there_is_no_way_to_a_log_in(local: Served) -> None:
    with local.visitor() as visitor:
        assert 'href="/login"' not in visitor.get("/").text
