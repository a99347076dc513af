"""What ends a call's repeats when the station stops, or the operator stops the cycle: no wait between attempts lasts on, and no
further request goes out.

The request in progress is left alone: its answer is worth having, and its own time-out bounds it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Clock
from station.production_api.http import FailureKind, HttpFailure, HttpPort, HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class StoppableHttp:
    """An ``HttpPort`` that sends nothing any more once ``stopping`` is set: HttpFailure(STOPPED) instead."""

    http: HttpPort
    stopping: threading.Event

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        if self.stopping.is_set():
            raise HttpFailure(FailureKind.STOPPED, "not sent: the station stops")
        return self.http.send(request, timeout_s)


@dataclass(frozen=True, slots=True)
class AbortableHttp:
    """An ``HttpPort`` that sends nothing any more once its cycle is aborted: HttpFailure(ABORTED) instead."""

    http: HttpPort
    is_aborted: Callable[[], bool]

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        if self.is_aborted():
            raise HttpFailure(FailureKind.ABORTED, "not sent: the operator has stopped the cycle")
        return self.http.send(request, timeout_s)


@dataclass(frozen=True, slots=True)
class StoppableClock:
    """A ``Clock`` whose sleep ends when ``stopping`` is set."""

    clock: Clock
    stopping: threading.Event

    def monotonic_s(self) -> float:
        return self.clock.monotonic_s()

    def wall_s(self) -> float:
        return self.clock.wall_s()

    def sleep(self, duration_s: float) -> None:
        self.stopping.wait(max(0.0, duration_s))
