"""What wakes those who wait for a device, where udev does not behave. A real udev: ``tests.station.emulated_scenarios``."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from drivers import hotplug
from drivers.hotplug import DeviceWatch

PATIENCE_S = 20.0


@dataclass
class _Device:
    action: str


@dataclass
class _Monitor:
    """Is heard of through a pipe; each byte in it stands for the next of ``messages``."""

    messages: list[_Device | OSError]
    ends: tuple[int, int] = field(default_factory=os.pipe)

    def fileno(self) -> int:
        return self.ends[0]

    def tell(self) -> None:
        os.write(self.ends[1], b"x")

    def poll(self, timeout: float) -> _Device | None:
        assert timeout == 0
        os.set_blocking(self.ends[0], False)
        try:
            os.read(self.ends[0], 1)
        except BlockingIOError:
            return None
        message = self.messages.pop(0)
        if isinstance(message, OSError):
            raise message
        return message


def test_messages_that_were_lost_wake_whoever_waits_and_the_next_are_heard(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hotplug, "LOST_PAUSE_S", 0.01)
    monitor = _Monitor([OSError(errno.ENOBUFS, "No buffer space available"), _Device("remove"), _Device("add")])
    monkeypatch.setattr(hotplug, "_monitor", lambda: monitor)
    try:
        with closing(DeviceWatch()) as watch:
            for tellings in (1, 2):  # what is removed wakes nobody
                mark = watch.mark()
                for _ in range(tellings):
                    monitor.tell()
                watch.wait(mark, PATIENCE_S)
                assert watch.mark() > mark
    finally:
        for end in monitor.ends:
            os.close(end)
    assert monitor.messages == []
    assert [record.message for record in caplog.records] == [
        "what udev tells was lost, every device is looked for: [Errno 105] No buffer space available"
    ]
