"""Reset sequences: what is refused as configuration, and that each step reaches the wire in order."""

from __future__ import annotations

import time
from typing import Any

import pytest

from drivers.errors import PortLost, PortUnsupported
from drivers.reset import MAX_STEPS, PRESETS, ResetSequence, ResetStep, run_reset
from drivers.serial_local import LocalSerialPort
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated.link import PtyLink
from drivers.transport import SerialTransport
from tests.support.links import CLOCK, EchoDevice, pipe
from tests.support.text import ManualClock


@pytest.mark.parametrize("wait_s", [-0.001, 5.001, float("nan"), float("inf")])
def test_a_wait_out_of_bounds_is_refused(wait_s: float) -> None:
    with pytest.raises(ValueError, match="wait_s must be 0 to 5"):
        ResetStep(wait_s=wait_s)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "either a preset or steps"),
        ({"preset": "esp-classic", "steps": (ResetStep(),)}, "either a preset or steps"),
        ({"preset": "esp"}, "preset must be one of .*esp-classic.*, not 'esp'"),
        ({"steps": (ResetStep(),) * (MAX_STEPS + 1)}, "at most 32 steps, not 33"),
    ],
)
def test_a_sequence_that_makes_no_sense_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ResetSequence(**settings)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_inverting_swaps_every_line_that_is_set_and_no_wait(preset: str) -> None:
    plain, inverted = ResetSequence(preset).resolved(), ResetSequence(preset, inverted=True).resolved()
    opposite = {True: False, False: True, None: None}
    assert [(opposite[step.dtr], opposite[step.rts], step.wait_s) for step in plain] == [
        (step.dtr, step.rts, step.wait_s) for step in inverted
    ]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_leaves_both_lines_released(preset: str) -> None:
    """A board must run on after its entry, whatever the lines were before: each line's last state is released."""
    steps = PRESETS[preset]
    for line in ("dtr", "rts"):
        assert [state for step in steps if (state := getattr(step, line)) is not None][-1] is False


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_steps_reach_a_real_wire_in_order() -> None:
    clock = ManualClock()
    before_s = clock.monotonic_s()
    with pipe("rfc2217") as joined:
        assert isinstance(joined.port, SerialTransport)
        del joined.peer.uart.changes[:]
        run_reset(joined.port, ResetSequence("esp-classic"), clock)
        assert joined.peer.uart.changes == [
            ("dtr", False),
            ("rts", True),
            ("dtr", True),
            ("rts", False),
            ("dtr", False),
        ]
    assert clock.monotonic_s() - before_s == pytest.approx(0.15)


def wait_until_gone(port: SerialTransport) -> None:
    """A pty hangs up when the last thread that waits on its other side has let go of it."""
    assert isinstance(port, LocalSerialPort)
    while not port.is_gone():
        time.sleep(0.001)


def test_a_port_without_lines_cannot_reset_and_an_unplugged_one_is_lost() -> None:
    link = PtyLink(EchoDevice())
    port = open_serial(SerialOptions(link.path), CLOCK)
    with pytest.raises(PortUnsupported):
        run_reset(port, ResetSequence("esp-classic"), CLOCK)
    link.unplug()
    wait_until_gone(port)
    with pytest.raises(PortLost):
        run_reset(port, ResetSequence("esp-classic"), CLOCK)
    port.close()
    link.close()
