"""A measured station: the real agent on a configuration, told what it needs to know about by JSON lines.

``python -m benchmarks.agent CONFIG CYCLES [--unrecorded]`` says ``{"waiting": SOCKET}`` when a socket waits, and the cycle's own
JSON line with ``cpu_s``, the processor time that the process has used, when one has ended.
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
from station.events import CycleEnded, Event, SocketWaiting
from station.jig import Jig


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("cycles", type=int)
    parser.add_argument("--unrecorded", action="store_true")
    options = parser.parse_args()
    if options.unrecorded:
        without_recording()
    lock = threading.Lock()

    def publish(event: Event) -> None:
        if isinstance(event, SocketWaiting):
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

    with Jig(load_configuration(options.config), publish, cycles=options.cycles) as jig:
        jig.wait()


if __name__ == "__main__":
    main()
