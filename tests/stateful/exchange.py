"""Two boards that change places while the station talks."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.simulated import Reply, SimulatedDevice


@dataclass(slots=True)
class Exchanged:
    """A ``SimulatedDevice``: ``first`` until it has taken ``after_bytes`` from the host, from then on ``second``, which is then
    powered on. What was on its way to ``first`` is lost with it."""

    first: SimulatedDevice
    second: SimulatedDevice
    after_bytes: int

    def feed(self, data: bytes) -> list[Reply]:
        if self.after_bytes <= 0:
            return self.second.feed(data)
        taken, left = data[: self.after_bytes], data[self.after_bytes :]
        self.after_bytes -= len(taken)
        replies = self.first.feed(taken)
        if self.after_bytes == 0:
            return [*self.second.power_on(), *self.second.feed(left)]
        return replies

    def power_on(self) -> list[Reply]:
        return self.first.power_on() if self.after_bytes > 0 else self.second.power_on()

    def lines_changed(self, dtr: bool, rts: bool) -> list[Reply]:
        return self.first.lines_changed(dtr, rts) if self.after_bytes > 0 else self.second.lines_changed(dtr, rts)
