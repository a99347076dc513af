"""The cycle against a printer that is silent, not ready, dies in the middle or cannot be reached: a label is never printed twice
silently, and no PASS without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drivers.simulated.faults import Fault, Faults
from station.events import CycleEnded, Event
from station.model import CycleResult, LabelFate, Outcome
from tests.support.station import Board, Rig, Start, station


def ends(result: CycleResult) -> tuple[Outcome, str | None]:
    return result.outcome, result.code


def speak(rig: Rig, speech: str) -> None:
    rig.printer.queue.manners = replace(rig.printer.queue.manners, speech=speech)


def settle_after_first(rig: Rig, board: Board, *, printed: bool) -> None:
    """A person looks at the printer after the first cycle and tells the station."""
    done: list[CycleResult] = []

    def on_event(event: Event) -> None:
        if isinstance(event, CycleEnded) and not done:
            done.append(event.result)
            journal = rig.jig.journal  # type: ignore[union-attr]
            journal.settle_label(rig.chip_id(board), printed=printed, reason="looked", operator="tester")

    rig.on_event = on_event


def test_a_silent_printer_is_not_ready_and_gets_no_job(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        speak(rig, "silent")
        first, second = rig.run(Start(board), Start(board, before=lambda: speak(rig, "honest")))
        assert (ends(first), first.label) == ((Outcome.ERROR, "printer.silent"), LabelFate.NOT_PRINTED)
        assert [kind for kind, _, _ in rig.effects(board) if kind == "print"] == ["print"]
        assert ends(second) == (Outcome.PASS, None)


@pytest.mark.parametrize("problem", ["paper_out", "paused", "head_open", "ribbon_out"])
def test_a_printer_that_says_why_it_cannot_print_is_believed(tmp_path: Path, problem: str) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        rig.printer.queue.problems.add(problem)
        first, second = rig.run(Start(board), Start(board, before=rig.printer.queue.problems.clear))
        assert (ends(first), first.label) == ((Outcome.ERROR, "printer.not_ready"), LabelFate.NOT_PRINTED)
        assert problem in first.message
        assert ends(second) == (Outcome.PASS, None)


def test_a_printer_that_talks_nonsense_is_not_ready(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        speak(rig, "garbage")
        assert ends(rig.one(rig.board())) == (Outcome.ERROR, "printer.failed")
        assert rig.labels() == []


def test_a_printer_that_is_not_there_is_told(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        rig.printer_link.close()
        result = rig.one(board)
        assert (ends(result), result.label) == ((Outcome.ERROR, "printer.unreachable"), LabelFate.NOT_PRINTED)
        assert result.message.startswith("127.0.0.1:")
        assert "Connection refused" in result.message


def test_a_label_whose_fate_is_unknown_is_never_printed_again_by_itself(tmp_path: Path) -> None:
    """The printer dies in the middle of the job: in doubt in this cycle and in every later one."""
    with station(tmp_path) as rig:
        board = rig.board()
        rig.printer.queue.manners = replace(rig.printer.queue.manners, dies_after_bytes=60)
        first = rig.one(board)
        assert (ends(first), first.label) == ((Outcome.ERROR, "label.in_doubt"), LabelFate.IN_DOUBT)
        rig.printer.queue.is_dead = False
        rig.printer.queue.manners = replace(rig.printer.queue.manners, dies_after_bytes=None)
        for result in rig.run(board, board):
            assert (ends(result), result.label) == ((Outcome.ERROR, "label.in_doubt"), LabelFate.IN_DOUBT)
        assert rig.labels() == []


@pytest.mark.parametrize("printed", [False, True], ids=["no label there", "label there"])
def test_a_person_settles_a_label_in_doubt(tmp_path: Path, printed: bool) -> None:
    """The line breaks within the job, which comes to nothing, or right behind it: the printer did print."""
    with station(tmp_path) as rig:
        rig.one(rig.board())
        board = rig.board()
        sent = rig.printer_link.wire.bytes_from_host
        before_job = b"".join(data for side, data in rig.printer_link.wire.transcript if side == "host").index(b"^XA")
        at = before_job + (len(rig.printer.labels[0]) + 1 if printed else 30)
        assert at < sent
        rig.printer_link.wire.set_faults(Faults(from_host=(Fault("hang_up", at),)))
        settle_after_first(rig, board, printed=printed)
        first, second = rig.run(Start(board), Start(board, before=lambda: rig.printer_link.wire.set_faults(Faults())))
        assert ends(first) == (Outcome.ERROR, "label.in_doubt")
        assert (ends(second), second.label) == ((Outcome.PASS, None), LabelFate.PRINTED)
        assert len(rig.labels()) == 2


@pytest.mark.parametrize("at", [0, 3, 4, 10, 60, 200, 400])
def test_a_printers_line_that_breaks_at_any_byte_never_makes_a_second_label(tmp_path: Path, at: int) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        rig.printer_link.wire.set_faults(Faults(from_host=(Fault("hang_up", at),)))
        first, second = rig.run(board, board)
        assert first.outcome in (Outcome.ERROR, Outcome.PASS)
        assert len(rig.labels()) <= 1
        if first.label is LabelFate.IN_DOUBT:
            assert ends(second) == (Outcome.ERROR, "label.in_doubt")
        else:
            assert ends(second) == (Outcome.PASS, None)


def test_paper_that_runs_out_behind_a_label_stops_the_next_one(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.printer.queue.manners = replace(rig.printer.queue.manners, paper_for=1)
        first, second = rig.run(rig.board(), rig.board())
        assert first.label in (LabelFate.PRINTED, LabelFate.IN_DOUBT)
        assert ends(second) == (Outcome.ERROR, "printer.not_ready")
