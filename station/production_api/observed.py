"""An ``HttpPort`` that tells how long each exchange took and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.clock import Clock
from station.production_api.http import HttpFailure, HttpPort, HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class ObservedHttp:
    """``tell`` is called with "2xx" or the like, or a FailureKind's value, and the seconds it took."""

    http: HttpPort
    clock: Clock
    tell: Callable[[str, float], None]

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:
        started_s = self.clock.monotonic_s()
        try:
            response = self.http.send(request, timeout_s)
        except HttpFailure as failure:
            self.tell(failure.kind.value, self.clock.monotonic_s() - started_s)
            raise
        # HTTP has five classes of status; whatever else a server says is one more, so that labels stay few.
        status_class = f"{response.status // 100}xx" if 100 <= response.status <= 599 else "other"
        self.tell(status_class, self.clock.monotonic_s() - started_s)
        return response
