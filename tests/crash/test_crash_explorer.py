"""A short search for a crash that breaks a promise, and proof that the search would see one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from station.production_api.simulator.settings import Temper
from tests.crash.explore import Finding, explore
from tests.crash.nursery import Nursery
from tests.crash.points import Point, Switch, all_points
from tests.crash.scenarios import Scenario, short, usual
from tests.crash.search import table
from tests.support.station import Rig

ANSWERED = Point("http: activateDeviceId: answered", 1)
PRINTED = Point("print: write: after", 3)
"""The label, after two writes that ask the printer how it is."""


LANES = 3
"""Runs at a time; they mostly wait."""


@pytest.fixture(scope="module")
def nurseries() -> Iterator[list[Nursery]]:
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Nursery())) for _ in range(LANES)]


@pytest.fixture
def nursery(nurseries: list[Nursery]) -> Nursery:
    return nurseries[0]


@pytest.mark.parametrize("scenario", short(), ids=str)
def test_no_crash_breaks_a_promise(nurseries: list[Nursery], scenario: Scenario) -> None:
    """A share of all crash points; ``make crash`` tries many more."""
    whole = explore(nurseries[0], scenario, None)
    assert whole.violations == []
    assert whole.codes == ([] if scenario.command == "provision" else [None] * scenario.sockets)
    points = scenario.choose(whole.points)

    def lane(number: int) -> list[Finding]:
        return [
            explore(
                nurseries[number], scenario, point, scenario.second(point, whole.points) if scenario.twice else None
            )
            for point in points[number::LANES]
        ]

    with ThreadPoolExecutor(LANES) as pool:
        findings = [finding for found in pool.map(lane, range(LANES)) for finding in found]
    assert len(findings) == len(points) >= 3
    assert [violation for finding in findings for violation in finding.violations] == []


def test_every_kind_of_effect_boundary_is_a_crash_point(nursery: Nursery) -> None:
    """Commits, requests, serial writes, prints and session-log syncs, each before and after; writes in their middle too."""
    places = explore(nursery, Scenario(), None).points
    calls = ("requestDeviceId", "requestSN", "activateDeviceId", "bindSN", "Manage.createAccessToken")
    expected = {f"http: {call}: {moment}" for call in calls for moment in ("before", "sent", "answered", "after")}
    expected |= {f"{what}: {moment}" for what in ("journal: commit", "log: sync") for moment in ("before", "after")}
    expected |= {
        f"{what}: {moment}" for what in ("uart: uart-A", "print: write") for moment in ("before", "half", "after")
    }
    assert expected <= set(places)
    assert sum(places.values()) > 150


def test_the_search_covers_every_combination_and_hundreds_of_points() -> None:
    """Each value of a dimension occurs with each of another."""
    names = [scenario.dimensions for scenario in usual()]
    for first, second in (
        ("ids from", "server"),
        ("ids from", "board"),
        ("server", "sockets"),
        ("server", "answer lost"),
    ):
        pairs = {(each[first], each[second]) for each in names}
        values = {each[first] for each in names}, {each[second] for each in names} - {"text", "request"}
        assert {(one, two) for one in values[0] for two in values[1]} <= pairs


# -- the search sees what it is there to see ------------------------------------------------------------------------------


def _forget_everything(rig: Rig) -> None:
    for file in (rig.folder / "state").glob("journal.sqlite*"):
        file.unlink()


def _change_journal(rig: Rig, *statements: str) -> None:
    import sqlite3

    connection = sqlite3.connect(rig.folder / "state" / "journal.sqlite")
    try:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


def test_an_agent_that_forgets_a_crash_is_caught_giving_a_chip_two_ids(nursery: Nursery) -> None:
    """Without its journal it asks the worst server again: exactly what must never happen."""
    scenario = Scenario("server", Temper.WORST)
    finding = explore(nursery, scenario, ANSWERED, meanwhile=_forget_everything)
    assert finding.reached
    assert any("has 2 DeviceIDs" in violation for violation in finding.violations)


def test_an_agent_that_takes_a_doubt_for_not_done_is_caught_printing_twice(nursery: Nursery) -> None:
    def forget_the_print(rig: Rig) -> None:
        _change_journal(rig, "UPDATE effects SET state = 'not_done', settled_at = 1 WHERE kind = 'print'")

    finding = explore(nursery, Scenario(), PRINTED, meanwhile=forget_the_print)
    assert finding.reached
    assert any("was printed 2 times" in violation for violation in finding.violations)


def test_an_agent_that_gives_named_ids_back_to_the_pool_is_caught(nursery: Nursery) -> None:
    def free_again(rig: Rig) -> None:
        _change_journal(
            rig,
            "UPDATE ids SET state = 'free', chip_id = NULL WHERE state IN ('reserved', 'named')",
            "DELETE FROM effects",
            "DELETE FROM units",
        )

    scenario = Scenario("pool", Temper.WORST, board_after="another")
    finding = explore(nursery, scenario, ANSWERED, meanwhile=free_again)
    assert finding.reached
    assert any("has 2 DeviceIDs" in violation for violation in finding.violations)
    assert any("never came to PASS" in violation for violation in finding.violations)


def test_a_session_log_that_was_changed_is_caught(nursery: Nursery) -> None:
    def change_a_byte(rig: Rig) -> None:
        (part,) = (rig.folder / "state").rglob("*.part")
        content = part.read_bytes()
        part.write_bytes(content.replace(b'"k":"tx"', b'"k":"rx"', 1))

    finding = explore(nursery, Scenario(), Point("print: write: before", 3), meanwhile=change_a_byte)
    assert finding.reached
    assert any("cannot be replayed" in violation for violation in finding.violations)


# -- the tools ------------------------------------------------------------------------------------------------------------


def test_a_killed_agent_leaves_nothing_but_what_it_had_done(nursery: Nursery, tmp_path: Path) -> None:
    """It ends by SIGKILL, in the middle of what it did, and the nursery goes on."""
    with_kill = nursery.run(["config", "check", str(tmp_path / "none.yaml")], None, lambda _socket: None)
    assert (with_kill.status, with_kill.was_killed) == (2, False)
    finding = explore(nursery, Scenario(), Point("journal: commit: before", 4))
    assert (finding.reached, finding.kills) == (True, 1)


def test_a_point_is_what_it_says() -> None:
    point = Point("http: bindSN: sent", 2)
    assert Point.parse(str(point)) == point
    assert point.seam == "http"
    assert [str(each) for each in all_points({"a: b": 2})] == ["a: b #1", "a: b #2"]
    with pytest.raises(ValueError, match="no crash point"):
        Point.parse("journal")


def test_the_switch_counts_each_place_and_is_due_once() -> None:
    switch = Switch(Point("a", 2))
    assert [switch.is_due("a"), switch.is_due("b"), switch.is_due("a"), switch.is_due("a")] == [
        False,
        False,
        True,
        False,
    ]
    assert switch.counts == {"a": 3, "b": 1}


def test_the_table_counts_points_and_violations_by_dimension(nursery: Nursery) -> None:
    good = explore(nursery, Scenario(), Point("log: sync: after", 1))
    bad = replace(good, violations=["one", "two"], scenario=Scenario("server"))
    lines = [line.split() for line in table([good, bad]).splitlines()]
    assert ["ids", "from", "pool", "1", "0"] in lines
    assert ["server", "1", "2"] in lines
