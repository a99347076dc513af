"""Commands beside a station or without one: units, ids, labels, the journal."""

from __future__ import annotations

import io
import json
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from drivers.simulated.print_queue import PrinterManners
from station.cli import main
from station.jig import Jig
from station.model import LabelFate, Outcome
from tests.support.station import Rig, station


@pytest.fixture(autouse=True)
def _same_sigpipe() -> Iterator[None]:
    """``main`` takes SIGPIPE's default for a command's process; this one keeps its own."""
    before = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, before)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with station(tmp_path) as built:
        yield built


def command(rig: Rig, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run ``station WORDS --config …`` in this process: status, standard output, standard error."""
    capsys.readouterr()
    status = main([*words, "--config", str(rig.folder / "station.yaml")])
    return status, *capsys.readouterr()


def test_units_are_listed_and_found_by_each_of_their_ids(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = rig.run(rig.board(), rig.board())
    status, out, _ = command(rig, capsys, "units", "list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == [second.chip_id, first.chip_id]
    for text in (first.chip_id, first.device_id, first.sn):
        status, out, _ = command(rig, capsys, "units", "list", str(text), "--json")
        (unit,) = [json.loads(line) for line in out.splitlines()]
        assert (unit["chip_id"], unit["device_id"], unit["sn"]) == (first.chip_id, first.device_id, first.sn)
        assert unit["status"] == "labelled"


def test_a_units_story_names_its_cycles_effects_and_label(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    result = rig.one(rig.board())
    status, out, _ = command(rig, capsys, "units", "show", str(result.chip_id))
    assert status == 0
    for expected in (
        "cycle 1, socket A: PASS",
        "activate done",
        "bind done",
        "write done",
        "print done",
        "label copy 1",
    ):
        assert expected in out
    assert str(result.session) in out
    status, _, err = command(rig, capsys, "units", "show", "NOBODY")
    assert status == 1
    assert err.startswith("station: unit.unknown: ")


def test_a_reprint_is_one_more_label_with_its_reason_on_record(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    result = rig.one(rig.board())
    rig.reprints[str(result.sn)] += 1
    words = ("label", "reprint", str(result.chip_id), "--reason", "smeared", "--operator", "kim")
    status, out, _ = command(rig, capsys, *words)
    assert (status, "copy 2" in out) == (0, True)
    assert [sn for sn, _, _ in rig.labels()] == [result.sn, result.sn]
    assert rig.rows("SELECT copy_number, fate, reason, operator FROM labels ORDER BY copy_number")[1] == {
        "copy_number": 2,
        "fate": "printed",
        "reason": "smeared",
        "operator": "kim",
    }


def test_a_reprint_on_a_printer_that_is_not_ready_counts_nothing(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    result = rig.one(rig.board())
    rig.printer.queue.problems.add("paper_out")
    status, _, err = command(rig, capsys, "label", "reprint", str(result.chip_id), "--reason", "smeared")
    assert status == 1
    assert err.startswith("station: printer.not_ready: ")
    assert len(rig.rows("SELECT * FROM labels")) == 1


def test_a_label_in_doubt_is_settled_by_a_person_and_the_unit_goes_on(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.printer.queue.manners = PrinterManners(print_s=3600.0, dies_after_bytes=100)
    board = rig.board()
    result = rig.one(board)
    assert (result.code, result.label) == ("label.in_doubt", LabelFate.IN_DOUBT)
    again = rig.one(board)
    assert (again.code, again.resumed) == ("label.in_doubt", True)
    status, _, err = command(
        rig, capsys, "units", "resolve", str(result.chip_id), "--decision", "retry", "--reason", "looked"
    )
    assert status == 1, "a label in doubt is no held unit"
    words = ("units", "resolve", str(result.chip_id), "--label", "not-printed", "--reason", "nothing came out")
    status, _, err = command(rig, capsys, *words)
    assert (status, err) == (0, "")
    rig.printer.queue.manners = PrinterManners()
    rig.printer.queue.is_dead = False
    assert rig.one(board).outcome is Outcome.PASS


def test_the_pool_is_shown_and_refilled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with station(tmp_path, low_water=50) as rig:
        rig.one(rig.board())
        status, out, _ = command(rig, capsys, "ids", "status", "--json")
        assert status == 0
        before = json.loads(out)
        assert (before["device_id"]["used"], before["sn"]["used"]) == (1, 1)
        status, out, _ = command(rig, capsys, "ids", "refill")
        device_ids, sns = before["device_id"]["free"] + 4, before["sn"]["free"] + 4
        assert (status, out) == (0, f"free: {device_ids} DeviceIDs, {sns} SNs\n")
        rig.api_down()
        status, _, err = command(rig, capsys, "ids", "refill")
        assert status == 1
        assert "api.unreachable" in err
        rig.api_up()


def test_the_running_agent_does_what_people_ask_for(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has to stop the station to settle a unit; while a cycle works on it, it is the cycle's."""
    board = rig.board()
    result = rig.one(board)
    chip_id, reason = str(result.chip_id), ("--reason", "smeared", "--operator", "ann")
    rig.reprints[result.sn or ""] += 1
    with Jig(rig.configuration(), lambda _event: None) as jig:
        status, out, err = command(rig, capsys, "label", "reprint", chip_id, *reason)
        assert (status, err) == (0, "")
        assert out.startswith(f"copy 2 of the label of {chip_id}: printed (")
        status, out, _ = command(rig, capsys, "ids", "refill")
        assert (status, out.startswith("free: ")) == (0, True)
        status, _, err = command(rig, capsys, "units", "resolve", chip_id, "--decision", "retry", *reason)
        assert (status, err.startswith("station: unit.doubt_unsettled: chip ")) == (1, True)
        decide = ("units", "resolve", chip_id, "--decision", "scrap", *reason)
        status, _, err = jig.settle(chip_id, lambda _journal: command(rig, capsys, *decide))
        assert (status, err.startswith("station: unit.busy: ")) == (1, True)
        status, out, _ = command(rig, capsys, *decide)
        assert (status, "scrapped by ann: smeared" in out) == (0, True)
    assert len(rig.labels()) == 2


def test_a_backup_opens_and_holds_the_units(rig: Rig, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = rig.one(rig.board())
    target = tmp_path / "backup.sqlite"
    assert command(rig, capsys, "journal", "backup", "--to", str(target))[0] == 0
    connection = sqlite3.connect(target)
    assert connection.execute("SELECT chip_id, sn FROM units").fetchall() == [(result.chip_id, result.sn)]
    connection.close()
    assert command(rig, capsys, "journal", "check")[:2] == (0, "good\n")


def test_a_preview_is_a_picture_of_the_labels_size(
    rig: Rig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rig.one(rig.board())
    target = tmp_path / "label.png"
    assert command(rig, capsys, "label", "preview", "--to", str(target))[0] == 0
    assert Image.open(io.BytesIO(target.read_bytes())).size == (400, 240)
    status, _, err = command(rig, capsys, "label", "preview", "--to", str(tmp_path / "no" / "label.png"))
    assert (status, err.count("\n")) == (1, 1)
