"""Disks that are full, read-only or damaged, a journal that another agent owns, and clocks that jump."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from station.events import CycleStarted, StepStarted
from station.model import Step
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.settings import SimulatorSettings
from station.production_api.wire import ACTIVATE_DEVICE_ID
from tests.fault.board_cases import at
from tests.fault.case import PASS, Case, Kind, Scene, When
from tests.fault.limits import JOURNAL, NOTHING
from tests.fault.printer_cases import last_message

ROOT = Path(__file__).parents[2]
STEPS = (Step.IDENTIFY, Step.ACTIVATE, Step.WRITE, Step.LABEL)
DAY_S = 86_400.0
OWNER = (
    "import sys; from pathlib import Path; from tests.support.journal import opened\n"
    "journal = opened(Path(sys.argv[1]), station='bench'); print('owned', flush=True); sys.stdin.read()"
)
FULL = """\
CREATE TABLE filler (bytes BLOB);
CREATE TEMP TRIGGER fill BEFORE UPDATE ON main.cycles BEGIN INSERT INTO filler VALUES (zeroblob(10000000)); END;
CREATE TEMP TRIGGER fill_too BEFORE INSERT ON main.effects BEGIN INSERT INTO filler VALUES (zeroblob(10000000)); END;
PRAGMA max_page_count = 1;"""
"""From here on SQLite says that the disk is full, as it does where the file system says so: no page can be added."""
ROOM = """\
DROP TRIGGER fill; DROP TRIGGER fill_too;
PRAGMA max_page_count = 1000000;
DROP TABLE filler;"""


def journal_of(scene: Scene) -> Path:
    return scene.rig.folder / "state" / "journal.sqlite"


@contextlib.contextmanager
def writer(scene: Scene) -> Iterator[sqlite3.Connection]:
    """The one connection of the running station that writes."""
    jig: Any = scene.rig.jig
    pooled = jig.journal._store._engine.raw_connection()
    try:
        yield pooled.driver_connection
    finally:
        pooled.close()


def execute(script: str) -> Callable[[Scene], None]:
    """On the connection that writes."""

    def do(scene: Scene) -> None:
        with writer(scene) as connection:
            for statement in (line for line in script.splitlines() if line):
                connection.executescript(statement)

    return do


def at_step(do: Callable[[Scene], None]) -> Callable[[Scene], None]:
    """When the step begins that is the trial's value."""
    return lambda scene: at(StepStarted, do, scene.value)(scene)


def fill_the_log(scene: Scene) -> None:
    """The disk under the session log that is being written is full."""
    (fd,) = [int(link.name) for link in Path("/proc/self/fd").iterdir() if _leads_to_log(link)]
    device = os.open("/dev/full", os.O_WRONLY)
    os.dup2(device, fd)
    os.close(device)


def _leads_to_log(link: Path) -> bool:
    try:
        return str(link.readlink()).endswith(".jsonl.part")
    except FileNotFoundError:
        return False


def in_the_way(name: str) -> Callable[[Scene], None]:
    """A file stands where a folder of the station's should be."""

    def inject(scene: Scene) -> None:
        (scene.rig.folder / "state" / name).touch()

    return inject


def out_of_the_way(name: str) -> Callable[[Scene], None]:
    def mend(scene: Scene) -> None:
        (scene.rig.folder / "state" / name).unlink()

    return mend


def owned_by_another(scene: Scene) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(journal_of(scene))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    scene.kept["owner"] = owner
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"owned\n"


def names_the_owner(scene: Scene) -> None:
    assert f"pid {scene.kept['owner'].pid}" in scene.kept["told"]


def names_the_backup(scene: Scene) -> None:
    assert "copy the last backup to its place" in scene.kept["told"]


def owner_ends(scene: Scene) -> None:
    with scene.kept["owner"] as owner:
        owner.kill()


