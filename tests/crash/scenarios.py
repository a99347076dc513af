"""What is varied from one exploration to the next, and which crash points of each are tried."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.settings import SimulatorSettings, Temper
from tests.crash.points import Point, all_points
from tests.support.station import SHARED_SLOT_AT, SLOT_AT, Settings

BOARDS = {"blank": ("stm32", SLOT_AT), "shared": ("stm32", SHARED_SLOT_AT), "text": ("text", SLOT_AT)}
"""A slot in a page of its own is only programmed; one that shares the AppEUI's page is read, erased and programmed anew."""
SHARES = {1: 20, 2: 48}
"""By the number of sockets: one in so many crash points is tried in each combination."""
LOST = {
    "": ("", 0),
    "activate": ("activateDeviceId", 1),
    "activate x2": ("activateDeviceId", 2),
    "bind": ("bindSN", 1),
    "bind x2": ("bindSN", 2),
    "request": ("requestDeviceId", 1),
}
"""The call whose first answers are lost beside the crash, and how many. The agent here sends a call that may be repeated twice, so
that after two the cycle gives up."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One station and its world. ``stride``: every so many'th crash point is tried; 1 tries all."""

    ids: str = "pool"
    temper: Temper = Temper.LENIENT
    sockets: int = 1
    board: str = "blank"
    lost: str = ""
    twice: bool = False
    """The first restart is killed as well, at a point of its own."""
    board_after: str = "same"
    """``another``: after the crash other boards are made first, and then those that the crash cut off."""
    command: str = "run"
    """What is killed: an agent that ``run``s or ``provision``s a list, or a person's ``reprint`` or ``refill``."""
    stride: int = 1
    scan: str = "start"
    """``sn``: each board comes with an SN, and every start is a scan of it."""
    with_power: bool = False
    """The computer loses its power, and with it what was not synced, where else only the process is killed."""

    @property
    def dimensions(self) -> dict[str, str]:
        """Name and value of each dimension, as the table shows them."""
        return {
            "ids from": self.ids,
            "server": self.temper.value,
            "sockets": str(self.sockets),
            "board": self.board,
            "answer lost": self.lost or "none",
            "killed": "twice" if self.twice else "once",
            "next board": self.board_after,
            "command": self.command,
            "a scan is": self.scan,
            "lost with it": "unsynced" if self.with_power else "nothing",
        }

    def __str__(self) -> str:
        return "/".join(self.dimensions.values())

    def settings(self) -> Settings:
        """For ``tests.support.station.Rig``."""
        kind, slot = BOARDS[self.board]
        return Settings(
            api=SimulatorSettings(seed=7, temper=self.temper),
            ids=self.ids,
            kind=kind,
            slot=slot,
            sockets=tuple("ABCDEFGH"[: self.sockets]),
            scan=self.scan,
        )

    def faults(self) -> Iterator[Fault]:
        method, times = LOST[self.lost]
        if times:
            yield Fault(FaultKind.ANSWER_LOST, method=method, times=times)

    @property
    def lost_answers(self) -> int:
        """How many answers are lost beside the crash."""
        return LOST[self.lost][1]

    def choose(self, counts: dict[str, int]) -> list[Point]:
        """The points to try. Scenarios of the same stride start at different ones, so that together they try them all."""
        points = sorted(all_points(counts), key=lambda point: (point.where, point.nth))
        return points[zlib.crc32(str(self).encode()) % self.stride :: self.stride]

    def second(self, first: Point, counts: dict[str, int]) -> Point:
        """Where the restart after ``first`` is killed too: any point, but always the same one."""
        points = sorted(all_points(counts), key=lambda point: (point.where, point.nth))
        return points[zlib.crc32(f"{self} {first}".encode()) % len(points)]


def usual() -> list[Scenario]:
    """Every crash point of a few scenarios, and a share of them in every combination of the dimensions."""
    thorough = [
        Scenario("pool", Temper.STRICT, board="shared"),
        Scenario("server", Temper.WORST),
    ]
    combined = [
        Scenario(ids, temper, sockets, board, lost, twice, after, stride=SHARES[sockets])
        for ids, temper, sockets, board in product(("pool", "server"), Temper, SHARES, ("blank", "shared"))
        for lost, twice, after in (
            ("", False, "same"),
            ("", True, "same"),
            ("", False, "another"),
            ("activate", False, "same"),
            ("bind", True, "same"),
        )
    ]
    others = [
        Scenario("pool", Temper.WORST, board="text", stride=4),
        Scenario("server", Temper.STRICT, board="text", stride=4),
        Scenario("pool", Temper.LENIENT, lost="request", stride=16),
        *(
            Scenario("pool", temper, board="shared", lost=lost, stride=8)
            for temper, lost in product(Temper, ("activate x2", "bind x2"))
        ),
        Scenario("server", Temper.STRICT, command="reprint"),
        Scenario("pool", Temper.LENIENT, command="refill"),
        Scenario("pool", Temper.LENIENT, lost="request", command="refill"),
        *(
            Scenario("pool", temper, lost=lost, twice=twice, command="provision", stride=5, with_power=with_power)
            for temper, (lost, twice, with_power) in product(
                Temper,
                (("", False, False), ("bind", False, False), ("", True, False), ("", False, True), ("", True, True)),
            )
        ),
    ]
    scanned = [
        Scenario("pool", Temper.STRICT, scan="sn"),
        *(
            Scenario("pool", temper, sockets, board, lost, twice, after, stride=SHARES[sockets], scan="sn")
            for temper, sockets in product(Temper, SHARES)
            for board, lost, twice, after in (
                ("blank", "", True, "same"),
                ("shared", "", False, "another"),
                ("blank", "bind", False, "same"),
            )
        ),
    ]
    powerless = [
        Scenario("pool", Temper.STRICT, board="shared", with_power=True),
        Scenario("server", Temper.WORST, with_power=True),
        *(
            Scenario(ids, temper, sockets, board, lost, twice, after, stride=2 * SHARES[sockets], with_power=True)
            for ids, temper, sockets in product(("pool", "server"), Temper, SHARES)
            for board, lost, twice, after in (
                ("blank", "", True, "same"),
                ("shared", "bind", False, "same"),
                ("text", "", False, "another"),
            )
        ),
        Scenario("server", Temper.STRICT, command="reprint", with_power=True),
        Scenario("pool", Temper.LENIENT, lost="request", command="refill", with_power=True),
    ]
    return thorough + combined + others + scanned + powerless


def short() -> list[Scenario]:
    """A few of each kind, for every run of the tests."""
    return [
        Scenario("pool", Temper.STRICT, 1, "shared", stride=24),
        Scenario("server", Temper.WORST, 1, "blank", stride=24),
        Scenario("pool", Temper.WORST, 2, "blank", "bind", twice=True, stride=80),
        Scenario("pool", Temper.LENIENT, 1, "text", board_after="another", stride=30),
        Scenario("pool", Temper.STRICT, 2, "blank", stride=60, scan="sn"),
        Scenario("pool", Temper.STRICT, command="provision", stride=20, with_power=True),
        Scenario("pool", Temper.STRICT, 1, "shared", stride=24, with_power=True),
        Scenario("server", Temper.WORST, 2, "blank", stride=80, with_power=True),
    ]
