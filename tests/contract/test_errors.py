"""What a command says when it cannot do its work: one line with a code on standard error, never a traceback."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from station.cli import COMMANDS
from station.errors import CATALOGUE
from tests.support.command import CONFIGURATION, station

LINE = re.compile(r"station: (?P<code>[a-z]+(?:\.[a-z_]+)+): .+ — .+")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and bad things to name."""
    place = tmp_path_factory.mktemp("errors")
    (place / "folder").mkdir()
    (place / "labels").mkdir()
    (place / "binary").write_bytes(bytes(range(256)) * 8)
    (place / "binary.jsonl.gz").write_bytes(bytes(range(256)) * 8)
    (place / "odd.jsonl.gz").write_bytes(gzip.compress(b'{"x": 1}\n'))
    (place / "bomb.jsonl.gz").write_bytes(gzip.compress(b" " * 50_000_000, 9))
    (place / "good.yaml").write_text(CONFIGURATION.format(api="http://127.0.0.1:9", port="/dev/null"), "utf-8")
    (place / "bad.yaml").write_text("station: [\n", "utf-8")
    (place / "literal.yaml").write_text(
        (place / "good.yaml").read_text("utf-8").replace("${env:STATION_CS_SEC_KEY}", "hunter2-hunter2"), "utf-8"
    )
    return place


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("", 2, "usage.invalid"),
        ("nonsense", 2, "usage.invalid"),
        ("run", 2, "usage.invalid"),
        ("run --config good.yaml --cycles 0", 2, "usage.invalid"),
        ("run --config good.yaml --cycles many", 2, "usage.invalid"),
        ("run --config nowhere", 2, "config.invalid"),
        ("run --config binary", 2, "config.invalid"),
        ("run --config literal.yaml", 2, "config.invalid"),
        ("config check bad.yaml", 2, "config.invalid"),
        ("doctor", 2, "usage.invalid"),
        ("doctor --config nowhere", 2, "config.invalid"),
        ("demo --sockets 65", 2, "usage.invalid"),
        ("demo --dir binary", 1, "file.failed"),
        ("replay nowhere", 2, "session.unreadable"),
        ("replay folder", 2, "session.unreadable"),
        ("replay binary.jsonl.gz", 2, "session.unreadable"),
        ("replay bomb.jsonl.gz", 2, "session.unreadable"),
        ("replay good.yaml", 2, "session.unreadable"),
        ("sessions show nowhere", 2, "session.unreadable"),
        ("units list --config good.yaml", 1, "journal.failed"),
        ("ids refill --config good.yaml --nonsense", 2, "usage.invalid"),
        ("label preview --config good.yaml --to nowhere/label.png", 1, "file.failed"),
        ("journal check --config bad.yaml", 2, "config.invalid"),
        ("simulate", 2, "usage.invalid"),
        ("simulate device --chip NONE", 2, "usage.invalid"),
        ("simulate device --memory folder", 2, "usage.invalid"),
        ("simulate device --baud 0", 2, "usage.invalid"),
        ("simulate api --port 65536", 2, "usage.invalid"),
        ("simulate api --licences -1", 2, "usage.invalid"),
        ("simulate api --latency-ms nan", 2, "usage.invalid"),
        ("simulate api --ledger binary", 2, "usage.invalid"),
        ("simulate printer --labels binary", 2, "usage.invalid"),
    ],
)
def test_a_wrong_call_is_answered_in_one_line_with_a_code(folder: Path, words: str, status: int, code: str) -> None:
    ended = station(*words.split(), cwd=folder)
    (line,) = ended.err.splitlines()
    match = LINE.fullmatch(line)
    assert match is not None, line
    assert (ended.status, match["code"]) == (status, code)
    assert code in CATALOGUE
    assert line.isprintable()
    assert len(line) <= 2000
    assert ended.out == ""
    assert "hunter2" not in line


def test_each_of_several_mistakes_is_a_line_of_its_own(folder: Path) -> None:
    text = (folder / "good.yaml").read_text("utf-8").replace("batch: 4", "bach: 4").replace("baud: 115200", "baud: x")
    (folder / "two.yaml").write_text(text, "utf-8")
    ended = station("config", "check", "two.yaml", cwd=folder)
    assert ended.status == 2
    lines = ended.err.splitlines()
    assert len(lines) == 2
    assert all(
        re.match(r"station: config\.invalid: two\.yaml:[0-9]+:[0-9]+: [a-z0-9_.]+: .+ — ", line) for line in lines
    )


def test_a_traceback_is_shown_only_where_it_is_asked_for(folder: Path) -> None:
    """What an environment variable asks for changes nothing of errors that are expected."""
    ended = station("run", "--config", "nowhere", cwd=folder, env={"STATION_TRACEBACK": "1"})
    assert (ended.status, len(ended.err.splitlines())) == (2, 1)


def test_a_locale_without_the_characters_is_no_obstacle(folder: Path) -> None:
    ended = station("config", "check", "nowhere-ä", cwd=folder, env={"PYTHONIOENCODING": "ascii"})
    assert ended.status == 2
    assert "Traceback" not in ended.err
    good = station("config", "check", "good.yaml", "--without-ports", cwd=folder, env={"PYTHONIOENCODING": "ascii"})
    assert good.status == 0


ACTIONS = {
    "config": ["check"],
    "ids": ["status", "refill"],
    "journal": ["backup", "check"],
    "label": ["preview", "reprint"],
    "sessions": ["list", "show", "export"],
    "simulate": ["device", "api", "printer"],
    "units": ["list", "show", "resolve"],
}
"""The documented sub-commands of commands."""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_offered_on_every_command_and_below_it(folder: Path, command: str) -> None:
    for words in [command.split(), *([command, action] for action in ACTIONS.get(command, []))]:
        ended = station(*words, "--help", cwd=folder)
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.startswith(f"usage: {' '.join(['station', *words])} ")
        assert len(ended.out.splitlines()) > 3


def test_the_version_is_told(folder: Path) -> None:
    ended = station("--version", cwd=folder)
    assert (ended.status, ended.err) == (0, "")
    assert re.fullmatch(r"station [0-9]+\.[0-9]+\.[0-9]+\n", ended.out)
