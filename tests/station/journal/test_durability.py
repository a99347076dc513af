"""What was acknowledged is there: after kill -9, after a full disk, and in whichever thread it was written."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from station.journal.errors import JournalError
from station.model import EffectKind, EffectState, IdKind, IdSource
from tests.support.journal import (
    APP_EUI,
    activation,
    binding,
    done,
    ended,
    fill,
    known,
    opened,
    printing,
    reserve,
    writing,
)

ROOT = Path(__file__).parents[3]

WRITER = """
import sys, threading
from pathlib import Path
from tests.support.journal import activation, opened, reserve

journal, name = opened(Path(sys.argv[1])), sys.argv[2]
printing = threading.Lock()

def work(thread):
    for index in range(10_000):
        cycle, unit = reserve(journal, f"{name}-{thread}-{index}")
        (effect,) = journal.advance(cycle, unit.chip_id, intend=[activation(unit)])
        with printing:
            print(unit.chip_id, unit.device_id, unit.sn, effect, flush=True)

for thread in range(4):
    threading.Thread(target=work, args=(thread,)).start()
"""

FULL_DISK = """
import resource, sys
from pathlib import Path
from station.journal.errors import JournalError
from tests.support.journal import known, opened, reserve

journal = opened(Path(sys.argv[1]))
room = Path(sys.argv[1] + "-wal").stat().st_size + 40_000
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
kept = []
for index in range(1000):
    try:
        kept.append(reserve(journal, f"C{index}")[1])
    except JournalError as error:
        print(error.code, len(kept))
        break
assert all(known(journal, unit.chip_id) == unit for unit in kept), "readable while full"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
kept.append(reserve(journal, "after")[1])
print(*(f"{unit.chip_id}={unit.device_id}" for unit in kept))
journal.close()
"""


def test_a_killed_writer_loses_no_acknowledged_row(tmp_path: Path):
    """SIGKILL in the middle of four threads' transactions, again and again, on one journal."""
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        fill(journal, 4000)
    acknowledged: dict[str, tuple[str, str, int]] = {}
    for life in range(4):
        command = [sys.executable, "-c", WRITER, str(path), f"L{life}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(60)]
            writer.kill()
            lines += writer.stdout.readlines()
        for line in lines:
            if line.endswith("\n"):
                chip_id, device_id, sn, effect = line.split()
                acknowledged[chip_id] = (device_id, sn, int(effect))
        with opened(path) as journal:
            for chip_id, (device_id, sn, effect_id) in acknowledged.items():
                unit = known(journal, chip_id)
                assert (unit.device_id, unit.sn) == (device_id, sn)
                effect = unit.open_effect(EffectKind.ACTIVATE)
                assert effect is not None
                assert effect.id == effect_id
            assert journal.read.integrity_check() == ()
    assert len(acknowledged) >= 240
    assert len({device_id for device_id, _, _ in acknowledged.values()}) == len(acknowledged)


def test_a_full_disk_fails_the_transaction_and_keeps_what_was_acknowledged(tmp_path: Path):
    """The file-size limit stands in for the disk's end: the same write fails, with EFBIG in place of ENOSPC."""
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        fill(journal, 1500)
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=50)
    assert run.returncode == 0, run.stderr
    failure, kept = run.stdout.splitlines()
    code, count = failure.split()
    assert code == "journal.failed"
    assert int(count) < 1000
    with opened(path) as journal:
        units = dict(pair.split("=") for pair in kept.split())
        assert "after" in units
        for chip_id, device_id in units.items():
            assert known(journal, chip_id).device_id == device_id
        counts = journal.pool_levels().counts[IdKind.DEVICE_ID]
        assert (counts.reserved, counts.free) == (len(units), 1500 - len(units))
        assert journal.read.integrity_check() == ()


def test_a_turn_that_does_not_come_in_time_is_an_error_and_not_a_wait_for_ever(tmp_path: Path):
    from drivers.clock import SystemClock
    from station.journal.opening import open_journal
    from station.model import IdSource

    entered, leave = threading.Event(), threading.Event()

    class Stuck:
        """Iterated inside the transaction, as the values of an answer are."""

        def __getitem__(self, _: slice) -> list[str]:
            entered.set()
            leave.wait(30)
            return []

        def __len__(self) -> int:
            return 0

    with open_journal(tmp_path / "j.db", SystemClock(), IdSource.POOL, "jig-1", lock_timeout_s=0.05) as journal:
        batch = journal.begin_batch(IdKind.SN, 1)
        with ThreadPoolExecutor(1) as other:
            stuck = other.submit(journal.finish_batch, batch, Stuck())  # type: ignore[arg-type]
            assert entered.wait(30)
            with pytest.raises(JournalError, match=r"busy for more than 0\.05 s"):
                journal.begin_cycle("A", "s")
            leave.set()
            stuck.result()
        assert journal.begin_cycle("A", "s") == 1


def test_a_transaction_that_raises_leaves_nothing_and_the_next_one_works(tmp_path: Path):
    with opened(tmp_path / "j.db") as journal:
        fill(journal, 2)
        cycle, unit = reserve(journal, "C1")

        class Interrupted(BaseException):
            pass

        class Interrupting:
            def __iter__(self):
                raise Interrupted

        with pytest.raises(Interrupted):
            journal.advance(cycle, "C1", intend=Interrupting())  # type: ignore[arg-type]
        assert known(journal, "C1") == unit
        journal.advance(cycle, "C1", intend=[activation(unit)])


