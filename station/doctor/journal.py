"""The journal: whole, of this version's schema, this user's, and owned by at most one running station."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from station.doctor import Check, Finding, Survey, advice, bad, good
from station.errors import explain
from station.journal.errors import JournalError
from station.journal.opening import open_journal_readonly

MAX_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """See ``Check``."""

    path: Path
    agent_pid: int | None
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
            problems = self._problems()
        except JournalError as error:
            yield bad(str(error), explain(error).action)
            return
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


def checks(survey: Survey) -> list[Check]:
    return [JournalCheck(survey.configuration.station.journal_path, survey.agent_pid)]


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
