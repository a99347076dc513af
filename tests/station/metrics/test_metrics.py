"""What Prometheus reads: scraped over HTTP, parsed by Prometheus' own parser, counted from a station's events."""

from __future__ import annotations

import http.client
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from station.config.models import MetricsConfig
from station.config.validate import load_configuration
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
)
from station.metrics.collector import Collector
from station.metrics.companion import Metrics
from station.metrics.exposition import Histogram, Metric
from station.metrics.server import MetricsServer
from station.model import EffectKind, LabelFate, Outcome, Step
from tests.support.sessions import result_of
from tests.support.station import Rig, Start, station

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(text: str) -> Samples:
    """Each sample by its name and labels; fails where one comes twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def of(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def get(address: tuple[str, int], path: str = "/metrics", method: str = "GET") -> tuple[int, str, str]:
    """Status, Content-Type and body."""
    link = http.client.HTTPConnection(*address, timeout=20)
    try:
        link.request(method, path)
        answer = link.getresponse()
        return answer.status, answer.getheader("Content-Type") or "", answer.read().decode()
    finally:
        link.close()


def fed(*events: Event) -> Samples:
    collector = Collector()
    collector.describe("jig-1", {"A": "line-1", "B": "line-1"})
    for event in events:
        collector(event)
    return samples_of(collector.text())


# -- the format ------------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_and_number_comes_back_from_prometheus_parser(text: str, number: float) -> None:
    metric = Metric("x", "gauge", text, ("label",))
    metric.set(text, to=number)
    (family,) = text_string_to_metric_families("\n".join(metric.lines()) + "\n")
    (sample,) = family.samples
    assert sample.value == number
    # The parser splits lines at every kind of line break; the format knows "\n" alone.
    if len(text.splitlines()) <= 1:
        assert sample.labels == {"label": text}


def test_a_histogram_counts_up_to_each_bound_and_in_all() -> None:
    histogram = Histogram("t", "Times.", (0.1, 1.0), ("step",))
    for value in (0.05, 0.1, 0.5, 7.0):
        histogram.observe("bind", value=value)
    samples = samples_of("\n".join(histogram.lines()) + "\n")
    assert [of(samples, "t_bucket", step="bind", le=bound) for bound in ("0.1", "1", "+Inf")] == [2, 3, 4]
    assert (of(samples, "t_count", step="bind"), of(samples, "t_sum", step="bind")) == (4, 7.65)


# -- the numbers -------------------------------------------------------------------------------------------------------------


def test_cycles_are_counted_by_outcome_and_code() -> None:
    failed = result_of(Outcome.FAIL, code="board.silent", label=LabelFate.NOT_PRINTED)
    samples = fed(CycleEnded("A", result_of()), CycleEnded("A", result_of()), CycleEnded("B", failed))
    assert of(samples, "station_cycles_total", socket="A", outcome="PASS", code="") == 2
    assert of(samples, "station_cycles_total", socket="B", outcome="FAIL", code="board.silent") == 1
    assert of(samples, "station_labels_total", printer="line-1", fate="printed") == 2
    assert of(samples, "station_cycle_seconds_count", outcome="PASS") == 2


def test_steps_calls_pool_and_backlog_are_there() -> None:
    samples = fed(
        StepEnded("A", Step.BIND, 0.2),
        ApiExchanged("2xx", 0.03),
        ApiExchanged("timeout", 10.0),
        PoolChanged(40, 39, "api.licences: no more"),
        StartRejected("A", "double"),
        BacklogChanged(2, {EffectKind.PRINT: 3}),
    )
    assert of(samples, "station_step_seconds_bucket", step="bind", le="0.25") == 1
    assert of(samples, "station_api_exchange_seconds_count", answer="timeout") == 1
    assert of(samples, "station_pool_free", kind="sn") == 39
    assert of(samples, "station_refill_failing") == 1
    assert of(samples, "station_starts_rejected_total", socket="A") == 1
    assert of(samples, "station_units_held") == 2
    assert of(samples, "station_effects_open", kind="print") == 3
    assert of(samples, "station_effects_open", kind="bind") == 0


def test_a_socket_is_in_one_state() -> None:
    for event, state in ((SocketWaiting("A"), "waiting"), (CycleStarted("A"), "working")):
        samples = fed(SocketDown("A", "port.lost", "gone"), event)
        states = {each: of(samples, "station_socket_state", socket="A", state=each) for each in STATES}
        assert states == {each: float(each == state) for each in STATES}


STATES = ("waiting", "working", "down")


def test_a_printer_is_not_ready_from_the_fault_to_the_next_label() -> None:
    fault = CycleEnded("A", result_of(Outcome.ERROR, code="printer.silent", label=LabelFate.NOT_PRINTED))
    elsewhere = CycleEnded("A", result_of(Outcome.FAIL, code="board.silent", label=LabelFate.NOT_PRINTED))
    passed = CycleEnded("B", result_of())
    assert of(fed(), "station_printer_ready", printer="line-1") == 1
    assert of(fed(fault, elsewhere), "station_printer_ready", printer="line-1") == 0
    assert of(fed(fault, elsewhere, passed), "station_printer_ready", printer="line-1") == 1


def test_labels_stay_few_whatever_happens_and_name_no_unit() -> None:
    """Ten thousand units, codes and texts that nobody knows; the names of sockets are the configuration's."""
    collector = Collector()
    collector.describe("jig-1", {"A": "line-1"})
    for number in range(10_000):
        unit = {"chip_id": f"CHIP{number}", "device_id": f"DEVICE{number}", "sn": f"SERIAL{number}"}
        collector(CycleEnded("A", result_of(Outcome.ERROR, code=f"made.up_{number}", **unit)))
        collector(SocketDown("A", f"port.{number}", f"gone {number}"))
        collector(PoolChanged(number, number, f"problem {number}"))
    text = collector.text()
    assert len(text.splitlines()) < 150
    assert not [word for word in ("CHIP", "DEVICE", "SERIAL", "made.up", "gone", "problem") if word in text]
    assert of(samples_of(text), "station_cycles_total", socket="A", outcome="ERROR", code="other") == 10_000


