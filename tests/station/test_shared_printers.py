"""Sockets that share a printer wait for its turn, and for no other printer's."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from drivers.simulated import Reply
from drivers.simulated.link import TcpLink
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from station.events import CycleEnded, Event, StepStarted
from station.model import LabelFate, Outcome, Step
from tests.support.station import PATIENCE_S, Start, station

SCANNER = "{{serial_scanner: {{serial: {{port: {path}}}, duplicate_window_s: 0}}}}\n    printer: {printer}"
PRINTER = "{{tcp: {{host: 127.0.0.1, port: {port}}}}}"


def test_sockets_that_share_a_printer_all_get_their_labels(tmp_path: Path) -> None:
    sockets = ("A", "B", "C")
    with station(tmp_path, sockets=sockets) as rig:
        results = rig.run(*(Start(rig.board(), socket=name) for _ in range(2) for name in sockets))
        assert [(result.code, result.message) for result in results if result.code] == []
        assert [(result.outcome, result.label) for result in results] == [(Outcome.PASS, LabelFate.PRINTED)] * 6
        assert len(rig.labels()) == 6


def test_a_stuck_printer_delays_no_socket_of_another(tmp_path: Path) -> None:
    """Socket B waits for the status of a printer that says nothing until A's cycle, begun after that, has ended."""
    printer = SimulatedZplPrinter()
    healthy = TcpLink(printer)
    stuck = socket.create_server(("127.0.0.1", 0))
    is_stuck = threading.Event()
    try:
        second = "\n  - name: stuck\n    driver: {zpl: {status_timeout_s: 30}}\n    connection: "
        connections = [PRINTER.format(port=port) for port in (healthy.address[1], stuck.getsockname()[1])]
        triggers = {
            name: SCANNER.format(path=tmp_path / f"scanner-{name}", printer=wanted)
            for name, wanted in (("A", "line"), ("B", "stuck"))
        }
        parts = {"printer_connection": second.join(connections), "triggers": triggers, "sockets": ("A", "B")}
        with station(tmp_path, **parts) as rig:
            board = rig.board()
            rig.printer = printer

            def on_event(event: Event) -> None:
                if isinstance(event, StepStarted) and event.socket == "B" and event.step is Step.LABEL:
                    is_stuck.set()
                elif isinstance(event, CycleEnded) and event.result.socket == "A":
                    stuck.close()

            rig.on_event = on_event
            starts = Start(rig.board(), socket="B"), Start(board, before=lambda: assert_set(is_stuck))
            first, last = rig.run(*starts)
            assert (first.socket, first.outcome) == ("A", Outcome.PASS)
            assert (last.socket, last.code, last.label) == ("B", "printer.unreachable", LabelFate.NOT_PRINTED)
    finally:
        stuck.close()
        healthy.close()


def assert_set(event: threading.Event) -> None:
    assert event.wait(PATIENCE_S)


def test_a_queue_pauses_on_an_error_and_resumes(tmp_path: Path) -> None:
    """Out of paper, no socket sends anything; with paper again, each goes on where it stopped, and every label comes out once."""
    sockets = ("A", "B")
    with station(tmp_path, sockets=sockets) as rig:
        boards = {name: rig.board() for name in sockets}
        rig.printer.queue.problems.add("paper_out")
        paused = rig.run(*(Start(board, socket=name) for name, board in boards.items()))
        assert [(result.code, result.label) for result in paused] == [("printer.not_ready", LabelFate.NOT_PRINTED)] * 2
        assert rig.labels() == []
        rig.printer.queue.problems.clear()
        resumed = rig.run(*(Start(board, socket=name) for name, board in boards.items()))
        assert [(result.outcome, result.label) for result in resumed] == [(Outcome.PASS, LabelFate.PRINTED)] * 2
        assert all(result.resumed for result in resumed)
        assert len(rig.labels()) == 2


def test_a_socket_whose_turn_does_not_come_in_time_ends_and_its_next_cycle_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Socket A's printer is at its label until B has given up; nothing of B's was sent then, and its log replays."""
    monkeypatch.setattr("station.health.LABEL_BOUND_S", 0.2)
    with station(tmp_path, sockets=("A", "B")) as rig:
        boards = {name: rig.board() for name in "AB"}
        has_turn, given_up = threading.Event(), threading.Event()
        answered = rig.printer.feed

        def feed(data: bytes) -> list[Reply]:
            if not has_turn.is_set():
                has_turn.set()
                assert_set(given_up)
            return answered(data)

        monkeypatch.setattr(rig.printer, "feed", feed)

        def on_event(event: Event) -> None:
            if isinstance(event, CycleEnded) and event.result.socket == "B":
                given_up.set()

        rig.on_event = on_event
        starts = Start(boards["A"], socket="A"), Start(boards["B"], socket="B", before=lambda: assert_set(has_turn))
        ended = {result.socket: result for result in rig.run(*starts)}
        assert (ended["B"].code, ended["B"].label) == ("printer.unreachable", LabelFate.NOT_PRINTED)
        assert rig.one(boards["B"], socket="B").outcome is Outcome.PASS
