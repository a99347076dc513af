"""A cycle's bytes alone: what is written and read in it on the same wires, with no station behind it.

What this costs is the machine's price for waiting and waking that often; no station can cost less. ``python -m benchmarks.bare``
reads where everything is as one JSON line, then speaks as ``benchmarks.agent`` does. It writes what the log of a cycle says was
written, reads as many bytes as were read, and waits for the label as long as was waited. It looks at nothing: no protocol, no
decision, no record. A board is activated only once, so in place of a cycle's two calls it requests a DeviceID, twice.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import sys
import time
import tty
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.plain_client import access_token, production_url
from benchmarks.world import Child, World, serve
from station.session.format import read_log

PATIENCE_S = 5.0
LABEL_PAUSE_S = 0.001
"""A write to the printer that came later than this after the line before was the driver's next look at the label: so long is
waited here too."""
_CALL = json.dumps({"method": "requestDeviceId", "params": {"size": 1}})
_KINDS = ("open", "tx", "rx", "close", "req", "resp")


def run_bare(world: World, session: Path, cycles: int) -> list[dict[str, Any]]:
    """Exchange what passed in this log so many times in the world's only socket; a line each: ``outcome``, ``cpu_s`` and ``at_s``
    as of a station's cycle."""
    (place,) = world.places.values()
    bare = Child("-m", "benchmarks.bare")
    bare.tell(
        {
            **place,
            "url": production_url(world),
            "token": access_token(world),
            "moves": _moves(session),
            "cycles": cycles,
        }
    )
    return serve(world, bare, cycles)


def _moves(session: Path) -> list[tuple[str, str, str, float]]:
    """What passed in a log, in its order: channel, kind, the bytes as hex digits, and the seconds since the move before."""
    moves: list[tuple[str, str, str, float]] = []
    last_ns = 0
    for event in read_log(session).events:
        if event.channel is not None and event.kind in _KINDS:
            moves.append((event.channel, event.kind, str(event.fields.get("hex", "")), (event.time_ns - last_ns) / 1e9))
            last_ns = event.time_ns
    return moves


class Wires:
    """One socket's: all kept open but the printer's."""

    def __init__(self, around: dict[str, Any]) -> None:
        url = urlsplit(around["url"])
        self._api = http.client.HTTPConnection(str(url.hostname), url.port, timeout=PATIENCE_S)
        self._path = url.path
        self._headers = {"Authorization": f"Bearer {around['token']}", "Content-Type": "application/json"}
        self._host, self._port = around["printer"]
        self._fds = {"uart": _open(around["uart"]), "scanner": _open(around["scanner"])}

    def await_scan(self) -> None:
        """Return at the end of a traveller's number."""
        while not self._read("scanner", 512).endswith(b"\r"):
            pass

    def exchange(self, moves: list[tuple[str, str, str, float]]) -> None:
        """One cycle's. Raises RuntimeError where an answer stays out or the API refuses."""
        for channel, kind, digits, pause_s in moves:
            match kind:
                case "tx":
                    if channel == "printer" and pause_s > LABEL_PAUSE_S:
                        time.sleep(pause_s)
                    os.write(self._fds[channel], bytes.fromhex(digits))
                case "rx":
                    missing = len(digits) // 2
                    while missing:
                        missing -= len(self._read(channel, missing))
                case "req":
                    self._api.request("POST", self._path, _CALL, self._headers)
                case "resp":
                    with self._api.getresponse() as response:
                        if json.loads(response.read())["code"] != "000000":
                            raise RuntimeError("the API refused")
                case "open" if channel == "printer":
                    self._fds[channel] = socket.create_connection((self._host, self._port), PATIENCE_S).detach()
                case "close" if channel == "printer":
                    os.close(self._fds.pop(channel))

    def _read(self, channel: str, max_bytes: int) -> bytes:
        poll = select.poll()
        poll.register(self._fds[channel], select.POLLIN)
        if not poll.poll(PATIENCE_S * 1000):
            raise RuntimeError(f"nothing came from the {channel}")
        return os.read(self._fds[channel], max_bytes)


def _open(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    return fd


def main() -> None:
    """See the module."""
    around = json.loads(sys.stdin.readline())
    wires = Wires(around)
    for _ in range(around["cycles"]):
        sys.stdout.write('{"waiting": "A"}\n')
        sys.stdout.flush()
        wires.await_scan()
        wires.exchange(around["moves"])
        row = {"outcome": "PASS", "cpu_s": time.process_time(), "at_s": time.monotonic()}
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
