"""How a replay ends before its time: the code and the log part (``Diverged``), or the log just ends (``LogCutOff``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from station.session.format import Event


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the code and the log part. ``wanted`` is what the log holds, ``got`` what the code did, both in words or hex.

    Where bytes differ, ``wanted_bytes`` are those of the whole event (a masked place as one star), ``got_bytes`` what the
    code sent in their place so far, and ``first_byte`` the index in both of the first that differs.
    """

    event: int | None
    lane: str
    step: str | None
    channel: str | None
    wanted: str
    got: str
    first_byte: int | None = None
    wanted_bytes: bytes | None = None
    got_bytes: bytes | None = None


class Diverged(BaseException):
    """Raised at the call that differs. Not an Exception: no handler in the replayed code may take it for a fault of the
    world and carry on."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(f"event {difference.event}: wanted {difference.wanted}, got {difference.got}")
        self.difference = difference


class LogCutOff(BaseException):
    """Raised at the call that comes after the last event of a log without an end: the same up to the cut. ``doing`` says what
    the code went on to do. Not an Exception, as Diverged is none."""

    def __init__(self, lane: str, step: str | None, doing: str) -> None:
        super().__init__(f"the log was cut off before: {doing}")
        self.lane = lane
        self.step = step
        self.doing = doing


def first_difference(wanted: bytes, got: bytes) -> int | None:
    """The index of the first byte that differs, the shorter one's length where it ends first, None where they are equal."""
    if wanted == got:
        return None
    shared = min(len(wanted), len(got))
    return next((index for index in range(shared) if wanted[index] != got[index]), shared)


def describe(event: Event | None) -> str:
    """One event in a few words."""
    if event is None:
        return "nothing more"
    fields = event.fields
    if "err" in fields:
        return f"{event.kind} that failed with {fields['err']}"
    match event.kind:
        case "tx" | "rx" | "discard":
            return f"{event.kind} of {fields.get('hex')}" + (
                f" (asked for {fields['want']})" if "want" in fields else ""
            )
        case "req":
            return f"{fields.get('method')} {fields.get('url')}"
        case "resp":
            return f"answer {fields.get('status')}"
        case "given":
            return f"ask {fields.get('name')}"
        case "step":
            return f"{fields.get('at')} of step {fields.get('step')}"
        case "end":
            return f"end with {_result(fields).get('outcome')}"
        case _:
            words = " ".join(f"{name}={value}" for name, value in fields.items())
            return f"{event.kind} {words}".rstrip()


def _result(fields: dict[str, Any]) -> dict[str, Any]:
    result = fields.get("result")
    return result if isinstance(result, dict) else {}
