"""The configuration file is good (it could be read); are its secrets kept from other people?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.doctor import Check, Finding, Survey, advice, good

_SECRET_FILE = re.compile(r"\$\{file:([^}]+)\}")
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class ConfigurationCheck:
    """See ``Check``."""

    survey: Survey
    name: str = "configuration"

    def look(self) -> Iterator[Finding]:
        document, station = self.survey.configuration.document, self.survey.configuration.station
        sockets = ", ".join(socket.name for socket in station.sockets)
        yield good(f"{document.file}: station {station.station}, sockets {sockets}")
        for name in _secret_files(document.values):
            path = Path(document.file).absolute().parent / name
            if path.stat().st_mode & _OTHERS:
                yield advice(f"other users may read the secret in {path}", f"chmod 600 {path}")
        if station.api.http.insecure:
            line = self.survey.line_of(("api", "http", "insecure"))
            yield advice(f"{line}: the API's certificate is not checked", "take out insecure, or name a ca_file")


def checks(survey: Survey) -> list[Check]:
    return [ConfigurationCheck(survey)]


def _secret_files(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        match = _SECRET_FILE.fullmatch(value)
        if match is not None:
            yield match[1]
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _secret_files(below)
