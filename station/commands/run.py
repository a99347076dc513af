"""``station run``: the station on real hardware, until SIGTERM or a number of cycles."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from station.arguments import whole
from station.commands import forget_output
from station.events import CycleEnded, Event
from station.model import CycleResult, Outcome

if TYPE_CHECKING:
    from types import FrameType

    from station.jig import Jig

MAX_CYCLES = 1_000_000

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the station's configuration")
    parser.add_argument("--cycles", type=whole(1, MAX_CYCLES), metavar="N", help="stop after N cycles have ended")
    parser.add_argument("--json", action="store_true", help="one JSON line per cycle on standard output")


def run(options: argparse.Namespace) -> int:
    """0; 1 if any of N cycles was not PASS; 2 for a configuration that cannot be used (``describe_failure``)."""
    from station.config.devices import require_devices
    from station.config.validate import load_configuration
    from station.jig import Jig
    from station.live import open_view

    configuration = load_configuration(options.config)
    require_devices(configuration)
    view = open_view()
    try:
        jig = Jig(configuration, publisher(view, options.json), cycles=options.cycles)
        with stopped_by_signals(jig), jig:
            for warning in jig.warnings:
                sys.stderr.write(f"station: warning: {warning}\n")
            jig.wait()
    finally:
        view.close()
    return exit_status(jig.results) if options.cycles is not None else 0


def exit_status(results: list[CycleResult]) -> int:
    """0 where every cycle was PASS."""
    return 0 if all(result.outcome is Outcome.PASS for result in results) else 1


def publisher(view: Callable[[Event], None], as_json: bool) -> Callable[[Event], None]:
    """Shows events in the view and, where asked for, writes each cycle's JSON line. A reader that has gone, a closed pipe or a
    terminal that hung up, is logged once and stops nothing."""
    outlets = [write_json_line, view] if as_json else [view]

    def publish(event: Event) -> None:
        for outlet in tuple(outlets):
            try:
                outlet(event)
            except OSError as error:
                outlets.remove(outlet)
                logger.warning("what happens is shown no more: %s", error)
                if outlet is write_json_line:
                    forget_output()

    return publish


def write_json_line(event: Event) -> None:
    """The line of a cycle that has ended. Raises OSError where nobody reads it."""
    if isinstance(event, CycleEnded):
        sys.stdout.write(json.dumps(event.result.to_json()) + "\n")
        sys.stdout.flush()


@contextlib.contextmanager
def stopped_by_signals(jig: Jig) -> Iterator[None]:
    """SIGTERM and SIGINT ask the jig to end; the cycles in progress end before their next step."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        jig.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
