"""What a fuzz target is, and how one input is tried on it.

A target takes any bytes and returns where all that must hold held. It raises AssertionError where a property is broken, and lets
every exception through that the parser's contract does not name.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

REGRESSIONS = Path(__file__).parent / "regressions"

Check = Callable[[bytes], None]


class Endless(BaseException):
    """Raised by in-memory wires and clocks when something asks more of them than any bounded conversation does. Not an Exception:
    no handler of the code under test may take it for a fault of the world."""


class Broken(AssertionError):
    """Raised for an input that breaks a target; the message holds the target, the reason, and the input as hex."""

    def __init__(self, target: str, reason: str, data: bytes) -> None:
        super().__init__(f"{target}: {reason}\ninput: {data.hex()}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """One parser, or one conversation. ``opened`` gives the check and holds what it needs for as long as inputs are tried;
    ``seeds`` are inputs that reach far into the parser; ``words`` are what a mutation may put in; ``short_inputs`` is how many
    generated inputs the short form tries."""

    name: str
    opened: Callable[[], AbstractContextManager[Check]]
    seeds: Callable[[], tuple[bytes, ...]]
    words: tuple[bytes, ...] = ()
    max_bytes: int = 2048
    short_inputs: int = 200

    def attempt(self, check: Check, data: bytes) -> None:
        """Try one input. Raises Broken."""
        try:
            check(data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(where.filename).name}:{where.lineno}"
            raise Broken(self.name, f"{type(error).__name__} at {place}: {error}", data) from error

    def regressions(self) -> tuple[bytes, ...]:
        """Inputs that once broke this target."""
        path = REGRESSIONS / f"{self.name}.json"
        return tuple(bytes.fromhex(row["hex"]) for row in json.loads(path.read_text())) if path.exists() else ()


def needing_nothing(check: Check) -> Callable[[], AbstractContextManager[Check]]:
    """``opened`` of a target whose check needs nothing set up."""

    @contextmanager
    def opened() -> Iterator[Check]:
        yield check

    return opened
