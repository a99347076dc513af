"""``station doctor`` on a station that is well but for one planted fault: it finds that fault and names its remedy."""

from __future__ import annotations

import grp
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from drivers.clock import SystemClock
from drivers.simulated.link import PtyLink, TcpLink
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from station.cli import main
from station.journal.opening import open_journal
from station.model import IdKind, IdSource
from station.production_api.simulator.server import ApiSimulator
from station.production_api.simulator.settings import SimulatorSettings
from station.secrets import Secret
from tests.support.configuration import SECRET, changed, loaded
from tests.support.text import board

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0
NOBODY = 65534
AHEAD_S = 600.0
AS_NOBODY = f"""
import os, sys
from station.cli import main
command = ["doctor", "--json", "--config", sys.argv[1]]
main(command)
print("@nobody", flush=True)
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
sys.exit(main(command))
"""
"""Asks twice: after the first time all is imported, from places that the other user may have no right to read."""
SCANNER = 'serial_scanner:\n        serial: {port: /dev/ttyABSENT1}\n        pattern: "[!-~]{4,64}"'


@dataclass(frozen=True, slots=True)
class LateClock(SystemClock):
    """A server whose clock is ten minutes behind."""

    def wall_s(self) -> float:
        return SystemClock.wall_s() - AHEAD_S


class World:
    """A station that is well: a board on a pty, a scanner, a printer on TCP, an API, a journal with ids. ``plant`` spoils it, by
    what it does to the world and to ``text``, its configuration."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.root = folder / "root"
        for name in ("proc", "sys", "run"):
            (self.root / name).mkdir(parents=True)
        self.uart, self.scanner = (stack.enter_context(closing(PtyLink(device))) for device in (board(), None))
        self.printer = SimulatedZplPrinter()
        self.link = stack.enter_context(closing(TcpLink(self.printer)))
        self.printer_at = self.at(*self.link.address)
        self.settings = SimulatorSettings(csid="100200300", cs_sec_key=Secret(SECRET))
        self.clock = SystemClock()
        self.api_url = ""
        self.ids = 20
        self.uart_path = self.uart.path
        self.trigger = SCANNER.replace("/dev/ttyABSENT1", self.scanner.path)
        self.journal = folder / "state" / "journal.sqlite"
        self.last: Callable[[], None] = lambda: None
        """Done when all stands, just before the doctor comes."""

    def at(self, host: str, port: int) -> str:
        return f"{{tcp: {{host: {host}, port: {port}}}}}"

    def stand(self) -> Path:
        """The configuration's file, with all of the world there."""
        if not self.api_url:
            self.api_url = self.stack.enter_context(ApiSimulator(self.settings, clock=self.clock)).url
        text = changed(
            ("/dev/ttyABSENT0", self.uart_path),
            (SCANNER, self.trigger),
            ("https://api.example.com", self.api_url),
            ("{zpl: {dots_per_mm: 8}}", "{zpl: {status_timeout_s: 0.5}}"),
            ("{tcp: {host: 192.0.2.50}}", self.printer_at),
        )
        state = loaded(self.folder, text).station
        with open_journal(state.journal_path, SystemClock(), IdSource.POOL, "jig-1") as opened:
            for kind in IdKind if self.ids else ():
                values = [f"{kind.value}-{number}" for number in range(self.ids)]
                opened.finish_batch(opened.begin_batch(kind, self.ids), values)
        self.last()
        return self.folder / "station.yaml"


def nobody_listens() -> tuple[str, int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        address: tuple[str, int] = gone.getsockname()
    return address


# -- the faults ----------------------------------------------------------------------------------------------------------


def port_missing(world: World) -> None:
    world.uart_path = "/dev/ttyABSENT7"


def port_busy(world: World) -> None:
    """Another program, named as ``ps`` would, has the port."""
    held = "import fcntl,sys; f = open(sys.argv[1], 'rb+', buffering=0); fcntl.flock(f, 2); print(flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", held, world.uart.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    world.stack.enter_context(holder)
    assert holder.stdout is not None
    holder.stdout.readline()


def scanner_port_missing(world: World) -> None:
    world.trigger = SCANNER


def scanner_missing(world: World) -> None:
    world.trigger = 'hid_scanner: {device: "05e0:1200"}'


def pedal_missing(world: World) -> None:
    world.trigger = "pedal: {device: /dev/input/by-id/no-such}"


def slow_adapter(world: World) -> None:
    timer = world.root / "sys/class/tty" / Path(world.uart.path).name / "device/latency_timer"
    timer.parent.mkdir(parents=True)
    timer.write_text("16\n")


def modem_manager(world: World) -> None:
    world.uart_path = "/dev/ttyUSB77"
    for name, text in {"proc/812/comm": "ModemManager\n", "sys/class/tty/ttyUSB77/dev": "188:77\n"}.items():
        (world.root / name).parent.mkdir(parents=True)
        (world.root / name).write_text(text)


def paper_out(world: World) -> None:
    world.printer.queue.problems.add("paper_out")


def printer_silent(world: World) -> None:
    world.printer_at = world.at(
        *world.stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))).getsockname()
    )


def printer_off(world: World) -> None:
    world.printer_at = world.at(*nobody_listens())


def api_unreachable(world: World) -> None:
    world.api_url = "http://{}:{}".format(*nobody_listens())


