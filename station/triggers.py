"""The triggers of a running station: one for each socket, those that sockets share read once, and what wakes them at a replug."""

from __future__ import annotations

from collections.abc import Callable

from drivers.bootloader import BootloaderDriver
from drivers.clock import Clock
from drivers.hotplug import DeviceWatch
from drivers.trigger import Trigger
from drivers.trigger.hub import TriggerHub
from station.config.models import SocketConfig, StationConfig, TriggerConfig
from station.parts import HeldPort, build_trigger

Refused = Callable[[str], None]


class Triggers:
    """``rejected`` makes, for a socket's name, what is told of starts that start nothing."""

    def __init__(self, config: StationConfig, clock: Clock, rejected: Callable[[str], Refused]) -> None:
        self._clock = clock
        self._rejected = rejected
        self._watch = DeviceWatch()
        self._shared = {shared.name: self._hub(shared.name, shared.trigger) for shared in config.shared_triggers}

    def of(self, socket: SocketConfig, port: HeldPort, driver: BootloaderDriver) -> Trigger:
        """The trigger of one socket, its worker's to close."""
        config, rejected = socket.trigger, self._rejected(socket.name)
        if config.shared is not None:
            return self._shared[config.shared].tap(rejected)
        if any((config.hid_scanner, config.pedal, config.modem_line, config.gpio)):
            return self._hub(socket.name, config).tap(rejected)
        return build_trigger(config, self._clock, rejected, port, driver)

    def close(self) -> None:
        """Once every trigger is closed."""
        self._watch.close()

    def _hub(self, name: str, config: TriggerConfig) -> TriggerHub:
        return TriggerHub(name, lambda rejected: build_trigger(config, self._clock, rejected), self._watch, self._clock)
