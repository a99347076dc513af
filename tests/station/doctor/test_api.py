"""Checks of the API and of the clock, against the simulated API over HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from station.doctor import Grade, api, wall_clock
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.server import ApiSimulator
from station.production_api.simulator.settings import SimulatorSettings
from tests.support.api import FakeClock
from tests.support.configuration import SECRET, changed
from tests.support.doctor import findings, grades, survey, the_advice, the_bad_one

NOW_S = 1_790_000_000.0
"""A day in 2026."""


@contextmanager
def simulated(**settings: object) -> Iterator[ApiSimulator]:
    from station.secrets import Secret

    with ApiSimulator(SimulatorSettings(csid="100200300", cs_sec_key=Secret(SECRET), **settings)) as server:  # type: ignore[arg-type]
        yield server


def at(url: str) -> str:
    """The configuration of a station that calls this address."""
    return changed(("https://api.example.com", url), ("  timeout_s: 10", "  timeout_s: 5"))


def test_an_api_that_gives_a_token_is_good_and_nothing_is_spent(tmp_path: Path) -> None:
    with simulated() as server:
        first, token = findings(api.checks(survey(tmp_path, at(server.url))))
        assert (first.grade, token.grade) == (Grade.GOOD, Grade.GOOD)
        assert first.what.startswith(f"{server.url} answers (HTTP ")
        assert token.what == "gives a token for 60 min, scope production/*"
        assert server.ledger()["device_ids"] == []
        assert server.ledger()["sns"] == []


def test_refused_credentials_are_bad_and_stay_secret(tmp_path: Path) -> None:
    with simulated() as server:
        text = at(server.url).replace('csid: "100200300"', 'csid: "999"')
        finding = the_bad_one(api.checks(survey(tmp_path, text)))
        assert "api.auth" in finding.what
        assert "credentials" in finding.remedy
        assert SECRET not in finding.what


def test_a_token_without_the_right_is_bad(tmp_path: Path) -> None:
    with simulated(token_scope=("other/*",)) as server:
        finding = the_bad_one(api.checks(survey(tmp_path, at(server.url))))
        assert "api.scope" in finding.what
        assert "production/*" in finding.remedy


def test_a_token_whose_right_is_not_known_is_said_so(tmp_path: Path) -> None:
    with simulated(token_scope=None) as server:
        assert "the scope of the token is not known" in findings(api.checks(survey(tmp_path, at(server.url))))[-1].what


def test_a_given_token_cannot_be_proven(tmp_path: Path) -> None:
    with simulated() as server:
        text = at(server.url)
        start, end = text.index("    csid:"), text.index("  timeout_s: 5")
        given = text[:start] + '    given: {token: "${file:key}"}\n' + text[end:]
        assert "only a cycle shows" in the_advice(api.checks(survey(tmp_path, given))).what


def test_a_server_that_nobody_runs_is_unreachable(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    finding = the_bad_one(api.checks(survey(tmp_path, at(f"http://127.0.0.1:{port}"))))
    assert "refused" in finding.what
    assert "network" in finding.remedy
    assert finding.what.startswith(f"{tmp_path}/station.yaml:")


@pytest.mark.parametrize(
    ("said", "what"), [(b"220 mail ready\r\n", "bad_http"), (b"", "bad_http"), (b"HTTP/1.1 200", "bad_http")]
)
def test_something_that_is_no_http_server_is_bad(tmp_path: Path, said: bytes, what: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        thread = threading.Thread(target=_say, args=(server, said))
        thread.start()
        finding = the_bad_one(api.checks(survey(tmp_path, at(f"http://127.0.0.1:{server.getsockname()[1]}"))))
        thread.join()
        assert what in finding.what
        assert "api.base_url" in finding.remedy


def _say(server: socket.socket, said: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(said)


def test_a_server_that_is_busy_is_to_be_asked_later(tmp_path: Path) -> None:
    with simulated() as server:
        server.add_fault(Fault(FaultKind.STATUS, method="Manage.createAccessToken", times=None))
        finding = the_bad_one(api.checks(survey(tmp_path, at(server.url))))
        assert "api.unavailable" in finding.what
        assert finding.remedy.startswith("wait")


def test_a_sane_clock_is_good_without_a_server(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    examined = survey(tmp_path, at(f"http://127.0.0.1:{port}"), clock=FakeClock(NOW_S))
    assert [finding.what for finding in findings(wall_clock.checks(examined))] == [
        "2026-09-21 14:13:20 UTC",
        "not compared with the server's, which does not tell its own",
    ]


@pytest.mark.parametrize("wall_s", [0.0, 1_500_000_000.0, 5_000_000_000.0])
def test_a_year_that_cannot_be_is_bad(tmp_path: Path, wall_s: float) -> None:
    finding = the_bad_one(wall_clock.checks(survey(tmp_path, clock=FakeClock(wall_s))))
    assert finding.what.startswith("the clock says the year ")
    assert "timedatectl" in finding.remedy


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [(0.0, None), (119.0, None), (-119.0, None), (600.0, "10 minutes ahead of"), (-86400.0, "1440 minutes behind")],
)
def test_the_clock_is_compared_with_the_servers_date(tmp_path: Path, ahead_s: float, said: str | None) -> None:
    date = b"HTTP/1.1 404 Not Found\r\nDate: Mon, 21 Sep 2026 14:13:20 GMT\r\nContent-Length: 0\r\n\r\n"
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        thread = threading.Thread(target=_say, args=(server, date))
        thread.start()
        text = at(f"http://127.0.0.1:{server.getsockname()[1]}")
        checks = wall_clock.checks(survey(tmp_path, text, clock=FakeClock(NOW_S + ahead_s)))
        if said is None:
            assert grades(checks) == {Grade.GOOD}
        else:
            assert the_bad_one(checks).what == f"{said} the API's server"
        thread.join()
