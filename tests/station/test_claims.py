"""Who has a unit: one holder here, and one station among those that share the journal."""

from __future__ import annotations

import pytest

from station.claims import Claims
from station.errors import UnitError


class OtherStations:
    """Stations of which some have units; what is claimed and released is noted."""

    def __init__(self, *busy: str) -> None:
        self.busy = set(busy)
        self.claimed: list[str] = []

    def claim(self, chip_id: str) -> None:
        if chip_id in self.busy:
            raise UnitError("unit.busy", "served by station jig-9")
        self.claimed.append(chip_id)

    def release(self, chip_id: str) -> None:
        self.claimed.remove(chip_id)


def test_a_unit_is_claimed_of_the_others_once_and_given_back_with_the_cycle() -> None:
    others = OtherStations()
    claims = Claims(others)
    claims.take("C1", "socket A")
    claims.take("C1", "socket A")
    claims.take("C2", "socket B")
    with pytest.raises(UnitError, match="socket A"):
        claims.take("C1", "socket B")
    assert others.claimed == ["C1", "C2"]
    claims.release("socket A")
    assert others.claimed == ["C2"]
    claims.take("C1", "socket B")


def test_a_unit_that_another_station_has_is_nobodys_here() -> None:
    others = OtherStations("C1")
    claims = Claims(others)
    for _ in range(2):
        with pytest.raises(UnitError, match="jig-9"):
            claims.take("C1", "socket A")
        with pytest.raises(UnitError, match="jig-9"), claims.held("C1", "a decision"):
            pass
    others.busy.clear()
    claims.take("C1", "socket B")


def test_what_is_held_for_a_moment_is_given_back_after_it() -> None:
    others = OtherStations()
    claims = Claims(others)
    with claims.held("C1", "a decision"), pytest.raises(UnitError, match="a decision"):
        claims.take("C1", "socket A")
    assert others.claimed == []
    claims.take("C1", "socket A")
    with pytest.raises(UnitError, match="socket A"), claims.held("C1", "a decision"):
        pass
    assert others.claimed == ["C1"]
