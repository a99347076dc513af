"""``station run`` and ``station simulate``, each part in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.command import DEVICE, PATIENCE_S, SECRET, first_row, running, simulated_desk, station, told_to_end


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (DEVICE, ["kind", "part", "port"]),
        (("simulate", "device", "--kind", "text_line"), ["kind", "part", "port"]),
        (("simulate", "api"), ["kind", "url", "csid", "cs_sec_key", "client_id", "client_secret"]),
        (("simulate", "printer"), ["kind", "language", "host", "port"]),
        (("simulate", "printer", "--language", "escpos"), ["kind", "language", "host", "port"]),
    ],
)
def test_a_simulated_part_says_where_it_listens_in_one_line_and_ends_by_sigterm(
    tmp_path: Path, words: tuple[str, ...], keys: list[str]
) -> None:
    with running(*words, cwd=tmp_path) as part:
        row = first_row(part)
        assert list(row) == keys
        assert row["kind"] == words[1]
        ended = told_to_end(part)
        assert (ended.status, ended.out, ended.err) == (0, "", "")


def test_a_board_is_provisioned_and_labelled_on_parts_in_processes_of_their_own(tmp_path: Path) -> None:
    """The doctor finds all well before it; one Enter is one cycle; the same board again is verified, not given new ids."""
    with simulated_desk(tmp_path) as config:
        healthy = station("doctor", "--config", config, cwd=tmp_path)
        assert (healthy.status, healthy.err.endswith(", 0 bad\n")) == (0, True), healthy.out
        assert not (tmp_path / "state").exists()
        assert station("config", "check", config, cwd=tmp_path).status == 0

        first = station("run", "--config", config, "--cycles", "1", "--json", cwd=tmp_path, stdin="\n")
        (row,) = first.rows()
        assert (first.status, row["outcome"], row["label"], row["resumed"]) == (0, "PASS", "printed", False)
        assert [path.name for path in sorted((tmp_path / "labels").glob("label-*"))] == ["label-000001.png"]
        assert (tmp_path / "labels" / "label-000001.png").read_bytes().startswith(b"\x89PNG")

        again = station("run", "--config", config, "--cycles", "1", "--json", cwd=tmp_path, stdin="\n")
        (repeated,) = again.rows()
        assert (again.status, repeated["outcome"], repeated["resumed"], repeated["cycle"]) == (0, "PASS", True, 2)
        assert [repeated[name] for name in ("chip_id", "device_id", "sn")] == [
            row[name] for name in ("chip_id", "device_id", "sn")
        ]
        assert len(list((tmp_path / "labels").glob("label-*"))) == 1


def test_a_cycle_that_is_not_pass_ends_with_1_and_says_what_to_do(tmp_path: Path) -> None:
    """A board whose AppEUI stands elsewhere: its field is blank."""
    with simulated_desk(tmp_path, *DEVICE[:-1], "0x0803F900") as config:
        ended = station("run", "--config", config, "--cycles", "1", "--json", cwd=tmp_path, stdin="\n")
        (row,) = ended.rows()
        assert (ended.status, row["outcome"], row["code"]) == (1, "FAIL", "unit.app_eui_missing")
        assert "Put the board aside: its AppEUI must be programmed first." in ended.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_station_that_waits_is_ended_by_a_signal_with_0(tmp_path: Path, number: int) -> None:
    """While it runs, no secret is in the process list."""
    with simulated_desk(tmp_path) as config, running("run", "--config", config, "--json", cwd=tmp_path) as process:
        assert "PASS" in _one_cycle(process)
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert os.fsencode(config) in words
        assert SECRET.encode() not in words
        ended = told_to_end(process, number)
        assert ended.status == 0
        assert [row["outcome"] for row in ended.rows()] == ["PASS"]


def test_a_second_station_on_the_same_journal_is_refused_and_the_doctor_leaves_the_first_alone(tmp_path: Path) -> None:
    with simulated_desk(tmp_path) as config, running("run", "--config", config, cwd=tmp_path) as process:
        assert "PASS" in _one_cycle(process)
        second = station("run", "--config", config, "--cycles", "1", cwd=tmp_path)
        assert second.status == 1
        assert second.err.startswith("station: journal.locked: ")
        assert f"pid {process.pid}" in second.err
        assert len(second.err.splitlines()) == 1
        seen = station("doctor", "--config", config, cwd=tmp_path)
        assert f"is left to the running station (pid {process.pid})" in seen.out
        assert told_to_end(process).status == 0


def test_a_missing_port_ends_the_start_with_2_unless_it_is_to_be_waited_for(tmp_path: Path) -> None:
    with simulated_desk(tmp_path) as config:
        text = config.read_text("utf-8")
        port = text[text.index("/dev/") :].split(",", 1)[0]
        config.write_text(text.replace(port, "/dev/ttyABSENT0"), "utf-8")
        line = 1 + text[: text.index("/dev/")].count("\n")
        for words in (("run", "--config", config), ("config", "check", config)):
            ended = station(*words, cwd=tmp_path)
            assert (ended.status, ended.out) == (2, "")
            (said,) = ended.err.splitlines()
            assert said.startswith(f"station: config.invalid: {config}:{line}:")
            assert "sockets.0.serial.port: /dev/ttyABSENT0 is not there — plug it in" in said
        assert not (tmp_path / "state").exists(), "nothing was begun"
        config.write_text("require_ports: false\n" + config.read_text("utf-8"), "utf-8")
        assert station("config", "check", config, cwd=tmp_path).status == 0
        with running("run", "--config", config, cwd=tmp_path) as process:
            assert "port.missing" in _one_cycle(process)
            assert told_to_end(process).status == 0


def test_a_reader_that_goes_away_ends_the_command_quietly(tmp_path: Path) -> None:
    with running("simulate", "api", cwd=tmp_path) as api:
        first_row(api)
        assert api.stdout is not None
        api.stdout.close()
        api.send_signal(signal.SIGTERM)
        assert api.wait(PATIENCE_S) == 0
        assert api.stderr is not None
        assert api.stderr.read() == ""


def _one_cycle(process: subprocess.Popen[str]) -> str:
    """Press Enter and wait for the cycle's line on standard error; fails where the station ends before it."""
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return next(line for line in process.stderr if "[A] cycle 1: " in line)
