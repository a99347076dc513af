"""What runs: the station, Python, SQLite, and whether each library is there and new enough."""

from __future__ import annotations

import platform
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata

from station import __version__
from station.doctor import Check, Finding, Survey, bad, good

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)>=(?P<least>[0-9.]+)")
"""The form in which this project writes its requirements; others, the optional ones, do not match."""


@dataclass(frozen=True, slots=True)
class VersionsCheck:
    """See ``Check``."""

    requirements: Sequence[str]
    name: str = "versions"

    def look(self) -> Iterator[Finding]:
        system = f"{platform.system()} {platform.release()} {platform.machine()}"
        yield good(
            f"station {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {system}"
        )
        for requirement in self.requirements:
            match = _REQUIREMENT.fullmatch(requirement)
            if match is not None and (problem := _problem(match["name"], match["least"])) is not None:
                yield bad(problem, "install the libraries anew: pip install -r requirements/runtime.lock")


def checks(survey: Survey) -> list[Check]:  # noqa: ARG001 (the same for every station)
    try:
        requirements = metadata.requires("station") or []
    except metadata.PackageNotFoundError:
        requirements = []  # run from its source
    return [VersionsCheck(requirements)]


def _problem(name: str, least: str) -> str | None:
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"the library {name} is not there"
    return f"the library {name} is {found}, older than {least}" if _numbers(found) < _numbers(least) else None


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"[0-9.]*[0-9]", version)
    return tuple(int(number) for number in release[0].split(".")) if release else ()
