"""The factory floor: a rig, an agent as a real process that can be killed, the hands that put boards in, break and mend things,
and the person who settles what only a person can."""

from __future__ import annotations

import socket
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.simulated import SimulatedDevice
from drivers.simulated.faults import Fault as WireFault
from drivers.simulated.faults import Faults as WireFaults
from drivers.simulated.print_queue import PrinterManners
from drivers.simulated.scanner import SimulatedScanner
from drivers.simulated.stm32_chip import SimulatedStm32
from drivers.simulated.stm32_faults import ChipFaults
from station.model import Outcome
from tests.crash.judge import problems
from tests.crash.nursery import Ended, Nursery
from tests.crash.points import Point
from tests.support.station import PATIENCE_S, Board, Place, Rig, Settings

TRIES = 8
"""How often a board is put in, at the most, once all that went wrong is mended. One cycle finds each of what is in doubt: the
activation, the bind, the label; the rest is for a machine so busy that a board's answer comes too late."""
PERSON = ["--reason", "looked at the printer and at the server's records", "--operator", "floor"]
FAIR = {"run": (0, 1), "ids": (0, 1), "label": (0, 1), "units": (0,)}
"""Exit statuses by command. A resolve fits, since the person looked."""


class Floor:
    """``complaints`` holds what was wrong so far beside what the judge sees."""

    def __init__(self, nursery: Nursery, settings: Settings) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="station-floor-")
        self._nursery = nursery
        self.rig = Rig(Path(self._folder.name), settings)
        self.rig.configuration()  # writes the file that the agent reads
        self.complaints: list[str] = []
        self.said: list[str] = []
        self.kills = self.settled = self.lives = 0
        self._api_is_down = False
        self._to_unplug: set[str] = set()

    def close(self) -> None:
        self.rig.close()
        self._folder.cleanup()

    # -- cycles --------------------------------------------------------------------------------------------------------

    def live(self, devices: list[tuple[int, SimulatedDevice]], kill: Point | None) -> Ended:
        """One life of the agent: a cycle for each device, in the socket of that number, one after another in each socket."""
        names = list(self.rig.places)
        queues: dict[str, deque[SimulatedDevice]] = {name: deque() for name in names}
        for number, device in devices:
            queues[names[number % len(names)]].append(device)

        def waiting(name: str) -> None:
            place = self.rig.places[name]
            if queues[name]:
                place.uart.insert(queues[name].popleft())
                if name in self._to_unplug:
                    self._to_unplug.remove(name)
                    place.uart.unplug()
                SimulatedScanner().scan(place.scanner, "GO")

        for place in self.rig.places.values():
            place.uart.replug()  # an agent does not start without its ports
        self.lives += 1
        ended = self._command(["run", "--cycles", str(len(devices)), "--json"], kill, waiting)
        self.rig.results += ended.results
        for place in self.rig.places.values():
            place.uart.lift()
        return ended

    def reprint(self, board: Board, kill: Point | None) -> None:
        """A person asks for one more label; it may be refused."""
        chip_id = self.rig.chip_id(board)
        for unit in self.rig.rows("SELECT sn FROM units WHERE chip_id = ? AND sn IS NOT NULL", chip_id):
            self.rig.reprints[unit["sn"]] += 1
        self._command(["label", "reprint", chip_id, *PERSON], kill)

    def refill(self, kill: Point | None) -> None:
        self._command(["ids", "refill"], kill)

    # -- what breaks and is mended --------------------------------------------------------------------------------------

    def spoil_wire(self, number: int, to_host: tuple[WireFault, ...], from_host: tuple[WireFault, ...]) -> None:
        self._place(number).uart.wire.set_faults(WireFaults(to_host, from_host))

    def unplug(self, number: int) -> None:
        """The cable is pulled when the socket next waits for a board, and is in again when the next agent starts."""
        self._to_unplug.add(list(self.rig.places)[number % len(self.rig.places)])

    def spoil_printer(self, trouble: str, after_bytes: int) -> None:
        """``after_bytes`` matters to what strikes in the middle of a print."""
        queue, link = self.rig.printer.queue, self.rig.printer_link
        match trouble:
            case "silent" | "garbage":
                queue.manners = PrinterManners(speech=trouble)
            case "dies":
                queue.manners = PrinterManners(dies_after_bytes=link.wire.bytes_from_host + after_bytes)
            case "hangs up":
                link.wire.set_faults(WireFaults(from_host=(WireFault("hang_up", at=after_bytes),)))
            case "off":
                self.rig.printer_off()
            case problem:
                queue.problems.add(problem)

    def api_down(self) -> None:
        if not self._api_is_down:
            self._api_is_down = True
            self.rig.api_down()

    def mend(self) -> None:
        """Everything works again: server, cables, boards, printer."""
        if self._api_is_down:
            self._api_is_down = False
            self.rig.api_up()
        self.rig.api.clear_faults()
        self._to_unplug.clear()
        for place in self.rig.places.values():
            place.uart.wire.set_faults(WireFaults())
        for board in self.rig.boards.values():
            assert isinstance(board, SimulatedStm32)
            board.faults = ChipFaults()
        self._mend_printer()

    def _mend_printer(self) -> None:
        """Paper is in, the power is on, and what the printer still had to print has come out."""
        queue = self.rig.printer.queue
        self.rig.printer_off()
        self.rig.printer_on()
        if queue.is_dead:
            self.rig.printer.power_on()
            queue.is_dead = False
        queue.manners = PrinterManners()
        queue.problems.clear()
        with socket.create_connection(self.rig.printer_link.address, PATIENCE_S) as connection:
            connection.settimeout(PATIENCE_S)
            connection.sendall(b"~HS")
            assert connection.recv(1), "the printer does not answer"

    def _place(self, number: int) -> Place:
        return list(self.rig.places.values())[number % len(self.rig.places)]

    # -- the person ----------------------------------------------------------------------------------------------------

    def settle(self, kill: Point | None = None) -> None:
        """Tell the station what the printer and the server's books say of all that is in doubt or set aside. The printer works
        again before anybody looks at it."""
        self._mend_printer()
        for row in self.rig.rows("SELECT chip_id FROM effects WHERE kind = 'print' AND settled_at IS NULL"):
            self._settle_label(row["chip_id"], kill)
        for unit in self.rig.rows("SELECT chip_id FROM units WHERE hold IS NOT NULL"):
            self._settle_unit(unit["chip_id"], kill)

    def _settle_label(self, chip_id: str, kill: Point | None) -> None:
        (unit,) = self.rig.rows("SELECT sn FROM units WHERE chip_id = ?", chip_id)
        came_out = sum(sn == unit["sn"] for sn, _, _ in self.rig.labels())
        query = "SELECT COUNT(*) AS n FROM labels WHERE sn = ? AND fate = 'printed'"
        known = self.rig.rows(query, unit["sn"])[0]["n"]
        self._resolve(chip_id, ["--label", "printed" if came_out > known else "not-printed"], kill)

    def _settle_unit(self, chip_id: str, kill: Point | None) -> None:
        books: Any = self.rig.api.ledger()
        device_ids = books["activated"].get(chip_id, [])
        sns = books["bound"].get(device_ids[0], []) if device_ids else []
        open_now = {effect[0] for effect in self.rig.effects(self.rig.boards[chip_id]) if effect[1] == "in_doubt"}
        (unit,) = self.rig.rows("SELECT activated_at FROM units WHERE chip_id = ?", chip_id)
        knows = bool(device_ids) if "activate" in open_now or not unit["activated_at"] else bool(sns)
        if knows:
            ids = ["--device-id", device_ids[0], *(["--sn", sns[0]] if sns else [])]
            self._resolve(chip_id, ["--decision", "done", *ids], kill)
        else:
            self._resolve(chip_id, ["--decision", "not-done"], kill)

    def _resolve(self, chip_id: str, how: list[str], kill: Point | None) -> None:
        self.settled += 1
        self._command(["units", "resolve", chip_id, *how, *PERSON], kill)

    # -- the end -------------------------------------------------------------------------------------------------------

    def finish(self) -> list[str]:
        """Mend everything, put every board in again until it passes, settling what must be; then judge. What is wrong, in words."""
        self.mend()
        for board in list(self.rig.boards.values()):
            for _ in range(TRIES):
                self.settle()
                ended = self.live([(0, board)], None)
                if [result.outcome for result in ended.results] == [Outcome.PASS]:
                    break
        return self.problems()

    def problems(self) -> list[str]:
        """All that is wrong once every board has been brought to PASS."""
        return [*self.complaints, *problems(self.rig, self.said)]

    def problems_so_far(self) -> list[str]:
        """What must hold at any time, also while things are broken. A session log that a kill cut off before its first line was
        whole is nothing to replay yet: the next agent files it."""
        begun = tuple(
            path.name for path in self.rig.logs() if path.suffix == ".part" and b"\n" not in path.read_bytes()
        )
        return self.complaints + [
            problem for problem in self.rig.problems() if not (begun and problem.startswith(begun))
        ]

    def _command(
        self, argv: list[str], kill: Point | None, waiting: Callable[[str], None] = lambda _name: None
    ) -> Ended:
        ended = self._nursery.run([*argv, "--config", str(self.rig.folder / "station.yaml")], kill, waiting)
        self.said += ended.said
        self.kills += ended.was_killed
        if ended.hung:
            self.complaints.append(f"{' '.join(argv[:2])} hung")
        elif ended.status not in FAIR[argv[0]] and not (ended.was_killed and kill is not None):
            self.complaints.append(f"{' '.join(argv)} ended with {ended.status}: {ended.said[-3:]}")
        return ended
