"""Whole cycles whose labels go through a real private CUPS server: what CUPS says is recorded, replayed, and believed no further
than the configuration says."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from station.model import LabelFate, Outcome
from tests.support.cups import QUEUE, Cups, new_root, private_cups
from tests.support.station import Rig, Start, station


@contextmanager
def station_on_cups(folder: Path, *, trust: bool) -> Iterator[tuple[Rig, Cups]]:
    root = new_root()
    options = (
        f"queue: {QUEUE}, server: {root}/cups.sock, user: {getpass.getuser()}, "
        f"trust_queue: {str(trust).lower()}, poll_interval_s: 0.02"
    )
    connection = f"{{cups: {{{options}}}}}"
    with station(folder, printer_driver="{zpl: {status: none}}", printer_connection=connection) as rig:
        host, port = rig.printer_link.address
        with private_cups(f"{host}:{port}", root) as cups:
            yield rig, cups


def await_labels(rig: Rig, count: int) -> None:
    """CUPS is done with a job when the bytes are on their way; the bound only ends a hang."""
    for _ in range(3000):
        if len(rig.printer.labels) >= count:
            return
        time.sleep(0.01)


def test_a_trusted_queue_passes_and_goes_on_once_it_is_mended(tmp_path: Path) -> None:
    """A stopped queue stops the next cycle before anything is printed, and says what to do; started again, it goes on."""
    with station_on_cups(tmp_path, trust=True) as (rig, cups):
        held = rig.board()
        first, stopped, mended = rig.run(
            Start(rig.board()),
            Start(held, before=lambda: cups.command("cupsdisable", QUEUE) and None),
            Start(held, before=lambda: cups.command("cupsenable", QUEUE) and None),
        )
        assert (first.outcome, first.label) == (Outcome.PASS, LabelFate.PRINTED)
        assert (stopped.code, stopped.label) == ("printer.not_ready", LabelFate.NOT_PRINTED)
        assert "stopped" in stopped.message
        assert (mended.outcome, mended.label) == (Outcome.PASS, LabelFate.PRINTED)
        await_labels(rig, 2)
        assert len(rig.labels()) == 2


def test_a_queue_that_is_not_trusted_leaves_each_label_to_a_person(tmp_path: Path) -> None:
    with station_on_cups(tmp_path, trust=False) as (rig, _):
        result = rig.one(rig.board())
        assert (result.code, result.label) == ("label.in_doubt", LabelFate.IN_DOUBT)
        await_labels(rig, 1)
