"""A station that stops while a call is repeated: no further request or wait, and the truth about what may have happened."""

from __future__ import annotations

import threading
from random import Random

import pytest

from drivers.clock import SystemClock
from station.production_api.client import ProductionClient
from station.production_api.errors import ApiStopped
from station.production_api.http import FailureKind, HttpFailure, HttpPort, HttpRequest, HttpResponse
from station.production_api.options import RetryOptions
from station.production_api.simulator import Fault, FaultKind
from station.production_api.stopping import StoppableClock, StoppableHttp
from station.production_api.tokens import TokenSource
from tests.support.api import APP_EUI, CHIP, Bench, bench

ACTIVATE = "activateDeviceId"
PATIENT = RetryOptions(attempts=20, base_s=300.0, cap_s=300.0)


class StoppedAfter:
    """A port that sets ``stopping`` once the given number of requests has been made."""

    def __init__(self, port: HttpPort, stopping: threading.Event, requests: int) -> None:
        self._port = port
        self._stopping = stopping
        self._left = requests

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        self._left -= 1
        try:
            return self._port.send(request, timeout_s)
        finally:
            if self._left == 0:
                self._stopping.set()


def client_that_stops(api: Bench, requests: int) -> ProductionClient:
    """With the system's clock: a wait that stopping does not end would last five minutes."""
    stopping = threading.Event()
    port = StoppableHttp(StoppedAfter(api.port, stopping, requests), stopping)
    clock = StoppableClock(SystemClock(), stopping)
    return ProductionClient(api.options, port, TokenSource(api.options, clock), clock, Random(7))


def test_a_repeat_is_not_sent_and_the_call_stays_in_doubt() -> None:
    with bench(retry=PATIENT) as api:
        device_id = api.device_id()
        api.sim.add_fault(Fault(FaultKind.ANSWER_LOST, ACTIVATE, times=None))
        with pytest.raises(ApiStopped) as error:
            client_that_stops(api, 2).activate(CHIP, APP_EUI, device_id, repeated=False)
        assert (error.value.code, error.value.may_have_happened, api.calls(ACTIVATE)) == ("cycle.shutdown", True, 1)


def test_a_call_without_a_token_yet_was_certainly_not_made() -> None:
    with bench(retry=PATIENT) as api:
        device_id = api.device_id()
        api.sim.add_fault(Fault(FaultKind.STATUS, "*", times=None, status=503))
        with pytest.raises(ApiStopped) as error:
            client_that_stops(api, 1).activate(CHIP, APP_EUI, device_id, repeated=False)
        assert (error.value.may_have_happened, api.calls(ACTIVATE)) == (False, 0)


def test_a_request_is_refused_before_it_is_sent() -> None:
    with bench() as api:
        stopping = threading.Event()
        stopping.set()
        with pytest.raises(HttpFailure) as error:
            StoppableHttp(api.port, stopping).send(HttpRequest("POST", api.options.base_url, (), b""), 1.0)
        assert (error.value.kind, error.value.may_have_arrived) == (FailureKind.STOPPED, False)
        assert api.port.sent == []
