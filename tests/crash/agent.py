"""The nursery: a process that has imported everything and forks an agent for each request, so that a run costs no imports.

``python -m tests.crash.agent`` reads one JSON line per run, ``{"argv": [...], "kill": "journal: commit: after #3", "keep": null}``,
and runs ``station ARGV`` in a child: a process of its own, which SIGKILL ends at the point named, if any. ``keep`` names a folder
for copies of what it has synced, for those who take away the rest (``tests.crash.power``). The child's output, standard error
included, follows on standard output, and between it, each on a line of its own:

    @pid N             the child
    @waiting SOCKET    the socket waits for a start
    @points {...}      after an end that was not a kill: how often each place was reached
    @exit N            the child's exit status, negative for the signal that ended it
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import sys
import traceback
from pathlib import Path
from types import ModuleType

import drivers
import station
from station import worker
from station.cli import main as station_main
from station.events import Event, SocketWaiting
from station.live import PlainView
from tests.crash.points import Point, Switch
from tests.crash.power import keep_what_is_synced
from tests.crash.seams import install

WAIT_SLICE_S = 0.02
"""In place of the worker's own, so that an agent whose cycles are done ends at once."""
_NOT_NEEDED = ("migrations", "bench_", "__main__", "escpos", "panel", "usb", "doctor")


def main() -> int:
    """Serve requests until standard input ends."""
    for package in (drivers, station):
        _import_all(package)
    gc.collect()
    gc.freeze()
    _say("@ready")
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(request["argv"], Point.parse(request["kill"]) if request["kill"] else None, request["keep"])
        _, status = os.waitpid(pid, 0)
        # A killed child may have left half a line.
        _say(f"\n@exit {os.waitstatus_to_exitcode(status)}")
    return 0


def _child(argv: list[str], kill: Point | None, keep: str | None) -> None:
    """Never returns. Takes the way of the installed command, but for the imports."""
    status = 70
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(1, 2)
        _say(f"@pid {os.getpid()}")
        switch = Switch(kill)
        install(switch)
        if keep is not None:
            keep_what_is_synced(Path(keep))
        _tell_of_waiting()
        worker.WAIT_SLICE_S = WAIT_SLICE_S
        status = _run(argv)
        _say(f"@points {json.dumps(switch.counts)}")
    except BaseException:  # noqa: BLE001 (the child must not return into the nursery's loop)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(argv: list[str]) -> int:
    try:
        return station_main(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def _tell_of_waiting() -> None:
    show = PlainView.__call__

    def told(self: PlainView, event: Event) -> None:
        if isinstance(event, SocketWaiting):
            _say(f"@waiting {event.socket}")
        show(self, event)

    PlainView.__call__ = told  # type: ignore[method-assign]


def _import_all(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not any(word in module.name for word in _NOT_NEEDED):
            importlib.import_module(module.name)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    raise SystemExit(main())
