"""The timeline of a board's UART says in words what the bootloader was asked and answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.session.format import Event, SessionLog
from station.session.timeline import timeline
from station.session.wire_words import decoders_for


@pytest.mark.parametrize(
    ("driver", "decoded"), [("stm32 STM32WL", True), ("text board", False), (None, False), (5, False)]
)
def test_a_read_is_named_where_the_driver_is_known(driver: object, decoded: bool) -> None:
    """READ MEMORY of 12 bytes at 0x1FFF7590 (AN3155, 3.4), its frames cut anywhere."""
    talk = [
        ("tx", "11ee"),
        ("rx", "79"),
        ("tx", "1fff"),
        ("tx", "759005"),
        ("rx", "79"),
        ("tx", "0bf4"),
        ("rx", "7900"),
    ]
    talk.append(("rx", "0102030405060708090a0b"))
    events = [
        Event(number, number, kind, "main", "uart", {"hex": data}) for number, (kind, data) in enumerate(talk, start=1)
    ]
    log = SessionLog(Path("x.jsonl"), (Event(0, 0, "head", fields={"driver": driver}), *events))
    text = "\n".join(timeline(log, decoders_for(log)))
    assert ("READ MEMORY 0x1FFF7590, 12 bytes" in text) is decoded