def test_what_the_configuration_names_no_more_is_gone_after_a_reload() -> None:
    collector = Collector()
    collector.describe("jig-1", {"A": "line-1", "B": "line-2"})
    collector(CycleEnded("A", result_of(Outcome.ERROR, code="printer.silent", label=LabelFate.NOT_PRINTED)))
    collector.describe("jig-2", {"A": "line-1"})
    samples = samples_of(collector.text())
    assert of(samples, "station_printer_ready", printer="line-1") == 0
    assert not [key for key in samples if ("printer", "line-2") in key[1] or ("socket", "B") in key[1]]
    assert len([key for key in samples if key[0] == "station_build_info"]) == 1


def test_the_page_for_operators_names_every_metric() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operation.md").read_text("utf-8")
    names = {metric.name for metric in vars(Collector()).values() if isinstance(metric, Metric | Histogram)}
    assert len(names) > 10
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_every_code_fits() -> None:
    events = [CycleEnded("A", result_of(row.outcome, code=code)) for code, row in CATALOGUE.items()]
    samples = fed(*events)
    assert of(samples, "station_cycles_total", socket="A", outcome="ERROR", code="other") is None
    assert len([key for key in samples if key[0] == "station_cycles_total"]) == len(CATALOGUE)


# -- over HTTP -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    with MetricsServer("127.0.0.1", 0, lambda: "x 1\n") as serving:
        yield serving


def test_a_scrape_gets_the_text_with_its_type(server: MetricsServer) -> None:
    for _ in range(3):
        assert get(server.address) == (200, "text/plain; version=0.0.4; charset=utf-8", "x 1\n")
    assert get(server.address, method="HEAD")[::2] == (200, "")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/etc/passwd", 404), ("POST", "/metrics", 405), ("DELETE", "/", 405)]
)
def test_nothing_else_is_served(server: MetricsServer, method: str, path: str, status: int) -> None:
    assert get(server.address, path, method)[0] == status


