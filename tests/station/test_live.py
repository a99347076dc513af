"""What people at the terminal see: the word, the reason and the remedy, and nothing a board or a scan could inject."""

from __future__ import annotations

import io

import pytest

from station.errors import CATALOGUE
from station.events import (
    CycleEnded,
    CycleStarted,
    Event,
    PoolChanged,
    SocketDown,
    SocketWaiting,
    StartRejected,
    StepStarted,
    UnitKnown,
)
from station.live import PlainView, TerminalView, open_view
from station.model import CycleResult, LabelFate, Outcome, Step

ESCAPE = "\x1b[2J"


def result(outcome: Outcome, code: str | None = None, message: str = "", **changes: object) -> CycleResult:
    values: dict[str, object] = {
        "cycle": 7,
        "station": "jig-1",
        "socket": "A",
        "outcome": outcome,
        "code": code,
        "chip_id": "CAFE01",
        "app_eui": "70B3D57ED00001C0",
        "device_id": "d88b4c0100000001",
        "sn": "SN0001",
        "resumed": False,
        "label": LabelFate.PRINTED,
        "duration_s": 0.1234,
        "message": message,
    }
    return CycleResult(**(values | changes))  # type: ignore[arg-type]


def plain(*events: Event) -> str:
    stream = io.StringIO()
    view = PlainView(stream)
    for event in events:
        view(event)
    view.close()
    return stream.getvalue()


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(*events: Event) -> tuple[str, str]:
    """What a terminal shows above the table, and the table."""
    from rich.console import Console

    stream = FakeTerminal()
    view = TerminalView(stream, now_s=iter(range(100)).__next__)
    for event in events:
        view(event)
    page = io.StringIO()
    Console(file=page, width=160).print(view.table())
    view.close()
    return stream.getvalue(), page.getvalue()


def test_a_pass_names_the_unit_and_its_ids() -> None:
    line = plain(CycleEnded("A", result(Outcome.PASS)))
    assert line == ("[A] cycle 7: PASS  chip CAFE01  DeviceID d88b4c0100000001  SN SN0001  label printed  0.123 s\n")


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_is_shown_with_its_headline_and_remedy(code: str) -> None:
    row = CATALOGUE[code]
    line = plain(CycleEnded("A", result(row.outcome, code, "detail for the engineer")))
    assert line.startswith(
        f"[A] cycle 7: {row.outcome}  {code}  {row.headline}: {row.action} (detail for the engineer)"
    )
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    "event",
    [
        CycleEnded("A", result(Outcome.FAIL, "board.garbled", f"reply {ESCAPE}\r\nPASS")),
        StartRejected("A", f"scan {ESCAPE}\r\n[A] cycle 1: PASS"),
        SocketDown("A", "port.lost", f"scanner {ESCAPE}\n"),
        PoolChanged(0, 0, f"server said {ESCAPE}\n"),
    ],
)
def test_text_from_outside_can_neither_drive_the_terminal_nor_start_a_line(event: Event) -> None:
    line = plain(event)
    assert "\x1b" not in line
    assert line.count("\n") == 1
    above, table = drawn(SocketWaiting("A"), event)
    assert ESCAPE not in above
    assert "\x1b" not in table


def test_a_board_that_answers_markup_is_shown_as_it_is() -> None:
    markup = "[bold]x[/bold] [red] [/nothing]"
    above, table = drawn(CycleEnded("A", result(Outcome.FAIL, "board.garbled", markup)), PoolChanged(1, 2, markup))
    assert markup in above
    assert markup in table


def test_the_table_follows_a_cycle_and_counts_outcomes() -> None:
    started = (SocketWaiting("B"), SocketWaiting("A"), CycleStarted("A"), StepStarted("A", Step.IDENTIFY))
    known = UnitKnown("A", "CAFE01", "d88b4c0100000001", None)
    _, table = drawn(*started, known, StepStarted("A", Step.RESERVE), PoolChanged(41, 42))
    row = next(line for line in table.splitlines() if " A " in line)
    assert "running" in row
    assert "2/7 reserve" in row
    assert "CAFE01 d88b4c0100000001" in row
    assert "pool: 41 DeviceIDs, 42 SNs" in table
    assert table.index(" A ") < table.index(" B ")
    _, table = drawn(*started, CycleEnded("A", result(Outcome.ERROR, "printer.silent")), SocketWaiting("A"))
    row = next(line for line in table.splitlines() if " A " in line)
    assert "ERROR" in row
    assert "0/0/1" in row


def test_a_log_says_once_that_a_socket_waits_and_again_after_a_fault() -> None:
    waiting, down = SocketWaiting("A"), SocketDown("A", "port.lost", "scanner gone")
    lines = plain(waiting, CycleEnded("A", result(Outcome.PASS)), waiting, down, waiting).splitlines()
    assert [line for line in lines if "waits" in line] == ["[A] waits for a board"] * 2
    assert lines[-1] == "[A] waits for a board"


def test_a_pipe_gets_plain_lines_and_a_terminal_the_table() -> None:
    assert isinstance(open_view(io.StringIO()), PlainView)
    view = open_view(FakeTerminal())
    assert isinstance(view, TerminalView)
    view.close()
