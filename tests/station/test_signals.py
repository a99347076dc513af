"""Lamps beside a station: relays on ptys that follow real cycles, are unplugged and come back, and never hold a cycle up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from drivers.clock import Clock, SystemClock
from drivers.errors import PortLost
from drivers.signal import SignalOutput
from drivers.signal.relay import RelayOptions
from drivers.signal.sound import SoundOptions, ToneOptions
from drivers.simulated.link import PtyLink
from drivers.simulated.relay import SimulatedRelay
from station.commands.run import publisher
from station.config.signals import SignalDeviceConfig, SignalsConfig
from station.events import CycleEnded, CycleStarted, PoolChanged, SocketWaiting
from station.model import Outcome
from station.signal_rules import Condition, Scene, SignalRule
from station.signals import Lane, Signals
from tests.support.configuration import changed, loaded
from tests.support.links import wait_until
from tests.support.sessions import result_of
from tests.support.station import Start, station

RULES = (
    SignalRule("green", (Condition.PASS,)),
    SignalRule("red", (Condition.FAIL,)),
    SignalRule("amber", (Condition.ERROR, Condition.ATTENTION)),
    SignalRule("working", (Condition.RUNNING,)),
)
OUTPUTS = {"green": 1, "red": 2, "amber": 3, "working": 4}
FAILED = CycleEnded("A", result_of(Outcome.FAIL, code="board.silent"))
PASSED = CycleEnded("A", result_of())


def relay_at(path: Path | str) -> SignalDeviceConfig:
    return SignalDeviceConfig(relay=RelayOptions(str(path), OUTPUTS))


@contextmanager
def tower(folder: Path) -> Iterator[tuple[SimulatedRelay, PtyLink, SignalsConfig]]:
    """A relay board with four lamps behind a name that leads nowhere while it is unplugged."""
    board = SimulatedRelay()
    with closing(PtyLink(board, stable_path=folder / "tower")) as link:
        yield board, link, SignalsConfig(devices=(relay_at(folder / "tower"),), rules=RULES)


def lamps(board: SimulatedRelay) -> set[str]:
    return {name for name, channel in OUTPUTS.items() if channel in board.on}


def shows(board: SimulatedRelay, *names: str) -> None:
    wait_until(lambda: lamps(board) == set(names))


def test_the_lamps_follow_what_holds_and_are_off_in_the_end(tmp_path: Path) -> None:
    signals = Signals()
    with tower(tmp_path) as (board, _, config):
        with signals.showing(config):
            for event, names in (
                (SocketWaiting("A"), ()),
                (CycleStarted("A"), ("working",)),
                (PASSED, ("green",)),
                (CycleStarted("A"), ("working",)),
                (FAILED, ("red",)),
                (PoolChanged(0, 0, "api.unreachable: no"), ("red", "amber")),
            ):
                signals(event)
                shows(board, *names)
        shows(board)
        with signals.showing(config):
            shows(board, "red", "amber")


def test_a_real_stations_cycles_light_the_lamps(tmp_path: Path) -> None:
    """Through the whole agent: a PASS, then a board that does not answer."""
    signals = Signals()
    with station(tmp_path) as rig, tower(tmp_path) as (board, _, config):
        rig.on_event = signals
        with signals.showing(config):
            rig.one(rig.board())
            shows(board, "green")
            (result,) = rig.run(Start(None))
            assert result.outcome is Outcome.FAIL
            shows(board, "red")


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty attempts a second: whatever were told with each would be told often."""
    monkeypatch.setattr("station.signals.RETRY_S", 0.05)
    monkeypatch.setattr("station.signals.LOOK_S", 0.05)


@pytest.mark.usefixtures("_hurried")
def test_a_tower_that_is_unplugged_is_told_once_and_shows_what_holds_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "station.signals")
    signals = Signals()
    with tower(tmp_path) as (board, link, config), signals.showing(config):
        signals(PASSED)
        shows(board, "green")
        for _ in range(2):
            told = len(caplog.records)
            link.unplug()
            wait_until(lambda told=told: len(caplog.records) > told)
            board.power_on()
            signals(CycleStarted("A"))
            signals(FAILED)
            link.replug()
            shows(board, "red")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert 2 <= len(warnings) <= 4, "lost, then not there: each told once, twice over"
    assert all(record.station_fields["code"].startswith("port.") for record in warnings)  # type: ignore[attr-defined]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.INFO] == [
        f"signals: relay {tmp_path}/tower works again"
    ] * 2


