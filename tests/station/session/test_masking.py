"""No secret reaches a log, wherever it stands, and a replay with other secrets still compares what stands around them."""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from station.errors import UnitError
from station.model import Outcome, Step
from station.production_api.http import FailureKind, HttpFailure, HttpRequest, HttpResponse
from station.session import Session
from station.session.format import read_log
from station.session.masking import Masker, comparable
from station.session.messages import body_of
from station.session.recorder import RecordingSession
from station.session.replay import Diverged, ReplaySession
from station.session.writer import part_of
from tests.support.sessions import CLOCK, SOON, ScriptedHttp, ScriptedTransport, record, result_of, start

SECRETS = st.text(
    st.characters(min_codepoint=0x20, exclude_categories=("Cs", "Cc", "Cn")), min_size=6, max_size=24
).filter(lambda text: len(set(text)) > 3 and not set(text) <= set("*"))


def scatter(session: Session, secret: str) -> None:
    """The secret in every kind of event, in every way it may be written."""
    raw = secret.encode()
    as_json = json.dumps({"desc": secret, "new": secret, "list": [secret], "data": {"deep": {"x": secret}}})
    answers = [
        HttpResponse(200, (("server", f"x{secret}"), ("x-new", secret), (f"a{quote(secret)}", "")), as_json.encode()),
        HttpResponse(302, (("location", f"http://u:{quote(secret)}@host/?token={quote_plus(secret)}"),), b"<p>" + raw),
        HttpFailure(FailureKind.TLS, f"illegal header {raw!r} and {secret!r}"),
    ]
    http = session.http("api", ScriptedHttp(answers))
    url = f"http://host/{quote(secret)}?access={quote_plus(secret)}&sn=1"
    form = f"grant_type=x&client_secret={quote_plus(secret)}&scope={quote(secret, safe='')}"
    bodies = [
        (as_json.encode(), "application/json"),
        (form.encode(), "application/x-www-form-urlencoded"),
        (raw + b"\xff", "text/plain"),
    ]
    for body, kind in bodies:
        headers = (("Authorization", f"Bearer {secret}"), ("Content-Type", kind), ("X-Odd", secret))
        try:
            http.send(HttpRequest("POST", url, headers, body), 1.0)
        except HttpFailure:
            continue
    link = session.serial("uart", lambda: ScriptedTransport([b"<" + raw + b">"]))
    link.write(b"[" + raw + b"]", SOON)
    link.read(4096, SOON)
    session.given("ask", {"text": secret, secret: [json.dumps(secret)], "raw": raw}, str, lambda: f"is {secret}")
    with pytest.raises(UnitError):
        session.given("refuse", {}, str, lambda: _refuse(secret))
    session.note("uart", f"frame {raw.hex()} {secret}")
    with session.step(Step.IDENTIFY):
        pass


def _refuse(secret: str) -> str:
    raise UnitError("pool.empty", f"with {secret}")


