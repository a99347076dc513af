"""Is the computer's clock kept by a time service? One that is only right today drifts by seconds a week."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from station.doctor import Check, Finding, Survey, advice, good

_TIMEX_BYTES = 1024
"""More than struct timex, whose first field, ``modes``, says what to set: 0 sets nothing (adjtimex(2))."""
_TIME_ERROR = 5
"""The clock is not synchronised (adjtimex(2)): whoever keeps it (NTP, PTP, chrony) tells the kernel."""


def kernel_clock_state() -> int:
    """What the kernel knows of its clock. Raises OSError where it does not tell."""
    libc = ctypes.CDLL(None, use_errno=True)
    state = int(libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    if state < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return state


@dataclass(frozen=True, slots=True)
class TimeServiceCheck:
    """See ``Check``. ``ask`` tells the state of the kernel's clock, as adjtimex(2) does."""

    ask: Callable[[], int] = kernel_clock_state
    name: str = "time service"

    def look(self) -> Iterator[Finding]:
        try:
            state = self.ask()
        except OSError as error:
            yield advice(
                f"the kernel does not tell whether its clock is kept: {error.strerror}", "see timedatectl status"
            )
            return
        if state == _TIME_ERROR:
            yield advice("no time service keeps the clock", "keep it by NTP: timedatectl set-ntp true")
        else:
            yield good("the clock is kept by a time service")


def checks(survey: Survey) -> list[Check]:  # noqa: ARG001 (the same for every station)
    return [TimeServiceCheck()]
