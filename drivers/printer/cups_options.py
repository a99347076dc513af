"""How a queue of CUPS is configured, apart from the driver: a station without one does not load it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_QUEUE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,127}")
_USER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")


@dataclass(frozen=True, slots=True)
class CupsOptions:
    """A raw queue of the CUPS on this computer.

    ``trust_queue``: count a job that CUPS calls completed as printed. Without it every label is in doubt, since a queue
    completes jobs with the paper out, and a person looks at each. ``user``: the one whose jobs these are; CUPS lets a job be
    cancelled only by the user that the agent runs as. ``max_polls`` at ``poll_interval_s`` bound the wait; a job that is not
    done then is cancelled, or it would print behind the operator's back.
    """

    queue: str
    trust_queue: bool = False
    server: str = "/run/cups/cups.sock"
    user: str = "station"
    answer_timeout_s: float = 5.0
    poll_interval_s: float = 0.1
    max_polls: int = 300

    def __post_init__(self) -> None:
        if not _QUEUE_NAME.fullmatch(self.queue):
            raise ValueError(f"queue must be a queue's name as lpstat -e shows it, not {self.queue!r}")
        if not _USER_NAME.fullmatch(self.user):
            raise ValueError(f"user must be a user's name, not {self.user!r}")
        if not self.server.startswith("/") or not self.server.isprintable() or len(self.server) > 107:
            raise ValueError(f"server must be the path of a local socket, of up to 107 characters, not {self.server!r}")
        if not (0.05 <= self.answer_timeout_s <= 60 and 0.01 <= self.poll_interval_s <= 10):
            raise ValueError("answer_timeout_s must be 0.05 to 60 and poll_interval_s 0.01 to 10")
        if not 1 <= self.max_polls <= 10_000:
            raise ValueError(f"max_polls must be 1 to 10000, not {self.max_polls}")

    @property
    def path(self) -> str:
        """Where the server has the queue."""
        return f"/printers/{self.queue}"
