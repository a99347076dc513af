"""The ports of sockets and scanners: there, ours to open, free."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import PortBusy, PortDenied, PortMissing, PortUnsupported, TransportError
from drivers.port_holder import describe_group
from drivers.serial_local import LocalSerialPort
from drivers.serial_port import SerialOptions, open_serial
from station.config.devices import triggers_of
from station.config.loader import Location
from station.doctor import Check, Finding, Survey, bad, good

_GROUP = "add the station's user to that group (udev/README.md), then log in again"
_REMEDIES: dict[type[TransportError], str] = {
    PortMissing: "plug it in and switch it on, or correct the line named: ls -l /dev/serial/by-path",
    PortBusy: "close the other program",
    PortDenied: _GROUP,
    PortUnsupported: "correct framing, dtr and rts, or use another adapter",
}
_OTHER_REMEDY = "unplug and replug the adapter"


@dataclass(frozen=True, slots=True)
class SerialPortCheck:
    """See ``Check``."""

    survey: Survey
    name: str
    options: SerialOptions
    location: Location

    def look(self) -> Iterator[Finding]:
        port, line = self.options.port, self.survey.line_of((*self.location, "port"))
        if self.options.is_local and not Path(port).exists():
            yield bad(f"{line}: {port} is not there", _REMEDIES[PortMissing])
            return
        if self.options.is_local and not os.access(port, os.R_OK | os.W_OK):
            yield bad(f"{line}: no permission for {port}; {describe_group(port)}", _way_in(port))
            return
        if self.survey.agent_pid is not None:
            yield good(f"{port} is left to the running station (pid {self.survey.agent_pid})")
            return
        try:
            link = open_serial(self.options, self.survey.clock)
        except TransportError as error:
            yield bad(f"{line}: {error}", _REMEDIES.get(type(error), _OTHER_REMEDY))
            return
        link.close()
        degraded = link.degraded if isinstance(link, LocalSerialPort) else None
        yield good(f"{port} opens" + (f"; {degraded}" if degraded else ""))


def _way_in(port: str) -> str:
    """How this user comes to the rights that its group has, where it is not in that group, or not yet in this login."""
    try:
        group = grp.getgrgid(Path(port).stat().st_gid)
        user = pwd.getpwuid(os.geteuid()).pw_name
    except (OSError, KeyError):
        return _GROUP
    if group.gr_gid in (os.getegid(), *os.getgroups()):
        return f"install udev/60-station.rules, which give {group.gr_name} the right (udev/README.md)"
    if user in group.gr_mem:
        return f"log in again: {user} is in {group.gr_name}, and this login is older"
    return f"sudo usermod --append --groups {group.gr_name} {user} (udev/README.md), then log in again"


def checks(survey: Survey) -> list[Check]:
    found: list[Check] = []
    station = survey.configuration.station
    for index, socket in enumerate(station.sockets):
        here: Location = ("sockets", index)
        found.append(SerialPortCheck(survey, f"port of socket {socket.name}", socket.serial, (*here, "serial")))
    for where, trigger in triggers_of(station):
        index = int(where[1])
        of = f"socket {station.sockets[index].name}" if where[0] == "sockets" else station.shared_triggers[index].name
        if trigger.serial_scanner is not None:
            place: Location = (*where, "serial_scanner", "serial")
            found.append(SerialPortCheck(survey, f"scanner of {of}", trigger.serial_scanner.serial, place))
        if trigger.modem_line is not None:
            place = (*where, "modem_line", "serial")
            found.append(SerialPortCheck(survey, f"pedal's port of {of}", trigger.modem_line.serial, place))
    return found
