"""Whole stations among the devices of an emulated kernel; ``test_hotplug.py`` runs each function in a process that lives there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from drivers.hotplug import DeviceWatch
from drivers.trigger.hub import Tap
from station.events import CycleEnded, CycleStarted, Event, SocketDown, SocketWaiting, StartRejected, StepStarted
from station.model import Outcome, Step
from station.session.format import read_log
from tests.support.emulated_kernel import Kernel
from tests.support.station import PATIENCE_S, Rig, Start, station

FOOT, GUN, ADAPTER = "/dev/input/by-path/foot", "/dev/input/by-path/gun", "/dev/serial/by-path/adapter"
PEDAL = "{pedal: {device: DEVICE, bounce_s: 0}}"
SCANNER = '{hid_scanner: {device: DEVICE, duplicate_window_s: 0, pattern: "[!-~\\\\x1d]+"}}'
LINE = "{modem_line: {serial: {port: DEVICE}, line: cts}}"
UNPLUGGED_AT = (Step.IDENTIFY, Step.ACTIVATE, Step.WRITE, Step.VERIFY, Step.LABEL)


def a_pedal_and_a_scanner_start(folder: Path, kernel: Kernel) -> None:
    """One named by its ids, the other by its link; what is scanned reaches the session log with its separator."""
    kernel.plug_pedal("foot")
    kernel.plug_scanner("gun")
    triggers = {"A": PEDAL.replace("DEVICE", "3553:b001"), "B": SCANNER.replace("DEVICE", GUN)}
    with station(folder, sockets=("A", "B"), triggers=triggers) as rig:
        rig.start = lambda socket, text: kernel("press", "foot", 48) if socket == "A" else kernel.scan("gun", text)
        results = rig.run(*(Start(rig.board(), "01ABC\x1d42", socket) for socket in "ABAB"))
        assert [result.outcome for result in results] == [Outcome.PASS] * 4
        starts = [read_log(log).head["start"]["text"] for log in rig.logs()]
    assert sorted(starts, key=str) == ["01ABC\x1d42", "01ABC\x1d42", None, None]


def one_press_starts_every_socket_that_shares_the_pedal(folder: Path, kernel: Kernel) -> None:
    kernel.plug_pedal("foot")
    shared = "[{name: floor, trigger: " + PEDAL.replace("DEVICE", FOOT) + "}]"
    triggers = {"A": "{shared: floor}", "B": "{shared: floor}"}
    with station(folder, sockets=("A", "B"), triggers=triggers, shared_triggers=shared) as rig:
        waiting: set[str] = set()

        def start(socket: str, _text: str) -> None:
            waiting.add(socket)
            if waiting == {"A", "B"}:
                kernel("press", "foot", 48)

        rig.start = start
        results = rig.run(Start(rig.board(), socket="A"), Start(rig.board(), socket="B"))
        assert [result.outcome for result in results] == [Outcome.PASS] * 2


def a_press_during_a_cycle_is_told_and_not_queued(folder: Path, kernel: Kernel) -> None:
    kernel.plug_pedal("foot")
    with station(folder, triggers={"A": PEDAL.replace("DEVICE", FOOT)}) as rig:
        rig.start = lambda _socket, _text: kernel("press", "foot", 48)

        def on_event(event: Event) -> None:
            if isinstance(event, StepStarted) and event.step is Step.WRITE:
                kernel("press", "foot", 48)
                until(lambda: bool(tap_of(rig).starts))

        rig.on_event = on_event
        rig.run(rig.board(), rig.board())
        told = [event.reason for event in rig.events if isinstance(event, StartRejected)]
        assert told == ["1 start(s) during the cycle were not taken"] * 2


def keys_that_the_kernel_lost_start_nothing(folder: Path, kernel: Kernel) -> None:
    """The scan is thrown away and told; the one after it starts."""
    kernel.plug_scanner("gun")
    with station(folder, triggers={"A": SCANNER.replace("DEVICE", GUN)}) as rig:

        def start(_socket: str, text: str) -> None:
            kernel("lose", "gun")
            kernel.scan("gun", "TAIL")
            kernel.scan("gun", text)

        rig.start = start
        rig.one(rig.board(), text="WHOLE")
        assert [read_log(log).head["start"]["text"] for log in rig.logs()] == ["WHOLE"]
        (told,) = [event.reason for event in rig.events if isinstance(event, StartRejected)]
        assert told.startswith("keys of a scan were lost")


def a_pedal_that_another_program_has_grabbed_is_told_and_taken_when_it_is_free(folder: Path, kernel: Kernel) -> None:
    kernel.plug_pedal("foot")
    kernel("grab", "foot", True)
    with station(folder, triggers={"A": PEDAL.replace("DEVICE", FOOT)}) as rig:
        rig.start = lambda _socket, _text: kernel("press", "foot", 48)
        rig.on_event = lambda event: kernel("grab", "foot", False) if isinstance(event, SocketDown) else None
        rig.one(rig.board())
        assert [event.code for event in rig.events if isinstance(event, SocketDown)] == ["port.busy"]


def what_is_unplugged_in_a_step_serves_again_after_the_replug(folder: Path, kernel: Kernel) -> None:
    """Board's adapter and pedal go together, as with the hub's own cable, and come back; the pedal under another number."""
    kernel.plug_pedal("foot")
    with station(folder, batch=10, triggers={"A": PEDAL.replace("DEVICE", FOOT)}) as rig:
        rig.start = lambda _socket, _text: kernel("press", "foot", 48)
        uart = rig.places["A"].uart
        times_s: list[float] = []
        replugged_s = 0.0
        for step in UNPLUGGED_AT:
            gone = False

            def on_event(event: Event, step: Step = step) -> None:
                nonlocal gone, replugged_s
                if isinstance(event, StepStarted) and event.step is step and not gone:
                    gone = True
                    uart.unplug()
                    kernel("unplug", "foot")
                elif isinstance(event, SocketDown):
                    uart.replug()
                    kernel.plug_pedal("foot")
                    replugged_s = time.monotonic()
                elif isinstance(event, SocketWaiting) and replugged_s:
                    times_s.append(time.monotonic() - replugged_s)
                    replugged_s = 0.0

            rig.on_event = on_event
            board = rig.board()
            lost, passed = rig.run(Start(board), Start(board))
            # The label needs the board no more; the port of the first step may still have to be opened.
            expected = {Step.LABEL: (None,), Step.IDENTIFY: ("port.lost", "port.missing")}.get(step, ("port.lost",))
            assert lost.code in expected, (step, lost)
            assert (passed.outcome, passed.chip_id) == (Outcome.PASS, rig.chip_id(board)), step
        assert len(times_s) == len(UNPLUGGED_AT)
        print("ready again after", ", ".join(f"{each:.3f} s" for each in times_s))


def a_pedal_on_a_modem_line_starts_and_its_unplugging_does_not(folder: Path, kernel: Kernel) -> None:
    kernel("plug_adapter", "adapter")
    with station(folder, triggers={"A": LINE.replace("DEVICE", ADAPTER)}) as rig:
        rig.start = lambda _socket, _text: kernel("line", "adapter", True)

        def on_event(event: Event) -> None:
            if isinstance(event, CycleStarted):
                kernel("line", "adapter", False)
            elif isinstance(event, CycleEnded) and not downs(rig):
                kernel("unplug", "adapter")
                until(lambda: tap_of(rig)._hub._problem is not None)
            elif isinstance(event, SocketDown):
                kernel("plug_adapter", "adapter")

        rig.on_event = on_event
        results = rig.run(rig.board(), rig.board())
        assert [result.outcome for result in results] == [Outcome.PASS] * 2
        assert downs(rig)
        assert not [event for event in rig.events if isinstance(event, StartRejected)]


def udev_wakes_whoever_waits_for_a_device(_folder: Path, kernel: Kernel) -> None:
    """The wait's own end is far away. What came before udev was listened to is not heard, so devices keep coming."""
    with closing(DeviceWatch()) as watch:
        waiting = threading.Thread(target=watch.wait, args=(watch.mark(), 10 * PATIENCE_S), daemon=True)
        waiting.start()
        end_s = time.monotonic() + PATIENCE_S
        while waiting.is_alive() and time.monotonic() < end_s:
            kernel.plug_pedal("foot")
            waiting.join(0.1)
            kernel("unplug", "foot")
        assert not waiting.is_alive()


def downs(rig: Rig) -> list[str]:
    return [event.code for event in rig.events if isinstance(event, SocketDown)]


def tap_of(rig: Rig) -> Tap:
    assert rig.jig is not None
    tap = rig.jig._workers[0]._trigger
    assert isinstance(tap, Tap)
    return tap


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "it has not come"
        time.sleep(0.01)
