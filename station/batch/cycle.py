"""A cycle without a board: reserve → activate → bind, on the same journal and under the same promises as a jig's.

It never ends in PASS, which says that a board was written, proven and labelled: that is for the jig, where the unit goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from drivers.errors import DriverError
from station import server_steps
from station.batch.unit import ListedUnit
from station.checks import refuse_held
from station.cycle import describe
from station.effects import Effects
from station.errors import CATALOGUE, StationError, UnitError, explain
from station.model import CycleResult, LabelFate, Step, Unit
from station.server_steps import Lane

LIST = "list"
"""Stands where a jig's cycle names its socket and what started it."""
PROVISIONED = "cycle.no_board"

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListBench:
    """All that a cycle without a board works with."""

    station: str
    lane: Lane
    check_device_id: Callable[[str], None]
    """Raises UnitError("unit.device_id_unfit") where no board of the configured kind can hold the DeviceID."""
    claim: Callable[[str], None]
    """Takes a chipId for this cycle. Raises UnitError("unit.busy")."""
    aborted: Callable[[], str | None]
    """The code of the abort that was asked for, or None; asked between steps."""
    repeat_unnamed: bool = False


class ListedCycle:
    """One attempt on one unit. ``run`` is called once."""

    def __init__(self, bench: ListBench, session_path: str, listed: Callable[[], ListedUnit]) -> None:
        """``listed`` says which unit; asked through the session, so that the log knows."""
        self._bench = bench
        self._lane = bench.lane
        self._session_path = session_path
        self._number = 0
        self._steps: dict[Step, float] = {}
        self._unit: Unit | None = None
        self._resumed = False
        self._listed = bench.lane.session.given("list.unit", {}, ListedUnit, listed)

    def run(self) -> CycleResult:
        """Do the cycle; code ``PROVISIONED`` where the unit is activated and bound. Raises StationError where the journal or the
        session log cannot be written."""
        session = self._lane.session
        started_s = session.clock.monotonic_s()
        self._number = self._lane.journal.begin_cycle(LIST, self._session_path)
        error: Exception | None = None
        try:
            self._provision()
        except (StationError, DriverError) as caught:
            error = caught
        except Exception as caught:
            logger.exception("cycle %d ended in a program fault", self._number)
            error = caught
        result = self._result(error, session.clock.monotonic_s() - started_s)
        self._lane.journal.end_cycle(result)
        session.end(result)
        return result

    def _provision(self) -> None:
        effects = Effects(self._lane.journal, self._number, self._bench.repeat_unnamed)
        unit = self._step(Step.RESERVE, self._reserve)
        then = server_steps.named_bind(unit)
        try:
            proven = self._step(Step.ACTIVATE, lambda: server_steps.activate(self._lane, effects, unit, then))
            activated = server_steps.confirmed(unit, proven=proven) or self._known()
            self._step(Step.BIND, lambda: server_steps.bind(self._lane, effects, activated))
        finally:
            effects.close(unit.chip_id)
        bound = replace(activated, bound=True) if proven and activated.sn else self._known()
        self._unit = bound
        if not (bound.activated and bound.bound and bound.device_id and bound.sn):
            raise UnitError("journal.contradiction", f"both calls were confirmed, and the unit is {bound.status}")

    def _reserve(self) -> Unit:
        listed, session = self._listed, self._lane.session
        session.given("unit.claim", {"chip_id": listed.chip_id}, type(None), lambda: self._bench.claim(listed.chip_id))
        known = self._unit = self._lane.journal.find_unit(listed.chip_id)
        self._resumed = known is not None
        if known is not None:
            refuse_held(known)
            if known.app_eui != listed.app_eui:
                raise UnitError("unit.app_eui_changed", f"journal {known.app_eui}, list {listed.app_eui}")
        unit = self._unit = server_steps.reserve(self._lane, self._number, known, listed.chip_id, listed.app_eui)
        if unit.device_id is not None and not unit.activated:
            self._bench.check_device_id(unit.device_id)
        return unit

    def _step(self, step: Step, work: Callable[[], T]) -> T:
        session = self._lane.session
        aborted = session.given("abort", {}, str | None, self._bench.aborted)
        if aborted is not None:
            raise UnitError(aborted, f"before {step}")
        started_s = session.clock.monotonic_s()
        try:
            with session.step(step):
                return work()
        finally:
            self._steps[step] = session.clock.monotonic_s() - started_s

    def _known(self) -> Unit:
        unit = self._unit = self._lane.journal.find_unit(self._listed.chip_id)
        if unit is None:
            raise UnitError("journal.contradiction", f"unit {self._listed.chip_id} is gone from the journal")
        return unit

    def _result(self, error: Exception | None, duration_s: float) -> CycleResult:
        row = CATALOGUE[PROVISIONED] if error is None else explain(error)
        unit = self._unit
        return CycleResult(
            cycle=self._number,
            station=self._bench.station,
            socket=LIST,
            outcome=row.outcome,
            code=row.code,
            chip_id=self._listed.chip_id,
            app_eui=self._listed.app_eui,
            device_id=unit.device_id if unit else None,
            sn=unit.sn if unit else None,
            resumed=self._resumed,
            label=LabelFate.NOT_PRINTED,
            duration_s=duration_s,
            steps={step.value: self._steps[step] for step in Step if step in self._steps},
            session=self._session_path,
            message="activated and bound" if error is None else describe(error),
        )
