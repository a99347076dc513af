"""The journal: whole, of this version's schema, and owned by at most one running station: a file of this user's, or a database on a
server that keeps what it acknowledged."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from station.doctor import Check, Finding, Survey, advice, bad, good
from station.errors import explain
from station.journal.errors import JournalEmpty, JournalError
from station.journal.opening import open_journal_readonly
from station.journal.place import ServerPlace, place_of
from station.restored import forgotten_problem, restored_problem
from station.secrets import Secret

MAX_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """See ``Check``."""

    path: Path
    agent_pid: int | None
    sessions_dir: Path
    name: str = "journal"

    def look(self) -> Iterator[Finding]:
        if self.agent_pid is not None:
            yield good(f"a station runs on it (pid {self.agent_pid})")
        if not self.path.exists():
            yield good(f"{self.path} is not there yet; the first start makes it")
            return
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            yield advice(
                f"{self.path} belongs to {_user(owner)}, and this is {_user(os.geteuid())}",
                "run the station and its doctor as one user",
            )
        try:
            restored = restored_problem(self.path, self.sessions_dir)
            problems = self._problems()
        except JournalError as error:
            yield bad(str(error), explain(error).action)
            return
        if restored is not None:
            yield bad(
                f"{self.path}: {restored}", "stop the station; station journal accept makes it safe to go on from"
            )
        for problem in problems[:MAX_PROBLEMS]:
            yield bad(problem, "stop the station and restore the last backup (station journal backup makes them)")
        if not problems:
            yield good(f"{self.path} is whole")

    def _problems(self) -> tuple[str, ...]:
        """Raises JournalError where the file is too damaged, or of a wrong version, to be asked at all."""
        reader = open_journal_readonly(self.path)
        try:
            return reader.integrity_check()
        finally:
            reader.close()


@dataclass(frozen=True, slots=True)
class ServerJournalCheck:
    """See ``Check``."""

    url: Secret
    agent_pid: int | None
    sessions_dir: Path
    name: str = "journal"

    def look(self) -> Iterator[Finding]:
        if self.agent_pid is not None:
            yield good(f"a station runs on it (pid {self.agent_pid})")
        try:
            place = place_of(self.url)
            reader = open_journal_readonly(self.url)
        except JournalEmpty:
            yield good("the database is empty yet; the first start makes the journal")
            return
        except JournalError as error:
            yield bad(str(error), explain(error).action)
            return
        try:
            problems, risks = reader.integrity_check(), reader.durability_problems()
            forgotten = forgotten_problem(reader, self.sessions_dir)
        finally:
            reader.close()
        if forgotten is not None:
            yield bad(forgotten, "stop the stations: docs/operation.md, Restoring a backup")
        for risk in risks:
            yield bad(risk, "have the server's administrator switch it on")
        for problem in problems[:MAX_PROBLEMS]:
            yield bad(problem, "stop the stations and have the server's last backup restored")
        if not problems:
            yield good(f"{place.name if isinstance(place, ServerPlace) else place} is whole")


def checks(survey: Survey) -> list[Check]:
    station = survey.configuration.station
    if station.database is not None:
        return [ServerJournalCheck(station.database.url, survey.agent_pid, station.sessions_dir)]
    return [JournalCheck(station.journal_path, survey.agent_pid, station.sessions_dir)]


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
