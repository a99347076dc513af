"""Whether every worker of a running station still gets on with its work: what the watchdog is fed by.

A worker beats its pulse whenever it has made progress, and says how long it is about to wait. One that has not beaten again by
then, and not within its own bound either, hangs: nothing it does takes that long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from drivers.clock import Clock, SystemClock
from station.production_api.options import ApiOptions

IDLE_BOUND_S = 60.0
"""Longest time between two looks of a socket that waits: a wait of half a second, or a trigger's device that is being opened."""
BOARD_STEP_BOUND_S = 300.0
"""Longest step at a board: some seconds with every default; a whole flash page erased and written, each attempt spent, in a
minute or two."""
LABEL_BOUND_S = 120.0
"""Longest job of one printer, from its status to its proof."""

STOP_TIMEOUT_S = 60.0
"""Longest wait for the cycles in progress when the station stops; one that lasts longer is cut off, as by a power cut."""
COMMIT_BOUND_S = 10.0
"""More than a commit waits for its turn (``station.journal.opening``)."""


class Pulse:
    """When one worker last made progress, and by when it must again. Any thread may beat or ask."""

    def __init__(self, bound_s: float = math.inf, clock: Clock | None = None) -> None:
        self._bound_s = bound_s
        self._clock = clock or SystemClock()
        self._due_s = math.inf

    def beat(self, wait_s: float = 0.0, *, bound_s: float | None = None) -> None:
        """Progress; the next is due within ``wait_s`` and the worker's bound, or ``bound_s`` where that is given."""
        self._due_s = self._clock.monotonic_s() + wait_s + (self._bound_s if bound_s is None else bound_s)

    def rest(self) -> None:
        """The worker has ended; nothing is due."""
        self._due_s = math.inf

    def overdue_s(self) -> float:
        """How long the worker has been overdue; 0 where it is not."""
        return max(0.0, self._clock.monotonic_s() - self._due_s)


def overdue(pulses: Mapping[str, Pulse]) -> tuple[str, ...]:
    """The names of the workers that hang."""
    return tuple(name for name, pulse in pulses.items() if pulse.overdue_s() > 0)


def call_bound_s(api: ApiOptions) -> float:
    """Longest time of one call of the API with all its attempts. Each may have to fetch a token, in two exchanges, or to wait as
    long for another thread that does; one more attempt follows a token that was refused."""
    retry = api.retry
    attempt_s = 3 * api.timeout_s + 1.0
    wait_s = max(retry.cap_s, retry.limited_cap_s, retry.retry_after_cap_s)
    return (retry.attempts + 1) * attempt_s + (retry.attempts - 1) * wait_s


def step_bound_s(api: ApiOptions, sharing: int) -> float:
    """Longest step of a cycle whose printer is shared by so many sockets, each of which may be waited for."""
    return max(call_bound_s(api), BOARD_STEP_BOUND_S, LABEL_BOUND_S * sharing)


def turn_bound_s(sharing: int) -> float:
    """Longest wait for a printer that so many sockets share; a person's reprint may come before the only one."""
    return LABEL_BOUND_S * max(1, sharing - 1)


def stop_bound_s(api_timeout_s: float) -> float:
    """Longest time from being told to stop until the devices are released and the process can end: the cycles' own, then the calls
    of the API in progress, each in its one exchange or in one for a token, and a commit."""
    return STOP_TIMEOUT_S + 2 * api_timeout_s + COMMIT_BOUND_S
