"""The part ``signals`` of a configuration: devices with named outputs, rules, and what goes with nothing else of the station."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from drivers.gpio_line import GpioLineOptions
from drivers.serial_port import SerialOptions
from drivers.signal.gpio import GpioSignalOptions
from drivers.signal.relay import RelayOptions
from drivers.signal.serial_line import SerialLineOptions
from drivers.signal.sound import SoundOptions
from station.config.loader import Document, Location, Mistake
from station.config.part import Choice, Part
from station.signal_rules import MAX_RULES, SignalRule

if TYPE_CHECKING:
    from station.config.models import StationConfig, TriggerConfig

MAX_DEVICES = 16
"""Each has a thread of its own."""


class SignalDeviceConfig(Choice):
    """A device with lamps, buzzers or sounds."""

    relay: RelayOptions | None = None
    serial_line: SerialLineOptions | None = None
    gpio: GpioSignalOptions | None = None
    sound: SoundOptions | None = None

    @property
    def kind(self) -> str:
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(getattr(self, self.kind).outputs)

    @property
    def port(self) -> SerialOptions | None:
        """The serial port that is the device's, where it has one."""
        options = self.relay or self.serial_line
        return None if options is None else options.serial

    @property
    def name(self) -> str:
        """What people are told of the device by."""
        return f"{self.kind} {self.port.port}" if self.port is not None else self.kind


class SignalsConfig(Part):
    """The operator's signals: devices with named outputs, and the rules that say when each output is on."""

    devices: Annotated[tuple[SignalDeviceConfig, ...], Field(max_length=MAX_DEVICES)] = ()
    rules: Annotated[tuple[SignalRule, ...], Field(max_length=MAX_RULES)] = ()


def contradictions(document: Document, station: StationConfig) -> Iterator[Mistake]:
    """What each part of the signals allows and the whole does not."""
    owners: dict[str, int] = {}
    ports = dict(_ports_in_use(station))
    for index, device in enumerate(station.signals.devices):
        here: Location = ("signals", "devices", index, device.kind)
        for output in device.outputs:
            if owners.setdefault(output, index) != index:
                what = f"{output} names outputs of two devices"
                yield document.mistake((*here, "outputs", output), what, "give each output its own name")
        for location, place in _places(device):
            if place in ports:
                what = f"{place} is already used by {ports[place]}"
                yield document.mistake((*here, *location), what, "signals need a port or line of their own")
            ports[place] = "another signal"
    sockets = [socket.name for socket in station.sockets]
    for index, rule in enumerate(station.signals.rules):
        there: Location = ("signals", "rules", index)
        if rule.output not in owners:
            remedy = f"use {', '.join(owners)}" if owners else "describe it under signals.devices"
            yield document.mistake((*there, "output"), f"no output is named {rule.output}", remedy)
        if rule.socket is not None and rule.socket not in sockets:
            what = f"no socket is named {rule.socket}"
            yield document.mistake((*there, "socket"), what, f"use {', '.join(sockets)}")


def _places(device: SignalDeviceConfig) -> Iterator[tuple[Location, str]]:
    """Where the configuration names what a device occupies, and what that is."""
    if device.port is not None:
        yield ("port",), _port(device.port)
    if device.gpio is not None:
        for output, line in device.gpio.outputs.items():
            yield ("outputs", output), _line(line)


def _ports_in_use(station: StationConfig) -> Iterator[tuple[str, str]]:
    """The ports and GPIO lines of everything but the signals, and whose they are."""
    for socket in station.sockets:
        yield _port(socket.serial), f"socket {socket.name}"
        yield from ((place, f"the trigger of socket {socket.name}") for place in _of_trigger(socket.trigger))
    for shared in station.shared_triggers:
        yield from ((place, f"trigger {shared.name}") for place in _of_trigger(shared.trigger))
    for printer in station.printers:
        if printer.connection.serial is not None:
            yield _port(printer.connection.serial), f"printer {printer.name}"


def _of_trigger(trigger: TriggerConfig) -> Iterator[str]:
    for ported in (trigger.serial_scanner, trigger.modem_line):
        if ported is not None:
            yield _port(ported.serial)
    if trigger.gpio is not None:
        yield _line(trigger.gpio.line)


def _port(options: SerialOptions) -> str:
    """One name for a port, whichever of its links a configuration uses."""
    return os.path.realpath(options.port) if options.is_local else options.port


def _line(line: GpioLineOptions) -> str:
    return f"{os.path.realpath(line.chip)} line {line.line}"
