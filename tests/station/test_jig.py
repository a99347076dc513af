"""The jig: several sockets at once, disks that fail, faults in the program itself, and what an earlier agent left."""

from __future__ import annotations

import gzip
import logging
import os
import select
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.printer import Fate
from station.errors import StationError, UnitError
from station.events import CycleEnded, Event, PoolChanged, SocketDown, StepEnded, StepStarted
from station.jig import Jig
from station.model import CycleResult, LabelFate, Outcome, Step
from station.session.store import summarise
from station.session.writer import SessionWriter
from tests.support.station import PATIENCE_S, Rig, Start, station


def ends(result: CycleResult) -> tuple[Outcome, str | None]:
    return result.outcome, result.code


def jig_of(rig: Rig) -> Jig:
    assert rig.jig is not None
    return rig.jig


def set_query_only(jig: Jig, word: str) -> None:
    """Let the journal's one writing connection refuse to write, as on a file system that went read-only, or write again."""
    store: Any = jig.journal._store
    connection = store._engine.raw_connection()
    connection.driver_connection.execute(f"PRAGMA query_only = {word}")
    connection.close()


# -- several sockets -----------------------------------------------------------------------------------------------------


def test_sockets_work_at_once_and_share_nothing(tmp_path: Path) -> None:
    with station(tmp_path, sockets=("A", "B", "C"), batch=10, low_water=6) as rig:
        starts = [Start(rig.board(), socket=name) for name in "ABC" for _ in range(5)]
        results = rig.run(*starts)
        assert {ends(result) for result in results} == {(Outcome.PASS, None)}
        assert len({r.chip_id for r in results}) == len({r.device_id for r in results}) == 15
        assert sorted(r.cycle for r in results) == list(range(1, 16))


def test_a_chip_in_two_sockets_at_once_is_served_in_the_first(tmp_path: Path) -> None:
    """The second gives up at once, with nothing reserved, written or printed; afterwards it may come again."""
    with station(tmp_path, sockets=("A", "B")) as rig:
        board, twin = rig.board(uid=b"\x07" * 12), rig.board(uid=b"\x07" * 12)
        claimed, refused = threading.Event(), threading.Event()

        def on_event(event: Event) -> None:
            if isinstance(event, StepStarted) and (event.socket, event.step) == ("A", Step.RESERVE):
                claimed.set()
                assert refused.wait(PATIENCE_S)
            if isinstance(event, CycleEnded) and event.socket == "B":
                refused.set()

        def when_claimed() -> None:
            assert claimed.wait(PATIENCE_S)

        rig.on_event = on_event
        busy, served = rig.run(Start(board), Start(twin, socket="B", before=when_claimed))
        assert (ends(busy), busy.socket) == ((Outcome.ERROR, "unit.busy"), "B")
        assert (ends(served), served.socket, served.resumed) == ((Outcome.PASS, None), "A", False)
        assert rig.held_by(twin) is None
        rig.on_event = lambda _event: None
        again = rig.one(board, socket="B")
        assert (ends(again), again.resumed) == ((Outcome.PASS, None), True)


def test_two_sockets_on_one_printer_take_turns(tmp_path: Path) -> None:
    """Held from status to proof: every label comes out whole, and once."""
    with station(tmp_path, sockets=("A", "B"), batch=10, low_water=8) as rig:
        results = rig.run(*[Start(rig.board(), socket=name) for name in "AB" for _ in range(4)])
        assert {result.label for result in results} == {LabelFate.PRINTED}
        assert len(rig.labels()) == 8


def test_a_board_port_unplugged_and_replugged_between_cycles_costs_none(tmp_path: Path) -> None:
    """The port is held open between cycles: the dead one is closed before the next start is taken."""
    with station(tmp_path) as rig:
        link = rig.places["A"].uart

        def pull() -> None:
            witness, hang_up = os.open(link.path, os.O_RDWR | os.O_NOCTTY), select.poll()
            hang_up.register(witness, 0)
            link.unplug()
            assert hang_up.poll(PATIENCE_S * 1000)
            os.close(witness)
            link.replug()

        results = rig.run(Start(rig.board()), Start(rig.board(), before=pull))
        assert [ends(result) for result in results] == [(Outcome.PASS, None)] * 2


