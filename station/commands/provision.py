"""``station provision``: the units of a list activated and bound, without a jig."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from station.arguments import USAGE_CODE, whole
from station.commands import EXIT_UNUSABLE
from station.errors import UnitError
from station.offline import add_config_argument, configured
from station.text import printable

if TYPE_CHECKING:
    from station.batch.listing import ListedRow
    from station.batch.runner import Ended
    from station.config.validate import Configuration

DEFAULT_JOBS, MAX_JOBS = 16, 64
FAILURES_TOLD = 20
REDRAWN_PER_S = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "chips", type=Path, metavar="CHIPS.csv", help="the units: a CSV file with the columns chipId and appEui"
    )
    add_config_argument(parser)
    parser.add_argument(
        "--result", type=Path, metavar="RESULT.csv", help="what became of each row (default: CHIPS.result.csv)"
    )
    parser.add_argument(
        "--jobs",
        type=whole(1, MAX_JOBS),
        default=DEFAULT_JOBS,
        metavar="N",
        help=f"units in progress at once (default {DEFAULT_JOBS})",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line per unit on standard output")


def run(options: argparse.Namespace) -> int:
    """0 where every unit is provisioned, else 1; 2 for a list or a configuration that cannot be used, and nothing was begun."""
    from station.batch.listing import ListError, forms_of, read_list
    from station.batch.result import require_place, write_result

    configuration = configured(options)
    config = configuration.station
    if config.scan.means == "sn":
        raise UnitError(USAGE_CODE, "the SNs of this station are scanned, and a list brings none")
    board = config.board.stm32 or config.board.text_line
    assert board is not None, "checked by Choice"
    try:
        rows = read_list(options.chips, forms_of(board))
    except ListError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNUSABLE
    result = options.result or options.chips.with_name(f"{options.chips.stem}.result.csv")
    try:
        require_place(result, options.chips)
    except ValueError as problem:
        raise UnitError(USAGE_CODE, str(problem)) from None
    ended = _provision(configuration, rows, options.jobs, options.json)
    write_result(result, ended)
    _write_summary(ended, result)
    return 0 if all(each.is_provisioned for each in ended) else 1


def _provision(configuration: Configuration, rows: tuple[ListedRow, ...], jobs: int, as_json: bool) -> list[Ended]:
    from station.batch.runner import Batch
    from station.os_signals import taken

    with _progress(len(rows)) as advance:

        def tell(ended: Ended) -> None:
            if as_json:
                sys.stdout.write(json.dumps(_plain(ended)) + "\n")
                sys.stdout.flush()
            advance()

        with Batch(configuration, rows, tell, jobs=jobs) as batch:
            for warning in batch.warnings:
                sys.stderr.write(f"station: {warning}\n")
            with taken({signal.SIGTERM: batch.stop, signal.SIGINT: batch.stop}):
                return batch.run()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error where that is a terminal; what is yielded moves it on by one unit."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("units"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=REDRAWN_PER_S) as progress:
        task = progress.add_task("units", total=total)
        lock = threading.Lock()

        def advance() -> None:
            with lock:
                progress.advance(task)

        yield advance


def _plain(ended: Ended) -> dict[str, object]:
    from station.batch.result import outcome_of

    return {
        "line": ended.row.line,
        "cycle": ended.cycle,
        "outcome": outcome_of(ended),
        "code": None if ended.is_provisioned else ended.code,
        "chip_id": ended.row.unit.chip_id,
        "app_eui": ended.row.unit.app_eui,
        "device_id": ended.device_id,
        "sn": ended.sn,
        "resumed": ended.resumed,
        "message": ended.message,
        "session": ended.session,
    }


def _write_summary(ended: list[Ended], result: Path) -> None:
    """What came of it, and the first units that are not provisioned, each with its code."""
    from station.batch.result import LEFT, PROVISIONED, counts_of, outcome_of
    from station.errors import CATALOGUE

    counts = counts_of(ended)
    failed = [each for each in ended if outcome_of(each) not in (PROVISIONED, LEFT)]
    for each in failed[:FAILURES_TOLD]:
        row = CATALOGUE.get(each.code, CATALOGUE["station.defect"])
        line = (
            f"station: {each.code}: line {each.row.line}, chip {each.row.unit.chip_id}: {each.message} — {row.action}"
        )
        sys.stderr.write(printable(line, 1000) + "\n")
    if len(failed) > FAILURES_TOLD:
        sys.stderr.write(f"station: {len(failed) - FAILURES_TOLD} more are not provisioned\n")
    left = next((each for each in ended if each.outcome is None), None)
    if left is not None:
        sys.stderr.write(
            printable(f"station: {counts[LEFT]} units are left, {left.message} — the same command goes on", 1000) + "\n"
        )
    parts = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()) if name != PROVISIONED)
    sys.stderr.write(f"{counts[PROVISIONED]} of {len(ended)} provisioned{f' ({parts})' if parts else ''}; {result}\n")
