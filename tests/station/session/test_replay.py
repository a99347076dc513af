"""A recorded session, run again, gives the same; any difference raises at the call that makes it."""

from __future__ import annotations

import os
import pty
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drivers.clock import Deadline
from drivers.errors import DeadlineExpired, PortBusy, PortLost
from drivers.transport import Framing, SerialTransport
from station.errors import StationError, UnitError
from station.model import Outcome, Step
from station.production_api.http import FailureKind, HttpFailure, HttpPort, HttpRequest, HttpResponse
from station.session import Session
from station.session.format import SessionLog, read_log
from station.session.masking import Masker
from station.session.replay import Diverged, LogCutOff, RecordedError, ReplaySession
from station.session.writer import part_of
from tests.support.sessions import CLOCK, SOON, PairTransport, ScriptedHttp, ScriptedTransport, record, result_of, start


def no_device() -> SerialTransport:
    raise AssertionError("a replay opens nothing")


def no_value() -> None:
    raise AssertionError("a replay produces nothing")


def replay(log: SessionLog, work: Callable[[Session], None], secrets: tuple[str, ...] = ()) -> ReplaySession:
    session = ReplaySession(log, Masker(lambda: secrets))
    work(session)
    session.end(result_of())
    session.check_all_read()
    return session


def test_a_conversation_over_a_socket_pair_replays_without_a_device(tmp_path: Path) -> None:
    """Bytes both ways, framing, lines, a time-out, what was discarded and a lost port come back as they were."""
    near, far = socket.socketpair()

    def conversation(session: Session, opener: Callable[[], SerialTransport]) -> list[object]:
        seen: list[object] = []
        link = session.serial("uart", opener)
        link.set_framing(Framing(57600, parity="even"))
        link.set_lines(dtr=True, rts=False)
        seen.append(link.modem_lines())
        with session.step(Step.IDENTIFY):
            link.write(b"\x7f", SOON)
            seen.append(far.recv(16) if opener is not no_device else b"\x7f")
            if opener is not no_device:
                far.sendall(b"\x79hello")
            seen.append(link.read(1, SOON))
            seen.append(link.discard_input())
            try:
                link.read(4, Deadline(CLOCK, 0.0))
            except DeadlineExpired as expired:
                seen.append((expired.port, expired.message))
        far.close()
        try:
            link.read(4, SOON)
        except PortLost as lost:
            seen.append((lost.port, lost.message))
        link.close()
        return seen

    session = start(tmp_path)
    recorded = conversation(session, lambda: PairTransport(near))
    session.end(result_of())
    log = read_log(session.close().path)
    replayed = ReplaySession(log, Masker())
    assert conversation(replayed, no_device) == recorded
    replayed.end(result_of())
    replayed.check_all_read()


