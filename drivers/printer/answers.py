"""Reading a printer's answer: bounded in size and in time, with silence as a value."""

from __future__ import annotations

from collections.abc import Callable

from drivers.clock import Deadline
from drivers.errors import DeadlineExpired
from drivers.transport import Transport


def read_until(link: Transport, deadline: Deadline, is_complete: Callable[[bytes], bool], max_bytes: int) -> bytes:
    """Read until ``is_complete(all bytes so far)``, the deadline, or more than ``max_bytes`` bytes.

    Returns what came, b"" for silence. Raises PortLost.
    """
    received = b""
    while not is_complete(received) and len(received) <= max_bytes:
        try:
            received += link.read(max_bytes + 1 - len(received), deadline)
        except DeadlineExpired:
            break
    return received
