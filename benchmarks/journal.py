"""How a look-up and a reservation grow from a journal of a thousand units to one of a million, on both databases.

``python -m benchmarks.journal [sqlite|postgresql]`` prints each run. A journal is filled by the database itself, with all that a
million finished cycles leave but their steps' times, which neither operation touches: cycles, units, two used ids, four effects, a
label and a session log each. Both databases commit as in production, synced. The ids' order is no order of the units.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import sqlalchemy as sa

from drivers.clock import SystemClock
from station.journal.journal import Journal
from station.journal.opening import open_journal
from station.journal.place import ServerPlace, place_of
from station.journal.postgresql import BoundedConnection, connector, shared_engine
from station.journal.sqlite import writer
from station.model import IdKind, IdSource

SMALL, LARGE = 1000, 1_000_000
RUNS = 5
OPERATIONS = 200
"""Look-ups, and reservations, in one run and journal."""
SPREAD = 1 << 20
"""Units are numbered, and their numbers spread by a multiplication modulo this; no journal here may have more."""
_FACTOR = 40503

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
_KEY = f"((i * {_FACTOR}) % {SPREAD})"
_FILLING = (
    (
        "INSERT INTO id_batches (id, kind, station, asked, accepted, state, requested_at, answered_at)"
        " VALUES (1, 'device_id', 'jig-1', 1, 1, 'answered', 1, 1), (2, 'sn', 'jig-1', 1, 1, 'answered', 1, 1)"
    ),
    (
        "INSERT INTO cycles (cycle, station, socket, session, started_at, ended_at, outcome, chip_id, label, duration_s)"
        f" {_NUMBERS} SELECT i, 'jig-1', 'A', 'log ' || i, i, i, 'PASS', 'chip-' || {_KEY}, 'printed', 0.4 FROM n"
    ),
    (
        "INSERT INTO units (chip_id, app_eui, device_id, sn, station, reserved_at, activated_at, bound_at, written_at,"
        f" verified_at, labels_printed) {_NUMBERS} SELECT 'chip-' || {_KEY}, '70B3D57ED00001C0', 'device-' || {_KEY},"
        f" 'sn-' || {_KEY}, 'jig-1', i, i, i, i, i, 1 FROM n"
    ),
    (
        f"INSERT INTO ids (kind, value, state, batch, chip_id) {_NUMBERS}"
        f" SELECT 'device_id', 'device-' || {_KEY}, 'used', 1, 'chip-' || {_KEY} FROM n"
    ),
    (
        f"INSERT INTO ids (kind, value, state, batch, chip_id) {_NUMBERS}"
        f" SELECT 'sn', 'sn-' || {_KEY}, 'used', 2, 'chip-' || {_KEY} FROM n"
    ),
    *(
        "INSERT INTO effects (id, station, cycle, chip_id, kind, state, request, intended_at, settled_at)"
        f" {_NUMBERS} SELECT 4 * i + {place}, 'jig-1', i, 'chip-' || {_KEY}, '{kind}', 'done', '{{}}', i, i FROM n"
        for place, kind in enumerate(("activate", "bind", "write", "print"))
    ),
    (
        f"INSERT INTO labels (effect, chip_id, sn, copy_number, fate, at) {_NUMBERS}"
        f" SELECT 4 * i + 3, 'chip-' || {_KEY}, 'sn-' || {_KEY}, 1, 'printed', i FROM n"
    ),
    (
        f"INSERT INTO sessions (cycle, path, sha256, size_bytes) {_NUMBERS}"
        f" SELECT i, 'day/log-' || i, '{'0' * 64}', 10000 FROM n"
    ),
)
_COUNTERS = (("cycles", "cycle"), ("effects", "id"), ("id_batches", "id"))


@dataclass(frozen=True, slots=True)
class Filled:
    """A journal of ``units`` finished units, with ids in its pool for ``OPERATIONS`` new ones in each of ``runs``."""

    journal: Journal
    units: int

    def lookup_s(self, random: Random) -> float:
        """The median of so many look-ups of units drawn at random."""
        return self._median(
            lambda _: self.journal.find_unit(f"chip-{random.randint(1, self.units) * _FACTOR % SPREAD}")
        )

    def reserve_s(self, run: int) -> float:
        """The median of so many reservations for new units."""
        cycle = self.journal.begin_cycle("A", "log")

        def reserve(number: int) -> object:
            return self.journal.reserve(cycle, f"new-{run}-{number}", "70B3D57ED00001C0", scanned_sn=None)

        return self._median(reserve)

    def _median(self, operation: Callable[[int], object]) -> float:
        times = []
        for number in range(OPERATIONS):
            started_s = time.perf_counter()
            found = operation(number)
            times.append(time.perf_counter() - started_s)
            assert found is not None
        return statistics.median(times)


def lookup_ratios(database: str, runs: int = RUNS, small: int = SMALL, large: int = LARGE) -> list[float]:
    """For each run, how many times longer a look-up or a reservation, whichever grew more, takes among ``large`` units than among
    ``small``. ``database`` is ``sqlite`` or ``postgresql`` (a server of its own, as tests start it)."""
    ratios = []
    with ExitStack() as closing:
        place = _sqlite(closing) if database == "sqlite" else _postgresql(closing)
        few, many = (closing.enter_context(_filled(place(units), units, runs + 1)) for units in (small, large))
        for run in range(runs + 1):
            lookup = many.lookup_s(Random(run)) / few.lookup_s(Random(run))
            reserve = many.reserve_s(run) / few.reserve_s(run)
            ratios.append(max(lookup, reserve))
    return ratios[1:]  # the first run prepares statements and opens connections


@contextmanager
def _filled(location: Path | str, units: int, runs: int) -> Iterator[Filled]:
    if units >= SPREAD:
        raise ValueError(f"fewer than {SPREAD} units, not {units}")
    open_journal(location, SystemClock(), IdSource.POOL, "jig-1").close()
    _fill(location, units)
    with open_journal(location, SystemClock(), IdSource.POOL, "jig-1") as journal:
        for kind in IdKind:
            values = [f"fresh-{kind}-{number}" for number in range(OPERATIONS * runs)]
            journal.finish_batch(journal.begin_batch(kind, len(values)), values)
        yield Filled(journal, units)


def _sqlite(closing: ExitStack) -> Callable[[int], Path | str]:
    folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    return lambda units: folder / f"journal-{units}.sqlite"


def _postgresql(closing: ExitStack) -> Callable[[int], Path | str]:
    from tests.support.postgresql import DatabaseServer

    server = DatabaseServer(("listen_addresses=", "shared_buffers=256MB", "max_wal_size=4GB"))
    closing.callback(server.close)
    return lambda _units: server.url(server.new_database())


def _fill(location: Path | str, units: int) -> None:
    place = place_of(location)
    if isinstance(place, ServerPlace):
        engine = shared_engine(connector(place, "filling", 60), 60)
        with engine.begin() as connection:
            _take_time(connection)
            _insert(connection, units, percent="%%")
            for table, column in _COUNTERS:
                highest = f"(SELECT max({column}) FROM {table})"
                connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), {highest})")
            connection.exec_driver_sql("ANALYZE")
        engine.dispose()
    else:
        store = writer(place, 60)
        store.run(lambda connection: _insert(connection, units, percent="%"))
        store.close()


def _insert(connection: sa.Connection, units: int, percent: str) -> None:
    for statement in _FILLING:
        connection.exec_driver_sql(statement.replace("{count}", str(units)).replace("%", percent))


def _take_time(connection: sa.Connection) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    driver = connection.connection.driver_connection
    assert isinstance(driver, BoundedConnection)
    driver.silence_s = 3600.0


def main() -> int:
    for database in sys.argv[1:] or ("sqlite", "postgresql"):
        started_s = time.perf_counter()
        ratios = lookup_ratios(database)
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        sys.stdout.write(
            f"{database}: {statistics.median(ratios):.2f} ({shown}) in {time.perf_counter() - started_s:.0f} s\n"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
