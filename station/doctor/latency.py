"""FTDI adapters hold an answer back for up to their latency timer; 16 ms by default, 1 ms is the least (FTDI AN232B-04)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from station.doctor import Check, Finding, Survey, advice, good

BEST_MS = 1


@dataclass(frozen=True, slots=True)
class LatencyCheck:
    """See ``Check``. ``timer`` is the file in which the driver keeps it (Linux, drivers/usb/serial/ftdi_sio.c)."""

    name: str
    timer: Path

    def look(self) -> Iterator[Finding]:
        latency_ms = int(self.timer.read_text("ascii"))
        if latency_ms > BEST_MS:
            what = f"the adapter holds each answer back for up to {latency_ms} ms"
            yield advice(what, f"install udev/60-station.rules, or: echo {BEST_MS} > {self.timer}")
        else:
            yield good(f"the adapter's latency timer is {latency_ms} ms")


def checks(survey: Survey) -> list[Check]:
    """Only for the ports of sockets whose adapter has such a timer."""
    found: list[Check] = []
    for socket in survey.configuration.station.sockets:
        if socket.serial.is_local:
            tty = Path(socket.serial.port).resolve().name
            timer = survey.root / "sys/class/tty" / tty / "device/latency_timer"
            if timer.exists():
                found.append(LatencyCheck(f"latency of socket {socket.name}", timer))
    return found
