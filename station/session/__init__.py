"""The session log: every byte, line change, HTTP exchange, given value and step of one cycle, in order.

``Session`` is the one seam between a cycle and the world. ``recorder`` stands in it while a cycle runs, ``replay`` when a log
is run again at a desk; the cycle and the drivers cannot tell which.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from drivers.clock import Clock
from drivers.transport import SerialTransport, Transport
from station.model import CycleResult, Step
from station.production_api.http import HttpPort

T = TypeVar("T")


class Session(Protocol):
    """All that a cycle learns from outside itself goes through here.

    A *lane* is one thread's strand of a cycle. Within a lane the order of events is the order of the program, which is what
    lets a replay be strict; between lanes there is no order.
    """

    @property
    def clock(self) -> Clock:
        """The cycle's clock. Reading the wall clock and sleeping are recorded; reading the monotonic clock is not."""

    def lane(self, name: str) -> Session:
        """The same session seen from another thread."""

    def given(self, name: str, args: dict[str, object], result_type: object, produce: Callable[[], T]) -> T:
        """A value from outside: what ``produce()`` returns now, or returned when this was recorded. ``args`` must be the
        same then and now. A StationError raised by ``produce`` is recorded too, and raised again with its code."""

    def serial(self, channel: str, opener: Callable[[], SerialTransport]) -> SerialTransport:
        """Open a UART through ``opener`` and return it with all its traffic recorded. Raises TransportError."""

    def pipe(self, channel: str, opener: Callable[[], Transport]) -> Transport:
        """The same for a transport without lines."""

    def http(self, channel: str, port: HttpPort) -> HttpPort:
        """``port`` with each exchange recorded, secrets masked."""

    def step(self, step: Step) -> AbstractContextManager[None]:
        """Mark the start and the end of a step; where it changes something outside the station, what was recorded so far is on
        disk when it ends."""

    def note(self, channel: str, text: str) -> None:
        """A remark for readers of the log; not compared in a replay."""

    def end(self, result: CycleResult) -> None:
        """The outcome: the last event."""