class StuckOutput:
    """A device whose set does not come back until it is let go. Implements ``SignalOutput``."""

    name = "stuck"
    is_momentary = False

    def __init__(self) -> None:
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.states: list[tuple[str, bool]] = []

    def set(self, output: str, on: bool) -> None:
        self.states.append((output, on))
        self.entered.set()
        assert self.let_go.wait(30)

    def check(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing is held."""


def test_an_output_that_is_stuck_holds_up_nobody_and_then_shows_only_the_newest(tmp_path: Path) -> None:
    """A thousand events are taken while it hangs; none of them is made up for."""
    signals, stuck, changed_ = Signals(), StuckOutput(), threading.Condition()

    def open_stuck(_device: SignalDeviceConfig, _clock: Clock) -> SignalOutput:
        return stuck

    scene = Scene()
    rules = (SignalRule("green", (Condition.PASS,)),)
    device = SignalDeviceConfig(relay=RelayOptions("/dev/stuck", {"green": 1}))
    lane = Lane(device, rules, lambda: scene.copy(), changed_, SystemClock(), open_stuck)
    lane.thread.start()
    assert stuck.entered.wait(30)
    for _ in range(500):
        for event in (CycleStarted("A"), PASSED):
            with changed_:
                scene.take(event, 0.0)
                changed_.notify_all()
            signals(event)
    stuck.let_go.set()
    wait_until(lambda: ("green", True) in stuck.states)
    with changed_:
        lane.stopping = True
        changed_.notify_all()
    lane.thread.join(30)
    assert stuck.states == [("green", False), ("green", True), ("green", False)]


def test_a_device_with_a_fault_of_its_own_leaves_the_station_and_other_devices_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def open_broken(_device: SignalDeviceConfig, _clock: Clock) -> SignalOutput:
        raise RuntimeError("a fault of the program")

    lane = Lane(relay_at("/dev/x"), RULES, Scene, threading.Condition(), SystemClock(), open_broken)
    lane.thread.start()
    lane.thread.join(30)
    assert not lane.thread.is_alive()
    assert "shows nothing any more" in caplog.text


class FailingSound:
    """Implements ``SignalOutput``; fails as a computer without a sound card does, until it is mended."""

    name = "sound"
    is_momentary = True

    def __init__(self) -> None:
        self.mended = False
        self.tried = threading.Semaphore(0)
        self.opened = threading.Semaphore(0)

    def set(self, output: str, on: bool) -> None:
        if on:
            self.tried.release()
            if not self.mended:
                raise PortLost("sound", "no card")

    def check(self) -> None:
        """Shows when something is played."""

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.usefixtures("_hurried")
def test_a_sound_that_fails_is_told_once_and_not_played_late(caplog: pytest.LogCaptureFixture) -> None:
    """Each FAIL tries once; the retry of the device plays nothing by itself."""
    caplog.set_level(logging.INFO, "station.signals")
    sound, scene, changed_ = FailingSound(), Scene(), threading.Condition()
    tones = SoundOptions({"beep": (ToneOptions(1000),)})

    def open_sound(_device: SignalDeviceConfig, _clock: Clock) -> SignalOutput:
        sound.opened.release()
        return sound

    rules = (SignalRule("beep", (Condition.FAIL,)),)
    lane = Lane(SignalDeviceConfig(sound=tones), rules, lambda: scene.copy(), changed_, SystemClock(), open_sound)

    def take(event: CycleEnded | CycleStarted) -> None:
        with changed_:
            scene.take(event, 0.0)
            changed_.notify_all()

    lane.thread.start()
    for attempt in range(3):
        assert sound.opened.acquire(timeout=30)
        take(CycleStarted("A"))
        wait_until(lambda: lane_shows(lane, False))
        sound.mended = attempt == 2
        take(FAILED)
        assert sound.tried.acquire(timeout=30)
    wait_until(lambda: any("works again" in record.getMessage() for record in caplog.records))
    with changed_:
        lane.stopping = True
        changed_.notify_all()
    lane.thread.join(30)
    assert not sound.tried.acquire(blocking=False)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "signals: sound: no card"
    ]


def lane_shows(lane: Lane, on: bool) -> bool:
    return lane._device is not None and lane._shown == {"beep": on}


def test_what_is_configured_is_shown_beside_a_jig_and_nothing_where_nothing_is(tmp_path: Path) -> None:
    with tower(tmp_path) as (board, _, _config):
        part = (
            f"signals:\n  devices:\n    - relay: {{port: {tmp_path}/tower, outputs: {{red: 2}}}}\n"
            "  rules:\n    - {output: red, when: [fail], socket: A}\nscan: {means: start}"
        )
        signals = Signals()
        signals(FAILED)
        signals(CycleEnded("gone", result_of(Outcome.FAIL, socket="gone", code="board.silent")))
        with signals.beside(loaded(tmp_path, changed(("scan: {means: start}", part))), object()):
            shows(board, "red")
        shows(board)
        assert set(signals.scene().sockets) == {"A"}
        with signals.beside(loaded(tmp_path), object()):
            assert not [thread for thread in threading.enumerate() if thread.name.startswith("signals")]


def test_events_reach_the_lamps_through_the_commands_publisher(tmp_path: Path) -> None:
    signals = Signals()
    with tower(tmp_path) as (board, _, config), signals.showing(config):
        publisher([signals])(FAILED)
        shows(board, "red")
