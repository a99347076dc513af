"""``station sessions`` as a user runs it."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from station.cli import main
from station.model import Outcome
from station.session.format import FORMAT_VERSION, Event, encode_events, read_log
from station.session.store import find
from tests.support.command import PATIENCE_S, running, told_to_end
from tests.support.sessions import record, result_of, start
from tests.support.station import station


@pytest.fixture(autouse=True)
def _sigpipe_as_it_was() -> Iterator[None]:
    """The program ends quietly when its reader goes; the tests' own process must not."""
    previous = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, previous)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a PASS, a FAIL and a cycle that was cut off."""
    record(tmp_path, lambda session: None)
    failed = start(tmp_path, name="m-failed.jsonl.gz")
    failed.end(result_of(Outcome.FAIL, code="board.silent", chip_id=None, sn=None))
    failed.close()
    start(tmp_path, name="z-cut.jsonl.gz").close()
    return tmp_path / "sessions"


def test_list_prints_a_row_per_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "list", "--dir", str(folder)]) == 0
    titles, *rows = capsys.readouterr().out.splitlines()
    assert titles.split() == ["started", "socket", "outcome", "chipId", "deviceId", "sn", "code", "path"]
    assert [row.split()[3] for row in rows] == ["CUT", "FAIL", "PASS"]


def test_list_sends_nothing_of_a_log_to_the_terminal_and_says_why_one_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "PASS\x1b[2J\x1b]0;title\x07\r\u202e"
    head = Event(0, 0, "head", fields={"format": FORMAT_VERSION, "wall_s": 0.0, "station": "s", "socket": hostile})
    end = Event(
        1, 1, "end", fields={"result": dict.fromkeys(("outcome", "code", "chip_id", "sn", "device_id"), hostile)}
    )
    (tmp_path / "hostile.jsonl").write_bytes(encode_events([head, end]))
    other = replace(head, fields=head.fields | {"format": FORMAT_VERSION + 1})
    (tmp_path / "later.jsonl").write_bytes(encode_events([other]))
    main(["sessions", "list", "--dir", str(tmp_path)])
    listed = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in listed)
    assert len(listed.splitlines()) == 3
    assert f"not a session log of format {FORMAT_VERSION}" in listed


def test_list_asks_the_journal_of_a_station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without opening a log: one that is damaged is listed with all that is known of it, one that is gone says so. Where there
    is no journal, each log is read."""
    with station(tmp_path) as rig:
        passed, other = rig.one(rig.board()), rig.one(rig.board())
        config = str(tmp_path / "station.yaml")
        assert main(["sessions", "list", "--config", config, "--sn", str(passed.sn)[:-1], "--json"]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        (on_disk,) = find(tmp_path / "state" / "sessions", sn=passed.sn)
        known = json.loads(line)
        assert known["path"] == str(on_disk.path)
        assert {name: known[name] for name in ("chip_id", "device_id", "sn", "outcome", "socket", "size_bytes")} == {
            name: getattr(on_disk, name) for name in ("chip_id", "device_id", "sn", "outcome", "socket", "size_bytes")
        }
        content = on_disk.path.read_bytes()
        on_disk.path.write_bytes(content[:40])
        gone = Path(str(other.session)).rename(tmp_path / "moved")
        assert main(["sessions", "list", "--config", config, "--outcome", "PASS", "--code", "none"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1
        assert main(["sessions", "list", "--config", config, "--day", f"{on_disk.day}"]) == 0
        _, second, first = capsys.readouterr().out.splitlines()
        assert second.endswith("(the file is not there)")
        assert str(passed.device_id) in first
        on_disk.path.write_bytes(content)
        gone.rename(str(other.session))
        journal = tmp_path / "state" / "journal.sqlite"
        hidden = journal.rename(tmp_path / "hidden")
        assert main(["sessions", "list", "--config", config, "--sn", str(passed.sn), "--json"]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["path"] == str(on_disk.path)
        assert "there is no journal — reading each log instead" in captured.err
        hidden.rename(journal)


def test_list_filters_and_speaks_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["sessions", "list", "--dir", str(folder), "--outcome", "FAIL", "--code", "board.silent", "--json"]) == 0
    )
    (line,) = capsys.readouterr().out.splitlines()
    row = json.loads(line)
    assert (row["outcome"], row["code"], row["socket"], row["cut_off"]) == ("FAIL", "board.silent", "left", False)
    assert Path(row["path"]).name == "m-failed.jsonl.gz"
    assert main(["sessions", "list", "--dir", str(folder), "--limit", "2", "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["sessions", "list", "--dir", str(folder), "--day", "2001-01-01", "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_show_prints_the_timeline(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "show", str(folder / "m-failed.jsonl.gz")]) == 0
    out = capsys.readouterr().out
    assert "station bench, socket left" in out
    assert "FAIL board.silent" in out


def _line(process: subprocess.Popen[str], wanted: str) -> str:
    """The next line of a running command that holds ``wanted``."""
    assert process.stdout is not None
    for line in process.stdout:
        if wanted in line:
            return line
    pytest.fail(f"no line with {wanted!r} came")


def test_follow_shows_a_running_cycle_until_it_ends(tmp_path: Path) -> None:
    session = start(tmp_path)
    with running("sessions", "show", session.path, "--follow", cwd=tmp_path) as process:
        assert "station bench, socket left" in _line(process, "station")
        session.note("uart", "at first")
        assert "note: at first" in _line(process, "note")
        session.note("uart", "and then")
        assert "note: and then" in _line(process, "note")
        session.end(result_of(Outcome.FAIL, code="board.silent"))
        session.close()
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert "FAIL board.silent\n" in out
    assert "What to do: " in out


def test_follow_ends_with_sigint_and_finds_the_cycle_of_a_socket(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.configuration()
        config = str(tmp_path / "station.yaml")
        session = start(tmp_path / "state", name="running.jsonl.gz")
        with running("sessions", "show", "--follow", "--config", config, "--socket", "left", cwd=tmp_path) as process:
            assert "running.jsonl.part" in _line(process, "session log")
            _line(process, "ms")
            ended = told_to_end(process, signal.SIGINT)
        assert (ended.status, ended.err) == (130, "station: stopped\n")
        session.note("uart", "nothing was disturbed")
        session.end(result_of())
        log = session.close().path.rename(tmp_path / "log.jsonl.gz")
        assert read_log(log).end is not None


def test_follow_of_what_has_ended_shows_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("m-failed.jsonl.gz", "m-failed.jsonl.part"):
        assert main(["sessions", "show", str(folder / name), "--follow"]) == 0
        assert "FAIL board.silent" in capsys.readouterr().out


def test_show_says_which_words_it_wants(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, config = str(folder / "log.jsonl.gz"), str(tmp_path / "station.yaml")
    for arguments in ([], [log, "--config", config], ["--config", config]):
        assert main(["sessions", "show", *arguments]) == 2
        assert capsys.readouterr().err.startswith("station: usage.invalid: ")


def test_export_writes_a_checked_private_copy_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, copy = folder / "log.jsonl.gz", tmp_path / "copy.jsonl"
    assert main(["sessions", "export", str(log), "--to", str(copy)]) == 0
    assert copy.read_bytes() == gzip.decompress(log.read_bytes())
    assert copy.stat().st_mode & 0o777 == 0o600
    assert main(["sessions", "show", str(copy)]) == 0
    capsys.readouterr()
    assert main(["sessions", "export", str(log), "--to", str(copy)]) == 2
    assert "File exists" in capsys.readouterr().err


def test_what_cannot_be_read_is_one_line_and_exit_2(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged.jsonl"
    lines = gzip.decompress((folder / "log.jsonl.gz").read_bytes()).splitlines(keepends=True)
    damaged.write_bytes(lines[0] + lines[1].replace(b"PASS", b"FAIL"))
    for arguments in (
        ["show", str(damaged)],
        ["show", str(tmp_path / "none.jsonl.gz")],
        ["export", str(damaged), "--to", str(tmp_path / "out.jsonl")],
        ["export", str(folder / "log.jsonl.gz"), "--to", str(tmp_path / "out.txt")],
        ["list", "--dir", str(tmp_path / "none")],
    ):
        assert main(["sessions", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == "", "no head of a table before an error"
        assert captured.err.startswith("station: session.unreadable: ")
        assert captured.err.count("\n") == 1
    assert not (tmp_path / "out.jsonl").exists()
    with pytest.raises(SystemExit, match="2"):
        main(["sessions", "list", "--dir", str(folder), "--day", "yesterday"])


def test_reading_logs_needs_no_heavy_package(folder: Path) -> None:
    """An engineer's shell loop over a thousand logs starts the program a thousand times."""
    code = (
        "import sys; from station.cli import main; "
        f"main(['sessions', 'list', '--dir', {str(folder)!r}]); "
        "heavy = {'pydantic', 'httpx', 'sqlalchemy', 'serial', 'PIL', 'escpos', 'rich'} & set(sys.modules); "
        "sys.stderr.write(' '.join(sorted(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
