"""``station provision`` as others use it: its output, its result file, its exit status, and what a kill leaves."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from station.production_api.simulator.settings import SimulatorSettings
from tests.support.command import COMMAND, running, told_to_end
from tests.support.listed import chip, list_rig

SLOW = SimulatorSettings(seed=7, latency_s=0.02)


def test_a_list_ends_with_a_result_of_one_row_for_each_of_its_own(tmp_path: Path) -> None:
    with list_rig(tmp_path, 6) as listed:
        ended = listed.provision("--json", "--jobs", "3")
        assert (ended.status, ended.err) == (0, f"6 of 6 provisioned; {tmp_path}/chips.result.csv\n")
        rows = listed.result()
        assert list(rows[0]) == ["chipId", "appEui", "deviceId", "sn", "outcome", "code", "message"]
        assert [row["chipId"] for row in rows] == [chip(number) for number in range(1, 7)]
        assert {(row["outcome"], row["code"]) for row in rows} == {("PROVISIONED", "")}
        lines = {row["chip_id"]: (row["device_id"], row["sn"]) for row in ended.rows()}
        assert lines == {row["chipId"]: (row["deviceId"], row["sn"]) for row in rows}
        # The second time a row is wrong: nothing is begun, and the first result stays.
        before = listed.chips.with_name("chips.result.csv").read_bytes()
        listed.chips.write_text(listed.chips.read_text("utf-8") + "nonsense,\n", "utf-8")
        refused = listed.provision()
        assert refused.status == 2
        assert refused.err.startswith(f"station: list.row_invalid: {tmp_path}/chips.csv:8: ")
        assert listed.chips.with_name("chips.result.csv").read_bytes() == before


@pytest.mark.timeout(120)
def test_a_list_killed_three_times_is_whole_in_the_end_and_no_licence_is_spent_twice(tmp_path: Path) -> None:
    """Killed each time when another share of the units has ended, with others in progress."""
    count = 60
    with list_rig(tmp_path, count, api=SLOW, batch=20, low_water=10) as listed:
        for share in (10, 12, 14):
            with running(*listed.words("--json", "--jobs", "8"), cwd=tmp_path) as process:
                assert process.stdout is not None
                heard = [json.loads(process.stdout.readline()) for _ in range(share)]
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert all(row["outcome"] == "PROVISIONED" for row in heard)
            assert not listed.chips.with_name("chips.result.csv").exists()
        ended = listed.provision("--jobs", "8")
        assert ended.status == 0, ended.err
        assert len(listed.result()) == count
        assert listed.licences() == count


def test_a_list_that_is_told_to_end_says_what_is_left_and_goes_on_with_the_same_command(tmp_path: Path) -> None:
    with list_rig(tmp_path, 600, api=SLOW, batch=100, low_water=50) as listed:
        with running(*listed.words("--json", "--jobs", "4"), cwd=tmp_path) as process:
            assert process.stdout is not None
            process.stdout.readline()
            stopped = told_to_end(process)
        assert stopped.status == 1
        assert "units are left, not begun: the batch was stopped — the same command goes on" in stopped.err
        rows = listed.result()
        assert len(rows) == 600
        left = [row for row in rows if row["outcome"] == "LEFT"]
        assert left
        assert {row["deviceId"] for row in left} == {""}
        assert all(row["deviceId"] for row in rows if row["outcome"] == "PROVISIONED")


def test_a_journal_that_an_agent_owns_is_refused_and_nothing_is_begun(tmp_path: Path) -> None:
    from station.jig import Jig

    with list_rig(tmp_path, 2) as listed, Jig(listed.rig.configuration(), lambda _event: None):
        ended = listed.provision()
        assert ended.status == 1
        assert ended.err.startswith("station: journal.locked: ")
        assert listed.rig.rows("SELECT COUNT(*) AS n FROM units") == [{"n": 0}]


@pytest.mark.parametrize(
    ("result", "status", "code"),
    [
        ("chips.csv", 2, "usage.invalid"),
        ("no-result.csv", 2, "usage.invalid"),
        ("pipe", 2, "usage.invalid"),
        (".", 1, "file.failed"),
        ("nowhere/result.csv", 1, "file.failed"),
    ],
)
def test_a_result_that_cannot_be_written_is_told_before_anything_is_begun(
    tmp_path: Path, result: str, status: int, code: str
) -> None:
    (tmp_path / "no-result.csv").write_text("chipId,appEui\n", "utf-8")
    os.mkfifo(tmp_path / "pipe")
    with list_rig(tmp_path, 2) as listed:
        ended = listed.provision("--result", str(tmp_path / result))
        assert (ended.status, ended.err.split(": ")[1]) == (status, code)
        assert listed.licences() == 0
    assert (tmp_path / "no-result.csv").read_text("utf-8") == "chipId,appEui\n"
    assert (tmp_path / "pipe").is_fifo()


def test_a_terminal_shows_how_far_the_list_has_come(tmp_path: Path) -> None:
    """Elsewhere nothing but the last line is written: see the first test."""
    with list_rig(tmp_path, 5) as listed:
        ours, its = pty.openpty()
        shown = b""
        with subprocess.Popen([COMMAND, *listed.words()], stderr=its, stdout=subprocess.DEVNULL) as process:
            os.close(its)
            with contextlib.suppress(OSError):  # how the end of a terminal reads
                while piece := os.read(ours, 65536):
                    shown += piece
            os.close(ours)
        assert process.returncode == 0
        assert b"5/5" in shown
        assert b"5 of 5 provisioned" in shown


def test_a_station_whose_sns_are_scanned_takes_no_list(tmp_path: Path) -> None:
    with list_rig(tmp_path, 2, scan="sn") as listed:
        ended = listed.provision()
        assert (ended.status, ended.err.split(": ")[1]) == (2, "usage.invalid")
