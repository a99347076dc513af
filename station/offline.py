"""The journal and the client for commands that work beside a station, or without one; imported only when one is opened."""

from __future__ import annotations

import argparse
import getpass
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.clock import SystemClock

if TYPE_CHECKING:
    from station.config.models import StationConfig
    from station.config.validate import Configuration
    from station.journal.journal import Journal
    from station.journal.reading import JournalReader
    from station.production_api.client import ProductionClient


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

    reader = open_journal_readonly(config.journal_path)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def owning(config: StationConfig) -> Iterator[Journal]:
    """The journal to write. Raises JournalLocked, naming the agent, where one runs: it has to be stopped first."""
    from station.journal.opening import open_journal

    with open_journal(config.journal_path, SystemClock(), config.ids.source, config.station) as journal:
        yield journal


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