def test_a_pty_is_recorded_as_it_is_cut(tmp_path: Path) -> None:
    """What a terminal gives in pieces comes back in the same pieces."""
    master, slave = pty.openpty()
    os.set_blocking(slave, True)

    class Pty(ScriptedTransport):
        def read(self, max_bytes: int, deadline: Deadline) -> bytes:
            return os.read(slave, max_bytes)

    def talk(session: Session) -> list[bytes]:
        link = session.pipe("uart", Pty)
        pieces = []
        for piece in (b"one\n", b"two\n"):
            os.write(master, piece)
            pieces += [link.read(3, SOON), link.read(64, SOON)]
        return pieces

    try:
        pieces: list[bytes] = []
        log = record(tmp_path, lambda session: pieces.extend(talk(session)))
        assert pieces == [b"one", b"\n", b"two", b"\n"]
        assert talk(ReplaySession(log, Masker())) == [b"one", b"\n", b"two", b"\n"]
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("cuts", [(6,), (1, 5), (2, 2, 2), (3, 3), (1, 1, 1, 1, 1, 1)])
def test_how_bytes_are_cut_into_writes_is_free(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    def work(session: Session) -> None:
        link = session.serial("uart", ScriptedTransport)
        link.write(b"abc", SOON)
        link.write(b"", SOON)
        link.write(b"def", SOON)
        link.close()

    def again(session: Session) -> None:
        link, rest = session.serial("uart", no_device), b"abcdef"
        for size in cuts:
            link.write(rest[:size], SOON)
            rest = rest[size:]
        link.close()

    replay(record(tmp_path, work), again)


def test_the_first_byte_that_differs_is_named(tmp_path: Path) -> None:
    log = record(tmp_path, lambda session: session.serial("uart", ScriptedTransport).write(b"0123456789", SOON))

    def differ(session: Session) -> None:
        link = session.serial("uart", no_device)
        link.write(b"0123", SOON)
        with pytest.raises(Diverged) as caught:
            link.write(b"45x789", SOON)
        difference = caught.value.difference
        assert (difference.event, difference.channel, difference.first_byte) == (2, "uart", 6)
        assert (difference.wanted_bytes, difference.got_bytes) == (b"0123456789", b"012345x789")

    with pytest.raises(Diverged):
        replay(log, differ)


def test_a_write_that_failed_fails_again_after_its_bytes(tmp_path: Path) -> None:
    """The failing write is one ``tx`` with the bytes and one with the error; more bytes than then are a difference."""

    def work(session: Session) -> None:
        link = session.serial("uart", lambda: ScriptedTransport(failing_writes=[1]))
        link.write(b"first", SOON)
        with pytest.raises(PortLost, match="unplugged"):
            link.write(b"second", SOON)

    log = record(tmp_path, work)
    assert [sorted(event.fields) for event in log.events if event.kind == "tx"] == [
        ["hex"],
        ["hex"],
        ["err", "msg", "port"],
    ]
    replay(log, work)

    def longer(session: Session) -> None:
        session.serial("uart", no_device).write(b"firstsecond and more", SOON)

    with pytest.raises(Diverged, match=r"failed with port\.lost"):
        replay(log, longer)


def test_stars_are_bytes_like_others_where_nothing_was_masked(tmp_path: Path) -> None:
    log = record(tmp_path, lambda session: session.serial("uart", ScriptedTransport).write(b"******", SOON))

    def fewer(session: Session) -> None:
        session.serial("uart", no_device).write(b"*****", SOON)

    with pytest.raises(Diverged, match=r"tx of 2a,"):
        replay(log, fewer)


def _serial(session: Session) -> SerialTransport:
    return session.serial("uart", lambda: ScriptedTransport([b"abc", b"d"]))


def _dialogue(session: Session) -> None:
    link = _serial(session)
    link.set_lines(dtr=True)
    link.write(b"ask", SOON)
    link.read(4, SOON)
    session.given("seed", {"a": 1}, int, lambda: 5)
    link.close()


def _other_size(session: Session) -> None:
    link = _serial(session)
    link.set_lines(dtr=True)
    link.write(b"ask", SOON)
    link.read(5, SOON)


def _other_line(session: Session) -> None:
    _serial(session).set_lines(dtr=False)


def _unsent(session: Session) -> None:
    link = _serial(session)
    link.set_lines(dtr=True)
    link.write(b"as", SOON)
    link.read(4, SOON)


def _other_channel(session: Session) -> None:
    session.serial("printer", no_device)


def _other_args(session: Session) -> None:
    link = _serial(session)
    link.set_lines(dtr=True)
    link.write(b"ask", SOON)
    link.read(4, SOON)
    session.given("seed", {"a": True}, int, lambda: 5)


def _stops_early(session: Session) -> None:
    _serial(session).set_lines(dtr=True)


@pytest.mark.parametrize(
    ("work", "event"),
    [
        (_other_size, 4),
        (_other_line, 2),
        (_unsent, 3),
        (_other_channel, 1),
        (_other_args, 5),
        (_stops_early, 3),
        (lambda _session: None, 1),
    ],
)
def test_each_difference_is_found_at_its_event(tmp_path: Path, work: Callable[[Session], None], event: int) -> None:
    log = record(tmp_path, _dialogue)
    replay(log, _dialogue)
    with pytest.raises(Diverged) as caught:
        replay(log, work)
    assert caught.value.difference.event == event


def test_events_that_are_left_over_are_a_difference(tmp_path: Path) -> None:
    log = record(tmp_path, _dialogue)
    session = ReplaySession(log, Masker())
    _serial(session).set_lines(dtr=True)
    with pytest.raises(Diverged, match="nothing more"):
        session.check_all_read()


def test_another_outcome_is_a_difference_and_another_time_is_none(tmp_path: Path) -> None:
    log = record(tmp_path, lambda session: None)
    session = ReplaySession(log, Masker())
    session.end(result_of(duration_s=9.0, cycle=12, session="elsewhere"))
    session.check_all_read()
    with pytest.raises(Diverged, match="outcome"):
        ReplaySession(log, Masker()).end(result_of(Outcome.FAIL))


def test_a_difference_that_a_handler_swallowed_comes_back(tmp_path: Path) -> None:
    """Also from another lane, whose thread nobody may be waiting for."""

    def work(session: Session) -> None:
        session.lane("bind").given("b", {"n": 1}, int, lambda: 1)
        session.given("a", {}, int, lambda: 2)

    log = record(tmp_path, work)
    session = ReplaySession(log, Masker())

    def beside() -> None:
        with pytest.raises(Diverged):
            session.lane("bind").given("b", {"n": 2}, int, lambda: 1)

    thread = threading.Thread(target=beside)
    thread.start()
    thread.join()
    with pytest.raises(Diverged, match='"n": 1'):
        session.given("a", {}, int, lambda: 2)
    with pytest.raises(Diverged, match='"n": 1'):
        session.check_all_read()


@pytest.mark.parametrize("first", ["main", "bind"])
def test_lanes_may_run_in_any_order(tmp_path: Path, first: str) -> None:
    def work(session: Session, name: str) -> list[int]:
        lane = session if name == "main" else session.lane(name)
        return [lane.given("count", {"lane": name, "n": n}, int, lambda n=n: n * n) for n in range(50)]

    def both(session: Session) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: work(session, name), ("main", "bind")))

    log = record(tmp_path, both)
    for lane in ("main", "bind"):
        numbers = [e.fields["args"]["n"] for e in log.events if e.kind == "given" and e.lane == lane]
        assert numbers == list(range(50)), "the order within a lane is that of its thread"
    session = ReplaySession(log, Masker())
    for name in (first, "bind" if first == "main" else "main"):
        assert work(session, name) == [n * n for n in range(50)]
    session.end(result_of())
    session.check_all_read()


