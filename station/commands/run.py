"""``station run``: the station on real hardware, until SIGTERM or a number of cycles."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from station.arguments import whole
from station.commands import forget_output
from station.events import CycleEnded, Event
from station.logs import LogStyle
from station.model import CycleResult, Outcome

if TYPE_CHECKING:
    from station.live import View

MAX_CYCLES = 1_000_000

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the station's configuration")
    parser.add_argument("--cycles", type=whole(1, MAX_CYCLES), metavar="N", help="stop after N cycles have ended")
    parser.add_argument("--json", action="store_true", help="one JSON line per cycle on standard output")
    parser.add_argument(
        "--log",
        choices=[style.value for style in LogStyle],
        default=LogStyle.AUTO.value,
        help="what goes to standard error: lines for people, JSON lines, or records for the journal (default: what fits)",
    )


def run(options: argparse.Namespace) -> int:
    """0; 1 if any of N cycles was not PASS; 2 for a configuration that cannot be used (``describe_failure``)."""
    if not sys.stderr.isatty():
        # Obeyed once the station runs; until then it would end a service that is just being started.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from station.event_log import EventLog
    from station.live import open_view
    from station.logs import chosen_style, logging_to
    from station.metrics.companion import Metrics
    from station.page import Page
    from station.sd_notify import Notifier
    from station.service import Service
    from station.signals import Signals
    from station.status_line import StatusLine

    style = chosen_style(LogStyle(options.log), os.environ, sys.stderr.fileno())
    notifier = Notifier.from_environment()
    with logging_to(style):
        view: View = open_view() if style is LogStyle.PLAIN else EventLog()
        metrics, signals, page = Metrics(), Signals(), Page()
        outlets: list[Callable[[Event], None]] = [
            *outlets_of(view, options.json),
            StatusLine(notifier.status),
            metrics,
            signals,
            page,
        ]
        with _closed_at_the_end(view):
            service = Service(
                options.config,
                publisher(outlets),
                notifier,
                cycles=options.cycles,
                companions=(metrics.beside, signals.beside, page.beside),
            )
            results = service.run()
    return exit_status(results) if options.cycles is not None else 0


@contextlib.contextmanager
def _closed_at_the_end(view: View) -> Iterator[None]:
    """A terminal that has gone is no failure of the station."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            view.close()


def exit_status(results: list[CycleResult]) -> int:
    """0 where every cycle was PASS."""
    return 0 if all(result.outcome is Outcome.PASS for result in results) else 1


def outlets_of(view: Callable[[Event], None], as_json: bool) -> list[Callable[[Event], None]]:
    """The view and, where asked for, the JSON lines before it."""
    return [write_json_line, view] if as_json else [view]


def publisher(outlets: list[Callable[[Event], None]]) -> Callable[[Event], None]:
    """Tells every outlet of each event. A reader that has gone, a closed pipe or a terminal that hung up, is logged once and
    stops nothing."""
    open_outlets = list(outlets)

    def publish(event: Event) -> None:
        for outlet in tuple(open_outlets):
            try:
                outlet(event)
            except OSError as error:
                open_outlets.remove(outlet)
                logger.warning("what happens is shown no more: %s", error)
                if outlet is write_json_line:
                    forget_output()

    return publish


def write_json_line(event: Event) -> None:
    """The line of a cycle that has ended. Raises OSError where nobody reads it."""
    if isinstance(event, CycleEnded):
        sys.stdout.write(json.dumps(event.result.to_json()) + "\n")
        sys.stdout.flush()
