"""Choices made of an input's bytes, and wires and clocks in memory that count what is asked of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeVar

from drivers.clock import Deadline
from drivers.errors import DeadlineExpired, PortLost
from drivers.transport import Framing, ModemLines
from tests.fuzz.target import Endless

T = TypeVar("T")

ENDLESS_REPEATS = 64
"""An endless answer comes in pieces of so many chunks: a bound on bytes ends it, and one byte at a time would only be slow."""
MAX_CALLS = 60_000
"""More than any conversation makes: the longest, a text line board that floods each of some dozen answers, makes about 20,000."""
LOST, DRIP, PIECES = 0xFF, 0xFE, 0xFD
"""First byte of an answer of a ``FuzzLink``: the port vanishes; bytes come slowly; bytes come one by one."""


class Choices:
    """Takes an input apart from its beginning. An input that is used up gives zeros and nothing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        taken = self.take(1)
        return taken[0] if taken else 0

    def number(self, most: int) -> int:
        """0 to ``most``."""
        size_bytes = (most.bit_length() + 7) // 8
        return int.from_bytes(self.take(size_bytes), "big") % (most + 1)

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number(len(options) - 1)]

    def take(self, size_bytes: int) -> bytes:
        """The next ``size_bytes``, or what is left."""
        taken = self._data[self._at : self._at + size_bytes]
        self._at += size_bytes
        return taken

    def chunk(self) -> bytes:
        """As many bytes as the next one says."""
        return self.take(self.byte())

    def text(self) -> str:
        """A chunk as text: UTF-8 where it is, with lone surrogates for what is not."""
        return self.chunk().decode("utf-8", "surrogateescape")

    def rest(self) -> bytes:
        return self.take(max(0, len(self._data) - self._at))


class CountingClock:
    """Time that passes only by waiting. Raises Endless where it is asked too often."""

    def __init__(self, wall_s: float = 1_734_595_441.9) -> None:
        self.now_s = 1000.0
        self.slept_s = 0.0
        self._wall_offset_s = wall_s - self.now_s
        self._calls = 0

    def count(self) -> None:
        self._calls += 1
        if self._calls > MAX_CALLS:
            raise Endless(f"more than {MAX_CALLS} calls of clock and wire")

    def monotonic_s(self) -> float:
        self.count()
        return self.now_s

    def wall_s(self) -> float:
        self.count()
        return self.now_s + self._wall_offset_s

    def sleep(self, duration_s: float) -> None:
        self.count()
        assert duration_s >= 0, f"sleep of {duration_s}"
        self.now_s += duration_s
        self.slept_s += duration_s


class FuzzLink:
    """A ``SerialTransport`` whose other end answers each write with the next chunk of the input, and says nothing once that is used
    up, or, where ``endless``, the last chunk for ever."""

    name = "wire"

    def __init__(self, answers: Choices, clock: CountingClock, *, endless: bool = False) -> None:
        self.clock = clock
        self.sent: list[bytes] = []
        self.lost = False
        self._answers = answers
        self._endless = endless
        self._last = b"?"
        self._coming: deque[bytes] = deque()
        self._drip_s = 0.0

    @property
    def sent_bytes(self) -> bytes:
        return b"".join(self.sent)

    def write(self, data: bytes, deadline: Deadline) -> None:
        self._use()
        self.sent.append(data)
        if self._answers:
            self._arrive(self._answers.chunk())

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        self._use()
        if not self._coming and self._endless and not self._answers:
            self._coming.append(self._last * ENDLESS_REPEATS)
        if self._coming and self.clock.now_s + self._drip_s <= deadline.at_s:
            self.clock.now_s += self._drip_s
            piece = self._coming.popleft()
            if piece[max_bytes:]:
                self._coming.appendleft(piece[max_bytes:])
            return piece[:max_bytes]
        self.clock.now_s = max(self.clock.now_s, deadline.at_s)
        raise DeadlineExpired(self.name, "nothing came")

    def discard_input(self) -> bytes:
        self._use()
        waiting = b"".join(self._coming)
        self._coming.clear()
        return waiting[-4096:]

    def close(self) -> None:
        self.lost = True

    def set_framing(self, framing: Framing) -> None:
        self._use()

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        self._use()

    def modem_lines(self) -> ModemLines:
        self._use()
        return ModemLines(cts=False, dsr=False, dcd=False, ri=False)

    def _arrive(self, answer: bytes) -> None:
        if answer[:1] == bytes([LOST]):
            self.lost = True
            return
        self._drip_s = 0.0
        if answer[:1] == bytes([DRIP]):
            self._drip_s, answer = 0.01, answer[1:]
        pieces = [answer]
        if answer[:1] == bytes([PIECES]):
            pieces = [bytes([byte]) for byte in answer[1:]]
        self._coming += [piece for piece in pieces if piece]
        self._last = answer or self._last

    def _use(self) -> None:
        self.clock.count()
        if self.lost:
            raise PortLost(self.name, "cable pulled")


class TalkingLink(FuzzLink):
    """A ``FuzzLink`` whose other end talks by itself: each read that finds nothing takes the next chunk."""

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        if not self._coming and self._answers:
            self._arrive(self._answers.chunk())
        return super().read(max_bytes, deadline)


def answers(*chunks: bytes) -> bytes:
    """The part of a seed that a ``FuzzLink`` answers with."""
    return b"".join(bytes([len(chunk)]) + chunk for chunk in chunks)


def assert_line(text: str, max_chars: int = 1000) -> None:
    """One printable line of bounded length: what an error, a receipt or a remark must be."""
    assert len(text) <= max_chars, f"{len(text)} characters: {text[:200]!r}"
    assert text.isprintable(), f"not one printable line: {text!r}"
