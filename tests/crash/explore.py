"""One crash: an agent killed at one point, restarted with the same boards until all is well, and the judgement."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.simulated.scanner import SimulatedScanner
from station.model import CycleResult, Outcome
from station.production_api.simulator.settings import Temper
from tests.crash import power
from tests.crash.judge import problems
from tests.crash.nursery import Ended, Nursery
from tests.crash.points import Point
from tests.crash.scenarios import Scenario
from tests.support.listed import EUI, chip
from tests.support.station import Board, Rig

MAX_RESTARTS = 6
FAIR_STATUS = {"run": (0, 1), "ids": (0, 1), "units": (0,), "label": (0,), "provision": (0, 1)}
"""By the command: 1 says that a cycle was not PASS, that a refill brought less than it should, or that a list is not done."""
LISTED = 5
"""Units on the list of ``provision``."""
PERSON = ["--reason", "looked at the printer and at the server's records", "--operator", "explorer"]


@dataclass(slots=True)
class Finding:
    """What became of one crash point. ``reached`` is False where the run ended before it came there."""

    scenario: Scenario
    point: Point | None
    reached: bool = True
    restarts: int = 0
    doubts: int = 0
    """Labels and units that a person had to settle."""
    kills: int = 0
    violations: list[str] = field(default_factory=list)
    codes: list[str | None] = field(default_factory=list)
    """Of each cycle that ended, in order; None is PASS."""
    points: dict[str, int] = field(default_factory=dict)
    """How often each place was reached by a run that was not killed."""

    @property
    def counts(self) -> bool:
        """Whether a crash was tried."""
        return self.point is not None and self.reached


def explore(
    nursery: Nursery,
    scenario: Scenario,
    point: Point | None,
    second: Point | None = None,
    *,
    meanwhile: Callable[[Rig], None] = lambda _rig: None,
) -> Finding:
    """Run the scenario, killed at ``point`` (None: not at all, which counts the points) and the restart at ``second``.

    ``meanwhile`` is done to the world while the agent is dead.
    """
    with _play(nursery, scenario) as play:
        finding = Finding(scenario, point)
        first = play.first(scenario.command, point)
        finding.points = first.points
        finding.reached = point is None or first.was_killed
        meanwhile(play.rig)
        if second is not None:
            play.run(second)
        if scenario.board_after == "another" and not play.is_done():
            originals = play.change_boards([play.rig.board() for _ in play.boards])
            finding.restarts += play.run_until_done()
            play.change_boards(originals)
        finding.restarts += play.run_until_done()
        finding.kills = play.kills
        finding.doubts = play.settled
        finding.codes = [result.code for result in play.rig.results]
        if not play.is_done():
            play.complaints.append(f"not done after {MAX_RESTARTS} restarts")
        finding.violations = [*play.complaints, *problems(play.rig, play.said)]
        return finding


@contextmanager
def _play(nursery: Nursery, scenario: Scenario) -> Iterator[_Play]:
    with tempfile.TemporaryDirectory(prefix="station-crash-") as folder:
        rig = Rig(Path(folder), scenario.settings())
        try:
            yield _Play(nursery, scenario, rig)
        finally:
            rig.close()


class _Play:
    """The operator: puts boards in, starts agents, and settles what only a person can."""

    def __init__(self, nursery: Nursery, scenario: Scenario, rig: Rig) -> None:
        self.rig = rig
        self._list = rig.folder / "chips.csv"
        self._is_list_done = False
        self.boards: list[Board] = []
        if scenario.command == "provision":
            self._list.write_text("chipId,appEui\n" + "".join(f"{chip(n + 1)},{EUI}\n" for n in range(LISTED)), "utf-8")
        else:
            self.boards = [rig.board() for _ in rig.places]
        self.said: list[str] = []
        self.complaints: list[str] = []
        self.settled = 0
        self.kills = 0
        self._scenario = scenario
        self._nursery = nursery
        self._lives = 0
        self._last: list[CycleResult] = []
        self._to_scan: set[str] = set()
        self._sns: dict[str, str] = {}
        """The SN that came with each board, by its chipId, where scans are SNs."""
        rig.configuration()  # writes the file that the agent reads
        for fault in scenario.faults():
            rig.api.add_fault(fault)
        self._insert()

    def first(self, command: str, kill: Point | None) -> Ended:
        """What is killed: an agent, or a person's command."""
        if command in ("run", "provision"):
            return self.run(kill)
        if command == "reprint":
            self.run_until_done()
            self._last = []
            (unit,) = self.rig.rows("SELECT * FROM units")
            self.rig.reprints[unit["sn"]] += 1
            return self._command(["label", "reprint", unit["chip_id"], *PERSON], kill)
        return self._command(["ids", "refill"], kill)

    def run(self, kill: Point | None) -> Ended:
        """One life of the agent: a cycle on each socket's board, or the list. A board that failed was put in anew."""
        if not self.boards:
            ended = self._command(["provision", str(self._list), "--jobs", "3"], kill)
            self._is_list_done = ended.status == 0
            return ended
        if any((result.code or "").startswith("board.") for result in self._last):
            self._insert()
        ended = self._command(["run", "--cycles", str(len(self.boards)), "--json"], kill)
        self._last = ended.results
        self.rig.results += ended.results
        return ended

    def run_until_done(self) -> int:
        """Start the agent until every board has passed; how often that was."""
        for restarts in range(MAX_RESTARTS):
            if self.is_done():
                return restarts
            self.settle()
            self.run(None)
        return MAX_RESTARTS

    def change_boards(self, boards: list[Board]) -> list[Board]:
        """Take the boards out, put these in; returns those that were in."""
        taken, self.boards, self._last = self.boards, boards, []
        self._insert()
        return taken

    def is_done(self) -> bool:
        """Every board had its cycle in the last run, and passed; or the list is done."""
        if not self.boards:
            return self._is_list_done
        passed = {result.chip_id for result in self._last if result.outcome is Outcome.PASS}
        return passed == {self.rig.chip_id(board) for board in self.boards}

    def settle(self) -> None:
        """Do what the operator's text asks for after the last run, or settle what keeps the list from being done."""
        if not self.boards:
            for row in self.rig.rows("SELECT chip_id FROM units WHERE hold_code = 'unit.in_doubt'"):
                self._settle_unit(row["chip_id"])
        for result in self._last:
            if result.code == "label.in_doubt":
                self._settle_label(result)
            elif result.code == "unit.in_doubt":
                self._settle_unit(str(result.chip_id))

    def _settle_label(self, result: CycleResult) -> None:
        """The person counts the labels that came out."""
        came_out = sum(sn == result.sn for sn, _, _ in self.rig.labels())
        known = self.rig.rows("SELECT COUNT(*) AS n FROM labels WHERE sn = ? AND fate = 'printed'", result.sn)[0]["n"]
        self._resolve(str(result.chip_id), ["--label", "printed" if came_out > known else "not-printed"])

    def _settle_unit(self, chip_id: str) -> None:
        """The person looks at the server's books."""
        if not self._may_doubt():
            self.complaints.append(
                f"{chip_id} is in doubt although its calls name their ids and no two answers were lost"
            )
        books: Any = self.rig.api.ledger()
        device_ids = books["activated"].get(chip_id, [])
        sns = books["bound"].get(device_ids[0], []) if device_ids else []
        done = [*(["--device-id", device_ids[0]] if device_ids else []), *(["--sn", sns[0]] if sns else [])]
        doubts = self.rig.rows("SELECT kind FROM effects WHERE chip_id = ? AND state = 'in_doubt'", chip_id)
        open_now = {row["kind"] for row in doubts}
        is_done = bool(device_ids) if "activate" in open_now else bool(sns)
        self._resolve(chip_id, ["--decision", "done", *done] if is_done else ["--decision", "not-done"])

    def _may_doubt(self) -> bool:
        """Whether a unit may wait for a person: where the server chooses the ids; where it chooses none, only after the answers to
        both an activation and its bind may have been lost, and from a server that refuses to repeat them. Then the bind, the one
        probe there is, can prove nothing. A scanned SN may be anybody's: one lost answer is enough."""
        lost_answers = self.kills + self._scenario.lost_answers
        enough = 1 if self._scenario.scan == "sn" else 2
        return self._scenario.ids == "server" or (
            self._scenario.temper is not Temper.LENIENT and lost_answers >= enough
        )

    def _resolve(self, chip_id: str, how: list[str]) -> None:
        self.settled += 1
        self._command(["units", "resolve", chip_id, *how, *PERSON], None)

    def _command(self, argv: list[str], kill: Point | None) -> Ended:
        """Run ``station ARGV``. Anything but its own end or the kill is a complaint."""
        self._to_scan = set(self.rig.places)
        self._lives += 1
        keep = self.rig.folder / f"synced-{self._lives}" if self._scenario.with_power else None
        ended = self._nursery.run([*argv, "--config", str(self.rig.folder / "station.yaml")], kill, self._scan, keep)
        if keep is not None and ended.was_killed:
            power.fail(self.rig.folder / "state", keep)
        self.said += ended.said
        self.kills += ended.was_killed
        if ended.hung:
            self.complaints.append("the agent hung")
        elif ended.status not in FAIR_STATUS[argv[0]] and not (ended.was_killed and kill is not None):
            self.complaints.append(f"{' '.join(argv[:2])} ended with {ended.status}: {ended.said[-3:]}")
        return ended

    def _scan(self, socket: str) -> None:
        """Once in each life of an agent: the cycles that it is to run are one for each socket."""
        if socket in self._to_scan:
            self._to_scan.remove(socket)
            SimulatedScanner().scan(self.rig.places[socket].scanner, self._text(socket))

    def _text(self, socket: str) -> str:
        """What is scanned: the SN on the board in the socket, which the server knows, or any word."""
        if self._scenario.scan != "sn":
            return "GO"
        board = self.boards[list(self.rig.places).index(socket)]
        chip_id = self.rig.chip_id(board)
        if chip_id not in self._sns:
            self._sns[chip_id] = f"SN-{len(self._sns) + 1:04d}"
            self.rig.api.seed(sns=(self._sns[chip_id],))
        return self._sns[chip_id]

    def _insert(self) -> None:
        if not self.boards:
            return
        for place, board in zip(self.rig.places.values(), self.boards, strict=True):
            place.uart.insert(board)
