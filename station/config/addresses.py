"""Addresses at which a part of the station listens."""

from __future__ import annotations

from ipaddress import ip_address


def host_and_port(text: str, *, any_port: bool = False) -> tuple[str, int]:
    """``127.0.0.1:9464`` or ``[::1]:9464``; ``any_port`` admits port 0, a free one. Raises ValueError."""
    host, _, port = text.rpartition(":")
    lowest = 0 if any_port else 1
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
        if (address.version == 6) != host.startswith("[") or not (port.isdecimal() and lowest <= int(port) < 65536):
            raise ValueError
    except ValueError:
        raise ValueError(f"{text} is no address and port; write 127.0.0.1:9464, or [::1]:9464") from None
    return str(address), int(port)
