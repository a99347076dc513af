"""A hall of stations that share one journal on PostgreSQL and one simulated API: hands out boards, kills agents at random moments,
crashes the database in the middle, and settles labels in doubt by looking at the roll."""

from __future__ import annotations

import multiprocessing
import random
import re
import shutil
import time
from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

from drivers.clock import SystemClock
from station.claims import Claims
from station.errors import StationError
from station.journal.journal import Journal
from station.journal.opening import open_journal
from station.model import IdSource
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.server import ApiSimulator
from station.production_api.simulator.settings import SimulatorSettings
from tests.manystations.agent import Place, work
from tests.support.postgresql import DatabaseServer

PATIENCE_S = 90.0
"""Bounds the wait for any agent's next word."""
TWICE = 0.02
"""Share of boards that are given to a second station as well: no hand can do that, a wire that was moved too soon might."""
MAX_TRIES = 60

_CONFIGURATION = """\
station: hall
state_dir: {folder}/state
require_ports: false
api:
  base_url: {url}
  auth: {{csid: {{csid: csid-simulated, cs_sec_key: "${{file:cs-sec-key}}"}}}}
  retry: {{attempts: 2, base_s: 0, cap_s: 0, limited_base_s: 0, limited_cap_s: 0, retry_after_cap_s: 0}}
ids: {{refill: {{batch: 50, low_water: {low_water}, pause_after_failure_s: 0.2}}}}
board: {{text_line: {{quiet_s: 0.001}}}}
label:
  design:
    width_mm: 50
    height_mm: 30
    elements:
      - {{kind: text, x_mm: 1, y_mm: 2, height_mm: 2, text: "{{sn}}"}}
      - {{kind: text, x_mm: 1, y_mm: 6, height_mm: 2, text: "{{device_id}}"}}
      - {{kind: text, x_mm: 1, y_mm: 9, height_mm: 2, text: "{{chip_id}}"}}
printers: [{{name: roll, driver: {{zpl: {{}}}}, connection: {{tcp: {{host: 127.0.0.1}}}}}}]
sockets:
  - {{name: A, serial: {{port: /dev/ttyABSENT0}}, trigger: {{keyboard: {{}}}}}}
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many of what. ``crashes``: how often the database ends and comes back."""

    agents: int
    units: int
    kills: int
    crashes: int = 1
    seed: int = 1


@dataclass
class Agent:
    """One station's agent as the hall sees it. ``killed_at_s``: when it is to be killed, if so."""

    name: str
    process: BaseProcess
    orders: Connection
    chip_id: str | None = None
    is_ready: bool = False
    killed_at_s: float | None = None


@dataclass
class Tally:
    """What happened."""

    outcomes: Counter[str] = field(default_factory=Counter)
    first_message: dict[str, str] = field(default_factory=dict)
    """Of each outcome."""
    passed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """chipId to DeviceID and SN of its PASS."""
    tries: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    crashes: int = 0
    settled: int = 0
    violations: list[str] = field(default_factory=list)


