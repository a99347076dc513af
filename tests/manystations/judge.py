"""What must hold when all is done: the server's books, the boards' memories, the roll of labels and the journal say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from drivers.clock import SystemClock
from station.journal.opening import open_journal
from station.model import IdKind, IdSource
from tests.manystations.hall import Hall


def problems(hall: Hall) -> Iterator[str]:
    """Everything that must not be, in words."""
    yield from hall.api.violations()
    yield from hall.tally.violations
    books: Any = hall.api.ledger()
    activated = {chip: ids[0] for chip, ids in books["activated"].items()}
    bound = {device_id: sns[0] for device_id, sns in books["bound"].items()}
    yield from _units(hall, activated, bound)
    yield from _labels(hall, activated, bound)
    yield from _pool(hall, books, set(activated.values()), set(bound.values()))
    yield from _journal(hall)
    if (hall.tally.kills, hall.tally.crashes) != (hall.plan.kills, hall.plan.crashes):
        yield f"only {hall.tally.kills} agents were killed, the database crashed {hall.tally.crashes} times"


def _units(hall: Hall, activated: dict[str, str], bound: dict[str, str]) -> Iterator[str]:
    known = {row[0]: row[1:] for row in _rows(hall, "SELECT chip_id, device_id, sn, labels_printed, hold FROM units")}
    for chip_id, (device_id, sn) in hall.tally.passed.items():
        if activated.get(chip_id) != device_id or bound.get(device_id) != sn:
            yield f"PASS of {chip_id} as {device_id}, {sn}, which the server does not know so"
        if known.get(chip_id) != (device_id, sn, 1, None):
            yield f"PASS of {chip_id} as {device_id}, {sn}; the journal has {known.get(chip_id)}"
        if hall.place.board(chip_id).device_id != device_id:
            yield f"PASS of {chip_id}, whose memory holds {hall.place.board(chip_id).device_id}"
    for chip_id in set(activated) | set(known):
        if chip_id not in hall.tally.passed:
            yield f"{chip_id} is known and never passed"


def _labels(hall: Hall, activated: dict[str, str], bound: dict[str, str]) -> Iterator[str]:
    printed = hall.printed()
    for sn, device_id, chip_id in printed:
        if activated.get(chip_id) != device_id or bound.get(device_id) != sn:
            yield f"a label says {chip_id}, {device_id}, {sn}; the server does not"
    times = Counter(chip_id for _, _, chip_id in printed)
    for chip_id in hall.tally.passed:
        if times[chip_id] != 1:
            yield f"{chip_id} has {times[chip_id]} labels"


def _pool(hall: Hall, books: Any, used_device_ids: set[str], used_sns: set[str]) -> Iterator[str]:
    """Every id that was ever issued is on record, or one of those whose answer was lost; and its state is the server's."""
    for kind, issued, used in (("device_id", books["device_ids"], used_device_ids), ("sn", books["sns"], used_sns)):
        states = dict(_rows(hall, "SELECT value, state FROM ids WHERE kind = %s", kind))
        missing = [value for value in issued if value not in states]
        ((lost,),) = _rows(
            hall,
            "SELECT COALESCE(SUM(asked - accepted), 0) FROM id_batches WHERE kind = %s AND state <> 'refused'",
            kind,
        )
        if len(missing) > lost:
            yield f"{len(missing)} of {len(issued)} {kind}s are on no record, {lost} are possibly lost"
        if wrong := [value for value, state in states.items() if (state == "used") != (value in used)]:
            yield f"{len(wrong)} {kind}s are used at one place only: {wrong[:3]}"
        if unknown := set(states) - set(issued):
            yield f"{len(unknown)} {kind}s were never issued"


def _journal(hall: Hall) -> Iterator[str]:
    """Once each station has been there again: nothing is open, no cycle runs, and the journal agrees with itself."""
    for number in range(1, hall.plan.agents + 1):
        open_journal(hall.place.database, SystemClock(), IdSource.POOL, f"jig-{number}").close()
    ((open_effects,),) = _rows(hall, "SELECT count(*) FROM effects WHERE settled_at IS NULL")
    ((running,),) = _rows(hall, "SELECT count(*) FROM cycles WHERE ended_at IS NULL")
    if open_effects or running:
        yield f"{open_effects} effects are open, {running} cycles run"
    with open_journal(hall.place.database, SystemClock(), IdSource.POOL, "judge") as journal:
        yield from journal.read.integrity_check()
        levels = journal.pool_levels()
        bound = 2 * hall.plan.agents + 2 * 50
        for kind in IdKind:
            if levels.free(kind) > bound:
                yield f"{levels.free(kind)} {kind}s lie in the pool: stations have fetched them beside each other"


def _rows(hall: Hall, query: str, *values: object) -> list[tuple[Any, ...]]:
    name = hall.place.database.partition("@/")[2].partition("?")[0]
    return hall.server.ask(query, *values, database=name)
