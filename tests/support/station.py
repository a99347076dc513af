"""A whole station on simulated hardware: the real jig, journal, session logs and client, around it the API's simulator, boards on
ptys, scanners that start and a ZPL printer on TCP; and the judge that compares what all of them hold in the end."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from drivers.clock import SystemClock
from drivers.simulated.link import PtyLink, TcpLink
from drivers.simulated.scanner import SimulatedScanner
from drivers.simulated.stm32_chip import SimulatedStm32
from drivers.simulated.text_board import SimulatedTextBoard
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from station.config.validate import Configuration, load_configuration
from station.errors import SessionError
from station.events import CycleEnded, Event, SocketWaiting
from station.jig import Jig
from station.journal.opening import open_journal
from station.model import CycleResult, IdSource, Outcome
from station.production_api.simulator.server import ApiSimulator
from station.production_api.simulator.settings import SimulatorSettings
from station.rerun import replay

PART = "STM32WL"
APP_EUI = bytes.fromhex("70b3d57ed0012345")
APP_EUI_AT = 0x0803F800
SLOT_AT = 0x08005000
SHARED_SLOT_AT = 0x0803F810
"""In the page of the AppEUI."""
PATIENCE_S = 30.0
"""Bounds what must come anyway; nothing passes or fails by it."""

_STM32 = """\
  stm32:
    part: STM32WL
    app_eui: {{address: 0x0803F800, format: {{size_bytes: 8, encoding: hex, case: upper}}}}
    device_id: {{address: {slot:#x}, format: {{size_bytes: 8, encoding: hex, case: lower}}}}
    timing: {{reply_s: 0.8, sync_s: 0.1, quiet_s: 0.05, attempts: 2}}"""
_TEXT = """\
  text_line:
    wake: {attempts: 2, timeout_s: 0.5}
    chip_id: {send: get chipid, reply: "chipid=(?P<value>.*)", timeout_s: 0.6}
    write: {send: "set deviceid {device_id}", timeout_s: 0.6}"""
_CONFIGURATION = """\
station: bench
state_dir: state
api:
  base_url: {url}
  auth: {{csid: {{csid: csid-simulated, cs_sec_key: "${{file:cs-sec-key}}"}}}}
  retry: {retry}
  {api_options}
ids:
  source: {ids}
  repeat_unnamed: {repeat_unnamed}
  refill: {{batch: {batch}, low_water: {low_water}, pause_after_failure_s: {pause_s}}}
scan: {{means: {scan}}}
board:
{board}
label:
  design:
    width_mm: 50
    height_mm: 30
    elements:
      - {{kind: text, x_mm: 1, y_mm: 2, height_mm: 2, text: "{{sn}}"}}
      - {{kind: text, x_mm: 1, y_mm: 6, height_mm: 2, text: "{{device_id}}"}}
      - {{kind: text, x_mm: 1, y_mm: 9, height_mm: 2, text: "{{chip_id}}"}}
printers:
  - name: line
    driver: {printer_driver}
    connection: {printer_connection}
shared_triggers: {shared_triggers}
sockets:
"""
_SOCKET = """\
  - name: {name}
    serial: {{port: {uart}, framing: {{baud: 115200, parity: even}}}}
    trigger: {trigger}
"""
_SCANNER = "{{serial_scanner: {{serial: {{port: {scanner}}}, duplicate_window_s: 0}}}}"

_EMPTY_JOURNAL: list[bytes] = []

Board = SimulatedStm32 | SimulatedTextBoard


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between tests."""

    api: SimulatorSettings = field(default_factory=lambda: SimulatorSettings(seed=7))
    ids: str = "pool"
    repeat_unnamed: bool = False
    batch: int = 4
    low_water: int = 2
    pause_s: float = 30.0
    """After a refill that failed."""
    scan: str = "start"
    kind: str = "stm32"
    slot: int = SLOT_AT
    database: str = ""
    """The address of an empty journal on PostgreSQL; without one the journal is a file."""
    sockets: tuple[str, ...] = ("A",)
    triggers: dict[str, str] = field(default_factory=dict)
    """What starts a socket's cycles, as YAML, where it is not its simulated scanner; ``Rig.start`` then has to be set."""
    shared_triggers: str = "[]"
    printer_driver: str = "{zpl: {poll_interval_s: 0.001, status_timeout_s: 0.8}}"
    printer_connection: str = ""
    """How the printer is reached, as YAML, where it is not over TCP."""
    panel: str = ""
    """What the configuration says of the page, as YAML; without it there is none."""
    api_retry: str = "{attempts: 2, base_s: 0, cap_s: 0, limited_base_s: 0, limited_cap_s: 0, retry_after_cap_s: 0}"
    api_options: str = ""
    """One more line of the configuration's part ``api``."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a cycle: ``board`` is put in (None leaves the socket empty), ``before`` is done first."""

    board: Board | None
    text: str = "GO"
    socket: str = "A"
    before: Callable[[], None] = lambda: None


class Place:
    """One socket: its UART and its scanner, each at a path that leads nowhere while it is unplugged (the number of a pty that
    was closed may be another's at once)."""

    def __init__(self, folder: Path, name: str) -> None:
        self.uart_path, self.scanner_path = folder / f"uart-{name}", folder / f"scanner-{name}"
        self.uart = PtyLink(stable_path=self.uart_path)
        self.scanner = PtyLink(SimulatedScanner(), stable_path=self.scanner_path)

    def close(self) -> None:
        self.uart.close()
        self.scanner.close()


class Rig:
    """The station and all around it. ``run`` starts a jig, plays the operator, and ends it; may be called again: a restart.

    ``on_event`` sees every event in the thread that publishes it. ``results`` are those of all runs.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.events: list[Event] = []
        self.results: list[CycleResult] = []
        self.boards: dict[str, Board] = {}
        self.foreign: set[str] = set()
        """Chips that held a DeviceID of somebody else from the start."""
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.start: Callable[[str, str], None] = self._scan
        """Starts a socket's cycle, with this text where its trigger brings one."""
        self.jig: Jig | None = None
        self.reprints: Counter[str] = Counter()
        """Labels beyond the first that a person asked for, by SN."""
        self._stack = ExitStack()
        self._ledger = folder / "ledger.jsonl"
        self.api = self._stack.enter_context(ApiSimulator(settings.api, ledger_path=self._ledger))
        self.printer = SimulatedZplPrinter()
        self.printer_link = TcpLink(self.printer)
        self._stack.callback(self.printer_link.close)
        self.places = {name: Place(folder, name) for name in settings.sockets}
        for place in self.places.values():
            self._stack.callback(place.close)
        secret = folder / "cs-sec-key"
        secret.write_text(settings.api.cs_sec_key.reveal(), encoding="utf-8")
        secret.chmod(0o600)
        self._chips = 0
        self._loaded: tuple[str, Configuration] | None = None
        self._lay_out_journal()

    def close(self) -> None:
        self._stack.close()

    def _lay_out_journal(self) -> None:
        """An empty journal, made once for all tests: making the schema takes longer than a cycle."""
        if self.settings.database:
            return
        journal = self.folder / "state" / "journal.sqlite"
        journal.parent.mkdir(mode=0o700)
        if not _EMPTY_JOURNAL:
            open_journal(journal, SystemClock(), IdSource.POOL, "bench").close()
            _EMPTY_JOURNAL.append(journal.read_bytes())
        journal.touch(mode=0o600)
        journal.write_bytes(_EMPTY_JOURNAL[0])

    # -- the world -----------------------------------------------------------------------------------------------------

    def board(self, **settings: Any) -> Board:
        """A new board of the configured kind, with an AppEUI and a blank slot; ``device_id`` is one it holds already."""
        self._chips += 1
        device_id = settings.pop("device_id", None)
        if self.settings.kind == "text":
            chip_id = f"{self._chips:024X}"
            board: Board = SimulatedTextBoard(chip_id, APP_EUI.hex().upper(), device_id, **settings)
        else:
            uid = settings.pop("uid", self._chips.to_bytes(12, "big"))
            contents = {APP_EUI_AT: APP_EUI, **settings.pop("contents", {})}
            if device_id is not None:
                contents[self.settings.slot] = bytes.fromhex(device_id)
            board = SimulatedStm32(PART, uid, contents=contents, **settings)
            chip_id = uid.hex().upper()
        if device_id is not None:
            self.foreign.add(chip_id)
        self.boards.setdefault(chip_id, board)
        return board

    def chip_id(self, board: Board) -> str:
        return next(chip_id for chip_id, known in self.boards.items() if known is board)

    def held_by(self, board: Board) -> str | None:
        """The DeviceID in a board's memory; None for an erased slot."""
        if isinstance(board, SimulatedTextBoard):
            return board.device_id
        raw = board.memory.read(self.settings.slot, 8)
        return None if raw == b"\xff" * 8 else raw.hex()

    def labels(self) -> list[tuple[str, str, str]]:
        """SN, DeviceID and chipId of every label that came out of the printer."""
        found = []
        for job in self.printer.labels:
            sn, device_id, chip_id = (_unescaped(text) for text in re.findall(rb"\^FD(.*?)\^FS", job))
            found.append((sn, device_id, chip_id))
        return found

    def api_down(self) -> None:
        """Nobody listens at the API's address any more."""
        self._port = int(self.api.url.rpartition(":")[2])
        self.api.close()

    def api_up(self, **changes: Any) -> None:
        """The server is back at its address, with its books, and perhaps of another temper."""
        from dataclasses import replace

        settings = replace(self.api.settings, port=self._port, **changes)
        self.api = self._stack.enter_context(ApiSimulator(settings, ledger_path=self._ledger))

    def printer_off(self) -> None:
        """Nobody listens at the printer's address any more."""
        self.printer_link.close()

    def printer_on(self) -> None:
        """The printer is back at its address."""
        host, port = self.printer_link.address
        self.printer_link = TcpLink(self.printer, host=host, port=port)
        self._stack.callback(self.printer_link.close)

    # -- the station ---------------------------------------------------------------------------------------------------

    def configuration(self) -> Configuration:
        settings = self.settings
        host, port = self.printer_link.address
        board = _TEXT if settings.kind == "text" else _STM32.format(slot=settings.slot)
        text = _CONFIGURATION.format(
            url=self.api.url,
            ids=settings.ids,
            repeat_unnamed=str(settings.repeat_unnamed).lower(),
            batch=settings.batch,
            low_water=settings.low_water,
            pause_s=settings.pause_s,
            retry=settings.api_retry,
            api_options=settings.api_options,
            scan=settings.scan,
            board=board,
            shared_triggers=settings.shared_triggers,
            printer_driver=settings.printer_driver,
            printer_connection=settings.printer_connection or f"{{tcp: {{host: {host}, port: {port}}}}}",
        )
        if settings.panel:
            text = f"panel: {settings.panel}\n{text}"
        if settings.database:
            text = f"database: {{url: '{settings.database}'}}\n{text}"
        for name, place in self.places.items():
            trigger = settings.triggers.get(name) or _SCANNER.format(scanner=place.scanner_path)
            text += _SOCKET.format(name=name, uart=place.uart_path, trigger=trigger)
        if self._loaded is None or self._loaded[0] != text:
            file = self.folder / "station.yaml"
            file.write_text(text, encoding="utf-8")
            self._loaded = text, load_configuration(file)
        return self._loaded[1]

    def run(self, *starts: Start | Board) -> list[CycleResult]:
        """Do these cycles, those of one socket in this order, and return their results in the order they ended."""
        wanted = [start if isinstance(start, Start) else Start(start) for start in starts]
        queues = {name: deque(start for start in wanted if start.socket == name) for name in self.places}
        lock = threading.Lock()

        def publish(event: Event) -> None:
            with lock:
                self.events.append(event)
            self.on_event(event)
            if isinstance(event, SocketWaiting) and queues[event.socket]:
                start = queues[event.socket].popleft()
                start.before()
                place = self.places[event.socket]
                if start.board is not None:
                    place.uart.insert(start.board)
                self.start(event.socket, start.text)
            elif isinstance(event, CycleEnded):
                self.places[event.socket].uart.lift()

        self.jig = Jig(self.configuration(), publish, cycles=len(wanted))
        with self.jig as jig:
            assert jig.wait(PATIENCE_S), "the cycles have not ended"
        self.results += jig.results
        return jig.results

    def _scan(self, socket: str, text: str) -> None:
        SimulatedScanner().scan(self.places[socket].scanner, text)

    def one(self, board: Board | None, **start: Any) -> CycleResult:
        """One cycle on one board."""
        (result,) = self.run(Start(board, **start))
        return result

    # -- what is on record -------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the journal's database."""
        if self.settings.database:
            with psycopg.connect(self.settings.database, row_factory=dict_row) as server:
                return server.execute(query.replace("?", "%s"), values).fetchall()  # type: ignore[call-overload, no-any-return]
        connection = sqlite3.connect(f"file:{self.folder / 'state' / 'journal.sqlite'}?mode=ro", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]
        finally:
            connection.close()

    def unit(self, board: Board) -> dict[str, Any]:
        (row,) = self.rows("SELECT * FROM units WHERE chip_id = ?", self.chip_id(board))
        return row

    def effects(self, board: Board) -> list[tuple[str, str, int]]:
        """Kind, state and attempts of the effects on a board, oldest first."""
        rows = self.rows("SELECT * FROM effects WHERE chip_id = ? ORDER BY id", self.chip_id(board))
        return [(row["kind"], row["state"], row["attempts"]) for row in rows]

    def logs(self) -> list[Path]:
        return sorted((self.folder / "state" / "sessions").rglob("*.jsonl*"))

    # -- the judge -----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Compare the server's books, the boards' memories, the labels and the journal, and replay every session log."""
        if problems := self.problems():
            raise AssertionError("\n".join(problems))

    def problems(self) -> list[str]:
        """Everything that must not be, in words."""
        found = list(self.api.violations())
        found += self._unproven()
        found += self._memories()
        found += self._labels()
        found += self._accounts()
        found += self._sessions()
        return found

    def soaked_problems(self, passed: set[str]) -> list[str]:
        """The same where the boards are gone and only some logs are kept: the server's books, the labels, the accounts, and for
        every chip that passed that both calls and the label are there."""
        activated, bound = self._books()
        printed = {chip_id: sn for sn, _, chip_id in self.labels()}
        found = [*self.api.violations(), *self._unproven(), *self._labels(), *self._accounts(), *self._sessions()]
        found += [
            f"{chip_id} passed without call, bind or label"
            for chip_id in passed
            if bound.get(activated.get(chip_id, "")) != printed.get(chip_id, "?")
        ]
        return found

    def _books(self) -> tuple[dict[str, str], dict[str, str]]:
        """The server's: chipId to DeviceID, DeviceID to SN."""
        books: Any = self.api.ledger()
        return (
            {chip: ids[0] for chip, ids in books["activated"].items()},
            {device_id: sns[0] for device_id, sns in books["bound"].items()},
        )

    def _unproven(self) -> Iterator[str]:
        """PASS without both calls, the write and the label; and units the journal knows otherwise than the server."""
        activated, bound = self._books()
        printed = {sn for sn, _, _ in self.labels()}
        for result in self.results:
            if result.outcome is not Outcome.PASS:
                continue
            if (
                activated.get(result.chip_id or "") != result.device_id
                or bound.get(result.device_id or "") != result.sn
            ):
                yield f"PASS of {result.chip_id} that the server does not know so"
            if result.sn not in printed:
                yield f"PASS of {result.chip_id} without a label"
            if self.held_by(self.boards[result.chip_id or ""]) != result.device_id:
                yield f"PASS of {result.chip_id}, whose memory holds {self.held_by(self.boards[result.chip_id or ''])}"
        for unit in self.rows("SELECT * FROM units"):
            chip_id, device_id = unit["chip_id"], unit["device_id"]
            if unit["activated_at"] and activated.get(chip_id) != device_id:
                yield f"the journal has {chip_id} activated with {device_id}, the server with {activated.get(chip_id)}"
            if unit["bound_at"] and bound.get(device_id) != unit["sn"]:
                yield f"the journal has {device_id} bound to {unit['sn']}, the server to {bound.get(device_id)}"

    def _memories(self) -> Iterator[str]:
        activated, _ = self._books()
        holders: dict[str, str] = {}
        for chip_id, board in self.boards.items():
            held = self.held_by(board)
            if held is None or chip_id in self.foreign:
                continue
            if held in holders:
                yield f"{held} is in {chip_id} and in {holders[held]}"
            holders[held] = chip_id
            if activated.get(chip_id) != held and not self._is_torn(chip_id):
                yield f"{chip_id} holds {held}, which is not activated for it"

    def _is_torn(self, chip_id: str) -> bool:
        """A write of it is still open: what its memory holds may be half of an id."""
        return bool(
            self.rows("SELECT 1 FROM effects WHERE chip_id = ? AND kind = 'write' AND settled_at IS NULL", chip_id)
        )

    def _labels(self) -> Iterator[str]:
        activated, bound = self._books()
        labels = self.labels()
        printed = Counter(sn for sn, _, _ in labels)
        for sn, times in printed.items():
            if times > 1 + self.reprints[sn]:
                yield f"SN {sn} was printed {times} times"
        for sn, device_id, chip_id in labels:
            if activated.get(chip_id) != device_id or bound.get(device_id) != sn:
                yield f"a label says {chip_id}, {device_id}, {sn}; the server does not"
        for unit in self.rows("SELECT * FROM units WHERE labels_printed > 0"):
            if unit["sn"] not in printed:
                yield f"the journal counts a label of {unit['chip_id']} that never came out"

    def _accounts(self) -> Iterator[str]:
        """Every id that the server ever issued is in the journal, missing from a batch on record, or a unit's in doubt."""
        books: Any = self.api.ledger()
        activated, _ = self._books()
        for kind, issued in (("device_id", books["device_ids"]), ("sn", books["sns"])):
            known = {row["value"] for row in self.rows("SELECT value FROM ids WHERE kind = ?", kind)}
            missing = [value for value in issued if value not in known]
            lost = self.rows(
                "SELECT COALESCE(SUM(asked - COALESCE(accepted, 0)), 0) AS n FROM id_batches"
                " WHERE kind = ? AND state IN ('lost', 'answered') AND asked > COALESCE(accepted, 0)",
                kind,
            )[0]["n"]
            doubts = self.rows("SELECT COUNT(*) AS n FROM units WHERE hold IS NOT NULL")[0]["n"]
            if len(missing) > lost + doubts:
                yield f"{len(missing)} of {len(issued)} {kind}s are on no record: {missing[:3]}"
        units = {row["chip_id"]: row for row in self.rows("SELECT * FROM units")}
        for chip_id, device_id in activated.items():
            unit = units.get(chip_id)
            if unit is None:
                yield f"{chip_id} is activated and on no record"
            elif not unit["activated_at"] and not unit["hold"] and not self._has_open(chip_id, "activate"):
                yield f"{chip_id} is activated with {device_id}, and the journal neither knows nor doubts it"

    def _has_open(self, chip_id: str, kind: str) -> bool:
        return bool(
            self.rows("SELECT 1 FROM effects WHERE chip_id = ? AND kind = ? AND settled_at IS NULL", chip_id, kind)
        )

    def _sessions(self) -> Iterator[str]:
        for path in self.logs():
            try:
                report = replay(path)
            except SessionError as error:
                yield f"{path.name} cannot be replayed: {error}"
                continue
            if not report.is_same:
                yield f"{path.name} replays otherwise: {report.difference}"


def _unescaped(text: bytes) -> str:
    """What a field behind ^FH_ prints (ZPL II Programming Guide, "^FH")."""
    return re.sub(rb"_([0-9A-Fa-f]{2})", lambda escape: bytes.fromhex(escape[1].decode()), text).decode()


@contextmanager
def station(folder: Path, **settings: Any) -> Iterator[Rig]:
    """A rig, judged at the end of every test that did not fail before."""
    rig = Rig(folder, Settings(**settings))
    try:
        yield rig
        rig.check()
    finally:
        rig.close()
