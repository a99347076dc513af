"""A few random sequences in every run of the tests, and proof that the search would see a broken promise."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.crash.explore import explore
from tests.crash.nursery import Nursery
from tests.crash.points import Point
from tests.crash.scenarios import Scenario
from tests.stateful.__main__ import search
from tests.stateful.exchange import Exchanged
from tests.stateful.floor import Floor
from tests.stateful.troubles import KILLS
from tests.support.station import Settings


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with closing(Nursery()) as running:
        yield running


@pytest.fixture
def floor(nursery: Nursery) -> Iterator[Floor]:
    with closing(Floor(nursery, Settings())) as world:
        yield world


@pytest.mark.timeout(300)
def test_no_sequence_of_troubles_breaks_a_promise(nursery: Nursery) -> None:
    """The same ones in each run; ``python -m tests.stateful`` tries many more."""
    tally = search(nursery, examples=8, steps=10)
    assert tally["sequences"] >= 8
    assert tally["agents killed"] >= 1
    assert tally["cycle PASS"] >= tally["sequences"]
    assert sum(count for what, count in tally.items() if what.startswith("cycle ") and what != "cycle PASS") >= 1


def test_the_agent_is_killed_at_places_that_it_comes_to(nursery: Nursery) -> None:
    places = {f"{place}: {moment}" for place, (moments, _) in KILLS.items() for moment in moments}
    assert set(explore(nursery, Scenario(), None).points) == places


def test_a_board_that_takes_the_place_of_another_is_seen_and_gets_nothing(floor: Floor) -> None:
    """Exchanged in the middle of the cycle: it was powered on anew, so that it hears no command before it is woken. Both pass
    afterwards, each with ids of its own."""
    first, second = floor.rig.board(), floor.rig.board()
    (result,) = floor.live([(0, Exchanged(first, second, 100))], None).results
    assert (result.code, result.chip_id) == ("board.silent", floor.rig.chip_id(first))
    assert floor.rig.held_by(second) is None
    assert floor.finish() == []


def test_a_label_printed_twice_is_a_violation(floor: Floor) -> None:
    """An agent that takes a print whose fate is not known for one that never was."""
    board = floor.rig.board()
    assert floor.live([(0, board)], Point("print: write: after", 3)).was_killed
    with closing(sqlite3.connect(floor.rig.folder / "state" / "journal.sqlite")) as journal:
        journal.execute("UPDATE effects SET state = 'not_done', settled_at = 1 WHERE kind = 'print'")
        journal.commit()
    assert any("was printed 2 times" in problem for problem in floor.finish())


def test_a_board_that_never_passes_is_a_violation(floor: Floor) -> None:
    """Its memory holds the DeviceID of somebody else, which no person can settle."""
    floor.rig.board(device_id="1122334455667788")
    assert any("never came to PASS" in problem for problem in floor.finish())


def test_a_log_that_was_only_opened_is_no_violation_and_the_next_agent_files_it(floor: Floor) -> None:
    board = floor.rig.board()
    assert floor.live([(0, board)], Point("log: open: after", 1)).was_killed
    assert [path.suffix for path in floor.rig.logs()] == [".part"]
    assert floor.problems_so_far() == []
    assert floor.finish() == []
    assert not [path for path in floor.rig.logs() if path.suffix == ".part"]


def test_what_is_mended_works_again(floor: Floor) -> None:
    board = floor.rig.board()
    floor.api_down()
    floor.spoil_printer("dies", 1)
    floor.spoil_printer("off", 0)
    floor.unplug(0)
    (result,) = floor.live([(0, board)], None).results
    assert result.code is not None
    assert floor.finish() == []
