"""Journals for tests: a clock that is told the time, a filled pool, a unit taken as far as wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from station.journal.journal import Journal
from station.journal.opening import open_journal
from station.model import CycleResult, EffectKind, EffectState, IdKind, IdSource, LabelFate, Outcome, Unit
from station.ports import Intent, Settlement

APP_EUI = "70B3D57ED00001C0"


@dataclass
class Places:
    """What ``opened`` makes of a path: the file, or, while a test is run on PostgreSQL, a database that stands for it."""

    of: Callable[[Path], Path | str] = field(default=lambda path: path)


PLACES = Places()


@dataclass
class ToldClock:
    """A wall clock that says what it was told, and steps where it is told to."""

    wall: float = 1_760_000_000.0

    def wall_s(self) -> float:
        return self.wall

    def monotonic_s(self) -> float:
        return 0.0

    def sleep(self, duration_s: float) -> None:
        raise AssertionError("the journal does not sleep")


def opened(
    path: Path, ids: IdSource = IdSource.POOL, clock: ToldClock | None = None, station: str = "jig-1"
) -> Journal:
    return open_journal(PLACES.of(path), clock or ToldClock(), ids, station, lock_timeout_s=20)


def fill(journal: Journal, number: int, start: int = 0) -> None:
    """Put ``number`` DeviceIDs and SNs into the pool."""
    for kind, prefix in ((IdKind.DEVICE_ID, "d"), (IdKind.SN, "SN")):
        batch = journal.begin_batch(kind, number)
        journal.finish_batch(batch, [f"{prefix}{index:05d}" for index in range(start, start + number)])


def reserve(journal: Journal, chip_id: str, scanned_sn: str | None = None) -> tuple[int, Unit]:
    """A new cycle and the unit it reserves."""
    cycle = journal.begin_cycle("A", f"{chip_id}.jsonl.gz")
    return cycle, journal.reserve(cycle, chip_id, APP_EUI, scanned_sn=scanned_sn)


def activation(unit: Unit) -> Intent:
    request = {"chip_id": unit.chip_id, "app_eui": unit.app_eui, "device_id": unit.device_id}
    return Intent(EffectKind.ACTIVATE, request)


def binding(unit: Unit) -> Intent:
    return Intent(EffectKind.BIND, {"device_id": unit.device_id, "sn": unit.sn})


def writing(unit: Unit) -> Intent:
    return Intent(EffectKind.WRITE, {"device_id": unit.device_id, "image": "00"})


def printing(unit: Unit) -> Intent:
    return Intent(EffectKind.PRINT, {"sn": unit.sn, "copy": 1})


def done(effect_id: int, **ids: str | None) -> Settlement:
    return Settlement(effect_id, EffectState.DONE, **ids)  # type: ignore[arg-type]


def do(journal: Journal, cycle: int, unit: Unit, intent: Intent, **ids: str | None) -> Unit:
    """One effect from intent to done; the unit afterwards."""
    (effect_id,) = journal.advance(cycle, unit.chip_id, intend=[intent])
    journal.advance(cycle, unit.chip_id, settle=[done(effect_id, **ids)])
    return known(journal, unit.chip_id)


def labelled(journal: Journal, chip_id: str) -> tuple[int, Unit]:
    """A unit taken through its whole cycle, the cycle not yet ended."""
    cycle, unit = reserve(journal, chip_id)
    for intent in (activation, binding, writing):
        unit = do(journal, cycle, unit, intent(unit))
    journal.advance(cycle, chip_id, verified=True)
    return cycle, do(journal, cycle, unit, printing(unit))


def known(journal: Journal, chip_id: str) -> Unit:
    unit = journal.find_unit(chip_id)
    assert unit is not None
    return unit


def ended(cycle: int, chip_id: str | None = None, message: str = "") -> CycleResult:
    steps = {"identify": 0.031, "reserve": 0.002}
    return CycleResult(
        cycle, "jig-1", "A", Outcome.PASS, None, chip_id, APP_EUI, None, None, False, LabelFate.PRINTED, 0.4, steps,
        message=message,
    )  # fmt: skip
