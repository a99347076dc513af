"""The answer to ``~HS``, as a pure codec.

Source: Zebra, ZPL II Programming Guide, "~HS Host Status Return": three strings, each STX … ETX CR LF::

    aaa,b,c,dddd,eee,f,g,h,iii,j,k,l
    mmm,n,o,p,q,r,s,t,uuuuuuuu,v,www
    xxxx,y
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

REQUEST = b"~HS"
LINES = 3
MAX_SIZE_BYTES = 128
"""The three strings as documented have 82 bytes with their framing; anything far longer is not a status."""

_PATTERN = re.compile(
    rb"\x02\d{3},(?P<paper_out>[01]),(?P<paused>[01]),\d{4},(?P<formats>\d{3}),(?P<buffer_full>[01]),"
    rb"[01],(?P<partial>[01]),\d{3},(?P<ram_corrupt>[01]),(?P<under_temperature>[01]),(?P<over_temperature>[01])\x03\r\n"
    rb"\x02\d{3},\d,(?P<head_open>[01]),(?P<ribbon_out>[01]),\d,[0-9A-Z],\d,[01],(?P<remaining>\d{8}),\d,\d{3}\x03\r\n"
    rb"\x02[^\x00-\x1f]{1,8},[01]\x03\r\n"
)
PROBLEMS = (
    "paper_out",
    "paused",
    "buffer_full",
    "ram_corrupt",
    "under_temperature",
    "over_temperature",
    "head_open",
    "ribbon_out",
)
"""Flags of the answer that keep a printer from printing: b, c, f, j, k, l of string 1; o, p of string 2."""


class StatusGarbled(ValueError):
    """Raised for bytes that are no ``~HS`` answer."""


@dataclass(frozen=True, slots=True)
class HostStatus:
    """``formats_in_buffer`` is eee of string 1, ``labels_remaining`` uuuuuuuu of string 2; ``problems`` are names from PROBLEMS;
    ``has_partial_format`` is h of string 1: a format has begun to come in and has not ended."""

    formats_in_buffer: int
    labels_remaining: int
    problems: tuple[str, ...] = ()
    has_partial_format: bool = False

    @property
    def is_idle(self) -> bool:
        """True when nothing waits to be printed and nothing keeps the printer from printing."""
        has_work = self.formats_in_buffer > 0 or self.labels_remaining > 0 or self.has_partial_format
        return not has_work and not self.problems

    @staticmethod
    def from_bytes(answer: bytes) -> HostStatus:
        """Parse a whole answer, strictly. Raises StatusGarbled."""
        return _parsed(answer)

    def to_bytes(self) -> bytes:
        """The answer of a printer in this state, with fixed values in the fields this type does not hold."""
        if not (0 <= self.formats_in_buffer <= 999 and 0 <= self.labels_remaining <= 99_999_999):
            raise ValueError(f"does not fit the answer's fields: {self}")
        paper, paused, full, ram, under, over, head, ribbon = (int(name in self.problems) for name in PROBLEMS)
        partial = int(self.has_partial_format)
        return (
            f"\x02030,{paper},{paused},1245,{self.formats_in_buffer:03d},{full},0,{partial},000,{ram},{under},{over}\x03\r\n"
            f"\x02000,0,{head},{ribbon},0,2,4,0,{self.labels_remaining:08d},1,000\x03\r\n"
            f"\x021234,0\x03\r\n"
        ).encode("ascii")


@lru_cache(maxsize=64)
def _parsed(answer: bytes) -> HostStatus:
    """A printer at work gives the same answer a dozen times."""
    match = _PATTERN.fullmatch(answer) if len(answer) <= MAX_SIZE_BYTES else None
    if match is None:
        raise StatusGarbled(f"not a ~HS answer: {answer[:MAX_SIZE_BYTES]!r}")
    problems = tuple(name for name in PROBLEMS if match[name] == b"1")
    return HostStatus(int(match["formats"]), int(match["remaining"]), problems, match["partial"] == b"1")


def is_complete(answer: bytes) -> bool:
    """True when as many line ends have come as an answer has, so that reading may stop."""
    return answer.count(b"\x03\r\n") >= LINES or len(answer) > MAX_SIZE_BYTES
