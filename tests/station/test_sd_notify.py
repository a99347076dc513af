"""What systemd is told, word for word."""

from __future__ import annotations

import logging
import os
import re
import socket
from pathlib import Path

import pytest

from station.sd_notify import Notifier
from tests.support.manager import Manager


def test_each_word_is_one_datagram(tmp_path: Path) -> None:
    with Manager(tmp_path) as manager:
        notifier = Notifier(manager.address)
        notifier.ready()
        notifier.watchdog()
        notifier.reloading()
        notifier.stopping()
        ready, watchdog, reloading, stopping = manager.rest()
        assert (ready, watchdog, stopping) == ("READY=1", "WATCHDOG=1", "STOPPING=1")
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d{6,}", reloading)


def test_a_status_is_one_printable_line_told_once(tmp_path: Path) -> None:
    with Manager(tmp_path) as manager:
        notifier = Notifier(manager.address)
        for text in ("A waits", "A waits", "B\nREADY=1", "x" * 500):
            notifier.status(text)
        waits, escaped, cut = manager.rest()
        assert (waits, escaped) == ("STATUS=A waits", "STATUS=B\\nREADY=1")
        assert len(cut) < 250


def test_an_abstract_address_begins_with_an_at_sign() -> None:
    name = f"station-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(f"\0{name}")
        Notifier(f"@{name}").ready()
        assert link.recv(100) == b"READY=1"


def test_without_a_manager_nothing_is_said_and_one_that_has_gone_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    Notifier(None).ready()
    assert caplog.records == []
    gone = Notifier(str(tmp_path / "nobody"))
    gone.ready()
    gone.watchdog()
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_only_where_this_process_is_watched(
    environment: dict[str, str], watchdog_s: float | None
) -> None:
    assert Notifier.from_environment(environment).watchdog_s == watchdog_s
