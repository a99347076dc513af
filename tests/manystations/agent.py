"""One station's agent in a process of its own, without ptys: the real cycle, journal, client, refill and session log; its board is
the simulated text board, spoken to in the same process, and its printer appends a line to a file that all stations share.

Orders come through a pipe, a chipId each; what the cycle came to goes back. ``None`` ends the agent.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from drivers.clock import Clock, Deadline, SystemClock
from drivers.errors import DeadlineExpired
from drivers.printer import Fate, Language, Receipt
from drivers.simulated.text_board import SimulatedTextBoard
from drivers.transport import Framing, ModemLines, Transport
from drivers.trigger import TriggerEvent
from station.bench import Policy, World, assemble
from station.claims import Claims
from station.config.validate import Configuration, load_configuration
from station.cycle import Cycle
from station.cycle_record import session_head
from station.errors import StationError
from station.journal.errors import JournalError
from station.journal.journal import Journal
from station.journal.opening import open_journal
from station.model import IdSource
from station.parts import bootloader_driver, policy_for
from station.production_api.client import ProductionClient
from station.production_api.httpx_port import HttpxPort
from station.production_api.tokens import TokenSource
from station.refill import Refill
from station.session.masking import Masker
from station.session.recorder import RecordingSession
from station.session.store import path_for
from station.turn import Turn

APP_EUI = "70B3D57ED00001C0"
PATIENCE_S = 60.0
"""Bounds what must come anyway."""
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Where the hall keeps everything."""

    folder: Path
    database: str

    @property
    def configuration(self) -> Path:
        return self.folder / "station.yaml"

    @property
    def labels(self) -> Path:
        return self.folder / "labels.txt"

    def board(self, chip_id: str) -> SimulatedTextBoard:
        """A board as its memory has it; the memory outlives whoever writes it."""
        return SimulatedTextBoard(chip_id, APP_EUI, path=self.folder / "boards" / f"{chip_id}.json")


class BoardPort:
    """A UART whose board stands in this process. What is not there when it is read never comes."""

    name = "uart"

    def __init__(self, board: SimulatedTextBoard) -> None:
        self._board = board
        self._arrived = b"".join(reply.data for reply in board.power_on())

    def write(self, data: bytes, deadline: Deadline) -> None:
        self._arrived += b"".join(reply.data for reply in self._board.feed(data))

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        if not self._arrived:
            raise DeadlineExpired(self.name, "nothing came")
        data, self._arrived = self._arrived[:max_bytes], self._arrived[max_bytes:]
        return data

    def discard_input(self) -> bytes:
        dropped, self._arrived = self._arrived[-4096:], b""
        return dropped

    def close(self) -> None:
        """Nothing is open."""

    def set_framing(self, framing: Framing) -> None:
        """Taken as it is."""

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Not wired."""

    def modem_lines(self) -> ModemLines:
        return ModemLines(cts=True, dsr=False, dcd=False, ri=False)


class Roll:
    """Where labels come out: a file with a line for each, whole or not there at all. A transport that only takes."""

    name = "roll"

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes, deadline: Deadline) -> None:
        os.write(self._fd, data.replace(b"\n", b" ") + b"\n")

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        raise DeadlineExpired(self.name, "a roll says nothing")

    def discard_input(self) -> bytes:
        return b""

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class RollPrinter:
    """Implements ``LabelPrinter``."""

    language: Language = "zpl"
    dots_per_mm = 8.0

    def check(self, link: Transport, clock: Clock) -> None:
        """Always ready."""

    def send(self, link: Transport, job: bytes, clock: Clock, usual_s: float = 0.0) -> Receipt:
        link.write(job, Deadline.after(1.0, clock))
        return Receipt(Fate.PRINTED, "on the roll")


def work(name: str, place: Place, orders: Connection) -> None:
    """Be station ``name`` until told to end."""
    logging.disable(logging.ERROR)
    clock = SystemClock()
    configuration = load_configuration(place.configuration)
    with ExitStack() as closing:
        journal = closing.enter_context(_opened(place.database, name, clock))
        orders.send({"ready": name})
        options = configuration.station.api.options()
        http, tokens = HttpxPort(options, clock), TokenSource(options, clock)
        closing.callback(http.close)
        client = ProductionClient(options, http, tokens, clock, Random())
        refill = Refill(journal, client, configuration.station.ids.refill, lambda _event: None)
        closing.callback(refill.stop)
        refill.start(_end)
        pool = closing.enter_context(ThreadPoolExecutor(1))
        socket = configuration.station.sockets[0]
        driver = bootloader_driver(configuration.station.board, socket.serial.framing)
        policy = replace(policy_for(configuration, socket, driver), station=name, printer=RollPrinter())
        claims = Claims(journal)

        def world(chip_id: str) -> World:
            return World(
                journal=journal,
                client=client,
                http=http,
                tokens=tokens,
                open_uart=lambda: BoardPort(place.board(chip_id)),
                open_printer=lambda: Roll(place.labels),
                printer_turn=Turn("line", 1.0),
                claim=lambda claimed: claims.take(claimed, "socket A"),
                aborted=lambda: None,
                pause=clock.sleep,
                beside=pool.submit,
                publish=lambda _event: None,
            )

        while (chip_id := orders.recv()) is not None:
            _wait_for_journal(journal, clock)
            try:
                orders.send(_cycle(configuration, policy, world(chip_id), clock))
            finally:
                claims.release("socket A")
                refill.poke()


def _opened(database: str, name: str, clock: Clock) -> Journal:
    """The station's journal, as soon as its server is there and the agent before it is forgotten."""
    deadline = Deadline.after(PATIENCE_S, clock)
    while True:
        try:
            return open_journal(database, clock, IdSource.POOL, name)
        except JournalError:
            if deadline.remaining_s() <= 0:
                raise
            clock.sleep(LOOK_S)


def _wait_for_journal(journal: Journal, clock: Clock) -> None:
    deadline = Deadline.after(PATIENCE_S, clock)
    while (obstacle := journal.obstacle()) is not None:
        if deadline.remaining_s() <= 0:
            raise obstacle
        clock.sleep(LOOK_S)


def _cycle(configuration: Configuration, policy: Policy, world: World, clock: Clock) -> dict[str, Any]:
    """One recorded cycle. Its log is dropped at once: thousands of them are not what is looked at here."""
    path = path_for(configuration.station.sessions_dir / policy.station, clock.wall_s(), policy.station, policy.socket)
    head = session_head(configuration, policy, TriggerEvent("hand"), str(path))
    session = RecordingSession.start(path, head, clock, Masker(list))
    try:
        result = Cycle(assemble(policy, world, session), str(path)).run()
    except StationError as error:
        return {"outcome": "ERROR", "code": error.code, "message": str(error)}
    finally:
        session.close().path.unlink()
    return {**result.to_json(), "message": result.message}


def _end(_error: Exception) -> None:
    """A program fault in the refill: the hall sees an agent that has gone by itself."""
    os._exit(70)


Target = Callable[[str, Place, Connection], None]
