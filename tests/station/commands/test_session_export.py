"""``station sessions export`` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from station.cli import main
from tests.support.sessions import record

STARTS = {"html": b"<!doctype html>", "har": b"{", "pcapng": b"\x0a\x0d\x0d\x0a", "jsonl": b'{"n":0,'}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return record(tmp_path, lambda session: None).path


@pytest.mark.parametrize("suffix", STARTS)
def test_the_name_of_the_file_tells_the_format(log: Path, tmp_path: Path, suffix: str) -> None:
    to = tmp_path / f"copy.{suffix}"
    assert main(["sessions", "export", str(log), "--to", str(to)]) == 0
    assert to.read_bytes().startswith(STARTS[suffix])
    assert to.stat().st_mode & 0o777 == 0o600


def test_a_format_that_is_named_goes_before_the_files_name(log: Path, tmp_path: Path) -> None:
    to = tmp_path / "copy.txt"
    assert main(["sessions", "export", str(log), "--to", str(to), "--format", "har"]) == 0
    assert json.loads(to.read_bytes())["log"]["version"] == "1.2"


@pytest.mark.parametrize("suffix", STARTS)
def test_a_file_that_is_there_is_left_alone(
    log: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / f"copy.{suffix}"
    to.write_bytes(b"mine")
    assert main(["sessions", "export", str(log), "--to", str(to)]) == 2
    assert "File exists" in capsys.readouterr().err
    assert to.read_bytes() == b"mine"


def test_a_name_that_tells_no_format_is_refused_with_those_there_are(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sessions", "export", str(log), "--to", str(tmp_path / "copy.txt")]) == 2
    assert ".html, .har, .pcapng, .jsonl" in capsys.readouterr().err


def test_a_full_disk_leaves_no_half_of_a_file(log: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk."""
    to = tmp_path / "copy.html"
    code = (
        "import resource, signal, sys; from station.cli import main; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); "
        f"sys.exit(main(['sessions', 'export', {str(log)!r}, '--to', {str(to)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("station: session.unreadable: ")
    assert not to.exists()


def test_har_and_pcapng_need_no_heavy_package(log: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from station.cli import main; "
        + "".join(
            f"main(['sessions', 'export', {str(log)!r}, '--to', {str(tmp_path / f'copy.{suffix}')!r}]); "
            for suffix in ("har", "pcapng", "jsonl")
        )
        + "heavy = {'pydantic', 'httpx', 'sqlalchemy', 'serial', 'PIL', 'escpos', 'rich'} & set(sys.modules); "
        "sys.stderr.write(' '.join(sorted(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
