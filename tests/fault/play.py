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

IDS = 60
"""In one list: no case runs out of them unless it is about that."""
SLACK_S = 30.0
"""Beyond the bound of a fault: what a good cycle takes on a machine that has much else to do. Only a hang takes longer."""


def play(case: Case, folder: Path) -> None:
    """Raises AssertionError where anything is otherwise than declared; the judge of ``station`` has the last word."""
    with station(folder, **({"batch": IDS} | dict(case.station))) as rig:
        trials = [_Trial(case, Scene(rig, case.board(rig, value), value)) for value in case.vary]
        if case.when is When.AT_START:
            seen = [_refused_start(case, trial.scene) for trial in trials]
        elif case.when is When.BEFORE_STATION or case.restarts:
            seen = [trial.ending(trial.played_alone()) for trial in trials]
        else:
            # One start of the station serves all of them.
            results = rig.run(*(start for trial in trials for start in trial.starts))
            seen = [trial.ending(results[3 * index : 3 * index + 3]) for index, trial in enumerate(trials)]
    assert set(seen) == set(case.ends), seen


class _Trial:
    """Three cycles: under the fault, the same board again, and a board that is new."""

    def __init__(self, case: Case, scene: Scene) -> None:
        self._case = case
        self.scene = scene
        self._held: list[str | None] = []
        scans = case.scans(scene.value)
        is_early = case.when is When.BEFORE_STATION
        self.starts = (
            Start(scene.board, scans[0], before=(lambda: None) if is_early else lambda: case.inject(scene)),
            Start(scene.board or scene.rig.board(), scans[1], before=self._mend),
            Start(scene.rig.board(), scans[2]),
        )

    def _mend(self) -> None:
        """Look at what the fault has left, then take it away."""
        self._held.append(_hold_of(self.scene))
        self._case.proves(self.scene)
        clear(self.scene.rig)
        self._case.mend(self.scene)

    def played_alone(self) -> list[CycleResult]:
        """The results of this trial, for which the station is started."""
        rig, (first, again, after) = self.scene.rig, self.starts
        if self._case.when is When.BEFORE_STATION:
            self._case.inject(self.scene)
        if not self._case.restarts:
            return rig.run(*self.starts)
        results = rig.run(first)
        self._mend()
        return [*results, *rig.run(replace(again, before=lambda: None), after)]

    def ending(self, results: list[CycleResult]) -> str:
        """How the cycle under the fault ended, all else being as it should."""
        case, value = self._case, self.scene.value
        first, again, after = results
        assert self._held == [case.hold and case.hold.value], (value, self._held)
        _check_first(case, self.scene, first)
        if again.outcome is Outcome.PASS and first.device_id is not None:
            assert (again.device_id, again.resumed) == (first.device_id, True), value
        assert _ending(again) in case.again, (value, again)
        assert _ending(after) == PASS, (value, after)
        return _ending(first)


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
    assert [_ending(result) for result in scene.rig.run(Start(scene.board), Start(scene.rig.board()))] == [PASS, PASS]
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
