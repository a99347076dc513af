"""What is plugged into this computer, by the names that stay the same. Looked at from outside only: nothing is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_FOUND = 64


@dataclass(frozen=True, slots=True)
class Found:
    """One device: the path for a configuration, and what people know it by."""

    path: str
    label: str


@dataclass(frozen=True, slots=True)
class PluggedIn:
    """Everything found, each list sorted by path."""

    serial_ports: tuple[Found, ...]
    printers: tuple[Found, ...]
    inputs: tuple[Found, ...]


def plugged_in(dev: Path = Path("/dev")) -> PluggedIn:
    """The devices below ``dev``: serial ports and inputs by the place they are plugged into, USB printers by their node."""
    by_id = {link.resolve(): link.name for link in _entries(dev / "serial" / "by-id")}
    ports = [
        Found(str(link), by_id.get(link.resolve(), link.resolve().name))
        for link in _entries(dev / "serial" / "by-path")
    ]
    inputs = [Found(str(link), link.name) for link in _entries(dev / "input" / "by-id") if "event" in link.name]
    printers = [Found(str(node), node.name) for node in _entries(dev / "usb") if node.name.startswith("lp")]
    return PluggedIn(tuple(ports), tuple(printers), tuple(inputs))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())[:MAX_FOUND]
    except OSError:
        return []
