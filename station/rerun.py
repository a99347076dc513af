"""A recorded cycle run again at a desk: the real cycle and the real drivers on the recorded bytes."""

from __future__ import annotations

import platform
import random
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from drivers.clock import SystemClock
from station import __version__
from station.batch.bench import Server, list_bench
from station.batch.cycle import LIST, ListedCycle
from station.bench import World, assemble
from station.config.loader import ConfigError, Document
from station.config.references import Surroundings
from station.config.validate import Configuration, build_configuration
from station.cycle import Cycle
from station.errors import SessionError, StationError
from station.model import CycleResult
from station.parts import bootloader_driver, policy_for
from station.production_api.client import ProductionClient
from station.production_api.http import HttpRequest, HttpResponse
from station.secrets import Secret
from station.session import Session
from station.session.difference import Difference, Diverged, LogCutOff
from station.session.format import FORMAT_VERSION, SessionLog, read_log
from station.session.masking import Masker
from station.session.replay import ReplaySession
from station.session.report import DifferenceReading, read_difference
from station.session.wire_words import decoders_for
from station.turn import Turn

PLACEHOLDER = "*" * 16
"""Stands for every secret: a log holds none."""


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay came to. ``cut_off`` where the log has no end: the same up to there, then nothing to compare with."""

    path: Path
    agent_then: str
    agent_now: str
    events: int
    result: CycleResult | None = None
    difference: Difference | None = None
    reading: DifferenceReading | None = None
    """The difference in words."""
    cut_off: str | None = None
    versions: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By name, those then and now."""

    @property
    def is_same(self) -> bool:
        return self.difference is None

    def to_json(self) -> dict[str, Any]:
        """For ``station replay --json``."""
        difference = None
        if self.difference is not None:
            difference = {
                name: value.hex() if isinstance(value, bytes) else value
                for name, value in asdict(self.difference).items()
            }
            difference |= {} if self.reading is None else asdict(self.reading)
        return {
            "log": str(self.path),
            "same": self.is_same,
            "cut_off": self.cut_off,
            "agent_then": self.agent_then,
            "agent_now": self.agent_now,
            "versions": {name: {"then": then, "now": now} for name, (then, now) in self.versions.items()},
            "events": self.events,
            "outcome": self.result.outcome.value if self.result else None,
            "code": self.result.code if self.result else None,
            "difference": difference,
        }


def replay(path: Path) -> ReplayReport:
    """Run the cycle that a log holds. Touches no port, no network and no journal. Raises SessionError for a log that cannot be
    read or holds no configuration that this version understands."""
    return replay_log(read_log(path))


def replay_log(log: SessionLog) -> ReplayReport:
    """The same of a log that was read already. Raises SessionError."""
    result, difference, cut_off = None, None, None
    session = ReplaySession(log, Masker(lambda: [PLACEHOLDER]))
    try:
        result, cut_off = rerun(log, session)
        session.check_all_read()
    except Diverged as diverged:
        difference = diverged.difference
    versions = {
        name: (str(log.head.get(name, "?")), now)
        for name, now in (
            ("agent", __version__),
            ("python", platform.python_version()),
            ("format", str(FORMAT_VERSION)),
        )
    }
    reading = None if difference is None else read_difference(log, difference, decoders_for)
    agent_then, agent_now = versions["agent"]
    return ReplayReport(
        log.path, agent_then, agent_now, len(log.events), result, difference, reading, cut_off, versions
    )


def rerun(log: SessionLog, session: Session) -> tuple[CycleResult | None, str | None]:
    """Run the cycle that ``log`` holds in a session made of that log. Returns its result, or why it ended without one. Raises
    Diverged, or SessionError for a log without a configuration that this version understands."""
    with recorded_configuration(log) as configuration:
        try:
            return _run(configuration, log, session), None
        except LogCutOff as cut:
            return None, str(cut)
        except SessionError:
            raise
        except StationError as error:
            # The journal, or the log itself, could not be written: then too a cycle ends without a result.
            return None, f"the cycle ended without a result: {error.code}: {error}"


