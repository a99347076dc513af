"""Status bytes of ESC/POS printers, as a pure codec.

Source: Epson, "ESC/POS Command Reference": DLE EOT n (real-time status), GS r n (queued status), GS ( H function 48
(process id response: 37h 22h d1 d2 d3 d4 00h).
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.errors import DriverMisuse

REALTIME_KINDS = (1, 2, 3, 4)
"""n of DLE EOT n: printer, offline cause, error cause, roll paper sensor."""

_REALTIME_PROBLEMS: dict[int, tuple[tuple[int, str], ...]] = {
    1: ((0x08, "offline"),),
    2: ((0x04, "head_open"), (0x20, "paper_out"), (0x40, "error")),
    3: ((0x08, "cutter"), (0x20, "unrecoverable_error"), (0x40, "recoverable_error")),
    4: ((0x60, "paper_out"),),
}
"""Bits per n. The near-end sensor (n=4, 0x0C) is no problem: there is paper."""

_FIXED_MASK, _FIXED_BITS = 0x93, 0x12
"""Every DLE EOT answer has bits 1 and 4 set, bits 0 and 7 clear; bits 0 and 1 tell it from other status bytes."""

_QUEUED_MASK = 0x90
"""A GS r answer has bits 4 and 7 clear, which tells it from DLE EOT answers, XON and XOFF."""
_QUEUED_PAPER_END = 0x0C

PROCESS_ID_HEADER = b"\x37\x22"
PROCESS_ID_ANSWER_SIZE_BYTES = 7
QUEUED_REQUEST = b"\x1d\x72\x01"
"""GS r 1: paper sensor status, answered in its turn behind what was sent before it."""


class StatusGarbled(ValueError):
    """Raised for a byte that is no status of the kind asked for."""


def realtime_request(kind: int) -> bytes:
    """DLE EOT n for n in REALTIME_KINDS."""
    if kind not in REALTIME_KINDS:
        raise DriverMisuse(f"no DLE EOT {kind}")
    return bytes((0x10, 0x04, kind))


def find_realtime_answer(received: bytes) -> int | None:
    """The first byte that is a DLE EOT answer, or None. XON, XOFF and late answers of other kinds may stand before it."""
    return next((byte for byte in received if byte & _FIXED_MASK == _FIXED_BITS), None)


def realtime_problems(kind: int, answer: int) -> tuple[str, ...]:
    """The problems that one DLE EOT answer byte names. Raises StatusGarbled for a byte without the fixed bits."""
    if find_realtime_answer(bytes((answer,))) is None:
        raise StatusGarbled(f"0x{answer:02x} is no answer to DLE EOT {kind}")
    return tuple(name for mask, name in _REALTIME_PROBLEMS[kind] if answer & mask)


def realtime_answer(kind: int, problems: frozenset[str]) -> bytes:
    """What a printer with these problems answers to DLE EOT ``kind``; inverse of ``realtime_problems``."""
    answer = _FIXED_BITS
    for mask, name in _REALTIME_PROBLEMS[kind]:
        if name in problems:
            answer |= mask
    return bytes((answer,))


def process_id_request(process_id: bytes) -> bytes:
    """GS ( H function 48. ``process_id`` is 4 bytes, each 0x20 to 0x7E."""
    if len(process_id) != 4 or not all(0x20 <= byte <= 0x7E for byte in process_id):
        raise DriverMisuse(f"not a process id: {process_id!r}")
    return b"\x1d(H\x06\x00\x30\x30" + process_id


def process_id_answer(process_id: bytes) -> bytes:
    """What the printer sends when the data before the request has been printed."""
    return PROCESS_ID_HEADER + process_id + b"\x00"


@dataclass(frozen=True, slots=True)
class ProofAnswers:
    """What a printer sent behind a job: complete process id answers, GS r status bytes. Other bytes (XON, XOFF, automatic status)
    mean nothing here."""

    process_ids: tuple[bytes, ...]
    queued: tuple[int, ...]

    @classmethod
    def from_bytes(cls, received: bytes) -> ProofAnswers:
        """Sort a stream of answers; one that is not complete yet is left out."""
        process_ids, queued, at = [], [], 0
        while at < len(received):
            if received.startswith(PROCESS_ID_HEADER[:1], at):
                packet = received[at : at + PROCESS_ID_ANSWER_SIZE_BYTES]
                if packet[:2] == PROCESS_ID_HEADER and packet[6:] == b"\x00":
                    process_ids.append(packet[2:6])
                at += PROCESS_ID_ANSWER_SIZE_BYTES
            else:
                if received[at] & _QUEUED_MASK == 0:
                    queued.append(received[at])
                at += 1
        return cls(tuple(process_ids), tuple(queued))


def queued_paper_end(status: int) -> bool:
    """True when a GS r 1 answer says that there is no paper."""
    return bool(status & _QUEUED_PAPER_END)
