"""Puts the kill switch around the seams through which the agent has effects. Done in the process that is to be killed, from
outside of the product.

| seam | places |
|---|---|
| journal | before and after each commit that changes something |
| http METHOD | before the request, after each part of it sent, when the answer has come and is not read, after the answer |
| uart-SOCKET | before each write, in the middle of one, after it |
| print | the same for what goes to the printer |
| log | before and after a session log is opened and each time it is synced; before, in and after its closing |
"""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from drivers.clock import Deadline
from drivers.descriptor import DescriptorPort
from drivers.serial_local import LocalSerialPort
from drivers.tcp_port import TcpPort
from station.journal.one_writer import OneWriterStore
from station.production_api import httpx_port
from station.production_api.http import HttpRequest, HttpResponse
from station.production_api.httpx_port import HttpxPort
from station.session import writer
from station.session.writer import ClosedLog, SessionWriter
from tests.crash.points import Switch

T = TypeVar("T")
ANSWER_WAIT_S = 20.0
"""Bounds the wait for an answer that is to be left unread."""


def install(switch: Switch) -> None:
    """Wrap every seam. Once per process."""
    _wrap_journal(switch)
    _wrap_http(switch)
    _wrap_writes(switch)
    _wrap_session_log(switch)


def _wrap_journal(switch: Switch) -> None:
    run = OneWriterStore.run

    def counted(self: OneWriterStore, work: Callable[[sa.Connection], T], *, is_lasting: bool = True) -> T:
        changed = False

        def inside(connection: sa.Connection) -> T:
            nonlocal changed
            before = _changes(connection)
            result = work(connection)
            changed = _changes(connection) != before
            if changed:
                switch.reach("journal: commit: before")
            return result

        result = run(self, inside, is_lasting=is_lasting)
        if changed:
            switch.reach("journal: commit: after")
        return result

    OneWriterStore.run = counted  # type: ignore[method-assign]


def _changes(connection: sa.Connection) -> int:
    """Rows that this connection has changed so far (sqlite3_total_changes)."""
    driver: Any = connection.connection.driver_connection
    return int(driver.total_changes)


def _wrap_http(switch: Switch) -> None:
    send, stream = HttpxPort.send, httpx_port._Stream
    write, read = stream.write, stream.read
    under_way = threading.local()

    def counted_send(self: HttpxPort, request: HttpRequest, timeout_s: float) -> HttpResponse:
        under_way.method, under_way.reads = _method(request), 0
        switch.reach(f"http: {under_way.method}: before")
        response = send(self, request, timeout_s)
        switch.reach(f"http: {under_way.method}: after")
        return response

    def counted_write(self: httpx_port._Stream, buffer: bytes, timeout: float | None = None) -> None:
        write(self, buffer, timeout)
        if buffer:
            switch.reach(f"http: {under_way.method}: sent")

    def counted_read(self: httpx_port._Stream, max_bytes: int, timeout: float | None = None) -> bytes:
        under_way.reads += 1
        if under_way.reads == 1 and switch.is_due(f"http: {under_way.method}: answered"):
            select.select([self.get_extra_info("socket")], [], [], ANSWER_WAIT_S)
            switch.kill()
        return read(self, max_bytes, timeout)

    HttpxPort.send = counted_send  # type: ignore[method-assign]
    stream.write = counted_write  # type: ignore[method-assign]
    stream.read = counted_read  # type: ignore[method-assign]


def _method(request: HttpRequest) -> str:
    try:
        return str(json.loads(request.body)["method"])
    except (ValueError, LookupError, TypeError):
        return "token"


def _wrap_writes(switch: Switch) -> None:
    def counted(self: DescriptorPort, data: bytes, deadline: Deadline) -> None:
        place = "print: write" if isinstance(self, TcpPort) else f"uart: {Path(self.name).name}"
        switch.reach(f"{place}: before")
        if len(data) > 1 and switch.is_due(f"{place}: half"):
            DescriptorPort.write(self, data[: len(data) // 2], deadline)
            switch.kill()
        DescriptorPort.write(self, data, deadline)
        switch.reach(f"{place}: after")

    LocalSerialPort.write = counted  # type: ignore[method-assign]
    TcpPort.write = counted  # type: ignore[method-assign]


def _wrap_session_log(switch: Switch) -> None:
    start, sync, close, finish = SessionWriter.__init__, SessionWriter.sync, SessionWriter.close, writer.finish_log

    def counted_start(self: SessionWriter, path: Path, monotonic_ns: Callable[[], int]) -> None:
        switch.reach("log: open: before")
        start(self, path, monotonic_ns)
        switch.reach("log: open: after")

    def counted_sync(self: SessionWriter) -> None:
        switch.reach("log: sync: before")
        sync(self)
        switch.reach("log: sync: after")

    def counted_close(self: SessionWriter) -> ClosedLog:
        switch.reach("log: close: before")
        closed = close(self)
        switch.reach("log: close: after")
        return closed

    def counted_finish(part: Path) -> ClosedLog:
        unlink = Path.unlink

        def both_there(self: Path, missing_ok: bool = False) -> None:
            if self == part:
                switch.reach("log: close: packed and not yet removed")
            unlink(self, missing_ok)

        Path.unlink = both_there  # type: ignore[method-assign]
        try:
            return finish(part)
        finally:
            Path.unlink = unlink  # type: ignore[method-assign]

    SessionWriter.__init__ = counted_start  # type: ignore[method-assign]
    SessionWriter.sync = counted_sync  # type: ignore[method-assign]
    SessionWriter.close = counted_close  # type: ignore[method-assign]
    writer.finish_log = counted_finish
