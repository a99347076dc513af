"""Write the corpus of the present format version: one log of each kind of ending that the fault matrix and a few good stations
bring about. ``python -m tests.replay.record`` replaces ``v1/``; once a version is released its folder is left as it is."""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drivers.simulated.escpos_printer import SimulatedEscposPrinter
from drivers.simulated.link import TcpLink
from station.events import Event, StepStarted
from station.model import Step
from station.session.format import FORMAT_VERSION, SessionLog, read_log
from tests.fault.case import When
from tests.fault.matrix import CASES
from tests.fault.play import play
from tests.replay import CORPUS
from tests.support.station import SHARED_SLOT_AT, Rig, Settings, Start, station

GOOD: dict[str, dict[str, Any]] = {
    "own-page": {},
    "shared-page": {"slot": SHARED_SLOT_AT},
    "text-line": {"kind": "text"},
    "server-ids": {"ids": "server"},
    "scanned-sn": {"scan": "sn"},
    "two-sockets": {"sockets": ("A", "B")},
}
"""Stations whose cycle passes, by what is special about them."""


def main() -> None:
    """Write the folder anew."""
    target = CORPUS / f"v{FORMAT_VERSION}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        place = Path(folder)
        for name, path in (*_good(place), *_aborted(place), *_with_a_receipt_printer(place), *_faulty(place)):
            kept = target / f"{name}.jsonl.gz"
            if not kept.exists():
                shutil.copyfile(path, kept)
    _cut(target / "pass-own-page.jsonl.gz", target)
    sys.stdout.write(
        f"{len(list(target.iterdir()))} logs, {sum(each.stat().st_size for each in target.iterdir())} bytes\n"
    )


def _good(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, settings in GOOD.items():
        place = folder / name
        place.mkdir()
        with station(place, **settings) as rig:
            text = "GO"
            if settings.get("scan") == "sn":
                text = "SN-0001"
                rig.api.seed(sns=(text,))
            rig.run(*(Start(rig.board(), text, socket) for socket in rig.places))
            yield f"pass-{name}", rig.logs()[0]


def _aborted(folder: Path) -> Iterator[tuple[str, Path]]:
    place = folder / "aborted"
    place.mkdir()
    with station(place) as rig:

        def abort(event: Event) -> None:
            if isinstance(event, StepStarted) and event.step is Step.ACTIVATE and rig.jig is not None:
                rig.jig.abort("A")

        rig.on_event = abort
        rig.one(rig.board())
        yield "aborted", rig.logs()[0]


def _with_a_receipt_printer(folder: Path) -> Iterator[tuple[str, Path]]:
    place = folder / "escpos"
    place.mkdir()
    link = TcpLink(SimulatedEscposPrinter())
    host, port = link.address
    connection = f"{{tcp: {{host: {host}, port: {port}}}}}"
    rig = Rig(place, Settings(printer_driver="{escpos: {}}", printer_connection=connection))
    try:
        rig.one(rig.board())  # not judged: its labels are pictures
        yield "pass-escpos", rig.logs()[0]
    finally:
        rig.close()
        link.close()


def _faulty(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every log of every case whose station runs at all."""
    for number, case in enumerate(CASES):
        if case.when is When.AT_START:
            continue
        place = folder / str(number)
        place.mkdir()
        play(case, place)
        for path in sorted((place / "state" / "sessions").rglob("*.jsonl.gz")):
            yield _name_of(read_log(path)), path


def _name_of(log: SessionLog) -> str:
    """What is remarkable about a log: driver, ending, the last step and whether the unit was known."""
    result = log.events[-1].fields.get("result") or {}
    step = next((str(event.fields["step"]) for event in reversed(log.events) if event.kind == "step"), "none")
    words = [
        str(result.get("outcome", "cut-off")),
        str(result.get("code") or ""),
        step,
        str(log.head["driver"]).split()[0],
    ]
    return (
        "-".join(filter(None, [*words, "again" if result.get("resumed") else ""]))
        .lower()
        .replace("_", "-")
        .replace(".", "-")
    )


def _cut(path: Path, target: Path) -> None:
    """The log of a cycle that a crash cut off, between two lines and within one."""
    data = gzip.decompress(path.read_bytes())
    lines = data.splitlines(keepends=True)
    (target / "cut-off.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))
    (target / "torn.jsonl").write_bytes(b"".join(lines[: len(lines) // 3]) + lines[len(lines) // 3][:25])


if __name__ == "__main__":
    main()