class Hall:
    """Use as a context; ``run`` provisions every unit, whatever is killed on the way."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self._stack = ExitStack()
        self._random = random.Random(plan.seed)
        self.server = DatabaseServer()
        self._stack.callback(self.server.close)
        self.place = Place(folder, self.server.url(self.server.new_database()))
        self.api = self._stack.enter_context(
            ApiSimulator(SimulatorSettings(seed=plan.seed, licences=20 * plan.units + 10_000))
        )
        self._lay_out()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.manystations.agent", "station.journal.server"])
        self._agents: list[Agent] = []
        self._waiting: deque[str] = deque(f"{number:024X}" for number in range(1, plan.units + 1))
        self._kills_due = sorted(self._random.sample(range(plan.units), min(plan.kills, plan.units)))
        self._crashes_due = [plan.units * (index + 1) // (plan.crashes + 1) for index in range(plan.crashes)]
        self._handed_out = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for agent in self._agents:
            agent.process.kill()
            agent.process.join()
            agent.orders.close()
        self._stack.close()

    def _lay_out(self) -> None:
        folder = self.place.folder
        (folder / "boards").mkdir()
        self.place.labels.touch()
        (folder / "cs-sec-key").write_text(self.api.settings.cs_sec_key.reveal())
        text = _CONFIGURATION.format(folder=folder, url=self.api.url, low_water=2 * self.plan.agents)
        self.place.configuration.write_text(text)
        for kind in (FaultKind.ANSWER_LOST, FaultKind.DROP_BEFORE, FaultKind.STATUS, FaultKind.TRUNCATED):
            self.api.add_fault(Fault(kind, times=None, probability=0.004))

    # -- the run -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until every unit has passed once, or one never does."""
        self._agents = [self._started(f"jig-{number}") for number in range(1, self.plan.agents + 1)]
        while len(self.tally.passed) < self.plan.units and not self.tally.violations:
            for agent in self._agents:
                if agent.is_ready and agent.chip_id is None and self._waiting:
                    self._hand_out(agent, self._waiting.popleft())
            self._listen()
            self._kill_who_is_due()
            if self._crashes_due and len(self.tally.passed) >= self._crashes_due[0]:
                self._crashes_due.pop(0)
                self.server.crash()
                self.server.start()
                self.tally.crashes += 1
        self._end_agents()

    def _started(self, name: str) -> Agent:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(name, self.place, theirs), daemon=True)
        process.start()
        theirs.close()
        return Agent(name, process, mine)

    def _hand_out(self, agent: Agent, chip_id: str) -> None:
        agent.chip_id = chip_id
        self._handed_out += 1
        self.tally.tries[chip_id] += 1
        if self.tally.tries[chip_id] > MAX_TRIES:
            self.tally.violations.append(f"{chip_id} does not come to PASS")
        if self._kills_due and self._handed_out > self._kills_due[0]:
            self._kills_due.pop(0)
            agent.killed_at_s = time.monotonic() + self._random.uniform(0, 0.01 + 0.006 * self.plan.agents)
        agent.orders.send(chip_id)
        if self._random.random() < TWICE:
            self._waiting.appendleft(chip_id)

    def _listen(self) -> None:
        """What the agents say next, or nothing where one is to be killed before that."""
        due_s = min((agent.killed_at_s for agent in self._agents if agent.killed_at_s is not None), default=None)
        timeout_s = PATIENCE_S if due_s is None else max(0.0, due_s - time.monotonic())
        heard = wait([agent.orders for agent in self._agents], timeout_s)
        if not heard and due_s is None:
            raise RuntimeError("no agent says anything any more")
        for agent in list(self._agents):
            if agent.orders in heard:
                self._hear(agent)

    def _hear(self, agent: Agent) -> None:
        try:
            said = agent.orders.recv()
        except EOFError:
            agent.process.join()
            self.tally.violations.append(f"{agent.name} ended by itself with {agent.process.exitcode}")
            self._replace(agent)
            return
        if "ready" in said:
            agent.is_ready = True
            return
        chip_id, agent.chip_id = agent.chip_id, None
        assert chip_id is not None, "an answer follows an order"
        self._judge(chip_id, said)
        if agent.killed_at_s is not None:  # it was quicker: it dies between two cycles
            self._kill(agent)

    def _kill_who_is_due(self) -> None:
        for agent in list(self._agents):
            if agent.killed_at_s is not None and agent.killed_at_s <= time.monotonic():
                self._kill(agent)

    def _kill(self, agent: Agent) -> None:
        agent.process.kill()
        agent.process.join()
        self.tally.kills += 1
        self._replace(agent)

    def _replace(self, agent: Agent) -> None:
        """A new agent of the same station; its board goes to whoever is free first. An answer that was on its way is not heard."""
        if agent.chip_id is not None:
            self._waiting.appendleft(agent.chip_id)
        agent.orders.close()
        self._agents[self._agents.index(agent)] = self._started(agent.name)

    def _end_agents(self) -> None:
        for agent in self._agents:
            while agent.chip_id is not None or not agent.is_ready:
                if not wait([agent.orders], PATIENCE_S):
                    raise RuntimeError(f"{agent.name} does not end")
                self._hear(agent)
                agent = next(each for each in self._agents if each.name == agent.name)
            agent.orders.send(None)
            agent.process.join(PATIENCE_S)
            if agent.process.exitcode != 0:
                self.tally.violations.append(f"{agent.name} ended with {agent.process.exitcode}")

    # -- one unit's fate -----------------------------------------------------------------------------------------------

    def _judge(self, chip_id: str, said: dict[str, Any]) -> None:
        outcome, code = said["outcome"], said["code"]
        self.tally.outcomes[f"{outcome} {code or ''}".strip()] += 1
        self.tally.first_message.setdefault(f"{outcome} {code or ''}".strip(), said["message"])
        if outcome == "PASS":
            ids = (said["device_id"], said["sn"])
            if self.tally.passed.setdefault(chip_id, ids) != ids:
                self.tally.violations.append(f"{chip_id} passed as {self.tally.passed[chip_id]} and as {ids}")
            return
        if code in ("unit.in_doubt", "unit.set_aside", "station.defect", "journal.contradiction", "api.conflict"):
            self.tally.violations.append(f"{chip_id}: {code}: {said['message']}")
        if code == "label.in_doubt" and not self._settled(chip_id):
            pass  # somebody else works on it: it comes again
        self._waiting.append(chip_id)

    def _settled(self, chip_id: str) -> bool:
        """Look whether the label in doubt is there, and say so to the journal."""
        try:
            journal = self._desk()
            with Claims(journal).held(chip_id, "a person"):
                printed = any(chip == chip_id for _, _, chip in self.printed())
                journal.settle_label(chip_id, printed=printed, reason="looked", operator="hall")
        except StationError:
            return False
        self.tally.settled += 1
        return True

    def _desk(self) -> Journal:
        if not hasattr(self, "_desk_journal"):
            opened = open_journal(self.place.database, SystemClock(), IdSource.POOL, "desk")
            self._desk_journal = self._stack.enter_context(opened)
        return self._desk_journal

    def printed(self) -> list[tuple[str, str, str]]:
        """SN, DeviceID and chipId of each label on the roll."""
        labels = []
        for line in self.place.labels.read_bytes().splitlines():
            sn, device_id, chip_id = (text.decode() for text in re.findall(rb"\^FD(.*?)\^FS", line))
            labels.append((sn, device_id, chip_id))
        return labels

    def remove(self) -> None:
        """Forget all of it."""
        shutil.rmtree(self.place.folder)
