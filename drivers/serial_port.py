"""UARTs: a device path, a by-id or by-path link, ``rfc2217://host:port`` or ``socket://host:port``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from drivers.clock import Clock
from drivers.transport import Framing, SerialTransport

_REMOTE = ("rfc2217://", "socket://")


@dataclass(frozen=True, slots=True)
class SerialOptions:
    """One UART.

    ``dtr`` and ``rts`` are the states to hold from open on (True = asserted); None leaves the system's default, which asserts
    both and resets many boards. ``exclusive`` keeps other programs out that ask likewise (flock). Raises ValueError, one
    sentence, for what no port can be.
    """

    port: str
    framing: Framing = Framing()
    exclusive: bool = True
    dtr: bool | None = None
    rts: bool | None = None

    def __post_init__(self) -> None:
        if not self.port or not self.port.isprintable():
            raise ValueError("port must be a device path or a URL")
        if "://" in self.port:
            _check_url(self.port)
        if not 50 <= self.framing.baud <= 4_000_000:
            raise ValueError(f"framing.baud must be 50 to 4000000, not {self.framing.baud}")
        if self.framing.data_bits not in (7, 8) or self.framing.stop_bits not in (1, 2):
            raise ValueError("framing takes 7 or 8 data bits and 1 or 2 stop bits")
        if self.framing.parity not in ("none", "even", "odd"):
            raise ValueError(f"framing.parity must be none, even or odd, not {self.framing.parity!r}")

    @property
    def is_local(self) -> bool:
        return "://" not in self.port


def open_serial(options: SerialOptions, clock: Clock) -> SerialTransport:
    """Open a port. Raises PortMissing, PortBusy, PortDenied, PortUnsupported or another TransportError."""
    if options.is_local:
        from drivers.serial_local import open_local

        return open_local(options.port, options.framing, exclusive=options.exclusive, dtr=options.dtr, rts=options.rts)
    if options.port.startswith("socket://"):
        from drivers.serial_socket import open_socket

        return open_socket(options.port, options.framing, clock, dtr=options.dtr, rts=options.rts)
    from drivers.serial_rfc2217 import open_rfc2217

    return open_rfc2217(options.port, options.framing, dtr=options.dtr, rts=options.rts)


def _check_url(url: str) -> None:
    if not url.startswith(_REMOTE) or not _names_host_and_port(url):
        raise ValueError(f"port must be a device path, rfc2217://host:port or socket://host:port, not {url!r}")
    if url.startswith("socket://") and urlsplit(url).query:
        raise ValueError(f"a socket:// port takes no options, so not {url!r}")


def _names_host_and_port(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and parts.port) and not parts.path.strip("/")
    except ValueError:
        return False  # brackets that do not match, a port out of range
