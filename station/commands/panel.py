"""``station panel``: who may log in at the page."""

from __future__ import annotations

import argparse
import fcntl
import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import UnitError
from station.text import printable

if TYPE_CHECKING:
    from station.panel.users import User

ROLES = ("operator", "engineer", "supervisor")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="SUBJECT")
    user = subjects.add_parser("user", help="the users: add one, list them, remove one")
    actions = user.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a user, or give one another role and password or token")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", required=True, choices=ROLES, help="each may all that those before it may")
    proof = add.add_mutually_exclusive_group()
    proof.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input, one line, and ask nothing"
    )
    proof.add_argument(
        "--token",
        action="store_true",
        help="a program: make a token for it and print that, this once, on standard output",
    )
    listing = actions.add_parser("list", help="the users and their roles")
    remove = actions.add_parser("remove", help="remove a user")
    remove.add_argument("name", metavar="NAME")
    for action in (add, listing, remove):
        place = action.add_mutually_exclusive_group(required=True)
        place.add_argument("--config", type=Path, metavar="FILE", help="the configuration whose panel.users is meant")
        place.add_argument("--file", type=Path, metavar="FILE", help="the file of users itself")


def run(options: argparse.Namespace) -> int:
    """0, or an error with its code. A station that runs takes the change at once."""
    try:
        return {"add": _add, "list": _list, "remove": _remove}[options.action](options)
    except ValueError as error:
        raise UnitError("usage.invalid", str(error)) from error
    except OSError as error:
        raise UnitError("file.failed", f"{error.filename}: {error.strerror}") from error


def _add(options: argparse.Namespace) -> int:
    from station.panel.people import Role
    from station.panel.users import NAME, User, hashed, new_token, token_hash

    if not NAME.fullmatch(options.name):
        raise ValueError(f"{printable(options.name)!r} is no name: letters, digits, '.', '_' and '-' only, at most 32")
    token = new_token() if options.token else None
    secret = hashed(_password(options)) if token is None else token_hash(token)
    with _changed(_file_of(options)) as users:
        is_known = options.name in users
        users[options.name] = User(options.name, Role(options.role), secret)
    said = f"{options.name} is {'changed' if is_known else 'added'}: {options.role}\n"
    if token is None:
        sys.stdout.write(said)
    else:
        sys.stderr.write(said)
        sys.stdout.write(f"{token}\n")
    return 0


def _list(options: argparse.Namespace) -> int:
    from station.panel.users import read_users

    for user in read_users(_file_of(options)).values():
        sys.stdout.write(f"{user.name:<32}  {user.role:<10}  {'token' if user.has_token else 'password'}\n")
    return 0


def _remove(options: argparse.Namespace) -> int:
    with _changed(_file_of(options)) as users:
        if users.pop(options.name, None) is None:
            raise ValueError(f"no user is named {printable(options.name)}")
    sys.stdout.write(f"{options.name} is removed\n")
    return 0


def _password(options: argparse.Namespace) -> str:
    """Raises ValueError."""
    if options.password_stdin:
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise ValueError("there is no terminal to ask for the password at; give it with --password-stdin")
    password = getpass.getpass(f"password of {options.name}: ")
    if getpass.getpass("once more: ") != password:
        raise ValueError("the two are not the same; nothing was changed")
    return password


def _file_of(options: argparse.Namespace) -> Path:
    """The file that is meant. Raises ConfigError, ValueError where the configuration names none."""
    if options.file is not None:
        return Path(options.file)
    from station.config.validate import load_configuration

    panel = load_configuration(options.config).station.panel
    if panel is None or panel.users is None:
        raise ValueError(f"{options.config} names no file of users; add panel.users, or use --file")
    return panel.users


@contextmanager
def _changed(path: Path) -> Iterator[dict[str, User]]:
    """The users, to be changed and written back; another command waits for its turn. Raises OSError, ValueError."""
    from station.panel.users import read_users, write_users

    turn = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        users = read_users(path) if path.exists() else {}
        yield users
        write_users(path, users)
    finally:
        os.close(turn)
