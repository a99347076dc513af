"""One trigger for several sockets, read by a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.clock import Deadline, SystemClock
from drivers.errors import PortLost, PortMissing, PortUnsupported
from drivers.hotplug import DeviceWatch
from drivers.serial_port import SerialOptions
from drivers.transport import ModemLines
from drivers.trigger import TriggerEvent
from drivers.trigger.hub import TriggerHub
from drivers.trigger.input_device import InputDevice, InputName
from drivers.trigger.modem_line import ModemLineOptions, ModemLineTrigger, is_cdc_acm
from tests.support.text import ManualClock

CLOCK = SystemClock()
PATIENCE_S = 30.0
PRESS = TriggerEvent("pedal")


class ScriptedTrigger:
    """Gives what it is told to, in order; between, nothing comes. Implements ``Trigger``."""

    def __init__(self) -> None:
        self._told = threading.Condition()
        self._script: deque[TriggerEvent | Exception] = deque()
        self.closed = False

    def give(self, *steps: TriggerEvent | Exception) -> None:
        with self._told:
            self._script.extend(steps)
            self._told.notify_all()

    def wait(self, deadline: Deadline) -> TriggerEvent | None:
        with self._told:
            self._told.wait_for(lambda: self._script, deadline.remaining_s())
            if not self._script:
                return None
            step = self._script.popleft()
        if isinstance(step, Exception):
            raise step
        return step

    def rearm(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


class Desk:
    def __init__(self) -> None:
        self.trigger = ScriptedTrigger()
        self.refuse: Callable[[str], None] = lambda _reason: None
        self.watch = DeviceWatch()
        self.hub = TriggerHub("floor", self._build, self.watch, CLOCK)

    def _build(self, rejected: Callable[[str], None]) -> ScriptedTrigger:
        self.refuse = rejected
        return self.trigger


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.watch.close()


def soon() -> Deadline:
    return Deadline.after(PATIENCE_S, CLOCK)


def now() -> Deadline:
    return Deadline.after(0, CLOCK)


def test_every_socket_gets_every_start_and_the_last_to_leave_releases_the_device(desk: Desk) -> None:
    first, second = desk.hub.tap(print), desk.hub.tap(print)
    desk.trigger.give(PRESS)
    assert first.wait(soon()) == second.wait(soon()) == PRESS
    first.close()
    first.close()
    assert not desk.trigger.closed
    desk.trigger.give(PRESS)
    assert second.wait(soon()) == PRESS
    with pytest.raises(PortLost, match="closed"):
        first.wait(now())
    second.close()
    assert desk.trigger.closed
    assert not [thread for thread in threading.enumerate() if thread.name == "trigger-floor"]


def test_starts_while_nobody_waits_are_counted_and_not_queued(desk: Desk) -> None:
    busy, other = desk.hub.tap(print), desk.hub.tap(print)
    desk.trigger.give(PRESS, PRESS)
    assert [other.wait(soon()), other.wait(soon())] == [PRESS, PRESS]
    assert (busy.rearm(), busy.rearm()) == (2, 0)
    assert busy.wait(now()) is None
    busy.close()
    other.close()


def test_a_device_that_is_missing_is_told_to_all_until_it_is_back(desk: Desk) -> None:
    first, second = desk.hub.tap(print), desk.hub.tap(print)
    desk.trigger.give(PortMissing("/dev/pedal", "not there"))
    for tap in (first, second):
        with pytest.raises(PortMissing):
            tap.wait(soon())
    desk.trigger.give(PRESS)
    desk.watch.wake()
    # The device's word comes first: the press lies there for whoever waits after it.
    assert _after_errors(first) == _after_errors(second) == PRESS
    first.close()
    second.close()


def _after_errors(tap: object) -> TriggerEvent | None:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        try:
            return tap.wait(soon())  # type: ignore[attr-defined, no-any-return]
        except PortMissing:
            time.sleep(0.01)
    raise AssertionError("the device has not come back")


def test_why_something_started_nothing_is_told_to_every_socket(desk: Desk) -> None:
    told: list[str] = []
    taps = [desk.hub.tap(told.append), desk.hub.tap(told.append)]
    desk.refuse("half a scan")
    assert told == ["half a scan"] * 2
    for tap in taps:
        tap.close()


def test_a_program_fault_of_the_thread_reaches_whoever_waits(desk: Desk) -> None:
    tap = desk.hub.tap(print)
    desk.trigger.give(ZeroDivisionError("defect"))
    with pytest.raises(ZeroDivisionError, match="defect"):
        tap.wait(soon())
    tap.close()


def test_a_watch_without_udev_waits_its_time_and_ends_when_it_is_closed() -> None:
    watch = DeviceWatch()
    watch.wait(watch.mark(), 0.01)
    mark = watch.mark()
    watch.wake()
    watch.wait(mark, PATIENCE_S)
    waiting = threading.Thread(target=watch.wait, args=(watch.mark(), PATIENCE_S))
    waiting.start()
    watch.close()
    watch.close()
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()


# -- modem lines ---------------------------------------------------------------------------------------------------------


class LineAdapter:
    """A port whose CTS is scripted, one reading after the other, the last one for ever; as much of a port as is used."""

    def __init__(self, *readings: bool | Exception) -> None:
        self._readings = deque(readings)
        self.closed = False

    def modem_lines(self) -> ModemLines:
        reading = self._readings.popleft() if len(self._readings) > 1 else self._readings[0]
        if isinstance(reading, Exception):
            raise reading
        return ModemLines(cts=reading, dsr=False, dcd=False, ri=False)

    def close(self) -> None:
        self.closed = True


def line_trigger(clock: ManualClock, *ports: LineAdapter, **options: object) -> ModemLineTrigger:
    wanted = iter(ports)
    settings = ModemLineOptions(SerialOptions("/dev/ttyUSB9"), **options)  # type: ignore[arg-type]
    return ModemLineTrigger(settings, clock, lambda _options, _clock: next(wanted))  # type: ignore[arg-type, return-value]


def presses(trigger: ModemLineTrigger, clock: ManualClock) -> int:
    found = 0
    deadline = Deadline.after(1.0, clock)
    while trigger.wait(deadline) is not None:
        found += 1
    return found


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ((False, False, True), 1),
        ((True,), 0),
        ((True, True, False, False, True), 1),
        ((False, False, True, False), 0),
        ((False, False, True, True, False, True, True), 1),
        ((False, False, True, True, False, False, True, True, False), 2),
    ],
    ids=["press", "down since opening", "up first", "a spike", "a bounce at release", "two presses"],
)
def test_a_press_is_seen_up_then_down_and_still_down(readings: tuple[bool, ...], expected: int) -> None:
    clock = ManualClock()
    assert presses(line_trigger(clock, LineAdapter(*readings)), clock) == expected


def test_a_line_that_is_asserted_at_rest_starts_when_it_is_released() -> None:
    clock = ManualClock()
    assert presses(line_trigger(clock, LineAdapter(True, True, False), pressed="released"), clock) == 1


def test_an_adapter_unplugged_and_back_with_its_line_at_another_level_is_no_press() -> None:
    clock = ManualClock()
    gone = LineAdapter(False, False, PortLost("/dev/ttyUSB9", "EIO"))
    trigger = line_trigger(clock, gone, LineAdapter(True), pressed="asserted")
    with pytest.raises(PortLost):
        presses(trigger, clock)
    assert gone.closed
    assert presses(trigger, clock) == 0


def test_an_adapter_lost_between_the_two_looks_at_a_press_starts_nothing() -> None:
    clock = ManualClock()
    trigger = line_trigger(clock, LineAdapter(False, False, True, PortLost("/dev/ttyUSB9", "EIO")))
    with pytest.raises(PortLost):
        presses(trigger, clock)


def test_a_cdc_acm_device_has_no_cts(tmp_path: Path) -> None:
    (tmp_path / "drivers" / "cdc_acm").mkdir(parents=True)
    (tmp_path / "ttyACM9" / "device").mkdir(parents=True)
    (tmp_path / "ttyACM9" / "device" / "driver").symlink_to(tmp_path / "drivers" / "cdc_acm")
    assert is_cdc_acm("/dev/ttyACM9", tmp_path)
    assert not is_cdc_acm("/dev/ttyUSB9", tmp_path)
    port = LineAdapter(True)
    options = ModemLineOptions(SerialOptions("/dev/ttyACM9"))
    trigger = ModemLineTrigger(options, CLOCK, lambda _options, _clock: port, tmp_path)  # type: ignore[arg-type, return-value]
    with pytest.raises(PortUnsupported, match="no CTS"):
        trigger.wait(now())
    assert port.closed


def test_a_port_that_invents_its_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="carries no lines"):
        ModemLineOptions(SerialOptions("socket://10.0.0.1:4000"))


# -- input devices -------------------------------------------------------------------------------------------------------


def input_class(folder: Path, event: str, vendor: str, product: str, keys: int) -> None:
    device = folder / event / "device"
    (device / "id").mkdir(parents=True)
    (device / "capabilities").mkdir()
    (device / "id" / "vendor").write_text(f"{vendor}\n")
    (device / "id" / "product").write_text(f"{product}\n")
    (device / "capabilities" / "key").write_text(f"{keys:x}\n")


def test_a_device_is_found_by_its_ids_and_the_keys_it_needs(tmp_path: Path) -> None:
    input_class(tmp_path, "event1", "05e0", "1200", 1 << 28)
    input_class(tmp_path, "event2", "05e0", "1200", 0)
    input_class(tmp_path, "event3", "046d", "c31c", 1 << 28)
    assert InputName("05E0:1200").find((28,), tmp_path) == "/dev/input/event1"
    assert InputName("/dev/input/by-id/scanner").find((28,), tmp_path) == "/dev/input/by-id/scanner"
    with pytest.raises(PortMissing):
        InputName("05e0:1201").find((28,), tmp_path)
    with pytest.raises(PortUnsupported, match="event1, event2"):
        InputName("05e0:1200").find((), tmp_path)


def test_a_path_that_is_no_input_device_is_told() -> None:
    with pytest.raises(PortUnsupported, match="no input device"):
        InputDevice.open("/dev/null", "/dev/null")
    with pytest.raises(PortMissing):
        InputDevice.open("/dev/input/no-such", "/dev/input/no-such")


@pytest.mark.parametrize("text", ["", "event4", "05e0", "05e0:12000", "/dev/x\n"])
def test_a_name_that_is_neither_path_nor_ids_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="device must be"):
        InputName(text)
