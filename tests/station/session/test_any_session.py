"""Whatever a session did, its replay is the same; whatever event of it is changed, its replay is not."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import DeadlineExpired, PortLost, TransportError
from drivers.transport import Framing
from station.errors import StationError, UnitError
from station.model import Step
from station.production_api.http import FailureKind, HttpFailure, HttpRequest, HttpResponse
from station.session import Session
from station.session.format import Event, SessionLog
from station.session.masking import Masker
from station.session.replay import Diverged, ReplaySession
from tests.support.sessions import SOON, ScriptedHttp, ScriptedTransport, record, result_of

TEXT = st.text(max_size=12)
HEADERS = st.lists(st.tuples(st.sampled_from(["Host", "x-odd", "Content-Type"]), TEXT), max_size=3).map(tuple)
OPERATIONS = st.one_of(
    st.tuples(st.just("write"), st.binary(min_size=1, max_size=40), st.booleans()),
    st.tuples(
        st.just("read"),
        st.binary(min_size=1, max_size=40) | st.sampled_from([DeadlineExpired("p", "none"), PortLost("p", "gone")]),
    ),
    st.tuples(st.just("discard")),
    st.tuples(st.just("lines"), st.sampled_from([None, True, False]), st.sampled_from([None, True, False])),
    st.tuples(st.just("framing"), st.integers(1, 10**6)),
    st.tuples(st.just("given"), TEXT, st.dictionaries(TEXT, st.integers() | TEXT | st.booleans(), max_size=3), TEXT),
    st.tuples(st.just("raised"), TEXT),
    st.tuples(st.just("http"), TEXT, HEADERS, st.binary(max_size=40), HEADERS, st.binary(max_size=40)),
    st.tuples(st.just("unanswered"), st.sampled_from(FailureKind)),
    st.tuples(st.just("step"), st.sampled_from(Step)),
    st.tuples(st.just("note"), TEXT),
    st.tuples(st.just("sleep"), st.floats(0, 1e-6)),
)
STRANDS = st.lists(st.tuples(st.sampled_from(["main", "bind"]), OPERATIONS), max_size=15)


def perform(session: Session, strands: list[tuple[str, tuple]]) -> list[object]:
    """Do the operations and return all that was seen."""
    seen: list[object] = []
    for lane, (name, *args) in strands:
        strand = session if lane == "main" else session.lane(lane)
        try:
            seen.append(_OPERATIONS[name](strand, *args))
        except (TransportError, HttpFailure, StationError) as error:
            seen.append((getattr(error, "code", None), str(error)))
    return seen


def _write(session: Session, data: bytes, fails: bool) -> None:
    link = session.serial("uart", lambda: ScriptedTransport(failing_writes=[0] if fails else []))
    link.write(data, SOON)
    link.close()


def _read(session: Session, answer: bytes | TransportError) -> bytes:
    return session.serial("uart", lambda: ScriptedTransport([answer])).read(64, SOON)


def _http(session: Session, url: str, headers: tuple, body: bytes, answer_headers: tuple, answer: bytes) -> object:
    port = session.http("api", ScriptedHttp([HttpResponse(200, answer_headers, answer)]))
    return port.send(HttpRequest("POST", f"http://h/{url}", headers, body), 1.0).status


def _unanswered(session: Session, kind: FailureKind) -> object:
    port = session.http("api", ScriptedHttp([HttpFailure(kind, "why")]))
    return port.send(HttpRequest("GET", "http://h/", (), b""), 1.0)


def _refused(session: Session, text: str) -> object:
    def refuse() -> object:
        raise UnitError("pool.empty", text)

    return session.given("refused", {}, str, refuse)


def _step(session: Session, step: Step) -> None:
    with session.step(step):
        pass


_OPERATIONS = {
    "write": _write,
    "read": _read,
    "discard": lambda session: session.serial("uart", ScriptedTransport).discard_input(),
    "lines": lambda session, dtr, rts: session.serial("uart", ScriptedTransport).set_lines(dtr=dtr, rts=rts),
    "framing": lambda session, baud: session.serial("uart", ScriptedTransport).set_framing(Framing(baud)),
    "given": lambda session, name, args, value: session.given(name, args, str, lambda: value),
    "raised": _refused,
    "http": _http,
    "unanswered": _unanswered,
    "step": _step,
    "note": lambda session, text: session.note("uart", text),
    "sleep": lambda session, duration_s: session.clock.sleep(duration_s),
}


def replayed(log: SessionLog, strands: list[tuple[str, tuple]]) -> list[object]:
    session = ReplaySession(log, Masker())
    seen = perform(session, strands)
    session.end(result_of())
    session.check_all_read()
    return seen


@settings(max_examples=150, deadline=None)
@given(STRANDS)
def test_any_session_replays_the_same(strands) -> None:
    seen: list[object] = []
    with tempfile.TemporaryDirectory() as folder:
        log = record(Path(folder), lambda session: seen.extend(perform(session, strands)))
    assert replayed(log, strands) == seen


@settings(max_examples=150, deadline=None)
@given(STRANDS.filter(lambda strands: any(operation[0] != "note" for _, operation in strands)), st.data())
def test_an_event_that_is_dropped_doubled_or_changed_is_a_difference(strands, data) -> None:
    """As if the code had changed: the log itself is in order."""
    with tempfile.TemporaryDirectory() as folder:
        log = record(Path(folder), lambda session: perform(session, strands))
    compared = [index for index, event in enumerate(log.events) if event.kind not in ("head", "note", "end")]
    at = data.draw(st.sampled_from(compared))
    event = log.events[at]
    neighbours = [other for other in log.events[at + 1 :] if other.lane == event.lane and other.kind != "note"][:1]
    mutations = {
        "dropped": () if not _same(neighbours, event) else None,
        "doubled": (event, event),
        "changed": (_changed(event),),
    }
    with pytest.raises(Diverged):
        replayed(_with(log, at, mutations[data.draw(st.sampled_from(sorted(mutations)))]), strands)


def _same(neighbours: list[Event], event: Event) -> bool:
    return bool(neighbours) and (neighbours[0].kind, neighbours[0].fields) == (event.kind, event.fields)


def _with(log: SessionLog, at: int, events: tuple[Event, ...] | None) -> SessionLog:
    middle = (_changed(log.events[at]),) if events is None else events
    return replace(log, events=(*log.events[:at], *middle, *log.events[at + 1 :]))


def _changed(event: Event) -> Event:
    """The event with something in it that a replay must notice."""
    return replace(event, channel="elsewhere")
