"""What happens at the station as log records with fields, for a journal or a collector: in place of a view where nobody looks."""

from __future__ import annotations

import logging

from station.events import CycleEnded, Event, PoolChanged, SocketDown, SocketWaiting, StartRejected
from station.live import line_of
from station.model import Outcome

logger = logging.getLogger("station.events")

_LEVELS = {
    Outcome.PASS: logging.INFO,
    Outcome.FAIL: logging.WARNING,
    Outcome.ERROR: logging.ERROR,
    Outcome.ABORTED: logging.WARNING,
}


class EventLog:
    """A ``station.live.View`` that writes to the log."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()
        self._pool_problem: str | None = None

    def __call__(self, event: Event) -> None:
        line = line_of(event)
        if isinstance(event, PoolChanged) and event.problem is None:
            self._pool_problem = None
        if line is None:
            return
        if isinstance(event, SocketWaiting):
            if event.socket in self._waiting:
                return
            self._waiting.add(event.socket)
        elif isinstance(event, SocketDown):
            self._waiting.discard(event.socket)
        elif isinstance(event, PoolChanged):
            if event.problem == self._pool_problem:
                return
            self._pool_problem = event.problem
        level, fields = _level_and_fields(event)
        logger.log(level, "%s", line, extra={"station_fields": fields})

    def close(self) -> None:
        """Nothing is held."""


def _level_and_fields(event: Event) -> tuple[int, dict[str, object]]:
    match event:
        case CycleEnded(_, result):
            fields: dict[str, object] = {
                "event": "cycle",
                "socket": result.socket,
                "cycle": result.cycle,
                "outcome": result.outcome.value,
                "code": result.code,
                "chip_id": result.chip_id,
                "device_id": result.device_id,
                "sn": result.sn,
                "label": result.label.value,
                "duration_s": f"{result.duration_s:.3f}",
                "session": result.session,
            }
            return _LEVELS[result.outcome], fields
        case SocketDown(socket, code, _):
            return logging.WARNING, {"event": "socket_down", "socket": socket, "code": code}
        case SocketWaiting(socket):
            return logging.INFO, {"event": "socket_waiting", "socket": socket}
        case StartRejected(socket, _):
            return logging.INFO, {"event": "start_rejected", "socket": socket}
        case PoolChanged(device_ids, sns, problem):
            levels = {"device_ids": device_ids, "sns": sns}
            return logging.WARNING, {"event": "pool", "code": problem and problem.partition(":")[0], **levels}
        case _:
            return logging.INFO, {}
