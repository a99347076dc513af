"""Plays a case on a whole station, and asserts what the case declares and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drivers.simulated.faults import Faults
from station.errors import CATALOGUE, StationError, explain
from station.jig import Jig
from station.live import summary_of
from station.model import CycleResult, Outcome
from tests.fault.case import PASS, Case, Scene, When
from tests.fault.limits import Limits
from tests.support.station import Rig, Start, station

SLACK_S = 30.0
"""Beyond the bound of a fault: what a good cycle takes on a machine that has much else to do. Only a hang takes longer."""


def play(case: Case, folder: Path) -> None:
    """Raises AssertionError where anything is otherwise than declared; the judge of ``station`` has the last word."""
    with station(folder, **case.station) as rig:
        seen = [_trial(case, rig, value) for value in case.vary]
    assert set(seen) <= set(case.ends), seen
    assert case.ends[0] in seen, f"{case.ends[0]} never came: {seen}"


def _trial(case: Case, rig: Rig, value: object) -> str:
    """The ending under the fault."""
    scene = Scene(rig, case.board(rig, value), value)
    if case.when is When.AT_START:
        ending = _refused_start(case, scene)
        again, after = rig.run(Start(scene.board), Start(rig.board()))
    else:
        first, again, after = _cycles(case, scene)
        ending = _ending(first)
        _check_first(case, scene, first)
        if again.outcome is Outcome.PASS and first.device_id is not None:
            assert (again.device_id, again.resumed) == (first.device_id, True), value
    assert _ending(again) in case.again, (value, again)
    assert _ending(after) == PASS, (value, after)
    return ending


def _cycles(case: Case, scene: Scene) -> tuple[CycleResult, CycleResult, CycleResult]:
    """Under the fault, the same board again, and a board that is new."""
    rig, next_board = scene.rig, scene.rig.board()
    # What the station refuses is told before anything mends it.
    judged: list[str | None] = []

    def inject() -> None:
        case.inject(scene)

    def mend() -> None:
        judged.append(_hold_of(scene))
        case.proves(scene)
        clear(rig)
        case.mend(scene)

    scans = case.scans(scene.value)
    if case.when is When.BEFORE_STATION:
        inject()
        first = Start(scene.board, scans[0])
    else:
        first = Start(scene.board, scans[0], before=inject)
    again, after = Start(scene.board or rig.board(), scans[1], before=mend), Start(next_board, scans[2])
    if case.restarts:
        results = rig.run(first)
        mend()
        results = [*results, *rig.run(replace(again, before=lambda: None), after)]
    else:
        results = rig.run(first, again, after)
    assert judged == [case.hold and case.hold.value], (scene.value, judged)
    one, two, three = results
    return one, two, three


def _hold_of(scene: Scene) -> str | None:
    if scene.board is None:
        return None
    rows = scene.rig.rows("SELECT hold FROM units WHERE chip_id = ?", scene.rig.chip_id(scene.board))
    return rows[0]["hold"] if rows else None


def _check_first(case: Case, scene: Scene, first: CycleResult) -> None:
    """What holds for every cycle under a fault: in time, and told in one line that says what to do."""
    bound_s = case.costs.seconds(Limits.of(scene.rig.configuration().station))
    assert first.duration_s <= bound_s + SLACK_S, (scene.value, first)
    told = summary_of(first)
    assert told.isprintable()
    if first.code is not None:
        row = CATALOGUE[first.code]
        assert first.outcome is row.outcome
        assert row.headline in told
        assert row.action in told


def _refused_start(case: Case, scene: Scene) -> str:
    """The code of the error with which the station does not start."""
    case.inject(scene)
    with pytest.raises(StationError) as refused, Jig(scene.rig.configuration(), lambda _event: None):
        pytest.fail("the station must not start")
    scene.kept["told"] = told = str(refused.value)
    assert told.isprintable()
    case.proves(scene)
    clear(scene.rig)
    case.mend(scene)
    return explain(refused.value).code


def _ending(result: CycleResult) -> str:
    return PASS if result.code is None else result.code


def clear(rig: Rig) -> None:
    """Take away the cause of every fault that belongs to the simulated world."""
    rig.on_event = lambda _event: None
    rig.api.clear_faults()
    for place in rig.places.values():
        place.uart.wire.set_faults(Faults())
        place.uart.replug()
    rig.printer_link.wire.set_faults(Faults())
    queue = rig.printer.queue
    queue.problems.clear()
    queue.is_dead = False
    queue.manners = replace(queue.manners, speech="honest", dies_after_bytes=None, paper_for=None)