def test_given_values_and_errors_come_back_with_their_code(tmp_path: Path) -> None:
    def refuse() -> int:
        raise UnitError("pool.empty", "nothing left")

    def work(session: Session) -> None:
        with pytest.raises(StationError) as caught:
            session.given("reserve", {}, int, refuse)
        assert caught.value.code == "pool.empty"
        assert str(caught.value) == "nothing left"

    log = record(tmp_path, work)
    with pytest.raises(RecordedError):
        ReplaySession(log, Masker()).given("reserve", {}, int, no_value)
    replay(log, work)


def test_the_clock_is_that_of_then_and_sleeping_returns_at_once(tmp_path: Path) -> None:
    def work(session: Session) -> None:
        walls.append(session.clock.wall_s())
        session.clock.sleep(0.01)

    walls: list[float] = []
    log = record(tmp_path, work)
    session = ReplaySession(log, Masker())
    work(session)
    assert walls[0] == walls[1]
    times = [event.time_ns for event in log.events]
    assert times == sorted(times)
    with pytest.raises(Diverged):
        ReplaySession(log, Masker()).clock.sleep(0.02)


def test_what_happens_while_a_value_is_produced_is_no_part_of_the_replay(tmp_path: Path) -> None:
    """A token that this cycle had to fetch: the exchange is there to be read, marked as an aside."""

    def work(session: Session, http: HttpPort) -> None:
        def fetch() -> int:
            session.http("token", http).send(HttpRequest("POST", "http://host/token", (), b"{}"), 1.0)
            return 3

        assert session.given("token.bearer", {}, int, fetch) == 3

    answer = HttpResponse(200, (), b"{}")
    log = record(tmp_path, lambda session: work(session, ScriptedHttp([answer])))
    assert [event.kind for event in log.events if event.fields.get("aside")] == ["req", "resp"]
    replay(log, lambda session: work(session, ScriptedHttp([])))


