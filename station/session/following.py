"""A session log read while its cycle still writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from drivers.clock import Clock
from station.errors import SessionError
from station.session.format import MAX_LINE_BYTES, Event, EventChain
from station.session.store import is_being_written

POLL_S = 0.1
HEAD_WAIT_S = 5.0
"""A writer puts the head into its file at once."""
_CHUNK_BYTES = 1 << 16


class Following:
    """The events of a ``.part`` file, those that are there and then each as it comes, until its cycle has ended or its writer is
    gone.

    The file stays open, so that nothing is missed when it is compressed and removed.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._chain = EventChain(path)
        self._rest = b""
        self.torn: str | None = None
        """What is wrong with the last line, once all was read."""

    def events(self) -> Iterator[Event | None]:
        """The events, the first of which is the head; None each time that nothing came for ``POLL_S``. Raises SessionError for
        damage, and for a file in which no head appears within ``HEAD_WAIT_S``."""
        kind: str | None = None
        polls_left = int(HEAD_WAIT_S / POLL_S)
        if self._path.exists() and not self._path.is_file():
            raise SessionError(f"{self._path}: not a file")
        try:
            with self._path.open("rb") as file:
                while kind != "end":
                    # Asked before reading: what a writer that is gone had written is all there by now.
                    is_over = kind is not None and not is_being_written(self._path)
                    data = file.read(_CHUNK_BYTES)
                    for event in self._whole(data):
                        kind = event.kind
                        yield event
                    if data:
                        continue
                    if is_over:
                        break
                    if kind is None and polls_left == 0:
                        raise SessionError(f"{self._path}: not a session log: it holds no whole event")
                    polls_left -= 1
                    yield None
                    self._clock.sleep(POLL_S)
        except OSError as error:
            raise SessionError(f"{self._path}: cannot be read: {error.strerror}") from error
        if self._rest:
            self.torn = self._chain.torn(self._rest)

    def _whole(self, data: bytes) -> Iterator[Event]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise SessionError(f"{self._path}: a line of it is longer than any of a session log")
        for line in lines:
            yield self._chain.take(line + b"\n")
