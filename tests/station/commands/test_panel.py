"""``station panel user``: the file that says who may log in at the page."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from station.panel.people import Role
from station.panel.users import hashed, is_password, is_token, read_users
from tests.support.command import COMMAND, PATIENCE_S, Ended


def user(*words: str, cwd: Path, stdin: str = "") -> Ended:
    ran = subprocess.run(
        [str(COMMAND), "panel", "user", *words],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(ran.returncode, ran.stdout, ran.stderr)


def test_a_user_is_added_changed_listed_and_removed(tmp_path: Path) -> None:
    """The file keeps no password and is its owner's alone, whatever the umask."""
    file = tmp_path / "users"
    adds = ("add", "ann", "--file", "users", "--password-stdin", "--role")
    assert user(*adds, "operator", cwd=tmp_path, stdin="a good password\n").out == "ann is added: operator\n"
    assert user(*adds, "engineer", cwd=tmp_path, stdin="a better password\n").out == "ann is changed: engineer\n"
    assert user("list", "--file", "users", cwd=tmp_path).out.split() == ["ann", "engineer", "password"]
    known = read_users(file)["ann"]
    assert (known.role, is_password("a better password", known.secret)) == (Role.ENGINEER, True)
    assert not is_password("a good password", known.secret)
    assert "password" not in file.read_text("ascii")
    assert file.stat().st_mode & 0o777 == 0o600
    assert user("remove", "ann", "--file", "users", cwd=tmp_path).status == 0
    assert read_users(file) == {}
    assert list(tmp_path.iterdir()) == [file]


def test_a_program_gets_a_token_that_is_printed_alone_and_kept_by_its_hash(tmp_path: Path) -> None:
    added = user("add", "mes", "--file", "users", "--role", "engineer", "--token", cwd=tmp_path)
    token = added.out.removesuffix("\n")
    assert (added.status, added.err) == (0, "mes is added: engineer\n")
    assert user("list", "--file", "users", cwd=tmp_path).out.split() == ["mes", "engineer", "token"]
    known = read_users(tmp_path / "users")["mes"]
    assert is_token(token, known.secret)
    assert not is_token(token + "x", known.secret)
    assert not is_password(token, known.secret)
    assert token not in (tmp_path / "users").read_text("ascii")


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (
            ("add", "ann", "--role", "operator", "--password-stdin", "--file", "users"),
            "short\n",
            "10 to 256 characters",
        ),
        (("add", "ann:x", "--role", "operator", "--password-stdin", "--file", "users"), "a good password\n", "no name"),
        (("add", "ann", "--role", "operator", "--file", "users"), "", "--password-stdin"),
        (("remove", "ann", "--file", "users"), "", "no user is named ann"),
        (("list", "--file", "absent"), "", "station panel user add"),
        (("add", "ann", "--role", "king", "--file", "users"), "", "operator"),
        (("list",), "", "--config"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_and_changes_nothing(
    tmp_path: Path, words: tuple[str, ...], stdin: str, said: str
) -> None:
    ended = user(*words, cwd=tmp_path, stdin=stdin)
    assert (ended.status, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert said in ended.err
    assert "a good password" not in ended.err
    assert not (tmp_path / "users").exists()


def test_a_file_that_is_damaged_is_refused_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "users"
    good = f"ann:operator:{hashed('a good password')}"
    for line in ("bob", "bob:king:scrypt:00:00", good, "bob:operator:scrypt:00", "bob:operator:plain"):
        file.write_text(f"# users\n{good}\n{line}\n", "ascii")
        with pytest.raises(ValueError, match=r"users:3 is no user"):
            read_users(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="no file of users"):
        read_users(file)
    file.write_text("#" * 70_000, "ascii")
    with pytest.raises(ValueError, match="larger than"):
        read_users(file)