def wrong_secret(world: World) -> None:
    world.settings = replace(world.settings, cs_sec_key=Secret("another"))


def no_scope(world: World) -> None:
    world.settings = replace(world.settings, token_scope=("other/*",))


def server_behind(world: World) -> None:
    world.clock = LateClock()


def pool_empty(world: World) -> None:
    world.ids = 0


def journal_damaged(world: World) -> None:
    def damaged() -> None:
        world.journal.write_bytes(b"no database at all\n" * 100)

    world.last = damaged


def journal_newer(world: World) -> None:
    def newer() -> None:
        with closing(sqlite3.connect(world.journal)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")

    world.last = newer


def secret_open(world: World) -> None:
    world.last = lambda: (world.folder / "key").chmod(0o644)


def disk_filling(world: World) -> None:
    """What the system says of the disk."""
    usage = shutil.disk_usage(world.folder)
    patch = world.stack.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=200 * 1024 * 1024))


def disk_full(world: World) -> None:
    usage = shutil.disk_usage(world.folder)
    patch = world.stack.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=1024 * 1024))


def disk_slow(world: World) -> None:
    """A disk on which each write takes a tenth of a second, once the doctor looks."""

    def slow() -> None:
        patch = world.stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(os, "fsync", lambda _descriptor: time.sleep(0.1))

    world.last = slow


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, and what must be said of it: by which check, how grave, part of what it is and of what to do."""

    plant: Callable[[World], None]
    check: str
    grade: str
    what: str
    remedy: str


CASES = (
    Case(port_missing, "port of socket A", "bad", "/dev/ttyABSENT7 is not there", "plug it in"),
    Case(port_busy, "port of socket A", "bad", "in use by python", "close the other program"),
    Case(scanner_port_missing, "scanner of socket A", "bad", "/dev/ttyABSENT1 is not there", "plug it in"),
    Case(scanner_missing, "hid_scanner of socket A", "bad", "05e0:1200", "plug it in"),
    Case(pedal_missing, "pedal of socket A", "bad", "no-such", "plug it in"),
    Case(slow_adapter, "latency of socket A", "advice", "up to 16 ms", "install udev/60-station.rules"),
    Case(modem_manager, "ModemManager", "bad", "may talk to the board", "install udev/60-station.rules"),
    Case(paper_out, "printer line-1", "bad", "paper_out", "put that right at the printer"),
    Case(printer_silent, "printer line-1", "bad", "no answer to ~HS", "switch the printer on"),
    Case(printer_off, "printer line-1", "bad", "refused", "switch the printer on"),
    Case(api_unreachable, "API", "bad", "refused", "check the network"),
    Case(wrong_secret, "API", "bad", "api.auth", "correct the credentials"),
    Case(no_scope, "API", "bad", "api.scope", "have production/* granted"),
    Case(server_behind, "clock", "bad", "10 minutes ahead of", "timedatectl set-ntp true"),
    Case(pool_empty, "pool of ids", "bad", "0 DeviceIDs free", "ask who runs the API for licences"),
    Case(journal_damaged, "journal", "bad", "", "backup"),
    Case(journal_newer, "journal", "bad", "schema 9999", "version"),
    Case(secret_open, "configuration", "advice", "other users may read the secret", "chmod 600"),
    Case(disk_filling, "state folder", "advice", "200 MiB are free", "make room"),
    Case(disk_full, "state folder", "bad", "the disk is full", "make room"),
    Case(disk_slow, "disk speed", "advice", "ms", "name a state_dir on an SSD"),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    tmp_path.chmod(0o700)
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def said(world: World, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and findings of the command."""
    file = world.stand()
    capsys.readouterr()
    status = main(["doctor", "--config", str(file), "--json", "--root", str(world.root)])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_station_without_a_fault_is_well(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    status, rows = said(world, capsys)
    assert [row for row in rows if row["grade"] == "bad"] == []
    assert status == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.plant.__name__)
def test_a_planted_fault_is_found_and_its_remedy_named(
    world: World, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    case.plant(world)
    status, rows = said(world, capsys)
    found = [
        row for row in rows if row["check"] == case.check and row["grade"] == case.grade and case.what in row["what"]
    ]
    assert len(found) == 1, rows
    assert case.remedy in found[0]["remedy"]
    assert status == (1 if case.grade == "bad" else 0)
    assert SECRET not in json.dumps(rows)


def test_a_port_without_rights_names_its_group_and_how_to_join_it(world: World) -> None:
    """A user who may not open the port; where the tests run as root, who may open anything, another user asks."""
    folder = Path(world.stack.enter_context(tempfile.TemporaryDirectory()))
    denied = World(folder, world.stack)
    file = denied.stand()
    port = Path(denied.uart.path)
    if os.geteuid() == 0:
        os.chown(port, -1, grp.getgrnam("dialout").gr_gid)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    port.chmod(0)
    ended = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    (found,) = [
        row
        for row in map(json.loads, ended.stdout.partition("@nobody\n")[2].splitlines())
        if row["check"] == "port of socket A"
    ]
    group = grp.getgrgid(port.stat().st_gid).gr_name
    assert f"the device belongs to group {group}" in found["what"]
    assert f"usermod --append --groups {group} " in found["remedy"]
