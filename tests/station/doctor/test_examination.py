"""All checks are heard, in their order, in bounded time, whatever one of them does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import SystemClock
from drivers.errors import PortMissing
from station.doctor import Finding, Grade, Survey, good
from station.doctor.examination import checks_of, examine
from tests.support.configuration import changed, loaded
from tests.support.doctor import survey

CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Planted:
    """A check that does what it is told."""

    name: str
    work: Callable[[], None]

    def look(self) -> Iterator[Finding]:
        yield good("begun")
        self.work()
        yield good("done")


def _raising(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_a_check_that_fails_hides_neither_what_it_found_nor_the_others() -> None:
    checks = [
        Planted("broken", _raising(RuntimeError("boom"))),
        Planted("port", _raising(PortMissing("/dev/x", "No such file or directory"))),
        Planted("well", lambda: None),
    ]
    found = list(examine(checks, CLOCK))
    assert [name for name, _ in found] == ["broken", "broken", "port", "port", "well", "well"]
    by_name = {name: finding for name, finding in found if finding.grade is Grade.BAD}
    assert by_name["broken"].what == "the check itself failed: RuntimeError: boom"
    assert by_name["port"].what == "port.missing: /dev/x: No such file or directory"
    assert by_name["port"].remedy == "Check the USB cable of the socket, then try again."


def test_a_check_that_hangs_is_told_and_left_behind() -> None:
    """The checks run side by side, so the one behind it is heard all the same."""
    release, said = threading.Event(), threading.Event()
    hanging = Planted("hanging", lambda: void(release.wait(20)))
    well = Planted("well", said.set)
    try:
        found = list(examine([hanging, well], CLOCK, limit_s=0.2))
        assert said.wait(5)
        late = [finding for name, finding in found if name == "hanging"]
        assert late[-1].grade is Grade.BAD
        assert late[-1].what == "not finished in time"
    finally:
        release.set()


def void(_value: object) -> None:
    """Takes a value and gives none."""


def test_there_is_a_check_for_every_part(tmp_path: Path) -> None:
    second = "  - {name: B, serial: {port: /dev/ttyABSENT2}, trigger: {keyboard: {}}}\n"
    examined: Survey = survey(tmp_path, changed(("sockets:\n", f"sockets:\n{second}")))
    assert [check.name for check in checks_of(examined)] == [
        "configuration",
        "versions",
        "clock",
        "time service",
        "state folder",
        "disk speed",
        "journal",
        "pool of ids",
        "API",
        "port of socket B",
        "port of socket A",
        "scanner of socket A",
        "ModemManager",
        "printer line-1",
    ]
    assert loaded(tmp_path).station.station == "jig-1"
