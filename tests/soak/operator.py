"""Who puts boards into one socket of the soaked agent, and chooses what goes wrong. Everything is drawn from one seed."""

from __future__ import annotations

import json
import queue
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from drivers.simulated.faults import Fault as WireFault
from drivers.simulated.faults import Faults as WireFaults
from drivers.simulated.scanner import SimulatedScanner
from drivers.simulated.stm32_chip import SimulatedStm32
from drivers.simulated.stm32_faults import ChipFaults
from station.production_api.simulator.faults import Fault, FaultKind
from tests.support.station import APP_EUI, APP_EUI_AT, PART, Place, Rig

API_FAULTS = (
    FaultKind.ANSWER_LOST,
    FaultKind.DROP_BEFORE,
    FaultKind.STATUS,
    FaultKind.TRUNCATED,
    FaultKind.NOT_JSON,
    FaultKind.EXPIRE_TOKENS,
    FaultKind.CLOSE_IDLE,
    FaultKind.FEWER,
    FaultKind.DUPLICATES,
)
"""Faults that the station must live with; those that rightly set units aside for good would leave nothing to soak."""
RETRIES = 3
"""How often a board that did not pass is put in again."""
RESULT_WAIT_S = 60.0
RESCAN_S = 1.0
REARM_S = 0.01
"""What an operator's hands take at the least; the agent needs far less to be ready again."""


@dataclass
class Books:
    """What the operators saw, all sockets together."""

    outcomes: Counter[str] = field(default_factory=Counter)
    held: dict[str, str] = field(default_factory=dict)
    """DeviceID to the chip whose memory holds it."""
    passed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Chip to DeviceID and SN of its PASS."""
    violations: list[str] = field(default_factory=list)


class Operator:
    """One socket's operator. ``cycle`` does one cycle; the agent's JSON lines of this socket come in through ``lines``."""

    def __init__(self, rig: Rig, place: Place, books: Books, seed: int) -> None:
        self.lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._rig = rig
        self._place = place
        self._books = books
        self._random = random.Random(seed)
        self._scans = 0
        self._again: list[tuple[SimulatedStm32, int]] = []

    def cycle(self) -> None:
        """Put one board in, new or known, start, and judge the result."""
        board, tries = self._next_board()
        self._break_something(board)
        self._place.uart.insert(board)
        result = self._start()
        self._place.uart.lift()
        self._place.uart.wire.set_faults(WireFaults())
        board.faults = ChipFaults()
        self._rig.printer.queue.problems.clear()
        self._judge(board, result)
        if result["outcome"] != "PASS" and tries < RETRIES:
            self._again.append((board, tries + 1))
        elif result["outcome"] == "PASS" and self._random.random() < 0.05:
            self._again.append((board, RETRIES))

    def _next_board(self) -> tuple[SimulatedStm32, int]:
        if self._again and self._random.random() < 0.7:
            return self._again.pop(0)
        uid = self._random.randbytes(12)
        return SimulatedStm32(PART, uid, contents={APP_EUI_AT: APP_EUI}), 0

    def _break_something(self, board: SimulatedStm32) -> None:
        draw = self._random.random()
        at = self._random.randrange(1, 250)
        if draw < 0.08:
            kind = self._random.choice(API_FAULTS)
            self._rig.api.add_fault(Fault(kind, nth=self._random.randrange(1, 4)))
        elif draw < 0.12:
            self._place.uart.wire.set_faults(WireFaults(to_host=(WireFault("garble", at=at),)))
        elif draw < 0.16:
            self._place.uart.wire.set_faults(WireFaults(from_host=(WireFault("drop", at=at),)))
        elif draw < 0.19:
            board.faults = ChipFaults(nacked_commands=frozenset({self._random.randrange(1, 20)}))
        elif draw < 0.22:
            board.faults = ChipFaults(lost_acks=frozenset({1}), dead_after_bytes=None)
        elif draw < 0.25:
            board.faults = ChipFaults(unstored_writes=frozenset({1, 2, 3, 4, 5, 6}))
        elif draw < 0.27:
            self._rig.printer.queue.problems.add(self._random.choice(("paper_out", "head_open", "paused")))

    def _start(self) -> dict[str, Any]:
        """Scan until the agent reports a cycle; a scan while it still rearms is rightly dropped."""
        waited_s = 0.0
        time.sleep(REARM_S)
        while waited_s < RESULT_WAIT_S:
            self._scans += 1
            SimulatedScanner().scan(self._place.scanner, f"GO-{self._scans}")
            try:
                return self.lines.get(timeout=RESCAN_S)
            except queue.Empty:
                waited_s += RESCAN_S
        raise AssertionError("the agent reports no cycle")

    def _judge(self, board: SimulatedStm32, result: dict[str, Any]) -> None:
        books = self._books
        books.outcomes[f"{result['outcome']} {result['code'] or ''}".strip()] += 1
        chip_id = board.memory.read(board.part.uid_address, 12).hex().upper()
        held = self._rig.held_by(board)
        if result["outcome"] == "PASS":
            ids = (result["device_id"], result["sn"])
            if books.passed.setdefault(chip_id, ids) != ids:
                books.violations.append(f"{chip_id} passed as {books.passed[chip_id]} and as {ids}")
            if held != result["device_id"]:
                books.violations.append(f"PASS of {chip_id}, whose memory holds {held}")
        if held is not None and result["device_id"] == held and books.held.setdefault(held, chip_id) != chip_id:
            books.violations.append(f"{held} is in {chip_id} and in {books.held[held]}")


def parse(line: str) -> dict[str, Any]:
    """One of the agent's lines."""
    value: dict[str, Any] = json.loads(line)
    return value
