"""Printers that are silent, not ready, gone, or die in the middle of a label."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from drivers.simulated.faults import Fault, Faults
from tests.fault.case import PASS, Case, Kind, Scene
from tests.fault.limits import CONNECT, PRINT, STATUS
from tests.support.station import Rig

IN_DOUBT = ("label.in_doubt",)


def manners(**changed: Any) -> Callable[[Scene], None]:
    """The printer behaves so from now on."""

    def inject(scene: Scene) -> None:
        queue = scene.rig.printer.queue
        queue.manners = replace(queue.manners, **changed)

    return inject


def dies(scene: Scene) -> None:
    """Power is lost within the job."""
    queue = scene.rig.printer.queue
    queue.manners = replace(queue.manners, dies_after_bytes=queue._bytes_in + 60)


def has_a_problem(scene: Scene) -> None:
    scene.rig.printer.queue.problems.add(scene.value)


def names_the_problem(scene: Scene) -> None:
    assert scene.value in last_message(scene.rig)


def last_message(rig: Rig) -> str:
    """What the cycle that ended last tells an engineer."""
    assert rig.jig is not None
    return rig.jig.results[-1].message


def is_occupied(scene: Scene) -> None:
    """Another computer has the one connection that the printer serves."""
    scene.kept["other"] = socket.create_connection(scene.rig.printer_link.address)


def breaks(side: str) -> Callable[[Scene], None]:
    def inject(scene: Scene) -> None:
        scene.rig.printer_link.wire.set_faults(Faults(**{side: (Fault("hang_up", scene.value),)}))

    return inject


def settled(printed: bool) -> Callable[[Scene], None]:
    """A person has looked at the printer and tells the station."""

    def mend(scene: Scene) -> None:
        assert scene.rig.jig is not None
        assert scene.board is not None
        chip_id = scene.rig.chip_id(scene.board)
        scene.rig.jig.journal.settle_label(chip_id, printed=printed, reason="looked", operator="tester")

    return mend


def no_label_came_out(scene: Scene) -> None:
    assert scene.board is not None
    assert scene.rig.chip_id(scene.board) not in {chip_id for _, _, chip_id in scene.rig.labels()}


PROBLEMS = ("paper_out", "paused", "head_open", "ribbon_out")
# fmt: off
CASES = (
    Case(Kind.PRINTER, "The printer does not answer its status request", ("printer.silent",), STATUS,
         manners(speech="silent"),
         proves=no_label_came_out),
    Case(Kind.PRINTER, "The printer answers nonsense", ("printer.failed",), STATUS, manners(speech="garbage"),
         proves=no_label_came_out),
    Case(Kind.PRINTER, "The printer is out of paper or ribbon, open or paused", ("printer.not_ready",), STATUS,
         has_a_problem,
         vary=PROBLEMS, proves=names_the_problem),
    Case(Kind.PRINTER, "Nobody listens at the printer's address", ("printer.unreachable",), CONNECT,
         lambda scene: scene.rig.printer_off(), mend=lambda scene: scene.rig.printer_on()),
    Case(Kind.PRINTER, "Another computer has the printer's one connection", ("printer.silent",), STATUS, is_occupied,
         mend=lambda scene: scene.kept["other"].close(), proves=no_label_came_out),
    Case(Kind.PRINTER, "The printer loses power within the job", IN_DOUBT, PRINT, dies, again=IN_DOUBT),
    Case(Kind.PRINTER, "The line breaks at any byte to the printer", ("printer.unreachable", "label.not_printed",
         "label.in_doubt"), PRINT,
         breaks("from_host"), vary=(0, 3, 10, 60, 200), again=(PASS, "label.in_doubt")),
    Case(Kind.PRINTER, "The line breaks at any byte from the printer", ("printer.unreachable", "label.not_printed",
         "label.in_doubt"), PRINT,
         breaks("to_host"), vary=(0, 40, 90, 170), again=(PASS, "label.in_doubt")),
    Case(Kind.PRINTER, "The paper runs out behind the label, and a person says that the label is there", IN_DOUBT, PRINT,
         manners(paper_for=1), settled(printed=True)),
)
# fmt: on
