"""Are the devices of a configuration there? Looked at from outside only: nothing is opened, so no board is reset."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from drivers.serial_port import SerialOptions
from drivers.trigger.hid_scanner import HidScannerOptions
from drivers.trigger.pedal import PedalOptions
from station.config.loader import ConfigError, Location, Mistake
from station.config.models import ConnectionConfig, StationConfig, TriggerConfig
from station.config.validate import Configuration

WAIT_FOR_IT = "or set require_ports: false to wait for it"
_FIND_SERIAL = f"plug it in, or name one that ls -l /dev/serial/by-path shows, {WAIT_FOR_IT}"
_FIND_USB = f"switch the printer on and plug it in, or name one that ls /dev/usb shows, {WAIT_FOR_IT}"
_FIND_INPUT = f"plug it in, or name one that ls -l /dev/input/by-id /dev/input/by-path shows, {WAIT_FOR_IT}"
_FIND_GPIO = f"name one that gpiodetect shows, {WAIT_FOR_IT}"
_START_CUPS = f"install and start CUPS, or name its socket, {WAIT_FOR_IT}"
_MAKE_FOLDER = "make the folder, or name another"


def require_devices(configuration: Configuration) -> None:
    """Raises ConfigError where a serial port, a printer's node or a folder for labels is not there, unless the configuration says
    ``require_ports: false``; and where a file of certificates or of users is not, whatever it says. What stands behind an address
    on the network shows when it is connected to."""
    mistakes = missing_devices(configuration) if configuration.station.require_ports else []
    for where, path, remedy in _files_of(configuration.station):
        if (problem := _path_problem(str(path), stat.S_ISREG, "no file")) is not None:
            mistakes.append(configuration.document.mistake(where, problem, remedy))
    if mistakes:
        raise ConfigError(mistakes)


def _files_of(station: StationConfig) -> Iterator[tuple[Location, Path, str]]:
    """Where, which file and the remedy."""
    if station.api.http.ca_file is not None:
        yield ("api", "http", "ca_file"), station.api.http.ca_file, "name a PEM file of the authorities to trust"
    if station.panel is None:
        return
    if station.panel.tls is not None:
        tls = station.panel.tls
        yield (
            ("panel", "tls", "certificate"),
            tls.certificate,
            "name the PEM file of the page's certificate and its chain",
        )
        yield ("panel", "tls", "key"), tls.key, "name the PEM file of the certificate's key"
    if station.panel.users is not None:
        yield ("panel", "users"), station.panel.users, "make it with station panel user add"


def missing_devices(configuration: Configuration) -> list[Mistake]:
    """One mistake for each path of a device that leads nowhere, or to something else than a device, in the file's order."""
    document = configuration.document
    return [document.mistake(location, problem, remedy) for location, problem, remedy in _problems(configuration)]


def _problems(configuration: Configuration) -> Iterator[tuple[Location, str, str]]:
    """Where, what and the remedy."""
    station = configuration.station
    for index, printer in enumerate(station.printers):
        yield from _of_connection(("printers", index, "connection"), printer.connection, station.state_dir)
    for index, socket in enumerate(station.sockets):
        here: Location = ("sockets", index)
        yield from _of_serial((*here, "serial"), socket.serial)
    for where, trigger in triggers_of(station):
        yield from _of_trigger(where, trigger)


def triggers_of(station: StationConfig) -> Iterator[tuple[Location, TriggerConfig]]:
    """Every trigger with its place, a shared one once."""
    for index, shared in enumerate(station.shared_triggers):
        yield ("shared_triggers", index, "trigger"), shared.trigger
    for index, socket in enumerate(station.sockets):
        if socket.trigger.shared is None:
            yield ("sockets", index, "trigger"), socket.trigger


def _of_trigger(location: Location, trigger: TriggerConfig) -> Iterator[tuple[Location, str, str]]:
    """A device named by its ids may be found under any path: that it is not there shows when it is opened."""
    for name, ported in (("serial_scanner", trigger.serial_scanner), ("modem_line", trigger.modem_line)):
        if ported is not None:
            yield from _of_serial((*location, name, "serial"), ported.serial)
    for name, options in input_devices_of(trigger):
        device = options.device
        problem = _path_problem(device, stat.S_ISCHR, "no input device") if device.startswith("/") else None
        if problem is not None:
            yield (*location, name, "device"), problem, _FIND_INPUT
    if trigger.gpio is not None:
        problem = _path_problem(trigger.gpio.line.chip, stat.S_ISCHR, "no GPIO chip")
        if problem is not None:
            yield (*location, "gpio", "line", "chip"), problem, _FIND_GPIO


def input_devices_of(trigger: TriggerConfig) -> Iterator[tuple[str, HidScannerOptions | PedalOptions]]:
    """The key and the options of a trigger that is an input device."""
    if trigger.hid_scanner is not None:
        yield "hid_scanner", trigger.hid_scanner
    if trigger.pedal is not None:
        yield "pedal", trigger.pedal


def _of_serial(location: Location, options: SerialOptions) -> Iterator[tuple[Location, str, str]]:
    if options.is_local and (problem := _path_problem(options.port, stat.S_ISCHR, "no serial port")) is not None:
        yield (*location, "port"), problem, _FIND_SERIAL


def _of_connection(
    location: Location, connection: ConnectionConfig, state_dir: Path
) -> Iterator[tuple[Location, str, str]]:
    if connection.serial is not None:
        yield from _of_serial((*location, "serial"), connection.serial)
    if connection.usb is not None:
        problem = _path_problem(connection.usb.path, stat.S_ISCHR, "no printer's node")
        if problem is not None:
            yield (*location, "usb", "path"), problem, _FIND_USB
    if connection.cups is not None:
        problem = _path_problem(connection.cups.server, stat.S_ISSOCK, "no socket")
        if problem is not None:
            yield (*location, "cups", "server"), problem, _START_CUPS
    if connection.file is not None:
        path = Path(connection.file.path)
        folder = path if connection.file.one_file_per_job else path.parent
        if not _is_state_folder(folder, state_dir):
            problem = _path_problem(str(folder), stat.S_ISDIR, "no folder")
            if problem is not None:
                yield (*location, "file", "path"), problem, _MAKE_FOLDER


def _is_state_folder(folder: Path, state_dir: Path) -> bool:
    """The station makes this folder itself when it starts."""
    return folder.absolute() == state_dir.absolute()


def _path_problem(path: str, is_it: Callable[[int], bool], otherwise: str) -> str | None:
    """Why ``path`` cannot be what is looked for, or None."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return f"{path} is not there"
    except (OSError, ValueError) as error:
        return f"{path} cannot be looked at: {getattr(error, 'strerror', None) or error}"
    return None if is_it(mode) else f"{path} is {otherwise}"
