"""What starts the cycles (pedals, scanners that act as keyboards, lines of adapters and of GPIO chips): seen, and ours to use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import Deadline
from drivers.errors import PortBusy, PortDenied, PortMissing, PortUnsupported, TransportError
from drivers.gpio_line import open_gpio_input
from drivers.port_holder import describe_group
from drivers.serial_port import open_serial
from drivers.trigger.gpio import GpioTriggerOptions
from drivers.trigger.hid_scanner import HidScannerOptions
from drivers.trigger.input_device import InputDevice, InputName
from drivers.trigger.modem_line import ModemLineOptions, ModemLineTrigger
from drivers.trigger.pedal import PedalOptions
from station.config.devices import input_devices_of, triggers_of
from station.config.loader import Location
from station.doctor import Check, Finding, Survey, bad, good

_REMEDIES: dict[type[TransportError], str] = {
    PortMissing: "plug it in, or correct the line named: ls -l /dev/input/by-id /dev/input/by-path",
    PortBusy: "close the other program, or the other station",
    PortDenied: "install the udev rules, and add the station's user to that group (udev/README.md)",
}
_GPIO_REMEDIES: dict[type[TransportError], str] = {
    PortMissing: "correct the line named: gpiodetect shows the chips",
    PortBusy: "close the other program: gpioinfo names it",
    PortDenied: _REMEDIES[PortDenied],
    PortUnsupported: "install station with its extra gpio, and choose a line that gpioinfo shows",
}
_OTHER_REMEDY = "name the device that ls -l /dev/input/by-id /dev/input/by-path shows"


@dataclass(frozen=True, slots=True)
class InputDeviceCheck:
    """See ``Check``."""

    survey: Survey
    name: str
    options: HidScannerOptions | PedalOptions
    location: Location

    def look(self) -> Iterator[Finding]:
        line = self.survey.line_of((*self.location, "device"))
        name = self.options.device
        try:
            path = InputName(name).find(self.options.needed_keys, self.survey.root / "sys/class/input")
            if self.survey.agent_pid is not None:
                yield self._from_outside(line, path)
                return
            device = InputDevice.open(name, path)
        except TransportError as error:
            yield bad(f"{line}: {error}", _REMEDIES.get(type(error), _OTHER_REMEDY))
            return
        device.close()
        yield good(f"{name} is seen, and calls itself {device.device_name or 'nothing'}")

    def _from_outside(self, line: str, path: str) -> Finding:
        if not Path(path).exists():
            return bad(f"{line}: {path} is not there", _REMEDIES[PortMissing])
        if not os.access(path, os.R_OK):
            return bad(f"{line}: no permission for {path}; {describe_group(path)}", _REMEDIES[PortDenied])
        return good(f"{self.options.device} is left to the running station (pid {self.survey.agent_pid})")


@dataclass(frozen=True, slots=True)
class ModemLineCheck:
    """See ``Check``. The port itself is another check's."""

    survey: Survey
    name: str
    options: ModemLineOptions
    location: Location

    def look(self) -> Iterator[Finding]:
        line = self.survey.line_of((*self.location, "line"))
        clock = self.survey.clock
        what = f"{self.options.line.upper()} of {self.options.serial.port}"
        if self.survey.agent_pid is not None:
            yield good(f"{what} is left to the running station (pid {self.survey.agent_pid})")
            return
        trigger = ModemLineTrigger(self.options, clock, open_serial, self.survey.root / "sys/class/tty")
        try:
            trigger.wait(Deadline.after(0, clock))
        except TransportError as error:
            yield bad(f"{line}: {error}", "use an FTDI or CP210x adapter, and one of its lines cts, dsr, dcd, ri")
        else:
            yield good(f"{what} can be read")
        finally:
            trigger.close()


@dataclass(frozen=True, slots=True)
class GpioCheck:
    """See ``Check``."""

    survey: Survey
    name: str
    options: GpioTriggerOptions
    location: Location

    def look(self) -> Iterator[Finding]:
        line = self.survey.line_of((*self.location, "line"))
        what = self.options.line.name
        if self.survey.agent_pid is not None:
            yield good(f"{what} is left to the running station (pid {self.survey.agent_pid})")
            return
        try:
            open_gpio_input(self.options.line, self.options.bias, self.options.debounce_s).close()
        except TransportError as error:
            yield bad(f"{line}: {error}", _GPIO_REMEDIES.get(type(error), "choose another line: gpioinfo shows them"))
        else:
            yield good(f"{what} is free")


def checks(survey: Survey) -> list[Check]:
    found: list[Check] = []
    station = survey.configuration.station
    for location, trigger in triggers_of(station):
        group, index = location[0], int(location[1])
        of = f"socket {station.sockets[index].name}" if group == "sockets" else station.shared_triggers[index].name
        for kind, options in input_devices_of(trigger):
            found.append(InputDeviceCheck(survey, f"{kind} of {of}", options, (*location, kind)))
        if trigger.modem_line is not None:
            found.append(ModemLineCheck(survey, f"pedal of {of}", trigger.modem_line, (*location, "modem_line")))
        if trigger.gpio is not None:
            found.append(GpioCheck(survey, f"button of {of}", trigger.gpio, (*location, "gpio")))
    return found
