"""The station as a service: told to end by SIGTERM or SIGINT, to read its configuration anew by SIGHUP, and watched by systemd.

A new configuration takes effect between cycles: those in progress are finished under the old one. One that cannot be used is told
with its code, and the old one stays.
"""

from __future__ import annotations

import logging
import signal
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from drivers.errors import DriverError
from station.config.devices import require_devices
from station.config.validate import Configuration, load_configuration
from station.errors import StationError, explain
from station.events import Event
from station.jig import Jig
from station.model import CycleResult
from station.os_signals import taken
from station.sd_notify import Notifier

LOOK_S = 10.0
"""How often the workers' health is looked at where no watchdog asks for more."""
SLICE_S = 1.0
"""How soon a stop is noticed while the last cycles before a reload are waited for."""

logger = logging.getLogger(__name__)

Companion = Callable[[Configuration, Jig], AbstractContextManager[object]]
"""Runs beside a jig, such as a server that shows it: entered once the jig has started, left before it ends."""


class Service:
    """Runs one jig after the other, each with the configuration as it was read last."""

    def __init__(
        self,
        file: Path,
        publish: Callable[[Event], None],
        notifier: Notifier,
        *,
        cycles: int | None = None,
        companions: tuple[Companion, ...] = (),
    ) -> None:
        self._file = file
        self._publish = publish
        self._notifier = notifier
        self._wanted = cycles
        self._companions = companions
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._jig: Jig | None = None
        self._next: Configuration | None = None
        self._proven: Configuration | None = None
        """The last configuration that a jig has started with."""
        self._told_overdue: tuple[str, ...] = ()
        self._has_terminal = sys.stderr.isatty()

    def run(self) -> list[CycleResult]:
        """Run until told to end; the results where a number of cycles was wanted. Raises ConfigError for a first configuration
        that cannot be used, and what ``Jig`` raises."""
        results: list[CycleResult] = []
        configuration: Configuration | None = self._read()
        actions: dict[int, Callable[[], None]] = {
            signal.SIGTERM: self.stop,
            signal.SIGINT: self.stop,
            signal.SIGHUP: self._hung_up,
        }
        with taken(actions):
            while configuration is not None:
                results += self._serve(configuration, len(results))
                with self._lock:
                    configuration, self._next = self._next, None
                if self._stopping.is_set() or (self._wanted is not None and len(results) >= self._wanted):
                    break
        return results

    def stop(self) -> None:
        """End: a cycle in progress ends before its next step."""
        self._notifier.stopping()
        with self._lock:
            self._stopping.set()
            if self._jig is not None:
                self._jig.stop()

    def reload(self) -> None:
        """Read the configuration anew, and go on with it when the cycles in progress have ended. One that cannot be used is told
        and changes nothing."""
        self._notifier.reloading()
        try:
            configuration = self._read()
        except (StationError, DriverError) as error:
            self._tell_refused(error)
            self._notifier.ready()
            return
        with self._lock:
            self._next = configuration
            if self._jig is not None:
                self._jig.drain()

    def _hung_up(self) -> None:
        """SIGHUP: reload; but a station that was started at a terminal ends when that has gone, like any other program."""
        if self._has_terminal and _has_gone(sys.stderr.fileno()):
            self.stop()
        else:
            self.reload()

    def _read(self) -> Configuration:
        configuration = load_configuration(self._file)
        require_devices(configuration)
        return configuration

    def _tell_refused(self, error: Exception) -> None:
        row = explain(error)
        for line in str(error).splitlines():
            logger.error("the new configuration is not taken: %s", line, extra={"station_fields": {"code": row.code}})
        self._notifier.status(f"the new configuration is not taken: {row.code}")

    # -- one jig -------------------------------------------------------------------------------------------------------

    def _serve(self, configuration: Configuration, done: int) -> list[CycleResult]:
        with ExitStack() as stack:
            stack.callback(self._leave)
            jig = self._start(stack, configuration, done)
            for warning in jig.warnings:
                logger.warning("%s", warning)
            self._notifier.ready()
            self._attend(jig)
        return jig.results

    def _start(self, stack: ExitStack, configuration: Configuration, done: int) -> Jig:
        """The started jig and its companions, with the last configuration that was good for one where this one is not."""
        try:
            with ExitStack() as attempt:
                jig = attempt.enter_context(self._jig_of(configuration, done))
                for companion in self._companions:
                    attempt.enter_context(companion(configuration, jig))
                stack.enter_context(attempt.pop_all())
        except (StationError, DriverError) as error:
            if self._proven is None or configuration is self._proven:
                raise
            self._tell_refused(error)
            return self._start(stack, self._proven, done)
        self._proven = configuration
        return jig

    def _jig_of(self, configuration: Configuration, done: int) -> Jig:
        jig = Jig(configuration, self._publish, cycles=None if self._wanted is None else self._wanted - done)
        with self._lock:
            self._jig = jig
            if self._stopping.is_set():
                jig.stop()
            elif self._next is not None:
                jig.drain()
        return jig

    def _leave(self) -> None:
        with self._lock:
            self._jig = None

    def _attend(self, jig: Jig) -> None:
        """Until the jig ends and its cycles with it, feed the watchdog as long as every worker gets on with its work."""
        look_s = min(LOOK_S, (self._notifier.watchdog_s or LOOK_S) / 3)
        while not jig.wait(look_s):
            self._feed(jig)
        while not jig.wait_for_cycles(min(SLICE_S, look_s)) and not jig.is_late():
            self._feed(jig)

    def _feed(self, jig: Jig) -> None:
        overdue = jig.overdue()
        if not overdue:
            self._notifier.watchdog()
        elif overdue != self._told_overdue:
            logger.error("no progress: %s hangs; the watchdog is not fed any more", ", ".join(overdue))
            self._notifier.status(f"{', '.join(overdue)} hangs")
        self._told_overdue = overdue


def _has_gone(terminal: int) -> bool:
    try:
        termios.tcgetattr(terminal)
    except termios.error:
        return True
    return False