def test_a_socket_whose_scanner_is_not_there_is_told_once_and_the_other_works(tmp_path: Path) -> None:
    with station(tmp_path, sockets=("A", "B")) as rig:
        rig.places["B"].scanner.unplug()
        results = rig.run(rig.board(), rig.board())
        assert {result.socket for result in results} == {"A"}
        told = [event for event in rig.events if isinstance(event, SocketDown)]
        assert [(event.socket, event.code) for event in told] == [("B", "port.missing")]


# -- reprints ------------------------------------------------------------------------------------------------------------


def test_a_reprint_is_counted_and_waits_for_the_units_cycle(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        codes: list[str] = []

        def on_event(event: Event) -> None:
            jig, chip = jig_of(rig), rig.chip_id(board)
            if isinstance(event, StepStarted) and event.step is Step.RESERVE:
                with pytest.raises(UnitError) as refused:
                    jig.reprint(chip, reason="smudged", operator="tester")
                codes.append(refused.value.code)
            if isinstance(event, CycleEnded):
                rig.reprints[event.result.sn or ""] += 1
                reprint, receipt = jig.reprint(chip, reason="smudged", operator="tester")
                assert (reprint.copy_number, receipt.fate) == (2, Fate.PRINTED)

        rig.on_event = on_event
        rig.one(board)
        assert codes == ["unit.busy"]
        assert len(rig.labels()) == rig.unit(board)["labels_printed"] == 2


# -- disks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [Step.IDENTIFY, Step.ACTIVATE, Step.WRITE, Step.LABEL])
def test_a_journal_that_cannot_be_written_is_an_error_of_the_station_and_the_unit_goes_on_later(
    tmp_path: Path, step: Step
) -> None:
    with station(tmp_path) as rig:
        board = rig.board()

        def query_only(word: str) -> None:
            set_query_only(jig_of(rig), word)

        failed: list[Event] = []

        def on_event(event: Event) -> None:
            if isinstance(event, StepStarted) and event.step is step and not failed:
                failed.append(event)
                query_only("ON")

        rig.on_event = on_event
        first, second, third = rig.run(board, board, Start(board, before=lambda: query_only("OFF")))
        assert ends(first) == ends(second) == (Outcome.ERROR, "journal.failed")
        assert first.label is not LabelFate.PRINTED
        assert ends(third) == (Outcome.PASS, None)


def unwritable_logs(rig: Rig, step: Step) -> None:
    """From this step on the disk under the running session log is full, once."""
    full: list[Event] = []

    def on_event(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step is step and not full:
            full.append(event)
            (fd,) = [int(link.name) for link in Path("/proc/self/fd").iterdir() if _leads_to_log(link)]
            device = os.open("/dev/full", os.O_WRONLY)
            os.dup2(device, fd)
            os.close(device)

    rig.on_event = on_event


def _leads_to_log(link: Path) -> bool:
    try:
        return str(link.readlink()).endswith(".jsonl.part")
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("step", [Step.IDENTIFY, Step.ACTIVATE, Step.WRITE])
def test_a_session_log_that_cannot_be_written_ends_the_cycle_and_the_unit_goes_on_later(
    tmp_path: Path, step: Step
) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        unwritable_logs(rig, step)
        first, second = rig.run(board, board)
        assert ends(first) == (Outcome.ERROR, "session.unwritable")
        assert rig.labels()[1:] == []
        assert ends(second) == (Outcome.PASS, None)
        assert rig.rows("SELECT code FROM cycles WHERE cycle = 1") == [{"code": "session.unwritable"}]
        assert first.cycle == 1
        if step is not Step.IDENTIFY:
            assert (first.chip_id, first.device_id, first.sn) == (second.chip_id, second.device_id, second.sn)


def test_what_begins_with_the_activation_is_not_done_where_its_log_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = SessionWriter.sync
    pending = [True, False]  # the head's, the activation's

    def sync(writer: SessionWriter) -> None:
        if pending and not pending.pop(0):
            raise writer._failed("the disk is gone")
        synced(writer)

    monkeypatch.setattr(SessionWriter, "sync", sync)
    with station(tmp_path) as rig:
        board = rig.board()
        first, second = rig.run(board, board)
        assert ends(first) == (Outcome.ERROR, "session.unwritable")
        assert ends(second) == (Outcome.PASS, None)
        states = [(kind, state) for kind, state, _ in rig.effects(board)]
        assert states.count(("bind", "not_done")) == states.count(("write", "not_done")) == 1
        assert {state for kind, state in states if kind == "activate"} == {"done"}


def test_a_label_that_was_sent_without_a_log_of_it_is_in_doubt(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        unwritable_logs(rig, Step.LABEL)
        first, second = rig.run(board, board)
        assert ends(first) == (Outcome.ERROR, "session.unwritable")
        assert (first.label is LabelFate.NOT_PRINTED) == (ends(second) == (Outcome.PASS, None))
        assert ends(second) in ((Outcome.ERROR, "label.in_doubt"), (Outcome.PASS, None))
        assert len(rig.labels()) <= 1


def test_a_label_whose_fate_nobody_could_note_is_told_as_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log's disk is full when the job has gone to the printer."""
    appended = SessionWriter.append
    sent: list[bool] = []

    def append(writer: SessionWriter, kind: str, lane: str, channel: str | None, fields: dict[str, Any]) -> None:
        if sent == [True]:
            sent.append(False)
            raise writer._failed("disk full")
        appended(writer, kind, lane, channel, fields)
        if not sent and kind == "tx" and channel == "printer" and b"^XZ".hex() in fields["hex"]:
            sent.append(True)

    monkeypatch.setattr(SessionWriter, "append", append)
    with station(tmp_path) as rig:
        board = rig.board()
        first, second = rig.run(board, board)
        assert ends(first) == (Outcome.ERROR, "session.unwritable")
        assert ends(second) == (Outcome.ERROR, "label.in_doubt")
        assert first.label is second.label is LabelFate.IN_DOUBT
        assert (first.cycle, first.sn) == (1, second.sn)
        assert len(rig.labels()) == 1


def test_no_cycle_starts_without_a_session_log(tmp_path: Path) -> None:
    """A file stands where the folder of logs should be."""
    with station(tmp_path) as rig:
        folder = tmp_path / "state" / "sessions"
        folder.touch()
        board = rig.board()
        assert ends(rig.one(board)) == (Outcome.ERROR, "session.unwritable")
        assert rig.rows("SELECT * FROM cycles") == rig.rows("SELECT * FROM units") == []
        folder.unlink()
        assert ends(rig.one(board)) == (Outcome.PASS, None)


# -- faults in the program -----------------------------------------------------------------------------------------------


def test_a_program_fault_in_a_cycle_is_an_outcome_and_the_station_goes_on(tmp_path: Path) -> None:
    """A write plan in the journal that is none: nobody knows how to go on with this unit, and the next one passes."""
    with station(tmp_path) as rig:
        board, other = rig.board(), rig.board()
        rig.on_event = lambda event: (
            rig.places["A"].uart.lift() if isinstance(event, StepStarted) and event.step is Step.WRITE else None
        )
        assert rig.one(board).outcome is Outcome.FAIL
        rig.on_event = lambda _event: None
        with sqlite3.connect(tmp_path / "state" / "journal.sqlite") as connection:
            connection.execute("UPDATE effects SET request = '{}' WHERE kind = 'write'")
        connection.close()
        first, second = rig.run(board, other)
        assert ends(first) == (Outcome.ERROR, "station.defect")
        assert "not a write plan" in first.message
        assert ends(second) == (Outcome.PASS, None)


def test_a_view_that_fails_stops_the_station_and_never_breaks_into_a_cycle(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()

        def on_event(event: Event) -> None:
            if isinstance(event, StepEnded) and event.step is Step.ACTIVATE:
                raise RuntimeError("the view is broken")

        rig.on_event = on_event
        with pytest.raises(StationError, match="stopped by RuntimeError: the view is broken"):
            rig.run(board, board)
        assert [ends(result) for result in jig_of(rig).results] == [(Outcome.ABORTED, "cycle.shutdown")]
        rig.on_event = lambda _event: None
        assert ends(rig.one(board)) == (Outcome.PASS, None)


def test_a_jig_that_cannot_be_built_lets_go_of_the_journal(tmp_path: Path) -> None:
    """The file of authorities holds none, which is seen after the journal was opened."""
    with station(tmp_path) as rig:
        (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
        good = rig.configuration()
        trust = replace(good.station.api.http, ca_file=tmp_path / "ca.pem")
        api = good.station.api.model_copy(update={"base_url": "https://localhost", "http": trust})
        with pytest.raises(StationError) as error:
            Jig(replace(good, station=good.station.model_copy(update={"api": api})), lambda _event: None)
        assert error.value.code == "api.config"
        assert ends(rig.one(rig.board())) == (Outcome.PASS, None)


def test_a_log_that_cannot_be_finished_keeps_no_station_from_its_work(tmp_path: Path) -> None:
    """A folder has the name that it would get."""
    with station(tmp_path) as rig:
        sessions = tmp_path / "state" / "sessions"
        (sessions / "cut.jsonl.gz").mkdir(parents=True)
        (sessions / "cut.jsonl.part").write_text("{", encoding="utf-8")
        assert ends(rig.one(rig.board())) == (Outcome.PASS, None)
        (sessions / "cut.jsonl.gz").rmdir()
        (sessions / "cut.jsonl.part").unlink()


def test_a_start_that_fails_lets_go_of_everything(tmp_path: Path) -> None:
    """The journal fails in the first refill, before any socket works."""
    with station(tmp_path) as rig:
        jig = Jig(rig.configuration(), lambda _event: None)
        set_query_only(jig, "ON")
        with pytest.raises(StationError) as error, jig:
            pytest.fail("the station must not start")
        assert error.value.code == "journal.failed"
        assert ends(rig.one(rig.board())) == (Outcome.PASS, None)


# -- what an earlier agent left ------------------------------------------------------------------------------------------


def test_a_log_that_was_cut_off_is_finished_and_indexed_at_the_next_start(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        board = rig.board()
        cut = rig.one(board)
        (log,) = rig.logs()
        lines = gzip.decompress(log.read_bytes()).splitlines(keepends=True)
        log.with_name(log.name.replace(".gz", ".part")).write_bytes(b"".join(lines[: len(lines) // 2]) + b'{"n":')
        log.unlink()
        with sqlite3.connect(tmp_path / "state" / "journal.sqlite") as connection:
            connection.execute("DELETE FROM sessions")
        connection.close()
        assert ends(rig.one(board)) == (Outcome.PASS, None)
        assert summarise(log).cut_off
        indexed = {row["cycle"]: row["path"] for row in rig.rows("SELECT * FROM sessions")}
        assert tmp_path / "state" / "sessions" / indexed[cut.cycle] == log
        assert not list(tmp_path.rglob("*.part"))


def test_a_log_finished_but_not_indexed_before_a_crash_is_indexed_at_the_next_start(tmp_path: Path) -> None:
    """The agent may die between the two, and also before the file it wrote into is removed; a log that retention has
    removed since is left out."""
    with station(tmp_path) as rig:
        results = [rig.one(rig.board()) for _ in range(3)]
        logs = [Path(str(result.session)) for result in results]
        before = rig.rows("SELECT * FROM sessions ORDER BY cycle")
        with sqlite3.connect(tmp_path / "state" / "journal.sqlite") as connection:
            connection.execute("DELETE FROM sessions")
        connection.close()
        logs[1].with_name(logs[1].name.replace(".gz", ".part")).write_bytes(gzip.decompress(logs[1].read_bytes()))
        moved = logs[2].rename(tmp_path / "moved")
        last = rig.one(rig.board())
        indexed = rig.rows("SELECT * FROM sessions ORDER BY cycle")
        assert [row["cycle"] for row in indexed] == [results[0].cycle, results[1].cycle, last.cycle]
        assert list(indexed[:2]) == list(before[:2])
        moved.rename(logs[2])
        rig.one(rig.board())
        assert list(rig.rows("SELECT * FROM sessions ORDER BY cycle")[:3]) == list(before)


# -- the pool ------------------------------------------------------------------------------------------------------------


def test_a_station_with_ids_left_starts_without_waiting_for_the_server(tmp_path: Path) -> None:
    with station(tmp_path, batch=10, low_water=1) as rig:
        rig.one(rig.board())
        rig.api_down()
        result = rig.one(rig.board())
        assert ends(result) == (Outcome.ERROR, "api.unreachable")
        assert result.device_id is not None
        rig.api_up()


def test_a_refill_problem_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with station(tmp_path, ids="pool", batch=1, low_water=50) as rig:
        rig.one(rig.board())
        rig.events.clear()
        rig.api_down()
        rig.run(rig.board(), rig.board(), rig.board())
        rig.api_up()
        told = [event for event in rig.events if isinstance(event, PoolChanged) and event.problem]
        assert len({event.problem for event in told}) == len(told) <= 2
        refills = [record for record in caplog.records if record.name == "station.refill"]
        assert len(refills) <= 2


def test_the_http_library_logs_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with station(tmp_path) as rig:
        rig.one(rig.board())
    assert [record.name for record in caplog.records if record.name.startswith("http")] == []
