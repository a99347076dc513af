"""Signals taken in a thread of their own: what they ask for may take locks, which a signal handler must not."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

_END = 0
"""No signal has this number."""

logger = logging.getLogger(__name__)


@contextmanager
def taken(actions: Mapping[int, Callable[[], None]]) -> Iterator[None]:
    """While the context lasts, each of these signals calls its action, one after the other, in one other thread. To be entered in
    the main thread. An action that raises is logged and ends nothing.

    A signal that came is ignored from then on, the others are as they were: a stop that is asked for again while the program ends
    must not turn its end into a kill.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    came: set[int] = set()
    thread = threading.Thread(target=_obey, args=[read, actions, came], name="signals", daemon=True)
    before = {number: signal.signal(number, _do_nothing) for number in actions}
    old_descriptor = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(old_descriptor)
        os.write(write, bytes([_END]))
        thread.join()
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if number in came else handler)
        os.close(read)
        os.close(write)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Python's own part in a signal; its number has gone down the pipe by then."""


def _obey(read: int, actions: Mapping[int, Callable[[], None]], came: set[int]) -> None:
    while True:
        for number in os.read(read, 64):
            if number == _END:
                return
            came.add(number)
            try:
                if number in actions:
                    actions[number]()
            except Exception:
                logger.exception("signal %d could not be obeyed", number)