def damage(scene: Scene) -> None:
    path = journal_of(scene)
    scene.kept["backup"] = content = path.read_bytes()
    spoilt = bytearray(content)
    match scene.value:
        case "header":
            spoilt[:16] = b"\xff" * 16
        case "pages":
            spoilt[8192:60_000] = b"\xa5" * (60_000 - 8192)
        case _:
            del spoilt[len(spoilt) // 2 :]
    path.write_bytes(spoilt)


def restore(scene: Scene) -> None:
    """As the error says: its -wal and -shm aside, the last backup in its place."""
    for suffix in ("-wal", "-shm"):
        Path(f"{journal_of(scene)}{suffix}").unlink(missing_ok=True)
    journal_of(scene).write_bytes(scene.kept["backup"])


def of_another_version(scene: Scene) -> None:
    scene.kept["backup"] = journal_of(scene).read_bytes()
    with contextlib.closing(sqlite3.connect(journal_of(scene))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def jump(scene: Scene) -> None:
    """The wall clock as the station sees it is off by the trial's value."""
    clock = _clock(scene)
    now_s = clock.wall_s
    clock.wall_s = lambda: now_s() + scene.value


def jump_before_a_token(scene: Scene) -> None:
    """No token is good any more either."""
    jump(scene)
    scene.rig.api.add_fault(Fault(FaultKind.EXPIRE_TOKENS, ACTIVATE_DEVICE_ID))


def right(scene: Scene) -> None:
    """The clock is set right again."""
    del _clock(scene).wall_s


def _clock(scene: Scene) -> Any:
    jig: Any = scene.rig.jig
    return jig._clock


def names_the_clock(scene: Scene) -> None:
    assert "clock" in last_message(scene.rig)


# fmt: off
CASES = (
    Case(Kind.DISK, "The disk under the journal is full, from any step on", ("journal.failed",), JOURNAL,
         at_step(execute(FULL)),
         vary=(Step.IDENTIFY, Step.ACTIVATE, Step.LABEL), mend=execute(ROOM)),
    Case(Kind.DISK, "The disk under the journal is read-only, from any step on", ("journal.failed",), JOURNAL,
         at_step(execute("PRAGMA query_only = ON")), vary=STEPS, mend=execute("PRAGMA query_only = OFF")),
    Case(Kind.DISK, "The disk under the session log is full, from any step on", ("session.unwritable",), NOTHING,
         at_step(fill_the_log), vary=STEPS[:3]),
    Case(Kind.DISK, "No session log can be begun", ("session.unwritable",), NOTHING, in_the_way("sessions"),
         when=When.BEFORE_STATION, mend=out_of_the_way("sessions")),
    Case(Kind.DISK, "No picture of the label can be kept", (PASS,), NOTHING, in_the_way("labels"),
         when=When.BEFORE_STATION,
         mend=out_of_the_way("labels")),
    Case(Kind.DISK, "A second agent owns the journal", ("journal.locked",), NOTHING, owned_by_another,
         when=When.AT_START,
         mend=owner_ends, proves=names_the_owner),
    Case(Kind.DISK, "The journal is damaged: its header, its pages, or cut short", ("journal.corrupt",), NOTHING,
         damage,
         when=When.AT_START, vary=("header", "pages", "cut short"), mend=restore, proves=names_the_backup),
    Case(Kind.DISK, "The journal belongs to another version of the station", ("journal.version",), NOTHING,
         of_another_version,
         when=When.AT_START, mend=restore),
    Case(Kind.CLOCK, "The wall clock jumps in the middle of a cycle, either way, by a day or by 20 years", (PASS,),
         NOTHING,
         at(StepStarted, jump, Step.ACTIVATE), vary=(-7300 * DAY_S, -DAY_S, DAY_S, 7300 * DAY_S), mend=right),
    Case(Kind.CLOCK, "The wall clock is an hour off, and the server checks the time of token requests", ("api.auth",),
         NOTHING,
         at(CycleStarted, jump_before_a_token), vary=(-3600.0, 3600.0), mend=right, proves=names_the_clock,
         station={"ids": "server", "api": SimulatorSettings(seed=7, time_tolerance_s=300.0)}),
)
# fmt: on
