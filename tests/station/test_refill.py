"""The refill: when it asks, for how many, and what it leaves on record when no answer comes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.events import PoolChanged
from station.journal.journal import Journal
from station.model import IdKind
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.wire import REQUEST_DEVICE_ID, REQUEST_SN
from station.refill import Refill, RefillOptions
from tests.support.api import Bench, bench
from tests.support.journal import opened

NO_RETRY = RefillOptions(batch=5, low_water=3, interval_s=3600, pause_after_failure_s=3600)


class Scene:
    """A refill of a real journal from a real server."""

    def __init__(self, api: Bench, journal: Journal, options: RefillOptions = NO_RETRY) -> None:
        self.api = api
        self.journal = journal
        self.told: list[PoolChanged] = []
        self.refill = Refill(journal, api.client, options, self._take)

    def _take(self, event: object) -> None:
        assert isinstance(event, PoolChanged)
        self.told.append(event)

    def free(self) -> tuple[int, int]:
        levels = self.journal.pool_levels()
        return levels.free(IdKind.DEVICE_ID), levels.free(IdKind.SN)

    def sizes(self, method: str) -> list[int]:
        """How many ids each call asked for."""
        return [
            int(entry.request.body.split(b'"size":')[1].strip().split(b"}")[0]) for entry in self.api.sim.seen(method)
        ]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with bench() as api, opened(tmp_path / "journal.sqlite") as journal:
        yield Scene(api, journal)


def test_each_kind_that_is_low_gets_one_batch(scene: Scene) -> None:
    assert scene.refill.top_up() is None
    assert scene.free() == (5, 5)
    assert scene.refill.top_up() is None
    assert scene.free() == (5, 5)
    assert scene.told == [PoolChanged(5, 5)]


def test_a_lost_answer_is_on_record_and_after_it_only_one_id_is_risked_at_a_time(scene: Scene) -> None:
    scene.api.sim.add_fault(Fault(FaultKind.ANSWER_LOST, REQUEST_DEVICE_ID, times=3))
    problems = [scene.refill.top_up() for _ in range(3)]
    assert all(problem is not None and problem.startswith("api.answer_lost") for problem in problems)
    assert scene.journal.pool_levels().possibly_lost() == 5 + 1 + 1
    assert scene.refill.top_up() is None
    assert scene.refill.top_up() is None
    assert scene.sizes(REQUEST_DEVICE_ID) == [5, 1, 1, 1, 5]


def test_a_refusal_loses_nothing_and_is_told_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.api.sim.add_fault(Fault(FaultKind.CODE, REQUEST_DEVICE_ID, times=None, code="030101"))
    for _ in range(4):
        assert (scene.refill.top_up() or "").startswith("api.licences")
    assert scene.journal.pool_levels().possibly_lost() == 0
    assert len(scene.told) == 1
    assert len([record for record in caplog.records if record.name == "station.refill"]) == 1
    scene.api.sim.clear_faults()
    assert scene.refill.top_up() is None
    assert [event.problem is None for event in scene.told] == [False, True]


def test_ids_that_are_all_known_already_are_a_problem_not_a_refill(scene: Scene) -> None:
    """A server that repeats its list for ever would be asked for ever."""
    scene.refill.top_up()
    body = '{"code": "000000", "data": {"snList": ["%s"]}}'
    known = scene.api.sim.ledger()["sns"]
    assert isinstance(known, list)
    repeated = Refill(scene.journal, scene.api.client, RefillOptions(batch=1, low_water=50), lambda _event: None)
    scene.api.sim.add_fault(Fault(FaultKind.RAW, REQUEST_SN, body=body % known[0]))
    assert repeated.top_up() == "the server gave no usable sn"


def test_a_poke_wakes_the_thread_and_stop_ends_it(tmp_path: Path) -> None:
    with bench() as api, opened(tmp_path / "journal.sqlite") as journal:
        changed = threading.Event()
        refill = Refill(journal, api.client, NO_RETRY, lambda _event: changed.set())
        refill.start(lambda error: pytest.fail(str(error)))
        try:
            assert changed.wait(20)
        finally:
            refill.stop()
        assert Scene(api, journal).free() == (5, 5)


@pytest.mark.parametrize(("shared", "looks"), [(False, [(5, 5), (7, 7)]), (True, [(5, 5), (4, 4), (3, 3), (7, 7)])])
def test_the_levels_are_looked_at_when_a_kind_can_be_low_or_when_others_take_too(
    tmp_path: Path, shared: bool, looks: list[tuple[int, int]]
) -> None:
    """Of five ids with a low water of three, two can be taken without a look; where nobody else takes, none is needed."""
    with bench() as api, opened(tmp_path / "journal.sqlite") as journal:
        told: queue.Queue[PoolChanged] = queue.Queue()

        def take(event: object) -> None:
            assert isinstance(event, PoolChanged)
            told.put(event)

        refill = Refill(journal, api.client, NO_RETRY, take, shared=shared)
        refill.start(lambda error: pytest.fail(str(error)))
        try:
            seen = [told.get(timeout=20)]
            for number in range(3):
                cycle = journal.begin_cycle("A", f"log {number}")
                journal.reserve(cycle, f"chip-{number}", "70B3D57ED00001C0", scanned_sn=None)
                refill.took_one()
                if shared or number == 2:
                    seen.append(told.get(timeout=20))
        finally:
            refill.stop()
        assert [(event.device_ids, event.sns) for event in seen] == looks
        assert told.empty()


def test_pokes_do_not_hammer_a_server_that_refuses(tmp_path: Path) -> None:
    with bench() as api, opened(tmp_path / "journal.sqlite") as journal:
        api.sim.add_fault(Fault(FaultKind.CODE, "*", times=None, code="010300"))
        told = threading.Event()
        refill = Refill(journal, api.client, NO_RETRY, lambda _event: told.set())
        refill.start(lambda error: pytest.fail(str(error)))
        try:
            assert told.wait(20)
            for _ in range(100):
                refill.poke()
        finally:
            refill.stop()
        assert len(api.sim.seen(REQUEST_DEVICE_ID)) <= 1


def test_a_program_fault_in_the_thread_is_told(tmp_path: Path) -> None:
    with bench() as api, opened(tmp_path / "journal.sqlite") as journal:
        failed = threading.Event()

        def broken(_event: object) -> None:
            raise RuntimeError("nobody listens")

        refill = Refill(journal, api.client, NO_RETRY, broken)
        refill.start(lambda _error: failed.set())
        assert failed.wait(20)
        refill.stop()


@pytest.mark.parametrize(
    "options",
    [{"batch": 0}, {"batch": 1001}, {"low_water": -1}, {"interval_s": 0.0}, {"pause_after_failure_s": 3601.0}],
)
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RefillOptions(**options)  # type: ignore[arg-type]


def test_lost_answers_are_remembered_over_a_restart(scene: Scene) -> None:
    """Else a station that is restarted for ever would lose a batch at each start."""
    scene.api.sim.add_fault(Fault(FaultKind.ANSWER_LOST, REQUEST_DEVICE_ID, times=3))
    for _ in range(2):
        lost = scene.journal.read.lost_in_a_row("jig-1")
        Refill(scene.journal, scene.api.client, NO_RETRY, lambda _event: None, lost_in_a_row=lost).top_up()
    lost = scene.journal.read.lost_in_a_row("jig-1")
    assert lost == {IdKind.DEVICE_ID: 2, IdKind.SN: 0}
    assert scene.sizes(REQUEST_DEVICE_ID) == [5, 1]
    assert scene.journal.read.lost_in_a_row("another station") == {IdKind.DEVICE_ID: 0, IdKind.SN: 0}
    scene.api.sim.clear_faults()
    scene.refill.top_up()
    assert scene.journal.read.lost_in_a_row("jig-1")[IdKind.DEVICE_ID] == 0


@pytest.mark.parametrize(
    ("lost", "pause_s"), [(0, 30.0), (1, 30.0), (2, 60.0), (3, 120.0), (5, 480.0), (6, 600.0), (5000, 600.0)]
)
def test_the_pause_grows_with_each_answer_that_is_lost(scene: Scene, lost: int, pause_s: float) -> None:
    options = RefillOptions(pause_after_failure_s=30.0)
    refill = Refill(
        scene.journal, scene.api.client, options, lambda _event: None, lost_in_a_row={IdKind.DEVICE_ID: lost}
    )
    assert refill.pause_after_failure_s() == pause_s


def test_a_configured_pause_longer_than_the_longest_stays(scene: Scene) -> None:
    refill = Refill(
        scene.journal, scene.api.client, NO_RETRY, lambda _event: None, lost_in_a_row=dict.fromkeys(IdKind, 9)
    )
    assert refill.pause_after_failure_s() == NO_RETRY.pause_after_failure_s


def test_nothing_is_asked_for_once_the_station_stops(scene: Scene) -> None:
    stopping = threading.Event()
    refill = Refill(scene.journal, scene.api.client, NO_RETRY, lambda _event: None, stopping=stopping)
    stopping.set()
    assert refill.top_up() is None
    assert scene.sizes(REQUEST_DEVICE_ID) == []