def forms(secret: str) -> set[bytes]:
    """How the secret could stand in the file's bytes."""
    texts = {
        secret,
        json.dumps(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        repr(secret)[1:-1],
    }
    texts |= {json.dumps(text)[1:-1] for text in texts}
    return {text.encode() for text in texts} | {secret.encode().hex().encode()}


@settings(max_examples=60, deadline=None)
@given(SECRETS)
@example('a"b\\c/d')
@example("100%25+ä&x=")
@example("}],:{[\"'")
def test_a_secret_stands_in_no_byte_of_the_file(secret: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        session = start(Path(folder), [secret])
        scatter(session, secret)
        session.end(result_of(Outcome.FAIL, message=f"because {secret}"))
        raw = part_of(session.path).read_bytes()
        closed = session.close()
        packed = gzip.decompress(closed.path.read_bytes())
        assert packed == raw
        # What the file would hold anyway is no leak: a secret such as "{"n":0" is part of every log.
        clean = start(Path(folder), [], "clean.jsonl.gz")
        scatter(clean, "harmless placeholder")
        clean.end(result_of(Outcome.FAIL))
        usual = part_of(clean.path).read_bytes()
        clean.close()
        assert [form for form in forms(secret) if form in raw and form not in usual] == []
        assert len(read_log(closed.path).events) == raw.count(b"\n")


def test_unknown_fields_are_masked_though_nobody_named_the_secret(tmp_path: Path) -> None:
    """The token that an answer brings is not known before the answer has been recorded."""
    token = "brand-new-token"
    bodies = [
        json.dumps({"access_token": token, "expires_in": 3600, "code": "000000"}).encode(),
        json.dumps({"code": "000000", "data": {"keys": [token, {"k": token}], "sn": "SN1"}, "x": token}).encode(),
        b'{"acc\\u0065ss_token" : "' + token.encode() + b'", "code":"1", "cut": ["' + token.encode(),
        b"refresh_token=" + token.encode() + b"&scope=all",
    ]
    answers = [
        HttpResponse(200, (("set-cookie", token), ("content-type", "application/json")), body) for body in bodies[:3]
    ]
    answers.append(HttpResponse(200, (("content-type", "application/x-www-form-urlencoded"),), bodies[3]))
    answers.append(HttpResponse(200, (("content-encoding", "gzip"),), gzip.compress(bodies[0])))

    def work(session: Session) -> None:
        port = session.http("api", ScriptedHttp(answers))
        for _ in answers:
            port.send(HttpRequest("GET", f"http://host/?access_token={token}", (), b""), 1.0)

    log = record(tmp_path, work)
    text = gzip.decompress(log.path.read_bytes())
    assert token.encode() not in text
    assert gzip.compress(bodies[0]).hex()[20:60].encode() not in text
    first, another, *_ = (event for event in log.events if event.kind == "resp")
    assert json.loads(body_of(first)) == {"access_token": "*" * len(token), "expires_in": 3600, "code": "000000"}
    second = json.loads(body_of(another))
    assert second["data"]["sn"] == "SN1"


def test_a_replay_with_secrets_of_other_lengths_is_the_same(tmp_path: Path) -> None:
    """An engineer's desk has no secrets, or others: only what stands around them is compared."""

    def work(session: Session, secret: str, tail: str = "end") -> None:
        port = session.http("api", ScriptedHttp([HttpResponse(200, (), b"{}")] * 2))
        form = f"client_secret={secret}&scope=all&x={tail}".encode()
        headers = (("Authorization", f"Bearer {secret}"), ("Content-Type", "application/x-www-form-urlencoded"))
        port.send(HttpRequest("POST", f"http://host/?key={secret}", headers, form), 1.0)
        port.send(
            HttpRequest("POST", "http://host/", (("Content-Type", "text/plain"),), f"<{secret}> {tail}".encode()), 1.0
        )
        link = session.serial("uart", ScriptedTransport)
        link.write(f"login {secret} {tail}".encode(), SOON)
        session.given("ask", {"with": f"{secret} {tail}"}, int, lambda: 1)

    log = record(tmp_path, lambda session: work(session, "the secret of then"), ["the secret of then"])
    for now in ("short", "a much longer secret of the desk", "*" * len("the secret of then")):
        known = () if set(now) == {"*"} else (now,)
        session = ReplaySession(log, Masker(lambda known=known: known))
        work(session, now)
        session.end(result_of())
        session.check_all_read()
    with pytest.raises(Diverged):
        work(ReplaySession(log, Masker(lambda: ["short"])), "short", "other end")


def test_a_secret_that_has_gone_is_masked_still() -> None:
    held = ["first-token"]
    masker = Masker(lambda: held)
    assert masker.mask_text("first-token") == "***********"
    held[:] = ["other-token"]
    assert masker.mask_text("first-token other-token") == "*********** ***********"


def test_short_values_are_not_masked_by_value_but_by_field() -> None:
    masker = Masker(lambda: ["abc"])
    assert masker.mask_text("abc") == "abc"
    assert masker.mask_body(b'{"pin": "abc"}', "application/json") == (b'{"pin": "***"}', ((9, 3),))


def test_masked_places_keep_their_length_and_overlaps_are_merged() -> None:
    masked, spans = Masker(lambda: ["abcdef", "defghi"]).mask_bytes(b"<abcdefghi>")
    assert (masked, spans) == (b"<*********>", ((1, 9),))
    assert comparable(masked, spans) == b"<*>"


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/html", ""])
)
def test_any_body_keeps_its_length_and_what_is_not_masked(body: bytes, kind: str) -> None:
    masked, spans = Masker(lambda: ["secret"]).mask_body(body, kind)
    assert len(masked) == len(body)
    hidden = {index for start_, length in spans for index in range(start_, start_ + length)}
    assert all(masked[index] == (0x2A if index in hidden else body[index]) for index in range(len(body)))


@pytest.mark.parametrize(
    "body", [b'"\\"' * 300_000, b"[" * 900_000, b"&" * 900_000, b"a=" * 450_000, b'{"a"' * 200_000]
)
def test_a_hostile_body_of_the_largest_size_is_scanned_once(body: bytes) -> None:
    """Quadratic scanning would take hours: the bound only keeps the test from hanging."""
    started_s = time.monotonic()
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/html"):
        Masker(lambda: ["secret"]).mask_body(body, kind)
    assert time.monotonic() - started_s < 30


def test_lone_surrogates_do_not_break_the_record(tmp_path: Path) -> None:
    """JSON can bring halves of characters into texts."""

    def work(session: Session) -> None:
        session.given("x", {"a": "\ud800 secret"}, str, lambda: "\udfff")

    log = record(tmp_path, work, ["secret"])
    assert log.events[1].fields["args"] == {"a": "\ud800 ******"}


def test_head_port_names_and_results_are_masked_too(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    session = RecordingSession.start(path, {"url": "http://u:hunter22@h"}, CLOCK, Masker(lambda: ["hunter22"]))
    transport = ScriptedTransport()
    transport.name = "rfc2217://u:hunter22@h"
    session.serial("uart", lambda: transport)
    session.end(result_of(session="/srv/hunter22/x"))
    assert b"hunter22" not in part_of(path).read_bytes()
    session.close()


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "client"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_basic_credentials_that_an_answer_quotes_give_no_secret_away(user: str, encode) -> None:
    secret = "s3cr3t~~VALUE/??/key+9"
    quoted = encode(f"{user}:{secret}".encode())
    masked, spans = Masker(lambda: (secret,)).mask_body(b"refused: Basic " + quoted, "text/plain")
    ((start, length),) = spans
    # All but the characters at the ends that the user's name, or the padding, has bits in.
    assert length >= len(secret) * 8 // 6 - 1
    assert masked[start : start + length] == b"*" * length
    assert masked.startswith(b"refused: Basic ")


def test_a_url_s_fragment_is_masked() -> None:
    url = "http://api.example/v1?method=x#access_token=abcdefgh"
    assert Masker().mask_url(url) == "http://api.example/v1?method=x#" + "*" * len("access_token=abcdefgh")
    headers = Masker().mask_headers((("Location", url),))
    assert "abcdefgh" not in headers[0][1]
