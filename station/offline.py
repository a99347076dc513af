"""The journal and the client for commands that work beside a station, or without one; imported only when one is opened."""

from __future__ import annotations

import argparse
import getpass
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from drivers.clock import SystemClock
from station.claims import Claims

if TYPE_CHECKING:
    from drivers.printer import Receipt
    from station.config.models import StationConfig
    from station.config.validate import Configuration
    from station.desk import Done, Request
    from station.journal.journal import Journal
    from station.journal.pool import PoolLevels
    from station.journal.reading import JournalReader
    from station.journal.records import Reprint
    from station.production_api.client import ProductionClient

T = TypeVar("T")


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """``--config FILE``: the station the command is about."""
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the station's configuration")


def add_reason_arguments(parser: argparse.ArgumentParser) -> None:
    """``--reason`` and ``--operator``: what the audit keeps of a decision."""
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept in the journal")
    parser.add_argument(
        "--operator", default=getpass.getuser(), metavar="NAME", help="who decides (default: this user)"
    )


def configured(options: argparse.Namespace) -> Configuration:
    """The configuration that ``--config`` names. Raises ConfigError."""
    from station.config.validate import load_configuration

    return load_configuration(options.config)


@contextmanager
def reading(config: StationConfig) -> Iterator[JournalReader]:
    """The journal to read only, beside a running agent or without one. Raises JournalError."""
    from station.journal.opening import open_journal_readonly

    reader = open_journal_readonly(config.journal_place)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def owning(config: StationConfig) -> Iterator[Journal]:
    """The journal to write. Raises JournalLocked, naming the agent, where one runs: it has to be stopped first; JournalRestored."""
    from station.restored import owned_journal

    with owned_journal(config, SystemClock()) as journal:
        yield journal


@dataclass(frozen=True, slots=True)
class OfflineDesk:
    """Implements ``Desk`` on the journal of a station that does not run."""

    configuration: Configuration
    journal: Journal

    def settle(self, chip_id: str, decide: Callable[[Journal], T]) -> T:
        with Claims(self.journal).held(chip_id, "a decision about it"):
            return decide(self.journal)

    def reprint(self, chip_id: str, *, reason: str, operator: str, printer: str | None) -> tuple[Reprint, Receipt]:
        from station.health import LABEL_BOUND_S
        from station.parts import label_printer, open_connection
        from station.reprint import Reprinter
        from station.turn import Turn

        config, clock = self.configuration.station, SystemClock()
        chosen = config.printer_named(printer)
        reprinter = Reprinter(
            label_printer(chosen),
            self.configuration.label,
            lambda: open_connection(chosen.connection, clock),
            Turn(chosen.name, LABEL_BOUND_S),
            clock,
            dict(config.label_extra),
        )
        with Claims(self.journal).held(chip_id, f"printer {chosen.name}"):
            return reprinter.reprint(self.journal, chip_id, reason=reason, operator=operator)

    def top_up(self) -> tuple[PoolLevels, str | None]:
        from station.refill import Refill

        config, journal = self.configuration.station, self.journal
        lost = journal.read.lost_in_a_row(config.station)
        with calling(config) as client:
            refill = Refill(journal, client, config.ids.refill, lambda _event: None, lost_in_a_row=lost)
            problem = refill.top_up()
        return journal.pool_levels(), problem


def carry_out(configuration: Configuration, request: Request) -> Done:
    """Have a request carried out by the running agent, or here where none runs. Raises StationError, DriverError."""
    from station.control import ask_agent
    from station.desk import perform

    config = configuration.station
    done = ask_agent(config.state_dir, request) if config.state_dir.is_dir() else None
    if done is not None:
        return done
    with owning(config) as journal:
        return perform(request, OfflineDesk(configuration, journal))


@contextmanager
def calling(config: StationConfig) -> Iterator[ProductionClient]:
    """A client of the API, with connections and a token of its own."""
    from station.production_api.client import ProductionClient
    from station.production_api.httpx_port import HttpxPort
    from station.production_api.tokens import TokenSource

    clock, options = SystemClock(), config.api.options()
    port = HttpxPort(options, clock)
    try:
        yield ProductionClient(options, port, TokenSource(options, clock), clock, random.Random())
    finally:
        port.close()
