"""``station demo``: the main job on embedded simulated hardware, with a summary."""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from station.arguments import whole
from station.commands.run import MAX_CYCLES, exit_status, outlets_of, publisher
from station.errors import UnitError
from station.events import Event
from station.model import CycleResult, Outcome, Step

if TYPE_CHECKING:
    from station.config.models import StationConfig

MAX_SOCKETS = 64
CYCLES = 10
PANEL_AT = "127.0.0.1:8080"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cycles",
        type=whole(1, MAX_CYCLES),
        metavar="N",
        help=f"boards to provision (default {CYCLES}; with --panel, until it is stopped)",
    )
    parser.add_argument(
        "--sockets", type=whole(1, MAX_SOCKETS), default=1, metavar="N", help="sockets in the jig (default 1)"
    )
    parser.add_argument(
        "--dir", type=Path, default=Path("demo"), metavar="DIR", help="where all is kept (default demo)"
    )
    parser.add_argument(
        "--panel",
        nargs="?",
        const=PANEL_AT,
        metavar="ADDRESS",
        help=f"serve the page there (default {PANEL_AT}), and leave the starts to whoever looks at it",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line per cycle on standard output")


def run(options: argparse.Namespace) -> int:
    """0 where every cycle was PASS, else 1."""
    from station.config.validate import load_configuration
    from station.demo import Operator, simulated_jig, socket_names
    from station.jig import Jig
    from station.live import open_view
    from station.os_signals import taken
    from station.page import Page

    options.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with simulated_jig(options.dir, socket_names(options.sockets), options.panel) as (file, sockets):
        configuration = load_configuration(file)
        operator, page = Operator(sockets, scans=options.panel is None), Page()
        view = open_view()
        show = publisher([*outlets_of(view, options.json), page])
        cycles = options.cycles or (CYCLES if options.panel is None else None)

        def publish(event: Event) -> None:
            show(event)
            operator(event)

        try:
            jig = Jig(configuration, publish, cycles=cycles)
            with taken({signal.SIGTERM: jig.stop, signal.SIGINT: jig.stop}), jig, page.beside(configuration, jig):
                if options.panel is not None:
                    _tell_address(page.url, options.panel)
                jig.wait()
        finally:
            view.close()
    if cycles is None:
        return 0
    results = sorted(jig.results, key=lambda result: result.cycle)
    write_summary(sys.stderr if options.json else sys.stdout, results, configuration.station)
    return exit_status(results)


def _tell_address(url: str | None, wanted: str) -> None:
    """Raises StationError where there is no page."""
    if url is None:
        raise UnitError("panel.unavailable", f"nothing can be served at {wanted}")
    sys.stderr.write(f"the page is at {url}  (Ctrl-C ends)\n")
    sys.stderr.flush()


def write_summary(stream: TextIO, results: list[CycleResult], config: StationConfig) -> None:
    """A table of the cycles, the times of their steps, and where everything is."""
    from rich.console import Console
    from rich.table import Table

    console = Console(file=stream, width=None if stream.isatty() else 150)
    table = Table(title=f"{len(results)} cycles")
    for title in ("cycle", "socket", "outcome", "chipId", "DeviceID", "SN", "label", "s"):
        table.add_column(title, no_wrap=True)
    for result in results:
        style = "green" if result.outcome is Outcome.PASS else "red"
        outcome = f"[{style}]{result.outcome}[/{style}]" + (f" {result.code}" if result.code else "")
        ids = (result.chip_id or "-", result.device_id or "-", result.sn or "-")
        table.add_row(str(result.cycle), result.socket, outcome, *ids, result.label, f"{result.duration_s:.3f}")
    console.print(table)
    console.print(_times(results))
    passed = sum(result.outcome is Outcome.PASS for result in results)
    console.print(f"{passed} of {len(results)} PASS", style="bold green" if passed == len(results) else "bold red")
    console.print(f"journal   {config.journal_path}", f"labels    {config.labels_dir}", sep="\n", highlight=False)
    console.print(f"sessions  {config.sessions_dir}", highlight=False)


def _times(results: list[CycleResult]) -> object:
    from rich.table import Table

    table = Table(title="times, s (bind runs beside write and verify)")
    for title in ("", "cycle", *Step):
        table.add_column(title)
    for name, pick in (("median", statistics.median), ("slowest", max)):
        row = [f"{pick([result.duration_s for result in results]):.3f}"] if results else ["-"]
        for step in Step:
            times = [result.steps[step] for result in results if step in result.steps]
            row.append(f"{pick(times):.3f}" if times else "-")
        table.add_row(name, *row)
    return table
