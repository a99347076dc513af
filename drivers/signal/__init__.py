"""What tells the operator across the hall: lamps, buzzers, relays and sounds, each a named output of some device.

relay     relays on USB that are a CH340 serial port          serial_line   DTR and RTS of a serial adapter
gpio      lines of GPIO chips                                 sound         tones on the computer's loudspeaker
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

MAX_OUTPUTS = 64
"""The most outputs that one device has here."""


class SignalOutput(Protocol):
    """An open device with named outputs. One thread uses it. What it drives when it has just been opened is not known: whoever
    opens it sets every output."""

    @property
    def name(self) -> str:
        """What the configuration calls the device; stands in every error."""

    @property
    def is_momentary(self) -> bool:
        """Whether an output that is switched on does something once and ends by itself, as a sound does: one that is late is not
        made up for."""

    def set(self, output: str, on: bool) -> None:
        """Switch one output; returns in bounded time. Raises TransportError, PortLost where the device has gone."""

    def check(self) -> None:
        """Raises PortLost where the device is known to have gone; neither reads nor waits."""

    def close(self) -> None:
        """Release the device; the outputs stay as they are, as far as the device lets them. Never raises."""


def check_outputs(names: Iterable[str]) -> None:
    """Raises ValueError, one sentence, for names that outputs cannot have, or too many or none of them."""
    found = tuple(names)
    if not 1 <= len(found) <= MAX_OUTPUTS:
        raise ValueError(f"outputs must be 1 to {MAX_OUTPUTS}, not {len(found)}")
    for name in found:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", name):
            raise ValueError(f"outputs are named by letters, digits, '.', '_' and '-', up to 32, not {name[:40]!r}")
