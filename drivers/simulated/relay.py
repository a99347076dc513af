"""A simulated USB relay board (``drivers.signal.relay``): it obeys whole commands, passes over everything else, and answers
nothing. Without power all relays are off."""

from __future__ import annotations

from drivers.signal.relay import COMMAND_BYTES, START, RelayCommand
from drivers.simulated import Reply

MAX_MOVES = 10_000
"""How many movements are remembered."""


class SimulatedRelay:
    """``on`` are the channels that are switched on; ``moves`` are the commands obeyed, oldest first."""

    def __init__(self, channels: int = 4) -> None:
        self._channels = channels
        self._pending = b""
        self.on: frozenset[int] = frozenset()
        self.moves: list[RelayCommand] = []

    def feed(self, data: bytes) -> list[Reply]:
        self._pending += data
        while (start := self._pending.find(START)) >= 0:
            self._pending = self._pending[start:]
            if len(self._pending) < COMMAND_BYTES:
                return []
            try:
                self._obey(RelayCommand.from_bytes(self._pending[:COMMAND_BYTES]))
            except ValueError:
                self._pending = self._pending[1:]
            else:
                self._pending = self._pending[COMMAND_BYTES:]
        self._pending = b""
        return []

    def power_on(self) -> list[Reply]:
        self._pending = b""
        self.on = frozenset()
        return []

    def lines_changed(self, dtr: bool, rts: bool) -> list[Reply]:  # noqa: ARG002 (a CH340's lines lead nowhere here)
        return []

    def _obey(self, command: RelayCommand) -> None:
        if 1 <= command.channel <= self._channels:
            self.on = self.on | {command.channel} if command.on else self.on - {command.channel}
            self.moves = [*self.moves[1 - MAX_MOVES :], command]
