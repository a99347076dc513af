"""The station in one line, for ``systemctl status``."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from station.events import CycleEnded, CycleStarted, Event, PoolChanged, SocketDown, SocketWaiting
from station.model import Outcome


class StatusLine:
    """Takes the station's events and tells the line whenever it changes. Any thread may call."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._sockets: dict[str, str] = {}
        self._outcomes: Counter[Outcome] = Counter()
        self._pool = ""

    def __call__(self, event: Event) -> None:
        with self._lock:
            match event:
                case SocketWaiting(socket):
                    self._sockets[socket] = "waits"
                case CycleStarted(socket):
                    self._sockets[socket] = "works"
                case SocketDown(socket, code, _):
                    self._sockets[socket] = code
                case CycleEnded(socket, result):
                    self._outcomes[result.outcome] += 1
                    self._sockets[socket] = "done"
                case PoolChanged(device_ids, sns, problem):
                    what = problem.partition(":")[0] if problem else ""
                    self._pool = f"pool: {device_ids} DeviceIDs, {sns} SNs{', ' + what if what else ''}"
                case _:
                    return
            line = self._line()
        self._tell(line)

    def _line(self) -> str:
        sockets = ", ".join(f"{name} {state}" for name, state in sorted(self._sockets.items()))
        counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self._outcomes.items()))
        return "; ".join(part for part in (sockets, counts, self._pool) if part)
