"""A cycle's session log as a file, as it is and in the forms that other programs read."""

from __future__ import annotations

import os
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from station.errors import SessionError
from station.journal.session_index import CycleFound
from station.panel.cycle_log import asked_cycle, log_of, worked_log_of
from station.panel.people import Role
from station.panel.visit import Page, Refused, Visit
from station.text import printable

CHUNK_BYTES = 64 * 1024
EXPORTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "html": ("html", "text/html; charset=utf-8", ()),
    "har": ("har", "application/json", ()),
    "pcapng": ("pcapng", "application/octet-stream", ()),
    "jsonl": ("jsonl", "application/octet-stream", ()),
    "anonymised": ("jsonl", "application/octet-stream", ("--anonymise",)),
}
"""By the name that stands in the address: what the file ends in, its type, and further words of ``station sessions export``."""


def log(visit: Visit) -> Response:
    """The log as it is, also a damaged one."""
    cycle = asked_cycle(visit)
    path = log_of(visit, cycle).path
    suffix = "".join(path.suffixes[-2:]) if path.suffix in (".gz", ".part") else path.suffix
    try:
        file = path.open("rb")
    except OSError as error:
        raise SessionError(f"{path}: {error.strerror}") from error
    return _file(file, f"{_stem(cycle)}{suffix}", "application/octet-stream")


def export(visit: Visit) -> Response:
    """The log in another form, made in a process of its own. Raises SessionError for one that cannot be read."""
    cycle = asked_cycle(visit)
    name = visit.part("format")
    if name not in EXPORTS:
        text = visit.context.words.t("cycle.no_export", format=printable(name, 20))
        raise Refused(HTTPStatus.NOT_FOUND, text)
    suffix, media_type, words = EXPORTS[name]
    path = worked_log_of(visit, cycle)
    with tempfile.TemporaryDirectory(prefix="station-export-") as folder:
        to = Path(folder) / f"log.{suffix}"
        done = visit.context.workshop.run("sessions", "export", str(path), "--to", str(to), "--format", suffix, *words)
        if done.status != 0:
            raise SessionError(said(done.error))
        # Opened while it has a name: what is sent lasts as long as the file is open.
        return _file(to.open("rb"), f"{_stem(cycle)}{'-anonymised' if words else ''}.{suffix}", media_type)


def said(line: str) -> str:
    """What a command's line on standard error says, without its own name and code."""
    text = line.rpartition("\n")[2].removeprefix("station: ").removeprefix("session.unreadable: ")
    return printable(text) or "it ended without a word"


def _stem(cycle: CycleFound) -> str:
    """A name of safe characters."""
    return f"cycle-{cycle.cycle}"


class _Sent(StreamingResponse):
    """A file that is closed once it is sent, or its reader gone."""

    def __init__(self, file: BinaryIO, headers: dict[str, str], media_type: str) -> None:
        super().__init__(iter(lambda: file.read(CHUNK_BYTES), b""), headers=headers, media_type=media_type)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)


def _file(file: BinaryIO, name: str, media_type: str) -> Response:
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "content-length": str(os.fstat(file.fileno()).st_size),
    }
    return _Sent(file, headers, media_type)


PAGES = (
    Page("/cycles/{cycle}/log", log, Role.ENGINEER),
    Page("/cycles/{cycle}/export/{format}", export, Role.ENGINEER),
)