@pytest.mark.parametrize("request_", [b"\r\n\r\n", b"hello\r\n\r\n", b"\xff" * 9000, b"GET / SPDY\r\n\r\n"])
def test_what_is_no_request_is_answered_and_the_next_scrape_is_served(server: MetricsServer, request_: bytes) -> None:
    with socket.create_connection(server.address, timeout=20) as link:
        link.sendall(request_)
        assert link.recv(100).startswith(b"HTTP/1.0 400 ")
    assert get(server.address)[0] == 200


def test_a_reader_that_goes_away_or_says_nothing_does_not_keep_the_next_one_out(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.metrics.server.REQUEST_TIMEOUT_S", 0.05)
    socket.create_connection(server.address, timeout=20).close()
    with socket.create_connection(server.address, timeout=20) as silent:
        silent.sendall(b"GET /metr")
        assert get(server.address)[0] == 200


def test_it_listens_on_ipv6_too() -> None:
    with MetricsServer("::1", 0, lambda: "x 1\n") as serving:
        assert get(serving.address)[0] == 200


@pytest.mark.parametrize("listen", ["127.0.0.1:9464", "0.0.0.0:1", "[::1]:65535"])
def test_an_address_and_a_port_say_where_to_listen(listen: str) -> None:
    host, port = MetricsConfig(listen=listen).address
    assert f"[{host}]:{port}" == listen if ":" in host else f"{host}:{port}" == listen


@pytest.mark.parametrize(
    "listen", ["", "9464", "localhost:9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:9464", "[127.0.0.1]:9"]
)
def test_anything_else_is_a_mistake_that_says_what_to_write(listen: str) -> None:
    with pytest.raises(ValueError, match=r"no address and port; write 127\.0\.0\.1:9464"):
        MetricsConfig(listen=listen)


# -- a station that runs -----------------------------------------------------------------------------------------------------


@contextmanager
def free_port() -> Iterator[int]:
    """A port that nobody else is given while it is held in this way and may still be listened at."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def configured(rig: Rig, folder: Path, port: int) -> None:
    """Give the rig's configuration its metrics."""
    rig.configuration()
    file = folder / "station.yaml"
    text = file.read_text("utf-8")
    file.write_text(f"metrics: {{listen: 127.0.0.1:{port}}}\n{text}", "utf-8")
    assert rig._loaded is not None
    rig._loaded = (rig._loaded[0], load_configuration(file))


def test_a_running_station_serves_what_its_cycles_came_to(tmp_path: Path) -> None:
    """The numbers of two cycles, with the real API client and a printer."""
    with station(tmp_path) as rig, free_port() as port:
        configured(rig, tmp_path, port)
        metrics = Metrics()
        rig.on_event = metrics
        with metrics.beside(rig.configuration(), None):
            board = rig.board()
            rig.run(board, Start(None))
            last = samples_of(get(("127.0.0.1", port))[2])
    assert of(last, "station_cycles_total", socket="A", outcome="PASS", code="") == 1
    assert of(last, "station_cycles_total", socket="A", outcome="FAIL", code="board.silent") == 1
    assert of(last, "station_step_seconds_count", step="label") == 1
    assert (of(last, "station_api_exchange_seconds_count", answer="2xx") or 0) >= 5, "token, two refills, two calls"
    assert of(last, "station_units_held") == 0
    assert (of(last, "station_pool_free", kind="device_id") or 0) >= 1


def test_an_address_in_use_is_told_and_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    with station(tmp_path) as rig, socket.create_server(("127.0.0.1", 0)) as taken:
        configured(rig, tmp_path, taken.getsockname()[1])
        with Metrics().beside(rig.configuration(), None):
            assert rig.one(rig.board()).outcome == "PASS"
    (said,) = caplog.records
    assert said.station_fields == {"code": "metrics.unavailable"}  # type: ignore[attr-defined]
