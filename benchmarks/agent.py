"""A measured station: the real agent on a configuration, told what it needs to know about by JSON lines.

``python -m benchmarks.agent CONFIG CYCLES [--unrecorded] [--times]`` says ``{"waiting": SOCKET}`` when a socket waits, and the
cycle's own JSON line with ``cpu_s``, the processor time that the process has used, when one has ended. Where the configuration has
a page, it first says ``{"page": URL}``; with ``--times`` also ``{"happened": STATE, "socket": NAME, "at_ms": TIME}`` for a cycle's
start and end, with the time before the page was told of it, in milliseconds since 1970 UTC.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path

from benchmarks.unrecorded import without_recording
from station.config.validate import load_configuration
from station.events import CycleEnded, CycleStarted, Event, SocketWaiting
from station.jig import Jig
from station.page import Page


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("cycles", type=int)
    parser.add_argument("--unrecorded", action="store_true")
    parser.add_argument("--times", action="store_true")
    options = parser.parse_args()
    if options.unrecorded:
        without_recording()
    lock = threading.Lock()
    configuration = load_configuration(options.config)
    page = Page()
    is_paged = configuration.station.panel is not None
    said_where = threading.Event()

    def publish(event: Event) -> None:
        if is_paged:
            at_ms = time.time() * 1000
            page(event)
            state = state_after(event)
            if options.times and state is not None:
                say({"happened": state, "socket": getattr(event, "socket", ""), "at_ms": at_ms})
        if isinstance(event, SocketWaiting):
            said_where.wait()
            say({"waiting": event.socket})
        elif isinstance(event, CycleEnded):
            say(
                {
                    **event.result.to_json(),
                    "cpu_s": time.process_time(),
                    "sys_s": os.times().system,
                    "at_s": time.monotonic(),
                }
            )

    def say(row: dict[str, object]) -> None:
        with lock:
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()

    with Jig(configuration, publish, cycles=options.cycles) as jig, page.beside(configuration, jig):
        if is_paged:
            say({"page": page.url})
        said_where.set()
        jig.wait()


def state_after(event: Event) -> str | None:
    """The state that a tile shows after a cycle's start or end."""
    if isinstance(event, CycleStarted):
        return "working"
    return event.result.outcome.value if isinstance(event, CycleEnded) else None


if __name__ == "__main__":
    main()