def _run(configuration: Configuration, log: SessionLog, session: Session) -> CycleResult:
    start = log.head.get("start")
    if isinstance(start, dict) and start.get("source") == LIST:
        return _run_listed(configuration, log, session)
    head = log.head
    name = head.get("socket")
    socket = next((socket for socket in configuration.station.sockets if socket.name == name), None)
    if socket is None:
        raise SessionError(f"{log.path}: its configuration has no socket {name!r}")
    policy = policy_for(configuration, socket, bootloader_driver(configuration.station.board, socket.serial.framing))
    nowhere: Any = _Nowhere()
    client = ProductionClient(configuration.station.api.options(), nowhere, nowhere, SystemClock(), random.Random(0))
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="bind") as pool:
        world = World(
            journal=nowhere,
            client=client,
            http=nowhere,
            tokens=nowhere,
            open_uart=nowhere.touch,
            open_printer=nowhere.touch,
            printer_turn=Turn("line", 1.0),
            claim=nowhere.touch,
            aborted=nowhere.touch,
            pause=nowhere.touch,
            beside=pool.submit,
            publish=lambda _event: None,
        )
        scanned_sn = policy.scanned_sn(_scanned(log))
        return Cycle(assemble(policy, world, session), str(head.get("session", "")), scanned_sn).run()


def _run_listed(configuration: Configuration, log: SessionLog, session: Session) -> CycleResult:
    """A cycle without a board."""
    nowhere: Any = _Nowhere()
    client = ProductionClient(configuration.station.api.options(), nowhere, nowhere, SystemClock(), random.Random(0))
    server = Server(nowhere, client, nowhere, nowhere, nowhere.touch)
    bench = list_bench(configuration, server, session, claim=nowhere.touch, aborted=nowhere.touch)
    return ListedCycle(bench, str(log.head.get("session", "")), nowhere.touch).run()


def _scanned(log: SessionLog) -> str | None:
    """The text that started the cycle, None for a mere press."""
    start = log.head.get("start")
    text = start.get("text") if isinstance(start, dict) else None
    if not (isinstance(start, dict | None) and isinstance(text, str | None)):
        raise SessionError(f"{log.path}: its head does not say what started the cycle")
    return text


@contextmanager
def recorded_configuration(log: SessionLog) -> Iterator[Configuration]:
    """The configuration of then, its files laid out in a folder that lasts as long as the replay."""
    values, files = log.head.get("configuration"), log.head.get("files", {})
    if not isinstance(values, dict) or not isinstance(files, dict):
        raise SessionError(f"{log.path}: its head holds no configuration")
    with tempfile.TemporaryDirectory(prefix="station-replay-") as folder:
        places: dict[str, Path] = {}
        for index, (name, content) in enumerate(files.items()):
            try:
                places[name] = Path(folder) / f"{index}{Path(name).suffix}"
                places[name].write_bytes(bytes.fromhex(content))
            except (OSError, TypeError, ValueError) as error:
                raise SessionError(f"{log.path}: its file {name!r} cannot be laid out: {error}") from error
        surroundings = Surroundings(
            anchor=lambda name: places.get(name, Path(folder) / Path(name).name),
            secret=lambda _reference: Secret(PLACEHOLDER),
        )
        try:
            yield build_configuration(Document(f"{log.path} (configuration)", values, {}), surroundings)
        except ConfigError as error:
            raise SessionError(f"{log.path}: this version does not take its configuration: {error}") from error


class _Nowhere:
    """The world during a replay: whatever reaches it has gone around the session, which is a defect."""

    def touch(self) -> NoReturn:
        raise AssertionError("a replay reached for the real world")

    def send(self, request: HttpRequest, timeout_s: float) -> HttpResponse:  # noqa: ARG002
        self.touch()
