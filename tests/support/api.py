"""A client of the simulated API over real HTTP, with a clock that waits for nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from drivers.clock import SystemClock
from station.production_api.client import ProductionClient
from station.production_api.http import HttpPort, HttpRequest, HttpResponse
from station.production_api.httpx_port import HttpxPort
from station.production_api.options import ApiOptions, Auth, CsidAuth
from station.production_api.simulator import ApiSimulator, SimulatorSettings
from station.production_api.tokens import TokenSource

CHIP = "abc123def456"
APP_EUI = "70B3D57ED00001C0"


class FakeClock:
    """Time that passes only by sleeping, or by ``pass_s``; ``slept`` lists every wait."""

    def __init__(self, wall_s: float = 1_734_595_441.905) -> None:
        self.now_s = 1000.0
        self.wall_offset_s = wall_s - self.now_s
        self.slept: list[float] = []

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return self.now_s + self.wall_offset_s

    def sleep(self, duration_s: float) -> None:
        self.slept.append(duration_s)
        self.now_s += duration_s

    def pass_s(self, duration_s: float) -> None:
        self.now_s += duration_s


class KeptPort:
    """A port that keeps what passes, as a recorder would."""

    def __init__(self, port: HttpPort) -> None:
        self._port = port
        self.sent: list[HttpRequest] = []
        self.answers: list[HttpResponse] = []

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        self.sent.append(request)
        response = self._port.send(request, timeout_s)
        self.answers.append(response)
        return response


@dataclass
class Bench:
    """A simulated API and a client of it."""

    sim: ApiSimulator
    options: ApiOptions
    clock: FakeClock
    port: KeptPort
    tokens: TokenSource
    client: ProductionClient

    def device_id(self) -> str:
        """A DeviceID issued to us."""
        return self.client.request_device_ids(1).accepted[0]

    def sn(self) -> str:
        """An SN issued to us."""
        return self.client.request_sns(1).accepted[0]

    def hurried(self, timeout_s: float, **options: Any) -> ProductionClient:
        """A client with a short time-out, so that setting the scene does not depend on how busy the machine is."""
        chosen = replace(self.options, timeout_s=timeout_s, **options)
        return ProductionClient(chosen, self.port, self.tokens, self.clock, Random(7))

    def calls(self, method: str) -> int:
        """How many requests of this method the server saw."""
        return len(self.sim.seen(method))

    def activated(self) -> str:
        """A DeviceID activated for CHIP."""
        return self.client.activate(CHIP, APP_EUI, self.device_id(), repeated=False).value


def wait_until(holds: Callable[[], bool]) -> None:
    """Return as soon as ``holds``; fails after 10 s, which only a hang takes."""
    ends_s = time.monotonic() + 10.0
    while not holds():
        assert time.monotonic() < ends_s
        time.sleep(0.001)


def csid_auth(settings: SimulatorSettings) -> CsidAuth:
    return CsidAuth(settings.csid, settings.cs_sec_key)


@contextmanager
def bench(settings: SimulatorSettings | None = None, auth: Auth | None = None, **options: Any) -> Iterator[Bench]:
    """A running simulator and a client with the given ApiOptions; both end with the context."""
    clock = FakeClock()
    with ApiSimulator(settings, clock=clock) as sim:
        chosen = ApiOptions(auth or csid_auth(sim.settings), base_url=sim.url, **options)
        real = HttpxPort(chosen, SystemClock())
        port = KeptPort(real)
        tokens = TokenSource(chosen, clock)
        try:
            yield Bench(sim, chosen, clock, port, tokens, ProductionClient(chosen, port, tokens, clock, Random(7)))
        finally:
            real.close()
