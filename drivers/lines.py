"""Pieces of bytes in, lines out, with every length bounded. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """What stood before a terminator. ``overlong``: it reached the bound; ``data`` is its beginning and the rest is dropped."""

    data: bytes
    overlong: bool = False


class LineSplitter:
    """Assembles lines from pieces of any size. Holds at most ``max_bytes`` and a terminator.

    A line of more than ``max_bytes`` is handed out at once, marked overlong; what follows up to its terminator is dropped. An
    empty line is handed out too: the CR and LF of one CRLF are two terminators when both are accepted alone.
    """

    def __init__(self, terminators: tuple[bytes, ...], max_bytes: int) -> None:
        if not terminators or not all(terminators):
            raise ValueError("at least one terminator is needed, and none may be empty")
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        longest_first = sorted(terminators, key=len, reverse=True)
        self._end = re.compile(b"|".join(map(re.escape, longest_first)))
        self._longest_bytes = len(longest_first[0])
        self._max_bytes = max_bytes
        self._pending = b""
        self._dropping = False

    @property
    def pending(self) -> bytes:
        """The unfinished line so far; empty while the rest of an overlong one is dropped."""
        return b"" if self._dropping else self._pending

    def feed(self, data: bytes) -> list[Line]:
        """Take the next piece; return the lines it finishes, in order."""
        lines: list[Line] = []
        self._pending += data
        while (end := self._end.search(self._pending)) is not None:
            line, self._pending = self._pending[: end.start()], self._pending[end.end() :]
            if not self._dropping:
                lines.append(Line(line[: self._max_bytes], overlong=len(line) > self._max_bytes))
            self._dropping = False
        if not self._dropping and len(self._pending) > self._max_bytes + self._longest_bytes - 1:
            lines.append(Line(self._pending[: self._max_bytes], overlong=True))
            self._dropping = True
        if self._dropping:
            # Only what may be the beginning of a terminator still matters.
            self._pending = self._pending[max(0, len(self._pending) - self._longest_bytes + 1) :]
        return lines

    def clear(self) -> None:
        """Forget the unfinished line."""
        self._pending = b""
        self._dropping = False


def printable(data: bytes, max_chars: int = 80) -> str:
    """``data`` as one printable line for a message: quoted, anything but printable ASCII escaped, cut to ``max_chars``."""
    text = ascii(data[:max_chars].decode("latin-1"))
    return text if len(data) <= max_chars and len(text) <= max_chars else text[: max_chars - 2] + "…'"
