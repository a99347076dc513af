"""ModemManager sends AT commands to a serial port that appears, which a bootloader takes for its own commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.serial_port import SerialOptions
from station.doctor import Check, Finding, Survey, bad, good

_IGNORED = ("E:ID_MM_DEVICE_IGNORE=1", "E:ID_MM_PORT_IGNORE=1")
"""In udev's database; ModemManager's documentation, "Port and device detection", names both."""


@dataclass(frozen=True, slots=True)
class ModemManagerCheck:
    """See ``Check``."""

    ports: tuple[SerialOptions, ...]
    root: Path
    name: str = "ModemManager"

    def look(self) -> Iterator[Finding]:
        if not self._runs():
            yield good("does not run")
            return
        exposed = [port.port for port in self.ports if port.is_local and self._takes(port.port)]
        for port in exposed:
            yield bad(f"may talk to the board at {port}", "install udev/60-station.rules, or stop ModemManager")
        if not exposed:
            yield good("runs, and leaves the station's ports alone")

    def _runs(self) -> bool:
        return any(_text(entry / "comm").strip() == "ModemManager" for entry in (self.root / "proc").glob("[0-9]*"))

    def _takes(self, port: str) -> bool:
        """Whether it looks at this port: at every USB adapter that udev does not tell it to ignore."""
        tty = Path(port).resolve().name
        number = _text(self.root / "sys/class/tty" / tty / "dev").strip()
        properties = _text(self.root / "run/udev/data" / f"c{number}").splitlines()
        return tty.startswith(("ttyUSB", "ttyACM")) and not any(line in _IGNORED for line in properties)


def checks(survey: Survey) -> list[Check]:
    sockets = survey.configuration.station.sockets
    return [ModemManagerCheck(tuple(socket.serial for socket in sockets), survey.root)]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""  # a process that has ended, a device without an entry
