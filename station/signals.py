"""The operator's signals beside a running station: lamps, buzzers and sounds that follow its events.

Each device has a thread of its own that shows what holds now, and nothing of what held before: the newest state wins. An output
that cannot be used is told once and tried again, and never holds up or fails a cycle.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from drivers.clock import Clock, Deadline, SystemClock
from drivers.errors import DriverError
from drivers.signal import SignalOutput
from station.config.signals import SignalDeviceConfig, SignalsConfig
from station.config.validate import Configuration
from station.events import Event
from station.parts import open_signal_device
from station.signal_rules import Scene, SignalRule, wanted

RETRY_S = 1.0
"""After a device could not be opened or was lost: a lamp is lit again within 2 s of its replug."""
LOOK_S = 1.0
"""How soon it is noticed that a device has gone of which nothing is wanted: it must be closed to come back under its name."""
LEAST_PAUSE_S = 0.01
STOP_S = 10.0
"""Bound of the wait for the lanes' end: the longest sound, and the grace its player has, are 8 s."""

logger = logging.getLogger(__name__)


class Signals:
    """Takes events from any thread, at once; ``beside`` shows them while a station runs, where its configuration says so. What
    holds is known across a new configuration."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._scene = Scene()

    def __call__(self, event: Event) -> None:
        with self._changed:
            if self._scene.take(event, self._clock.monotonic_s()):
                self._changed.notify_all()

    @contextmanager
    def beside(self, configuration: Configuration, jig: object) -> Iterator[None]:  # noqa: ARG002 (a companion is given both)
        config = configuration.station
        with self._changed:
            self._scene.keep(socket.name for socket in config.sockets)
        with self.showing(config.signals):
            yield

    @contextmanager
    def showing(self, config: SignalsConfig) -> Iterator[None]:
        """Show what holds on these devices; every output is off in the end."""
        lanes = [Lane(device, config.rules, self.scene, self._changed, self._clock) for device in config.devices]
        for lane in lanes:
            lane.thread.start()
        try:
            yield
        finally:
            with self._changed:
                for lane in lanes:
                    lane.stopping = True
                self._changed.notify_all()
            deadline = Deadline.after(STOP_S, self._clock)
            for lane in lanes:
                lane.thread.join(deadline.remaining_s())
                if lane.thread.is_alive():
                    logger.error("signals: %s hangs and is left as it is", lane.name)

    def scene(self) -> Scene:
        """What holds now; the caller holds the lock."""
        return self._scene.copy()


class Lane:
    """One device and its thread."""

    def __init__(
        self,
        device: SignalDeviceConfig,
        rules: Sequence[SignalRule],
        scene: Callable[[], Scene],
        changed: threading.Condition,
        clock: Clock,
        open_device: Callable[[SignalDeviceConfig, Clock], SignalOutput] = open_signal_device,
    ) -> None:
        """``scene`` is called with ``changed`` held."""
        self._config = device
        self._rules = [rule for rule in rules if rule.output in device.outputs]
        self._scene = scene
        self._changed = changed
        self._clock = clock
        self._open_device = open_device
        self._device: SignalOutput | None = None
        self._shown: dict[str, bool] = {}
        self._problem: str | None = None
        self.stopping = False
        self.name = device.name
        self.thread = threading.Thread(target=self._run, name=f"signals {self.name}", daemon=True)

    def _run(self) -> None:
        try:
            while not self.stopping:
                with self._changed:
                    scene = self._scene()
                outputs, change_s = wanted(self._rules, scene, self._clock.monotonic_s())
                self._show(outputs)
                self._wait(scene, LOOK_S if self._device is not None else RETRY_S, change_s)
            if self._device is not None:
                self._show({})
        except Exception:
            # The station works without its lamps: it is told, and nothing else ends.
            logger.exception("signals: %s shows nothing any more", self.name)
        finally:
            self._drop()

    def _wait(self, shown: Scene, look_s: float, change_s: float) -> None:
        """Until there is something to do. While the device is away no event hurries the next attempt."""
        is_away = self._device is None
        timeout_s = look_s if is_away else max(LEAST_PAUSE_S, min(look_s, change_s))
        with self._changed:
            self._changed.wait_for(lambda: self.stopping or (not is_away and self._scene() != shown), timeout_s)

    def _show(self, outputs: dict[str, bool]) -> None:
        """Switch what is not as wanted. A device that cannot is closed at once and told of once."""
        try:
            device = self._opened(outputs)
            device.check()
            for output in self._config.outputs:
                on = outputs.get(output, False)
                if self._shown.get(output) != on:
                    self._shown[output] = on  # before the attempt: a sound that failed is not played late
                    device.set(output, on)
                    self._tell_works(device, on)
        except DriverError as error:
            self._drop()
            self._tell_problem(error)

    def _opened(self, outputs: dict[str, bool]) -> SignalOutput:
        if self._device is None:
            self._device = self._open_device(self._config, self._clock)
            momentary = self._device.is_momentary
            self._shown = {output: outputs.get(output, False) for output in self._config.outputs} if momentary else {}
        return self._device

    def _drop(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _tell_problem(self, error: DriverError) -> None:
        if str(error) != self._problem:
            self._problem = str(error)
            logger.warning("signals: %s", error, extra={"station_fields": {"code": error.code}})

    def _tell_works(self, device: SignalOutput, on: bool) -> None:
        if self._problem is not None and (on or not device.is_momentary):
            self._problem = None
            logger.info("signals: %s works again", self.name)
