"""A printer on a serial line whose cable comes loose in the middle of each step, or of its own conversation, and is put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.simulated.faults import Fault, Faults
from drivers.simulated.link import PtyLink
from station.events import Event, StepStarted
from station.model import LabelFate, Outcome, Step
from tests.support.station import Rig, Start, station


@pytest.fixture
def line(tmp_path: Path) -> str:
    return str(tmp_path / "printer")


def on_a_line(rig: Rig, path: str) -> PtyLink:
    return PtyLink(rig.printer, stable_path=Path(path))


def test_a_replug_in_any_step_costs_no_more_than_its_own_cycle(tmp_path: Path, line: str) -> None:
    with station(tmp_path, printer_connection=f"{{serial: {{port: {line}}}}}") as rig:
        link = on_a_line(rig, line)
        try:
            for step in Step:
                board, struck = rig.board(), False

                def on_event(event: Event, step: Step = step) -> None:
                    nonlocal struck
                    if isinstance(event, StepStarted) and event.step is step and not struck:
                        struck = True
                        link.unplug()
                        link.replug()

                rig.on_event = on_event
                ended = rig.one(board)
                assert struck, step
                if ended.outcome is not Outcome.PASS:
                    assert (ended.outcome, ended.code) == (Outcome.ERROR, "printer.unreachable"), step
                    ended = rig.one(board)
                assert (ended.outcome, ended.label) == (Outcome.PASS, LabelFate.PRINTED), step
            assert len(rig.labels()) == len(Step)
        finally:
            link.close()


@pytest.mark.parametrize(
    ("at", "code", "label"),
    [
        (2, "printer.unreachable", LabelFate.NOT_PRINTED),
        (20, "label.in_doubt", LabelFate.IN_DOUBT),
    ],
    ids=["in the question before the job", "in the job"],
)
def test_a_cable_that_comes_loose_in_its_conversation_ends_the_cycle_with_a_code(
    at: int, code: str, label: LabelFate, tmp_path: Path, line: str
) -> None:
    """Put back, the printer serves the next board, without a restart."""
    with station(tmp_path, printer_connection=f"{{serial: {{port: {line}}}}}") as rig:
        link = PtyLink(rig.printer, stable_path=Path(line), faults=Faults(from_host=(Fault("hang_up", at=at),)))
        try:
            first, second = rig.run(Start(rig.board()), Start(rig.board(), before=link.replug))
        finally:
            link.close()
        assert (first.code, first.label) == (code, label)
        assert (second.outcome, second.label) == (Outcome.PASS, LabelFate.PRINTED)
        assert len(rig.labels()) == 1
