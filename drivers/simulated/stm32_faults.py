"""How a simulated STM32 misbehaves, scripted by counts so that every run is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class PowerFailure:
    """Power fails and comes back within the ``nth`` write or erase (counted from 1): the first ``units`` of a write are programmed,
    the next is torn; an erased page is left half erased; no answer is sent, and the chip starts anew."""

    during: Literal["write", "erase"]
    nth: int = 1
    units: int = 0


@dataclass(frozen=True, slots=True)
class ChipFaults:
    """Commands, writes and reply bytes are counted from 1 over the chip's life; the sets name the ones that are struck.

    ``nacked_commands``: refused whatever they are; ``refused_codes``: always refused. ``lost_acks``: writes that are stored and not
    answered; ``unstored_writes``: answered and not stored. ``garbled_replies``: reply bytes XORed with the given mask;
    ``dropped_replies``: not sent. ``dead_after_bytes``: after so many bytes from the host the chip starts anew.
    ``half_page_loss``: the second write to a 64-byte half page since power-on is answered and lost (seen on L0).
    ``write_protected``: page numbers that ignore writes and erases, answered as if they had not. ``double_nack``: two NACKs while
    read-out protected, as some parts send (AN3155).
    """

    nacked_commands: frozenset[int] = frozenset()
    refused_codes: frozenset[int] = frozenset()
    lost_acks: frozenset[int] = frozenset()
    unstored_writes: frozenset[int] = frozenset()
    garbled_replies: Mapping[int, int] = field(default_factory=dict)
    dropped_replies: frozenset[int] = frozenset()
    dead_after_bytes: int | None = None
    power_failure: PowerFailure | None = None
    half_page_loss: bool = False
    write_protected: frozenset[int] = frozenset()
    double_nack: bool = False
