"""The state machine: any sequence of boards, faults, kills and people's decisions, which Hypothesis draws, and shortens to the
few steps that matter where one breaks a promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from drivers.simulated.faults import Fault as WireFault
from drivers.simulated.stm32_chip import SimulatedStm32
from station.production_api.simulator.settings import SimulatorSettings, Temper
from tests.crash.nursery import Nursery
from tests.crash.points import Point
from tests.stateful.exchange import Exchanged
from tests.stateful.floor import Floor
from tests.stateful.troubles import (
    BYTES_FROM_HOST,
    BYTES_TO_HOST,
    PRINTER_TROUBLES,
    api_faults,
    chip_faults,
    chip_troubles,
    kills,
    wire_faults,
)
from tests.support.station import SHARED_SLOT_AT, SLOT_AT, Settings

MAX_BOARDS = 5
_SLOTS = {"blank": SLOT_AT, "shared": SHARED_SLOT_AT}
"""A slot in a page of its own, or in the AppEUI's."""


class Station(RuleBasedStateMachine):
    """One station from its first start until every board has passed. ``nursery`` is set by whoever runs it; ``tally`` counts what
    was tried."""

    nursery: Nursery
    tally: Counter[str]
    told: Callable[[str], None] = lambda _line: None
    """Hears each violation at once, since it takes a while to find the shortest sequence that leads to it."""

    boards: Bundle[SimulatedStm32] = Bundle("boards")
    floor: Floor | None = None
    judged_lives = 0

    @initialize(
        target=boards,
        ids=st.sampled_from(("pool", "server")),
        temper=st.sampled_from(Temper),
        slot=st.sampled_from(tuple(_SLOTS)),
        sockets=st.sampled_from((1, 1, 2)),
    )
    def start(self, ids: str, temper: Temper, slot: str, sockets: int) -> SimulatedStm32:
        api = SimulatorSettings(seed=7, temper=temper)
        settings = Settings(api=api, ids=ids, slot=_SLOTS[slot], sockets=tuple("AB"[:sockets]), pause_s=0.1)
        self.floor = Floor(self.nursery, settings)
        return self.new_chip()

    def new_chip(self) -> SimulatedStm32:
        board = self._floor.rig.board()
        assert isinstance(board, SimulatedStm32)
        return board

    @property
    def _floor(self) -> Floor:
        assert self.floor is not None, "start comes first"
        return self.floor

    # -- boards --------------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self._floor.rig.boards) < MAX_BOARDS)
    @rule(target=boards)
    def new_board(self) -> SimulatedStm32:
        return self.new_chip()

    @rule(boards=st.lists(boards, min_size=1, max_size=3), kill=kills())
    def run(self, boards: list[SimulatedStm32], kill: Point | None) -> None:
        """A board is in one socket at a time, but not always in the same one."""
        numbers = {chip_id: number for number, chip_id in enumerate(self._floor.rig.boards, self._floor.lives)}
        self._floor.live([(numbers[self._floor.rig.chip_id(board)], board) for board in boards], kill)

    @rule(first=boards, second=boards, after_bytes=st.integers(1, BYTES_FROM_HOST), kill=kills())
    def run_and_exchange(
        self, first: SimulatedStm32, second: SimulatedStm32, after_bytes: int, kill: Point | None
    ) -> None:
        self._floor.live([(0, Exchanged(first, second, after_bytes))], kill)

    # -- what breaks ---------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def break_api(self, data: st.DataObject) -> None:
        self._floor.rig.api.add_fault(data.draw(api_faults(named=self._floor.rig.settings.ids == "pool")))

    @rule()
    def stop_api(self) -> None:
        self._floor.api_down()

    @rule(number=st.integers(0, 1), fault=wire_faults(BYTES_TO_HOST))
    def break_wire_to_host(self, number: int, fault: WireFault) -> None:
        self._floor.spoil_wire(number, (fault,), ())

    @rule(number=st.integers(0, 1), fault=wire_faults(BYTES_FROM_HOST))
    def break_wire_from_host(self, number: int, fault: WireFault) -> None:
        self._floor.spoil_wire(number, (), (fault,))

    @rule(number=st.integers(0, 1))
    def unplug(self, number: int) -> None:
        self._floor.unplug(number)

    @rule(board=boards, trouble=chip_troubles(), nth=st.integers(1, 25))
    def break_chip(self, board: SimulatedStm32, trouble: str, nth: int) -> None:
        board.faults = chip_faults(board, trouble, nth)

    @rule(trouble=st.sampled_from(PRINTER_TROUBLES), after_bytes=st.integers(1, 400))
    def break_printer(self, trouble: str, after_bytes: int) -> None:
        self._floor.spoil_printer(trouble, after_bytes)

    # -- people --------------------------------------------------------------------------------------------------------

    @rule()
    def mend(self) -> None:
        self._floor.mend()

    @rule(kill=kills())
    def settle(self, kill: Point | None) -> None:
        self._floor.settle(kill)

    @rule(board=boards, kill=kills())
    def reprint(self, board: SimulatedStm32, kill: Point | None) -> None:
        self._floor.reprint(board, kill)

    @rule(kill=kills())
    def refill(self, kill: Point | None) -> None:
        self._floor.refill(kill)

    # -- the judge -----------------------------------------------------------------------------------------------------

    @invariant()
    def no_promise_is_broken(self) -> None:
        if self.floor is not None and self.floor.lives != self.judged_lives:
            self.judged_lives = self.floor.lives
            self._refuse(self.floor.problems_so_far())

    def teardown(self) -> None:
        if self.floor is None:
            return
        try:
            self._refuse(self.floor.finish())
        finally:
            self._count(self.floor)
            self.floor.close()

    def _count(self, floor: Floor) -> None:
        self.tally["sequences"] += 1
        self.tally["agents started"] += floor.lives
        self.tally["agents killed"] += floor.kills
        self.tally["settled by a person"] += floor.settled
        for result in floor.rig.results:
            self.tally[f"cycle {result.code or 'PASS'}"] += 1

    def _refuse(self, problems: list[str]) -> None:
        for problem in problems:
            type(self).told(problem)
        if problems:
            raise AssertionError("\n".join(problems))
