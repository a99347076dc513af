"""What can go wrong with a station's world, as strategies: the API, the wire, a board's chip, the printer, and the kills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from hypothesis import strategies as st

from drivers.simulated.faults import Fault as WireFault
from drivers.simulated.stm32_chip import SimulatedStm32
from drivers.simulated.stm32_faults import ChipFaults, PowerFailure
from station.production_api.simulator.faults import Fault, FaultKind
from tests.crash.points import Point

CALLS = ("activateDeviceId", "bindSN")
BATCHES = ("requestDeviceId", "requestSN")
_ANY_CALL = ("*", *CALLS, *BATCHES)

_EVERYWHERE = (
    *(
        Fault(kind)
        for kind in (
            FaultKind.ANSWER_LOST,
            FaultKind.DROP_BEFORE,
            FaultKind.TRUNCATED,
            FaultKind.NOT_JSON,
            FaultKind.DOUBLE_ENCODED,
            FaultKind.EXPIRE_TOKENS,
            FaultKind.CLOSE_IDLE,
            FaultKind.HUGE,
            FaultKind.ENDLESS,
            FaultKind.REDIRECT,
        )
    ),
    Fault(FaultKind.DELAY, delay_s=0.05),
    Fault(FaultKind.SLOW, delay_s=0.0002),
    *(Fault(FaultKind.STATUS, status=status, done=done) for status in (429, 502, 503) for done in (False, True)),
    *(Fault(FaultKind.STATUS, status=status, retry_after="0") for status in (429, 503)),
    *(Fault(FaultKind.CODE, code="999999", done=done) for done in (False, True)),
    *(Fault(FaultKind.CODE, code=code) for code in ("010000", "010301", "000103")),
    *(Fault(FaultKind.RAW, body=body, done=True) for body in ("", "[]", '{"code": "000000"}')),
)
"""May hit every call. A code that proves that nothing was done is never given by a server that did it."""
_TO_BATCHES = tuple(Fault(kind) for kind in (FaultKind.DUPLICATES, FaultKind.FEWER, FaultKind.EMPTY))
_TO_NAMED_CALLS = (Fault(FaultKind.WRONG_ID),)
"""Only where the call names its id: of a server that chooses one, nobody can tell that it names another than it chose."""


def api_faults(*, named: bool) -> st.SearchStrategy[Fault]:
    """``named``: whether the calls name the ids that they are about."""
    kinds = st.tuples(st.sampled_from(_EVERYWHERE), st.sampled_from(_ANY_CALL))
    if named:
        kinds |= st.tuples(st.sampled_from(_TO_BATCHES), st.sampled_from(BATCHES))
        kinds |= st.tuples(st.sampled_from(_TO_NAMED_CALLS), st.sampled_from(CALLS))
    when = st.sampled_from(((1, 1), (2, 1), (3, 1), (None, 1), (None, 2), (None, 4)))
    return st.builds(
        lambda kind, when: replace(kind[0], method=kind[1], nth=when[0], times=when[1]),
        kinds,
        when,
    )


BYTES_TO_HOST = 240
BYTES_FROM_HOST = 240
"""A little more than a good cycle has."""


def wire_faults(last_byte: int) -> st.SearchStrategy[WireFault]:
    """One fault of one direction, at any byte."""
    kinds = st.sampled_from(("hang_up", "drop", "garble", "insert", "silence"))
    return st.builds(lambda kind, at: WireFault(kind, at, data=b"\x79\x1f"), kinds, st.integers(0, last_byte))


ChipTrouble = Literal["nack", "garble", "drop", "not stored", "never stored", "lost ack", "dead", "brown-out"]
CHIP_TROUBLES: dict[ChipTrouble, Callable[[SimulatedStm32, int], ChipFaults]] = {
    "nack": lambda chip, nth: ChipFaults(nacked_commands=frozenset({chip.commands + nth})),
    "garble": lambda chip, nth: ChipFaults(garbled_replies={chip.reply_bytes + nth * 8: 0x5A}),
    "drop": lambda chip, nth: ChipFaults(dropped_replies=frozenset({chip.reply_bytes + nth * 8})),
    "not stored": lambda chip, nth: ChipFaults(unstored_writes=frozenset({chip.writes + nth})),
    "never stored": lambda chip, nth: ChipFaults(unstored_writes=frozenset(range(chip.writes + 1, chip.writes + 99))),
    "lost ack": lambda chip, nth: ChipFaults(lost_acks=frozenset({chip.writes + nth})),
    "dead": lambda chip, nth: ChipFaults(dead_after_bytes=chip.host_bytes + nth * 8),
    "brown-out": lambda chip, nth: ChipFaults(
        power_failure=PowerFailure("write", chip.writes + (nth + 1) // 2, units=nth % 2)
    ),
}
"""Each from how much the chip has done so far, and a small number."""
ERASE_TROUBLE = "brown-out while erasing"


def chip_faults(chip: SimulatedStm32, trouble: str, nth: int) -> ChipFaults:
    """The chip's faults from now on."""
    if trouble == ERASE_TROUBLE:
        return ChipFaults(power_failure=PowerFailure("erase", chip.erases + 1))
    return CHIP_TROUBLES[trouble](chip, nth)  # type: ignore[index]


def chip_troubles() -> st.SearchStrategy[str]:
    return st.sampled_from((*CHIP_TROUBLES, ERASE_TROUBLE))


PrinterTrouble = Literal["paper_out", "head_open", "paused", "silent", "garbage", "dies", "hangs up", "off"]
PRINTER_TROUBLES: tuple[PrinterTrouble, ...] = (
    "paper_out",
    "head_open",
    "paused",
    "silent",
    "garbage",
    "dies",
    "hangs up",
    "off",
)

KILLS = {
    "journal: commit": (("before", "after"), 17),
    "http: Manage.createAccessToken": (("before", "sent", "answered", "after"), 1),
    "http: requestDeviceId": (("before", "sent", "answered", "after"), 1),
    "http: requestSN": (("before", "sent", "answered", "after"), 1),
    "http: activateDeviceId": (("before", "sent", "answered", "after"), 2),
    "http: bindSN": (("before", "sent", "answered", "after"), 2),
    "uart: uart-A": (("before", "half", "after"), 50),
    "print: write": (("before", "half", "after"), 8),
    "log: open": (("before", "after"), 2),
    "log: sync": (("before", "after"), 9),
    "log: close": (("before", "packed and not yet removed", "after"), 2),
}
"""Place, its moments, and how often a life of one or two cycles comes there."""


def kills() -> st.SearchStrategy[Point | None]:
    """Where the agent is killed; None, half of the time, is not at all."""
    points = st.sampled_from(tuple(KILLS)).flatmap(
        lambda place: st.builds(
            lambda moment, nth: Point(f"{place}: {moment}", nth),
            st.sampled_from(KILLS[place][0]),
            st.integers(1, KILLS[place][1]),
        )
    )
    return st.none() | points
