"""The operator's signals: each device is there and ours to use; nothing is lit and nothing sounds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import PortBusy, PortDenied, PortMissing, PortUnsupported, TransportError
from drivers.port_holder import describe_group
from drivers.signal.sound import player_of
from station.config.loader import Location
from station.config.signals import SignalDeviceConfig
from station.doctor import Check, Finding, Survey, bad, good
from station.parts import open_signal_device

_REMEDIES: dict[type[TransportError], str] = {
    PortMissing: "plug it in, or correct the line named: ls -l /dev/serial/by-path; gpiodetect shows GPIO chips",
    PortBusy: "close the other program",
    PortDenied: "install the udev rules, and add the station's user to that group (udev/README.md)",
    PortUnsupported: "use another adapter; GPIO needs station's extra gpio, and a line that gpioinfo shows",
}
_OTHER_REMEDY = "unplug and replug it"
_NO_PLAYER = "install alsa-utils, or pulseaudio-utils"


@dataclass(frozen=True, slots=True)
class SignalCheck:
    """See ``Check``."""

    survey: Survey
    device: SignalDeviceConfig
    location: Location

    @property
    def name(self) -> str:
        return f"signals {self.device.name}"

    def look(self) -> Iterator[Finding]:
        line = self.survey.line_of(self.location)
        outputs = ", ".join(self.device.outputs)
        if self.device.sound is not None:
            try:
                yield good(f"{player_of(self.device.sound)[0]} plays {outputs}")
            except TransportError as error:
                yield bad(f"{line}: {error}", _NO_PLAYER)
            return
        if self.survey.agent_pid is not None:
            yield self._from_outside(line)
            return
        try:
            open_signal_device(self.device, self.survey.clock).close()
        except TransportError as error:
            yield bad(f"{line}: {error}", _REMEDIES.get(type(error), _OTHER_REMEDY))
            return
        yield good(f"opens: {outputs}")

    def _from_outside(self, line: str) -> Finding:
        for path in self._paths():
            if not Path(path).exists():
                return bad(f"{line}: {path} is not there", _REMEDIES[PortMissing])
            if not os.access(path, os.R_OK | os.W_OK):
                return bad(f"{line}: no permission for {path}; {describe_group(path)}", _REMEDIES[PortDenied])
        return good(f"is left to the running station (pid {self.survey.agent_pid})")

    def _paths(self) -> list[str]:
        port, gpio = self.device.port, self.device.gpio
        if gpio is not None:
            return sorted({line.chip for line in gpio.outputs.values()})
        return [port.port] if port is not None and port.is_local else []


def checks(survey: Survey) -> list[Check]:
    devices = survey.configuration.station.signals.devices
    return [
        SignalCheck(survey, device, ("signals", "devices", index, device.kind)) for index, device in enumerate(devices)
    ]
