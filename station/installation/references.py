"""What a configuration needs of the computer that its service runs on: secrets, folders, and a place the sandbox leaves visible."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.config.loader import load
from station.config.references import Surroundings
from station.config.validate import Configuration, build_configuration
from station.installation.files import InstallationError
from station.secrets import Secret

_REFERENCE = re.compile(r"\$\{(env|file|credential):([^}]+)\}")
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./@+:-]*")
_HIDDEN = tuple(Path(path) for path in ("/home", "/root", "/run/user", "/tmp", "/var/tmp"))
"""What ProtectHome= and PrivateTmp= hide from the service (systemd.exec(5))."""
_PLACEHOLDER = "*" * 16


@dataclass(frozen=True, slots=True)
class Needs:
    """What the service of one configuration needs. ``credentials``: names that it takes from $CREDENTIALS_DIRECTORY.
    ``writable``: folders it writes to outside /var/lib/station. ``warnings``: what a person has to see to."""

    configuration: Configuration
    file: Path
    credentials: tuple[str, ...]
    writable: tuple[Path, ...]
    warnings: tuple[str, ...]


def needs_of(file: Path, root: Path) -> Needs:
    """What the service of the configuration ``file`` needs; a path below ``root`` is named as the system of that root sees it.

    Raises ConfigError for a configuration with mistakes, InstallationError for one that the service cannot see. Secrets are not
    looked up: they are the service's alone.
    """
    file = _plain(file)
    document = load(file)
    found = sorted({(match[1], match[2]) for text in _texts(document.values) for match in _REFERENCE.finditer(text)})
    surroundings = Surroundings(lambda name: file.parent / Path(name).expanduser(), lambda _: Secret(_PLACEHOLDER))
    configuration = build_configuration(document, surroundings)
    seen = as_seen(file, root)
    require_visible(seen, "the configuration", "move it to /etc/station")
    station = configuration.station
    state = Path("/var/lib/station")
    folders = [station.state_dir]
    folders += [Path(str(p.connection.file.path)) for p in station.printers if p.connection.file is not None]
    writable = sorted(
        {path for path in (as_seen(_plain(folder), root) for folder in folders) if not path.is_relative_to(state)}
    )
    for folder in writable:
        require_visible(folder, "a folder that the station writes to", "use /var/lib/station")
    warnings = [
        f"the service has no environment variable {name}: write ${{credential:{name}}} instead"
        for kind, name in found
        if kind == "env"
    ]
    warnings += [f"the service's user must be able to read {name}" for kind, name in found if kind == "file"]
    if station.panel is not None:
        files = [
            *((station.panel.tls.certificate, station.panel.tls.key) if station.panel.tls else ()),
            station.panel.users,
        ]
        warnings += [f"the service's user must be able to read {name}" for name in files if name is not None]
    if any(station.trigger_of(socket).keyboard is not None for socket in station.sockets):
        warnings.append("a service has no keyboard: a socket with the trigger keyboard will not start a cycle")
    return Needs(
        configuration,
        seen,
        tuple(name for kind, name in found if kind == "credential"),
        tuple(writable),
        tuple(warnings),
    )


def _plain(path: Path) -> Path:
    """The absolute path without "..", which systemd ignores in a unit, and behind which a hidden folder may be."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (its own keeps them)


def as_seen(path: Path, root: Path) -> Path:
    """``path`` as the system whose root folder is ``root`` names it."""
    return Path("/") / path.relative_to(root) if path.is_relative_to(root) else path


def require_visible(path: Path, what: str, remedy: str) -> None:
    """Raises InstallationError for a path that the unit's sandbox hides, or that cannot stand in a unit as it is."""
    if not _PLAIN_PATH.fullmatch(str(path)):
        raise InstallationError(f"{what}, {path}, has characters that a unit file takes otherwise; {remedy}")
    for hidden in _HIDDEN:
        if path.is_relative_to(hidden):
            raise InstallationError(f"{what}, {path}, is below {hidden}, which the service does not see; {remedy}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