def test_all_that_something_outside_hangs_on_is_synced_when_it_is_acknowledged(tmp_path: Path):
    """What a power failure may take back: a reservation before the first intent, that a board was read back, a log's note, and
    the results that can be had again or that nobody hears before the cycle's end."""
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        fill(journal, 3)
        given: list[str] = []
        journal._store.run(lambda connection: connection.connection.driver_connection.set_trace_callback(given.append))
        syncs = True

        def synced() -> bool:
            """Whether the one commit since the last call was synced."""
            nonlocal syncs
            assert given.count("COMMIT") == 1
            for statement in given:
                if statement.startswith("PRAGMA synchronous"):
                    syncs = statement.endswith("FULL")
            given.clear()
            return syncs

        given.clear()
        cycle = journal.begin_cycle("A", "C1.jsonl.gz")
        assert synced()
        unit = journal.reserve(cycle, "C1", APP_EUI, scanned_sn=None)
        assert not synced()
        for intent, is_result_synced in ((activation, False), (binding, True), (writing, False)):
            (effect,) = journal.advance(cycle, "C1", intend=[intent(unit)])
            assert synced()
            journal.advance(cycle, "C1", settle=[done(effect)])
            assert synced() is is_result_synced
        journal.advance(cycle, "C1", verified=True)
        assert not synced()
        (effect,) = journal.advance(cycle, "C1", intend=[printing(unit)])
        assert synced()
        journal.advance(cycle, "C1", settle=[done(effect)])
        assert not synced()
        journal.end_cycle(ended(cycle, "C1"))
        assert synced()
        journal.note_session(cycle, "C1.jsonl.gz", "00" * 32, 1)
        assert not synced()


def test_a_result_is_synced_at_once_where_it_is_not_alone_or_an_earlier_cycle_began_the_effect(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        fill(journal, 2)
        levels: list[int] = []

        def level() -> int:
            """What ``PRAGMA synchronous`` was at the last commit; 2 is FULL."""
            raw = journal._store._connection.connection.driver_connection  # type: ignore[attr-defined]
            return int(raw.execute("PRAGMA synchronous").fetchone()[0])

        cycle, unit = reserve(journal, "C1")
        (activated,) = journal.advance(cycle, "C1", intend=[activation(unit)])
        journal.advance(cycle, "C1", settle=[done(activated)], intend=[binding(unit), writing(unit)])
        levels.append(level())
        journal.end_cycle(ended(cycle, "C1"))
        later = journal.begin_cycle("A", "C1-2.jsonl.gz")
        bind, write = (effect.id for effect in known(journal, "C1").open_effects)
        journal.reopen(later, write)
        journal.advance(later, "C1", settle=[done(write)])
        levels.append(level())
        journal.advance(later, "C1", verified=True)
        journal.advance(later, "C1", settle=[done(bind)])
        levels.append(level())
        assert levels == [2, 2, 2]


def test_an_activation_for_which_the_server_chooses_is_synced_since_nothing_else_tells_what_it_chose(tmp_path: Path):
    with opened(tmp_path / "journal.db", ids=IdSource.SERVER) as journal:
        cycle, unit = reserve(journal, "C1")
        (effect,) = journal.advance(cycle, "C1", intend=[activation(unit)])
        raw = journal._store._connection.connection.driver_connection  # type: ignore[attr-defined]
        raw.execute("PRAGMA synchronous = NORMAL")
        journal._store._syncs = False  # type: ignore[attr-defined]
        journal.advance(cycle, "C1", settle=[done(effect, device_id="D1")])
        assert raw.execute("PRAGMA synchronous").fetchone()[0] == 2


@pytest.mark.parametrize("kind", [EffectKind.ACTIVATE, EffectKind.WRITE, EffectKind.PRINT])
def test_a_result_that_was_not_synced_is_after_a_power_failure_in_doubt(tmp_path: Path, kind: EffectKind):
    """The files as they were at the last sync: the effect is there, open, with the ids that it named."""
    path, after = tmp_path / "journal.db", tmp_path / "after"
    after.mkdir()
    journal = opened(path)
    fill(journal, 1)
    cycle, unit = reserve(journal, "C1")
    for intent in (activation, binding, writing, printing):
        (effect,) = journal.advance(cycle, "C1", intend=[intent(unit)])
        if intent(unit).kind is kind:
            break
        journal.advance(cycle, "C1", settle=[done(effect)])
        if intent is writing:
            journal.advance(cycle, "C1", verified=True)
    for name in ("journal.db", "journal.db-wal"):
        (after / name).write_bytes((tmp_path / name).read_bytes())
    journal.advance(cycle, "C1", settle=[done(effect)])
    journal.close()
    with opened(after / "journal.db") as journal:
        journal.recover()
        left = known(journal, "C1")
        assert [(each.id, each.kind, each.state) for each in left.open_effects] == [
            (effect, kind, EffectState.IN_DOUBT)
        ]
        assert (left.device_id, left.sn) == (unit.device_id, unit.sn)
        assert journal.read.integrity_check() == ()


def test_a_reservation_that_was_not_synced_is_after_a_power_failure_as_if_it_had_never_been(tmp_path: Path):
    """The files as they were at the last sync: the ids are free, the cycle is told as cut off, and the next takes them."""
    path, after = tmp_path / "journal.db", tmp_path / "after"
    after.mkdir()
    journal = opened(path)
    fill(journal, 1)
    cycle = journal.begin_cycle("A", "C1.jsonl.gz")
    for name in ("journal.db", "journal.db-wal"):
        (after / name).write_bytes((tmp_path / name).read_bytes())
    lost = journal.reserve(cycle, "C1", APP_EUI, scanned_sn=None)
    journal.close()
    with opened(after / "journal.db") as journal:
        assert journal.find_unit("C1") is None
        assert reserve(journal, "C2")[1].device_id == lost.device_id
        assert journal.read.integrity_check() == ()