REQUEST = HttpRequest(
    "POST", "http://host/open", (("Content-Type", "application/json"), ("User-Agent", "a/1")), b'{"sn":"1"}'
)


def _exchange(session: Session, http: HttpPort, request: HttpRequest = REQUEST) -> list[object]:
    port = session.http("api", http)
    answer = port.send(request, 1.0)
    with pytest.raises(HttpFailure) as caught:
        port.send(request, 1.0)
    return [answer.status, answer.headers, answer.body, caught.value.kind, caught.value.message]


def test_http_answers_and_failures_come_back(tmp_path: Path) -> None:
    answers = [
        HttpResponse(503, (("retry-after", "1"), ("date", "now"), ("date", "again")), b"\xff\x00 not text"),
        HttpFailure(FailureKind.RECEIVE, "reset by peer"),
    ]
    seen: list[object] = []
    log = record(tmp_path, lambda session: seen.extend(_exchange(session, ScriptedHttp(answers))))
    assert _exchange(ReplaySession(log, Masker()), ScriptedHttp([])) == seen
    assert seen[:3] == [503, answers[0].headers, b"\xff\x00 not text"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (HttpRequest("GET", REQUEST.url, REQUEST.headers, REQUEST.body), False),
        (HttpRequest("POST", "http://host/openX", REQUEST.headers, REQUEST.body), False),
        (HttpRequest("POST", REQUEST.url, (*REQUEST.headers, ("Accept", "x")), REQUEST.body), False),
        (HttpRequest("POST", REQUEST.url, REQUEST.headers, b'{"sn":"2"}'), False),
        (HttpRequest("POST", REQUEST.url, (REQUEST.headers[0], ("User-Agent", "a/2")), REQUEST.body), True),
    ],
)
def test_requests_are_compared_but_for_the_programs_version(tmp_path: Path, changed: HttpRequest, same: bool) -> None:
    answers = [HttpResponse(200, (), b"{}"), HttpFailure(FailureKind.TIMEOUT, "late")]
    seen: list[object] = []
    log = record(tmp_path, lambda session: seen.extend(_exchange(session, ScriptedHttp(answers))))
    session = ReplaySession(log, Masker())
    if same:
        _exchange(session, ScriptedHttp([]), changed)
    else:
        with pytest.raises(Diverged):
            _exchange(session, ScriptedHttp([]), changed)


def test_a_port_that_could_not_be_opened_cannot_be_opened_again(tmp_path: Path) -> None:
    def busy() -> SerialTransport:
        raise PortBusy("/dev/ttyUSB0", "held by 17")

    def work(session: Session) -> None:
        with pytest.raises(PortBusy, match="held by 17"):
            session.serial("uart", busy)

    replay(record(tmp_path, work), work)


def test_a_log_that_was_cut_off_replays_up_to_the_cut(tmp_path: Path) -> None:
    """Wherever it was cut: the rest is neither the same nor a difference, and a difference before the cut is one."""
    session = start(tmp_path)
    _dialogue(session)
    part = part_of(session.path)
    lines = part.read_bytes().splitlines(keepends=True)
    session.close()
    for kept in range(1, len(lines)):
        cut = tmp_path / f"{kept}.jsonl.part"
        cut.write_bytes(b"".join(lines[:kept]) + lines[kept][: kept * 3])
        log = read_log(cut)
        assert log.torn is not None
        replayed = ReplaySession(log, Masker())
        with pytest.raises(LogCutOff):
            _dialogue(replayed)
        replayed.check_all_read()
        if kept > 2:
            with pytest.raises(Diverged):
                _other_line(ReplaySession(log, Masker()))
