"""Reset and boot-entry sequences on DTR and RTS, as configuration.

Which line is wired to what, and with which polarity, is the jig's business: there are presets for two wirings that are
common, and steps of one's own for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.clock import Clock
from drivers.transport import SerialTransport

MAX_STEPS = 32
MAX_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class ResetStep:
    """Set lines (True asserts, None leaves one as it is), both in one system call, then wait."""

    dtr: bool | None = None
    rts: bool | None = None
    wait_s: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.wait_s <= MAX_WAIT_S:
            raise ValueError(f"wait_s must be 0 to {MAX_WAIT_S:g}, not {self.wait_s:g}")


PRESETS: dict[str, tuple[ResetStep, ...]] = {
    # NRST on DTR and BOOT0 on RTS, asserted = active, as the examples of ST's AN2606 ("Bootloader activation", pattern 1:
    # BOOT0 high while reset is released) need it and stm32flash's "-i" sequences assume.
    "stm32-dtr-reset-rts-boot0": (
        ResetStep(dtr=True, rts=True, wait_s=0.02),
        ResetStep(dtr=False, rts=True, wait_s=0.05),
        ResetStep(rts=False, wait_s=0.0),
    ),
    # EN on RTS and GPIO0 on DTR through two transistors (Espressif, "Boot Mode Selection", automatic bootloader).
    "esp-classic": (
        ResetStep(dtr=False, rts=True, wait_s=0.1),
        ResetStep(dtr=True, rts=False, wait_s=0.05),
        ResetStep(dtr=False, wait_s=0.0),
    ),
}
"""Name to steps."""


@dataclass(frozen=True, slots=True)
class ResetSequence:
    """A named preset, or steps of one's own; ``inverted`` swaps asserted and released for both lines.

    Raises ValueError, one sentence, where neither or both are given, or there are too many steps.
    """

    preset: str | None = None
    steps: tuple[ResetStep, ...] = ()
    inverted: bool = False

    def __post_init__(self) -> None:
        if (self.preset is None) == (not self.steps):
            raise ValueError("give either a preset or steps")
        if self.preset is not None and self.preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, not {self.preset!r}")
        if len(self.steps) > MAX_STEPS:
            raise ValueError(f"at most {MAX_STEPS} steps, not {len(self.steps)}")

    def resolved(self) -> tuple[ResetStep, ...]:
        """The steps to carry out, polarity applied."""
        steps = PRESETS[self.preset] if self.preset is not None else self.steps
        if not self.inverted:
            return steps
        return tuple(ResetStep(_inverted(step.dtr), _inverted(step.rts), step.wait_s) for step in steps)


def run_reset(link: SerialTransport, sequence: ResetSequence, clock: Clock) -> None:
    """Carry out a sequence. Raises PortUnsupported where the port has no lines, or PortLost."""
    for step in sequence.resolved():
        link.set_lines(dtr=step.dtr, rts=step.rts)
        clock.sleep(step.wait_s)


def _inverted(line: bool | None) -> bool | None:
    return None if line is None else not line
